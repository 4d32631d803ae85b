"""A limit of the time that training takes, and how long epochs take."""

import time

import numpy as np
import pytest
from few_digits import X, Y, make

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_max_time_keeps_what_was_learnt():
    make(max_iter=1).fit(X, Y)  # compiled now
    start = time.monotonic()
    model = make(max_iter=10**6, max_time=0.3, tol=0, n_iter_no_change=np.inf).fit(X, Y)
    assert 0.3 <= time.monotonic() - start < 10
    assert model.n_iter_ == len(model.loss_curve_) > 1
    assert model.score(X, Y) > 0.9


def test_max_time_of_half_precision_is_added_to_a_clock_that_is_far_on(monkeypatch):
    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 1e6)
    assert make(max_iter=50, max_time=np.float16(1e-4)).fit(X, Y).n_iter_ == 1


def test_max_time_ends_lbfgs():
    model = make(solver="lbfgs", max_iter=10**6, max_time=1e-9).fit(X, Y)
    assert model.n_iter_ == 1


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_seconds_are_those_of_each_epoch_with_its_validation(solver):
    def slow(estimator, X, y):
        time.sleep(0.01)
        return 0.0

    model, start = make(solver=solver, max_iter=5, tol=0, scoring=slow), time.perf_counter()
    seconds = model.fit(X, Y, X_val=X[:9], y_val=Y[:9]).history_["seconds"]
    assert len(seconds) == 5
    assert min(seconds) >= 0.01
    assert sum(seconds) <= time.perf_counter() - start


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_max_time_ends_within_an_epoch(method):
    samples, labels, model = np.tile(X, (10, 1)), np.tile(Y, 10), make(hidden_layer_sizes=(400,), max_time=1e-9)
    model.fit(samples, labels) if method == "fit" else model.partial_fit(samples, labels, classes=np.arange(10))
    assert model.t_ in range(32, len(samples), 32)
