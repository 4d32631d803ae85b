"""A fit that fails leaves what was learnt before to the last bit, and of a first one nothing."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_digits

from skdigits import MLPDigitClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
X, Y = X[:100] / 16, Y[:100]
NOT_FINITE = np.where(np.arange(64) == 5, np.nan, X)


class Failing:
    """Fails behind the second epoch or iteration, or with `partial_fit` behind the first."""

    def setup(self, estimator, context): ...
    def teardown(self, estimator, context): ...
    def on_fit_task_begin(self, estimator, context): ...

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch" and (estimator.n_iter_ > 1 or context.parent.task_name == "partial_fit"):
            raise RuntimeError("failed")


def diverge(model, method):
    with np.errstate(all="ignore"):
        method(model.set_params(alpha=1e300), X, Y)


# What fails, and what is said of it.
FAULTS = {
    "not finite": (lambda model, method: method(model, NOT_FINITE, Y), "contains NaN"),
    "lengths": (lambda model, method: method(model, X, Y[1:]), "inconsistent numbers of samples"),
    "continuous": (lambda model, method: method(model, X, Y + 5.5), "Unknown label type"),
    "weights": (lambda model, method: method(model, X, Y, sample_weight=np.zeros(100)), "weight"),
    "layers": (lambda model, method: method(model.set_params(dropout=(0.1, 0.2, 0.3)), X, Y), "dropout has 3 rates"),
    "divergence": (diverge, "non-finite parameter weights"),
    "callback": (lambda model, method: method(model.set_callbacks(Failing()), X, Y), "failed"),
}
# What does not go with what has been learnt.
MISFITS = {
    "features": (lambda model, method: method(model, X[:, 1:], Y), "X has 63 features"),
    "unknown labels": (lambda model, method: method(model, X, Y + 5), "same classes as in the previous call"),
}
METHODS = {"fit": MLPDigitClassifier.fit, "partial_fit": lambda model, *given, **options: model.partial_fit(
    *given, **options, **({} if hasattr(model, "coefs_") else {"classes": np.arange(10)})
)}  # fmt: skip


class Stopping(Failing):
    """Asks to stop where the loss is no number."""

    def on_fit_task_end(self, estimator, context):
        return context.task_name == "epoch" and np.isnan(estimator.loss_)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("callbacks", [[], [Stopping()]], ids=["alone", "stopped"])
@pytest.mark.parametrize(
    ("parameters", "scale"),
    # Squares of weights above 1e19 are infinite in single precision, and nothing times infinity is no number.
    [({"solver": "sgd", "alpha": 0.0, "momentum": 0.0, "learning_rate_init": 1e21}, 1), ({"solver": "lbfgs"}, 3.3e38)],
    ids=["sgd", "lbfgs"],
)
def test_a_loss_of_nan_is_an_error_though_weights_are_finite(parameters, scale, callbacks):
    model = MLPDigitClassifier((), random_state=0, **parameters).set_callbacks(*callbacks)
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="a loss of NaN") as caught:
        model.fit(X * scale, Y)
    assert ("learning_rate_init" in str(caught.value)) == (model.solver != "lbfgs")
    assert not hasattr(model, "coefs_")


def state(model):
    return pickle.dumps({name: value for name, value in vars(model).items() if name.endswith("_")})


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("averaging", [None, 0.9])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fault", FAULTS)
def test_failed_fit_changes_nothing(fault, method, averaging, warm_start):
    fail, says = FAULTS[fault]
    parameters = {"max_iter": 3, "random_state": 0, "weight_averaging": averaging, "warm_start": warm_start}
    fresh = MLPDigitClassifier((8,), **parameters)
    old = MLPDigitClassifier((8,), **parameters).fit(X, Y)
    before, names = state(old), set(vars(old))
    held = old.coefs_[0]
    for model in (fresh, old):
        with pytest.raises((ValueError, RuntimeError), match=says):
            fail(model, METHODS[method])
    assert state(old) == before
    assert set(vars(old)) - {"_skl_callbacks"} == names
    assert old.coefs_[0] is held
    assert set(vars(fresh)) - {"_skl_callbacks"} == set(fresh.get_params())


@pytest.mark.parametrize("averaging", [None, 0.9])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("misfit", MISFITS)
def test_samples_of_another_kind_change_nothing(misfit, method, averaging):
    fail, says = MISFITS[misfit]
    model = MLPDigitClassifier((8,), max_iter=3, random_state=0, weight_averaging=averaging, warm_start=True).fit(X, Y)
    before, names = state(model), set(vars(model))
    with pytest.raises(ValueError, match=says):
        fail(model, METHODS[method])
    assert state(model) == before
    assert set(vars(model)) == names
