"""Learned attributes that a user has replaced, and networks whose parameters have changed since."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from skdigits import MLPDigitClassifier
from skdigits._engine import lbfgs
from skdigits.preprocessing import Deskewer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
X, Y = X[:200] / 16, Y[:200]


def fit(hidden=(12,), **parameters):
    return MLPDigitClassifier(hidden, max_iter=3, random_state=0, **parameters).fit(X, Y)


def too_few_rows(model):
    model.coefs_[0] = np.ones((4, 12))


def too_many_rows(model):
    model.coefs_[0] = np.ones((100, 12))


def other_shape(model):
    model.coefs_[0] = model.coefs_[0].reshape(12, 64)


def fewer_outputs(model):
    model.coefs_[1], model.intercepts_[1] = model.coefs_[1][:, :5], model.intercepts_[1][:5]


def shorter_bias(model):
    model.intercepts_[0] = model.intercepts_[0][:-1]


def a_layer_less(model):
    del model.coefs_[1]


@pytest.mark.parametrize("method", ["predict_proba", "partial_fit", "fit"])
@pytest.mark.parametrize(
    "replace", [too_few_rows, too_many_rows, other_shape, fewer_outputs, shorter_bias, a_layer_less]
)
def test_what_is_no_network_of_these_samples_is_refused(replace, method):
    model = fit(warm_start=True)
    replace(model)
    with pytest.raises(ValueError, match=r"coefs_ (are of a network of|of the shapes .* do not fit)"):
        getattr(model, method)(X, *([] if method == "predict_proba" else [Y]))


def test_partial_fit_refuses_another_size_and_a_warm_start_takes_it():
    model = fit(warm_start=True)
    model.coefs_ = [np.full((64, 9), 0.1), np.full((9, 10), 0.1)]
    model.intercepts_ = [np.zeros(9), np.zeros(10)]
    with pytest.raises(ValueError, match=r"replaced by others of 685 numbers.*warm_start=True"):
        model.partial_fit(X, Y)
    assert model.fit(X, Y).coefs_[0].shape == (64, 9)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_dropout_is_that_of_the_layers_that_the_network_has(method):
    model = fit((8, 8, 8), warm_start=True).set_params(hidden_layer_sizes=(8,), dropout=[0.1, 0.2, 0.3])
    assert len(getattr(model, method)(X, Y).coefs_) == 4
    model.set_params(dropout=[0.1])
    with pytest.raises(ValueError, match="dropout has 1 rates for 3 hidden layers"):
        getattr(model, method)(X, Y)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("i8", "f8"), ("f2", "f4"), ("longdouble", "f8"), ("f4", "f4"), ("f8", "f8")],
)
def test_weights_of_other_types(dtype, expected):
    model, reference = fit(dtype="float64"), MLPClassifier((12,), max_iter=3, random_state=0).fit(X, Y)
    for estimator in (model, reference):
        estimator.coefs_ = [(3 * coef).astype(dtype) for coef in reference.coefs_]
        estimator.intercepts_ = [(3 * intercept).astype(dtype) for intercept in reference.intercepts_]
    probabilities = model.predict_proba(X)
    assert probabilities.dtype == expected
    np.testing.assert_allclose(probabilities, reference.predict_proba(X), atol=2e-3 if dtype == "f2" else 1e-5)


def test_another_image_shape_is_refused():
    deskewer = Deskewer().fit(X)
    deskewer.image_shape_ = (100, 100)
    with pytest.raises(ValueError, match=r"image_shape_ is \(100, 100\), which does not go with 64 features"):
        deskewer.transform(X)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_new_network_has_nothing_of_the_one_before(solver):
    model = fit(early_stopping=True, weight_averaging=0.9)
    parameters = {"solver": solver, "early_stopping": False, "weight_averaging": None, "hidden_layer_sizes": (9,)}
    model.set_params(**parameters).fit(X, Y)
    fresh = MLPDigitClassifier(**model.get_params()).fit(X, Y)
    assert vars(model).keys() == vars(fresh).keys()
    model.set_params(solver="adam").partial_fit(X, Y)
    fresh.set_params(solver="adam").partial_fit(X, Y)
    np.testing.assert_array_equal(model.coefs_[0], fresh.coefs_[0])


@pytest.mark.parametrize("warm_start", [False, True])
def test_partial_fit_goes_on_from_the_weights_of_lbfgs(warm_start):
    model = fit(weight_averaging=0.9)
    options = {"solver": "lbfgs", "weight_averaging": None, "warm_start": warm_start, "max_iter": 200}
    score = model.set_params(**options).fit(X, Y).score(X, Y)
    model.set_params(solver="adam", weight_averaging=0.9).partial_fit(X, Y)
    assert model.score(X, Y) == score == 1


def test_lbfgs_that_is_interrupted_at_once_has_a_history_of_its_own(monkeypatch):
    model = fit().set_params(solver="lbfgs", warm_start=True)

    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(lbfgs.scipy.optimize, "minimize", interrupt)
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X, Y)
    assert (model.n_iter_, model.history_["loss"], hasattr(model, "loss_")) == (0, [], False)


@pytest.mark.parametrize("attributes", [["coefs_"], ["intercepts_"], ["coefs_", "intercepts_"]], ids=str)
def test_lists_of_numbers_are_a_network(attributes):
    model = fit()
    expected = model.predict_proba(X)
    for attribute in attributes:
        setattr(model, attribute, [layer.tolist() for layer in getattr(model, attribute)])
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-5)


def test_weights_of_another_size_beside_an_average_of_the_old_one():
    model = fit(weight_averaging=0.9)
    other = fit((9,))
    model.coefs_, model.intercepts_ = other.coefs_, other.intercepts_
    model._optimizer.moments = np.zeros((2, sum(map(np.size, (*other.coefs_, *other.intercepts_)))), np.float32)
    with pytest.raises(ValueError, match="which partial_fit cannot go on with"):
        model.partial_fit(X, Y)
