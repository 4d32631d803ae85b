"""Calls that go on with what was learnt draw anew, also from an int; test_parity.py has the order of the samples."""

import pytest
import sklearn
from sklearn.datasets import load_digits
from sklearn.utils._param_validation import InvalidParameterError

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


@pytest.mark.parametrize(
    "parameters", [{"batch_size": 0}, {"input_dropout": 1.5}, {"label_smoothing": 3.0}, {"n_jobs": "many"}], ids=str
)
def test_parameters_are_looked_at_in_each_call(parameters):
    model = make().partial_fit(X, Y, classes=range(10)).set_params(**parameters)
    with pytest.raises(InvalidParameterError, match=f"'{next(iter(parameters))}'"):
        model.partial_fit(X, Y)


def test_lbfgs_leaves_nothing_of_another_solver():
    model = make(early_stopping=True, warm_start=True).fit(X, Y)
    n_samples_seen = model.t_
    model.set_params(solver="lbfgs", early_stopping=False).fit(X, Y)
    fresh = make(solver="lbfgs", warm_start=True).fit(X, Y)
    assert vars(model).keys() == vars(fresh).keys()
    assert model.t_ == n_samples_seen


def test_lists_of_epochs_agree_after_lbfgs():
    model = make(solver="lbfgs", max_iter=5, warm_start=True).fit(X, Y)
    model.set_params(solver="adam", max_iter=3).fit(X, Y)
    assert len(model.loss_curve_) == len(model.history_["loss"]) == 3


def test_parameters_are_not_looked_at_where_scikit_learn_is_told_not_to():
    model = make().partial_fit(X, Y, classes=range(10)).set_params(label_smoothing=3.0)
    with sklearn.config_context(skip_parameter_validation=True):
        model.partial_fit(X, Y)
