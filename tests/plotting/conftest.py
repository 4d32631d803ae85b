"""Small networks that have been fitted once for all pictures."""

from typing import NamedTuple

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdigits import MLPDigitClassifier


class Fitted(NamedTuple):
    """A Pipeline that has learnt a little, and the samples that it has not seen."""

    pipeline: object
    X: np.ndarray
    y: np.ndarray

    @property
    def network(self):
        return self.pipeline[-1]


@pytest.fixture(scope="session")
def fit_digits():
    """Fit a network to the first 600 digits, with a scaler before it."""
    X, y = load_digits(return_X_y=True)

    def fit(**parameters):
        options = {"hidden_layer_sizes": (12,), "max_iter": 12, "learning_rate_init": 0.01, "random_state": 0}
        pipeline = make_pipeline(MinMaxScaler(), MLPDigitClassifier(**options | parameters))
        with pytest.warns(ConvergenceWarning):
            pipeline.fit(X[:600], y[:600])
        return Fitted(pipeline, X[600:900], y[600:900])

    return fit


@pytest.fixture(scope="session")
def fitted(fit_digits):
    """A network with validation, which makes some mistakes."""
    return fit_digits(early_stopping=True)
