"""Copies of every kind, and training that goes on in them."""

import copy
import pickle
import tracemalloc

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits

from skdigits import MLPDigitClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
X, Y = X[:150] / 16, Y[:150]


def through_joblib(model, folder):
    joblib.dump(model, folder / "model.joblib")
    return joblib.load(folder / "model.joblib")


def through_memory_map(model, folder):
    joblib.dump(model, folder / "model.joblib")
    return joblib.load(folder / "model.joblib", mmap_mode="r")


COPIES = {
    "joblib": through_joblib,
    "memory map": through_memory_map,
    "pickle": lambda model, folder: pickle.loads(pickle.dumps(model)),
    "deepcopy": lambda model, folder: copy.deepcopy(model),
}
WAYS = pytest.mark.parametrize("make_copy", COPIES.values(), ids=COPIES)


def make(**parameters):
    return MLPDigitClassifier(
        **{"hidden_layer_sizes": (16, 9), "max_iter": 4, "random_state": 0, "batch_size": 32, **parameters}
    )


@WAYS
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_copy_predicts_the_same_bits(tmp_path, make_copy, solver):
    model = make(solver=solver).fit(X, Y)
    restored = make_copy(model, tmp_path)
    np.testing.assert_array_equal(restored.predict_proba(X), model.predict_proba(X))
    assert restored.get_params() == model.get_params()


@pytest.mark.parametrize("make_copy", [COPIES[name] for name in ("joblib", "pickle", "deepcopy")])
def test_copy_predicts_without_gathering_its_weights_each_time(tmp_path, make_copy):
    restored = make_copy(make(hidden_layer_sizes=(800,)).fit(X, Y), tmp_path)
    restored.predict_proba(X[:1])
    tracemalloc.start()
    restored.predict_proba(X[:1])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < restored.coefs_[0].nbytes / 2


def test_weights_of_a_memory_map_stay_in_the_file(tmp_path):
    assert isinstance(through_memory_map(make().fit(X, Y), tmp_path).coefs_[0], np.memmap)


def test_weights_that_do_not_fit_together_are_left_as_they_are():
    model = make().fit(X, Y)
    model.coefs_[0] = model.coefs_[0].astype(np.float64)
    restored = pickle.loads(pickle.dumps(model))
    assert [coef.dtype for coef in restored.coefs_] == [np.float64, *[np.float32] * (len(model.coefs_) - 1)]
    np.testing.assert_array_equal(restored.predict_proba(X), model.predict_proba(X))


@WAYS
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("parameters", [
    {"solver": "adam"},
    {"solver": "sgd"},
    {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.5},
], ids=str)  # fmt: skip
def test_training_that_goes_on_in_a_copy_equals_training_never_interrupted(tmp_path, make_copy, parameters, dtype):
    model = make(dtype=dtype, **parameters)
    for _ in range(2):
        model.partial_fit(X, Y, classes=np.arange(10))
    restored = make_copy(model, tmp_path)
    for _ in range(3):
        model.partial_fit(X, Y)
        restored.partial_fit(X, Y)
    assert restored.loss_curve_ == model.loss_curve_
    assert restored.t_ == model.t_
    for ours, theirs in zip(restored.coefs_ + restored.intercepts_, model.coefs_ + model.intercepts_, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_training_a_copy_leaves_the_original_alone():
    model = make().fit(X, Y)
    before = model.predict_proba(X)
    copy.deepcopy(model).partial_fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_clone_has_the_parameters_and_nothing_learnt():
    model = make(alpha=0.5, n_jobs=2).fit(X, Y)
    cloned = clone(model)
    assert cloned.get_params() == model.get_params()
    assert not hasattr(cloned, "coefs_")


def test_weights_set_by_the_user_are_used():
    model = make().fit(X, Y)
    model.coefs_[0] = np.zeros_like(model.coefs_[0])
    model.intercepts_[0] = np.zeros_like(model.intercepts_[0])
    probabilities = model.predict_proba(X)
    np.testing.assert_array_equal(probabilities, np.broadcast_to(probabilities[0], probabilities.shape))
    model.partial_fit(X, Y)
    assert model.coefs_[0].any()


@pytest.mark.parametrize(("parameters", "y"), [
    ({}, Y),
    ({"solver": "lbfgs"}, Y),
    ({"early_stopping": True}, Y.astype(str)),
    ({"weight_averaging": 0.9, "dropout": 0.1}, Y),
    ({"solver": "adamw", "learning_rate": "cosine"}, (Y[:, np.newaxis] & [1, 2, 4] > 0).astype(int)),
], ids=["adam", "lbfgs", "early stopping, strings", "averaging", "several labels"])  # fmt: skip
def test_fitted_state_is_plain(parameters, y):
    """Arrays, numbers, strings, plain containers and scikit-learn's objects: nothing else needs trust in a file."""

    def check(value):
        if isinstance(value, dict):
            for entry in value.values():
                check(entry)
        elif isinstance(value, (list, tuple)):
            for entry in value:
                check(entry)
        elif not isinstance(value, (np.ndarray, np.generic, int, float, str, bool, type(None))):
            assert type(value).__module__.startswith("sklearn."), value
            check(vars(value))

    check(vars(make(**parameters).fit(X, y)))
