"""
Class notes, step by step
=========================

What a first class on neural networks goes through, usually with PyTorch: load, normalise, shuffle, mini-batches, two
hidden ReLU layers, cross-entropy, gradient descent, accuracy on images that were not seen, a plot of it all. The same
steps here, one by one.
"""

# %%
# 1. Load
# -------

import matplotlib.pyplot as plt
import numpy as np

from skdigits.datasets import fetch_mnist

X_train, y_train = fetch_mnist(subset="train", return_X_y=True)
X_test, y_test = fetch_mnist(subset="test", return_X_y=True)
print(X_train.shape, X_train.dtype, y_train[:5])

# %%
# 2. Normalise
# ------------
# Take the mean away and divide by the standard deviation, both of all *training* pixels together. From the test
# images nothing may be learnt, not even their mean.

X_train, X_test = X_train / np.float32(255), X_test / np.float32(255)
mean, deviation = X_train.mean(), X_train.std()
print(f"mean {mean:.4f}, standard deviation {deviation:.4f}")
X_train, X_test = (X_train - mean) / deviation, (X_test - mean) / deviation

# %%
# 3. The network
# --------------
# 784 pixels, two hidden layers with ReLU, ten outputs. Nothing is learnt yet.

from skdigits import MLPDigitClassifier

model = MLPDigitClassifier(
    hidden_layer_sizes=(128, 64),
    activation="relu",
    solver="sgd",
    momentum=0.9,
    learning_rate_init=0.01,
    batch_size=64,
    alpha=0.0,
    random_state=np.random.RandomState(0),
)

# %%
# 4. Shuffle, mini-batches, gradient descent
# ------------------------------------------
# One call of ``partial_fit`` is one epoch: shuffle the images, take 64 of them, compute the gradient of their loss, go
# a step down, take the next 64. After each epoch we look at images that the network has not seen.
#
# The random state above is an object, which goes on from call to call. With a number each call would begin anew, and
# shuffle the images in the same order, as with scikit-learn.

losses, accuracies = [], []
for epoch in range(8):
    model.partial_fit(X_train, y_train, classes=np.arange(10))
    losses.append(model.loss_)
    accuracies.append(model.score(X_test, y_test))
    print(f"epoch {epoch + 1}: loss {losses[-1]:.4f}, accuracy on unseen images {accuracies[-1]:.2%}")

# %%
# 5. What the loss is
# -------------------
# The outputs before the last step are called logits. Softmax makes probabilities of them, and cross-entropy is the mean
# of minus the logarithm of the probability that each image's own digit got. Three lines of NumPy, and scikit-learn's
# ``log_loss``, agree:

from sklearn.metrics import log_loss

logits = model.decision_function(X_test)
exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
cross_entropy = -np.log(probabilities[np.arange(len(y_test)), y_test]).mean()
print(f"{cross_entropy:.5f} {log_loss(y_test, model.predict_proba(X_test)):.5f}")
assert np.isclose(cross_entropy, log_loss(y_test, model.predict_proba(X_test)), rtol=1e-3)

# %%
# 6. Plot
# -------

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
left.plot(range(1, 9), losses, ".-")
left.set(xlabel="Epoch", ylabel="Training loss")
right.plot(range(1, 9), accuracies, ".-")
right.set(xlabel="Epoch", ylabel="Accuracy on unseen images")

# %%
# The same without a loop
# -----------------------
# ``fit`` runs the epochs, records all of this in ``history_``, and a display draws it.

from skdigits.plotting import DigitsDisplay, LearningCurvesDisplay

model.set_params(max_iter=8).fit(X_train, y_train, X_val=X_test, y_val=y_test)
LearningCurvesDisplay.from_estimator(model)

# %%
# Some digits, and what the network takes them for:

DigitsDisplay.from_estimator(model, X_test, y_test, which="random", n_digits=10, random_state=0)
