"""Parameters that MLPClassifier has, too: what they decide, what is refused, and what is said."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from skdigits import MLPDigitClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
X, Y = X[:120], Y[:120]


def make(**parameters):
    return MLPDigitClassifier(**{"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0, **parameters})


@pytest.mark.parametrize(("dtype", "given", "expected"), [
    ("float32", np.float64, np.float32),
    ("float64", np.float32, np.float64),
    ("auto", np.float32, np.float32),
    ("auto", np.float64, np.float64),
    ("auto", np.uint8, np.float64),
])  # fmt: skip
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_dtype_decides_the_type_of_everything(solver, dtype, given, expected):
    model = make(dtype=dtype, solver=solver).fit(X.astype(given), Y)
    arrays = [*model.coefs_, *model.intercepts_, model.predict_proba(X), model.predict_log_proba(X)]
    assert {array.dtype for array in [*arrays, model.decision_function(X)]} == {np.dtype(expected)}


def test_auto_keeps_its_type_in_partial_fit():
    model = make(dtype="auto").partial_fit(X.astype(np.float32), Y, classes=np.arange(10))
    assert model.partial_fit(X, Y).coefs_[0].dtype == np.float32


@pytest.mark.parametrize("parameters", [
    {"n_jobs": 0}, {"n_jobs": 1.5}, {"dtype": "float16"}, {"dtype": None}, {"hidden_layer_sizes": (5, 0)},
    {"hidden_layer_sizes": -1}, {"hidden_layer_sizes": (8.5,)}, {"hidden_layer_sizes": [[8], [4]]},
    {"activation": "softmax"}, {"alpha": -1}, {"max_iter": 0}, {"batch_size": 0},
])  # fmt: skip
def test_bad_parameters_are_refused(parameters):
    (name,) = parameters
    with pytest.raises(ValueError, match=rf"The '{name}' parameter|^{name} must be|^{name}: expected"):
        make(**parameters).fit(X, Y)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "decision_function"])
def test_unfitted_estimator_says_so(method):
    with pytest.raises(NotFittedError):
        getattr(make(), method)(X)


def test_divergence_names_the_way_out():
    with pytest.raises(ValueError, match=r"non-finite parameter weights.*scale it.*lower learning_rate_init=1e\+30"):
        make(solver="sgd", learning_rate_init=1e30, activation="identity", max_iter=50).fit(X, Y)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_batch_without_weight_names_the_way_out(solver):
    weights = np.zeros(120)
    weights[:40] = 1
    with pytest.raises(ZeroDivisionError, match="larger batch_size"):
        make(solver=solver, shuffle=False, batch_size=40).fit(X, Y, weights)


def test_too_large_batch_is_clipped_with_a_warning():
    with pytest.warns(UserWarning, match="clipped"):
        model = make(batch_size=121).partial_fit(X, Y, classes=np.arange(10))
    assert model.t_ == 120


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_reaching_max_iter_warns(solver):
    with pytest.warns(ConvergenceWarning, match="reached|failed to converge"):
        make(solver=solver, max_iter=2).fit(X, Y)


@pytest.mark.parametrize("layers", [(), (8,), 8, [8, 4], np.array([8, 4])])
def test_hidden_layers_of_any_shape(layers):
    model = make(hidden_layer_sizes=layers).fit(X, Y)
    assert [coef.shape[1] for coef in model.coefs_] == [*np.atleast_1d(layers).astype(int), 10]


def test_large_problem_is_regularised_more_by_larger_alpha():
    norms = [np.abs(make(alpha=alpha, max_iter=30).fit(X, Y).coefs_[0]).sum() for alpha in (0, 10, 100)]
    assert norms[0] > norms[1] > norms[2]


def test_weights_too_far_below_zero_are_refused():
    weights = np.ones(len(X))
    weights[0] = -1e300
    with pytest.raises(ValueError, match="sample_weight: expected weights"):
        make().fit(X, Y, weights)
