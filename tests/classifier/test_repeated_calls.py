"""Calls that go on with what was learnt: what they draw anew, also from an int, and what stays as it was set first.

The order of the samples is in test_parity.py.
"""

import numpy as np
import pytest
import sklearn
from few_digits import X, Y, assert_same, make
from sklearn.utils._param_validation import InvalidParameterError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


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


# What a call of partial_fit goes on with whatever is set since, and what counts anew in each call.
SETTLED = {
    "learning_rate": "cosine", "learning_rate_init": 0.5, "max_iter": 77, "hidden_layer_sizes": (3, 3),
    "output_activation": "logistic", "weight_init": "he_normal",
}  # fmt: skip
SETTLED_BY = {
    "sgd": {**SETTLED, "momentum": 0.1, "nesterovs_momentum": False, "power_t": 0.1},
    "adam": {**SETTLED, "beta_1": 0.1, "beta_2": 0.1, "epsilon": 0.1},
    "adamw": {**SETTLED, "beta_1": 0.1, "alpha": 5.0},
}
OPEN = {
    "alpha": 5.0, "batch_size": 11, "shuffle": False, "label_smoothing": 0.5, "dropout": 0.5, "input_dropout": 0.5,
    "max_grad_norm": 1e-3, "class_weight": {3: 9.0}, "random_state": 7,
}  # fmt: skip


def fit_in_two_parts(solver, changed):
    learning_rate = "invscaling" if solver == "sgd" else "one_cycle"
    model = make(solver=solver, learning_rate=learning_rate).partial_fit(X, Y, classes=np.arange(10))
    return model.set_params(**changed).partial_fit(X, Y)


@pytest.mark.parametrize(("solver", "name"), [(solver, name) for solver in SETTLED_BY for name in SETTLED_BY[solver]])
def test_partial_fit_goes_on_with_what_was_set_first(solver, name):
    assert_same(fit_in_two_parts(solver, {name: SETTLED_BY[solver][name]}), fit_in_two_parts(solver, {}))


@pytest.mark.parametrize("name", OPEN)
def test_partial_fit_takes_what_is_set_since(name):
    changed, same = fit_in_two_parts("adam", {name: OPEN[name]}), fit_in_two_parts("adam", {})
    assert (changed.coefs_[-1] != same.coefs_[-1]).any()


@pytest.mark.parametrize("name", ["hidden_layer_sizes", "output_activation", "weight_init"])
def test_warm_start_keeps_the_network(name):
    def fit_twice(changed):
        return make(warm_start=True, max_iter=2).fit(X, Y).set_params(**changed).fit(X, Y)

    assert_same(fit_twice({name: SETTLED[name]}), fit_twice({}))
