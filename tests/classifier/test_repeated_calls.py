"""Calls that go on with what was learnt draw anew, also from an int; test_parity.py has the order of the samples."""

import pytest
from sklearn.datasets import load_digits

from skdigits import MLPDigitClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
X, Y = X[:300] / 16, Y[:300]


def make(**parameters):
    return MLPDigitClassifier(
        **{"hidden_layer_sizes": (16,), "max_iter": 12, "batch_size": 32, "random_state": 0, **parameters}
    )


@pytest.mark.parametrize("method", ["partial_fit", "fit"])
def test_what_is_dropped_differs_from_call_to_call(method):
    model = make(dropout=0.5, learning_rate_init=1e-12, max_iter=1, warm_start=True, shuffle=False).fit(X, Y)
    losses = [float(getattr(model, method)(X, Y).loss_) for _ in range(5)]
    assert len(set(losses)) == 5


@pytest.mark.parametrize("shuffle", [False, True])
def test_what_is_dropped_differs_from_epoch_to_epoch(shuffle):
    model = make(dropout=0.5, learning_rate_init=1e-12, max_iter=4, tol=0, warm_start=True, shuffle=shuffle).fit(X, Y)
    losses = [round(float(loss), 7) for loss in model.fit(X, Y).loss_curve_]
    assert len(losses) == len(set(losses)) == 8
