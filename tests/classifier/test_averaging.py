"""The moving average of the weights, which predicts."""

import pickle

import numpy as np
import pytest
from few_digits import X, Y, assert_same, make

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


PARAMETERS = {"weight_averaging": 0.9, "shuffle": False, "max_iter": 3}


def test_partial_fits_are_a_fit_also_when_pickled_between():
    whole, parts = make(**PARAMETERS).fit(X, Y), make(**PARAMETERS)
    for _ in range(3):
        parts = pickle.loads(pickle.dumps(parts.partial_fit(X, Y, classes=np.arange(10))))
    assert_same(whole, parts)


def test_predictions_and_validation_use_it():
    model = make(weight_averaging=0.99, early_stopping=True, restore_best_weights=False).fit(X, Y, X_val=X, y_val=Y)
    assert model.score(X, Y) == pytest.approx(model.validation_scores_[-1])
    plain = make(early_stopping=True, restore_best_weights=False).fit(X, Y, X_val=X, y_val=Y)
    assert (model.coefs_[0] != plain.coefs_[0]).any()


def test_partial_fit_goes_on_from_the_best_epoch_that_was_restored():
    parameters = {**PARAMETERS, "early_stopping": True, "max_iter": 12, "learning_rate_init": 0.05}
    model = make(**parameters).fit(X, Y, X_val=X[:20], y_val=Y[:20])
    assert np.argmax(model.validation_scores_) < len(model.validation_scores_) - 1
    best = model.coefs_[0].copy()
    model._optimizer.learning_rate = 0.0
    model.set_params(early_stopping=False).partial_fit(X, Y)
    np.testing.assert_allclose(model.coefs_[0], best, atol=1e-6)


def test_warm_start_begins_with_the_average():
    model = make(**PARAMETERS, warm_start=True).fit(X, Y)
    before = [coef.copy() for coef in model.coefs_]
    model.set_params(learning_rate_init=1e-30).fit(X, Y)
    for coef, other in zip(model.coefs_, before, strict=True):
        np.testing.assert_allclose(coef, other, rtol=1e-6)


def test_replaced_weights_are_those_of_the_average_only():
    model, untouched = (make(**PARAMETERS).partial_fit(X, Y, classes=np.arange(10)) for _ in range(2))
    model.coefs_ = [np.zeros_like(coef) for coef in model.coefs_]
    model.partial_fit(X, Y)
    np.testing.assert_array_equal(model._unaveraged, untouched.partial_fit(X, Y)._unaveraged)


def test_begins_when_it_is_switched_on():
    plain = make(shuffle=False).partial_fit(X, Y, classes=np.arange(10)).partial_fit(X, Y)
    averaged = make(shuffle=False).partial_fit(X, Y, classes=np.arange(10))
    start = averaged.coefs_[0].copy()
    averaged.set_params(weight_averaging=0.5).partial_fit(X, Y)
    # Behind the weights that are trained, but not where it began.
    distances = [np.abs(coef - plain.coefs_[0]).sum() for coef in (averaged.coefs_[0], start)]
    assert 0 < distances[0] < distances[1] / 2


def test_plain_fit_forgets_it():
    model = make(**PARAMETERS).fit(X, Y)
    assert_same(model.set_params(weight_averaging=None).fit(X, Y), make(shuffle=False, max_iter=3).fit(X, Y))
