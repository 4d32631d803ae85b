"""
A second Keras model: 784-100-10, sigmoid outputs
=================================================

One hidden ReLU layer of 100 units, ten *sigmoid* outputs, Adam, mini-batches of 32, ten epochs, a tenth of the images
held out for validation: published with a training accuracy of 99.4 %. Training accuracy is not what a network is
worth. Here it stands beside that of images which it has not seen.
"""

# %%
# Ten questions instead of one
# ----------------------------
# Softmax outputs answer one question: which of the ten? Sigmoid outputs answer ten: is it a 0, is it a 1, ...? Each is
# trained by its own binary cross-entropy. ``output_activation="logistic"`` does that for ordinary labels.
#
# Keras's ``validation_split=0.1`` takes the *last* tenth, before anything is shuffled.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import ConfusionMatrixDisplay

from skdigits import MLPDigitClassifier
from skdigits.datasets import fetch_mnist
from skdigits.plotting import DigitsDisplay, LearningCurvesDisplay

X, y = fetch_mnist(subset="train", return_X_y=True)
X_test, y_test = fetch_mnist(subset="test", return_X_y=True)
X, X_test = X / np.float32(255), X_test / np.float32(255)
X_train, X_val, y_train, y_val = X[:54_000], X[54_000:], y[:54_000], y[54_000:]

model = MLPDigitClassifier(
    hidden_layer_sizes=(100,),
    output_activation="logistic",
    batch_size=32,
    alpha=0.0,
    epsilon=1e-7,
    weight_init="glorot_uniform",
    max_iter=10,
    random_state=0,
).fit(X_train, y_train, X_val=X_val, y_val=y_val)

# %%
# Which accuracy?
# ---------------
# Three figures, all called "accuracy". The one that a progress bar shows counts each image as it was met during the
# last epoch, before the network had learnt from it.

print(f"training images, as met in epoch 10: {model.history_['accuracy'][-1]:.2%}")
print(f"training images, after epoch 10:     {model.score(X_train, y_train):.2%}")
print(f"validation images:                   {model.score(X_val, y_val):.2%}")
print(f"test images:                         {model.score(X_test, y_test):.2%}")

# %%
# The curves part after the third epoch or so: from there on the network learns about its training images, and hardly
# more about digits.

LearningCurvesDisplay.from_estimator(model)

# %%
# What is taken for what
# ----------------------
# Rows are what a digit is, columns what it is taken for.

figure, ax = plt.subplots(figsize=(6, 5), layout="constrained")
ConfusionMatrixDisplay.from_estimator(model, X_test, y_test, ax=ax, cmap="Blues", colorbar=False)

# %%
# The mistakes of which the network is surest:

DigitsDisplay.from_estimator(model, X_test, y_test, which="worst", n_digits=15)

# %%
# The probabilities of :meth:`~skdigits.MLPDigitClassifier.predict_proba` are divided by their sum. The ten answers
# themselves are the logistic function of :meth:`~skdigits.MLPDigitClassifier.decision_function`. They need not sum to
# one: where all are small, the network says that it has not seen such a thing.

from scipy.special import expit

answers = expit(model.decision_function(X_test)).sum(axis=1)
print(f"sum of the ten answers: from {answers.min():.3f} to {answers.max():.3f}")
plt.close("all")
unsure = np.argsort(answers)[:10]
DigitsDisplay.from_estimator(model, X_test[unsure], y_test[unsure])
