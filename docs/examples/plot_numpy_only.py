"""
From scratch with NumPy: sigmoid throughout
===========================================

The network of many first courses: 784 pixels in [0, 1], 30 hidden units, 10 outputs, a sigmoid on all of them, biases
that start at 0, plain gradient descent. One write-up of it, in NumPy alone, ended at 61.3 % because its
back-propagation did not work. Trained longer, the same network reaches 96 %. Here it is twice: once in forty lines of
NumPy, where three epochs show which gradient is right, and once with :class:`skdigits.MLPDigitClassifier`, for fifteen.
"""

# %%
# The data
# --------
# Pixels are numbers from 0 to 255. Divided by 255 they are in [0, 1]. Ten outputs want ten targets: 1 for the digit
# that it is, 0 for the others.

import matplotlib.pyplot as plt
import numpy as np

from skdigits.datasets import fetch_mnist

X_train, y_train = fetch_mnist(subset="train", return_X_y=True)
X_test, y_test = fetch_mnist(subset="test", return_X_y=True)
X_train, X_test = X_train / np.float32(255), X_test / np.float32(255)
Y_train = np.eye(10, dtype=np.float32)[y_train]

# %%
# The network in NumPy
# --------------------
# Forward: each layer is a product, a bias and a sigmoid. Backward: the error of the outputs goes back through the same
# weights, and through the slope of the sigmoid, h (1 - h). That slope is what is most often forgotten.


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def draw_weights(rng, n_inputs, n_outputs):
    bound = np.sqrt(6 / (n_inputs + n_outputs))
    return rng.uniform(-bound, bound, (n_inputs, n_outputs)).astype(np.float32)


def predict(weights, X):
    V, v, W, w = weights
    return sigmoid(sigmoid(X @ V + v) @ W + w)


def gradient(weights, X, Y):
    V, v, W, w = weights
    hidden = sigmoid(X @ V + v)
    error = (sigmoid(hidden @ W + w) - Y) / len(X)
    hidden_error = (error @ W.T) * hidden * (1 - hidden)
    return [X.T @ hidden_error, hidden_error.sum(0), hidden.T @ error, error.sum(0)]


def loss(weights, X, Y):
    outputs = predict(weights, X)
    return -np.mean(np.sum(Y * np.log(outputs) + (1 - Y) * np.log(1 - outputs), axis=1))


def train(gradient, n_epochs=3, rate=1.0, batch_size=100):
    """Train; return the accuracy on the test images after each epoch."""
    rng = np.random.default_rng(0)
    zeros = np.zeros(40, np.float32)
    weights = [draw_weights(rng, 784, 30), zeros[:30].copy(), draw_weights(rng, 30, 10), zeros[30:].copy()]
    accuracies = []
    for _ in range(n_epochs):
        for batch in np.array_split(rng.permutation(len(X_train)), len(X_train) // batch_size):
            for array, slope in zip(weights, gradient(weights, X_train[batch], Y_train[batch]), strict=True):
                array -= rate * slope
        accuracies.append(np.mean(predict(weights, X_test).argmax(1) == y_test))
    return weights, accuracies


# %%
# Is the gradient right?
# ----------------------
# Move one weight a little to both sides, and see how the loss changes: that is its slope, measured. It must be what
# back-propagation says. :doc:`/explanation/gradients` tells more.

rng = np.random.default_rng(1)
few_X, few_Y = X_train[:20].astype(float), Y_train[:20].astype(float)
weights = [rng.normal(0, 0.1, shape) for shape in ((784, 30), 30, (30, 10), 10)]
claimed = gradient(weights, few_X, few_Y)
for layer, place in ((0, (400, 7)), (1, (3,)), (2, (5, 2)), (3, (9,))):
    sides = []
    for step in (1e-5, -1e-5):
        moved = [array.copy() for array in weights]
        moved[layer][place] += step
        sides.append(loss(moved, few_X, few_Y))
    measured = (sides[0] - sides[1]) / 2e-5
    print(f"claimed {claimed[layer][place]: .8f}, measured {measured: .8f}")
    assert abs(claimed[layer][place] - measured) < 1e-7

# %%
# Right and wrong
# ---------------
# The same training with three gradients: the right one; one whose hidden layer stands still, because its error never
# arrives; and one whose error arrives with the wrong sign. Two of them are wrong, and both still learn something:
# that is why such a bug stays unseen.


def hidden_layer_stands_still(weights, X, Y):
    slopes = gradient(weights, X, Y)
    return [0 * slopes[0], 0 * slopes[1], *slopes[2:]]


def wrong_sign(weights, X, Y):
    slopes = gradient(weights, X, Y)
    return [-slopes[0], -slopes[1], *slopes[2:]]


figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for label, used in {
    "right": gradient,
    "hidden layer stands still": hidden_layer_stands_still,
    "wrong sign in the hidden layer": wrong_sign,
}.items():
    _, accuracies = train(used)
    ax.plot(range(1, len(accuracies) + 1), accuracies, ".-", label=f"{label}: {accuracies[-1]:.1%}")
ax.axhline(0.613, color="grey", linestyle=":", label="published: 61.3%")
ax.set(xlabel="Epoch", ylabel="Accuracy on the test images", ylim=(0, 1))
ax.grid(alpha=0.3)
ax.legend()

# %%
# The same with MLPDigitClassifier
# --------------------------------
# The same network and loss, as parameters, with smaller steps and mini-batches. ``weight_init="glorot_uniform"`` lets
# biases start at 0, ``output_activation="logistic"`` puts a sigmoid on each output, and ``momentum=0.0`` leaves plain
# gradient descent.

from skdigits import MLPDigitClassifier
from skdigits.plotting import HiddenUnitsDisplay, LearningCurvesDisplay

model = MLPDigitClassifier(
    hidden_layer_sizes=(30,),
    activation="logistic",
    output_activation="logistic",
    weight_init="glorot_uniform",
    solver="sgd",
    momentum=0.0,
    learning_rate_init=0.5,
    batch_size=32,
    alpha=0.0,
    max_iter=15,
    random_state=0,
).fit(X_train, y_train, X_val=X_test, y_val=y_test)
print(f"{model.score(X_test, y_test):.2%} of the test images, in {sum(model.history_['seconds']):.1f} s")

# %%
# The test images are shown while it trains, to draw the curve; they choose nothing.

LearningCurvesDisplay.from_estimator(model)

# %%
# What the thirty hidden units look for: red speaks for them, blue against.

HiddenUnitsDisplay.from_estimator(model)
