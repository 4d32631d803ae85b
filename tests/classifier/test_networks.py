"""What is kept of a classifier from one prediction to the next is never seen."""

import copy
import gc
import pickle

import numpy as np
import pytest
from sklearn.datasets import load_digits

from skdigits import MLPDigitClassifier, _networks

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
X, Y = X[:200] / 16, Y[:200]


def fit(hidden=(12,), kind=MLPDigitClassifier, **parameters):
    return kind(hidden, max_iter=3, random_state=0, **parameters).fit(X, Y)


def expected(model):
    """Probabilities by NumPy, of ReLU and softmax."""
    activations = X
    for coef, intercept in zip(model.coefs_, model.intercepts_, strict=True):
        outputs = activations @ np.asarray(coef, float) + intercept
        activations = np.maximum(outputs, 0)
    exponentials = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def write_to_weights(model):
    model.coefs_[0][:] *= -1


def write_to_biases(model):
    model.intercepts_[1] += np.arange(10)


def replace_an_array(model):
    model.coefs_[1] = model.coefs_[1][:, ::-1].copy()


def replace_lists(model):
    other = fit((7,))
    model.coefs_, model.intercepts_ = other.coefs_, other.intercepts_


def replace_and_write(model):
    """What is no view of one vector is gathered anew each time."""
    model.coefs_[0] = np.zeros((64, 12))
    model.predict_proba(X)
    model.coefs_[0][3] = 1


def go_on(model):
    model.partial_fit(X, Y)


def fit_anew(model):
    model.set_params(hidden_layer_sizes=(5, 4)).fit(X, Y)


CHANGES = [write_to_weights, write_to_biases, replace_an_array, replace_lists, replace_and_write, go_on, fit_anew]


@pytest.mark.parametrize("change", CHANGES)
def test_predictions_follow_a_change(change):
    model = fit()
    model.predict_proba(X)
    change(model)
    np.testing.assert_allclose(model.predict_proba(X), expected(model), atol=1e-5)


def test_predictions_follow_another_activation():
    model = fit()
    before = model.predict_proba(X)
    after = model.set_params(activation="tanh").predict_proba(X)
    assert abs(after - before).max() > 0.01


@pytest.mark.parametrize(
    "twin", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["copy", "deep", "pickle"]
)
def test_twins_share_nothing_but_arrays(twin):
    model = fit()
    probabilities = model.predict_proba(X)
    other = twin(model)
    np.testing.assert_array_equal(other.predict_proba(X), probabilities)
    other.coefs_ = [2 * coef for coef in other.coefs_]
    np.testing.assert_allclose(other.predict_proba(X), expected(other), atol=1e-5)
    np.testing.assert_array_equal(model.predict_proba(X), probabilities)


def test_nothing_is_kept_of_a_classifier_that_is_gone():
    model = fit()
    model.predict_proba(X)
    assert id(model) in _networks._gathered
    key = id(model)
    del model
    gc.collect()
    assert key not in _networks._gathered


@pytest.mark.parametrize("train", [go_on, fit_anew])
def test_nothing_is_kept_while_it_learns(train):
    model = fit()
    model.predict_proba(X)
    train(model)
    assert id(model) not in _networks._gathered


def test_the_place_of_a_classifier_that_is_gone_may_be_taken(monkeypatch):
    """In memory: where the identity of an object is another's that was there before."""
    model, other = fit(), fit((9,))
    other.predict_proba(X)
    monkeypatch.setitem(_networks._gathered, id(model), _networks._gathered[id(other)])
    np.testing.assert_allclose(model.predict_proba(X), expected(model), atol=1e-5)


class WithoutHash(MLPDigitClassifier):
    """Compares by value, as data classes do, and then has no hash."""

    def __eq__(self, other):
        return True

    __hash__ = None


def test_classifiers_need_no_hash():
    one, two = fit(kind=WithoutHash), fit((9,), kind=WithoutHash)
    for model in (one, two, one):
        np.testing.assert_allclose(model.predict_proba(X), expected(model), atol=1e-5)


def test_network_is_gathered_once():
    model = fit()
    model.predict_proba(X)
    assert _networks.network_of(model) is _networks.network_of(model)
