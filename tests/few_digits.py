"""A few digits, small networks for them, and options all at once."""

import numpy as np
from sklearn.datasets import load_digits

from skdigits import MLPDigitClassifier

X, Y = load_digits(return_X_y=True)
X, Y = X[:300] / 16, Y[:300]
EVERYTHING = {
    "solver": "adamw",
    "activation": "gelu",
    "output_activation": "logistic",
    "weight_init": "he_normal",
    "learning_rate": "one_cycle",
    "learning_rate_init": 0.02,
    "dropout": 0.1,
    "input_dropout": 0.1,
    "max_grad_norm": 1.0,
    "label_smoothing": 0.05,
    "weight_averaging": 0.9,
    "class_weight": "balanced",
}


def make(**parameters):
    """A network that learns them in a moment."""
    return MLPDigitClassifier(
        **{"hidden_layer_sizes": (16,), "max_iter": 12, "batch_size": 32, "random_state": 0, **parameters}
    )


def assert_same(first, second):
    """Both have the same weights to the last bit."""
    for ours, theirs in zip(first.coefs_ + first.intercepts_, second.coefs_ + second.intercepts_, strict=True):
        np.testing.assert_array_equal(ours, theirs)
