"""200 random valid parameter sets of which everything agrees, and 200 invalid ones that change nothing."""

import importlib.util
import pickle
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_digits

from skdigits import MLPDigitClassifier, persistence
from skdigits.persistence import load, load_weights, save, save_weights

X, Y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)

TWO_HUNDRED = settings(
    max_examples=200, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
rates = st.sampled_from([0.0, 0.1, 0.5])
VALID = {
    "hidden_layer_sizes": st.lists(st.integers(1, 12), max_size=3).map(tuple) | st.integers(1, 9),
    "activation": st.sampled_from(["identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "gelu", "silu"]),
    "solver": st.sampled_from(["lbfgs", "sgd", "adam", "adamw"]),
    "alpha": st.floats(0, 1),
    "batch_size": st.integers(1, 30) | st.just("auto"),
    "learning_rate": st.sampled_from(["constant", "invscaling", "adaptive", "cosine", "one_cycle"]),
    "learning_rate_init": st.floats(1e-6, 0.01),
    "power_t": st.floats(0, 2),
    "max_iter": st.integers(1, 3),
    "shuffle": st.booleans(),
    "random_state": st.integers(0, 2**32 - 1),
    "tol": st.floats(0, 1),
    "warm_start": st.booleans(),
    "momentum": st.floats(0, 0.99),
    "nesterovs_momentum": st.booleans(),
    "early_stopping": st.booleans(),
    "validation_fraction": st.floats(0.1, 0.5),
    "n_iter_no_change": st.integers(1, 5) | st.just(np.inf),
    "beta_1": st.floats(0, 0.99),
    # Far below beta_1, which may be 0.99, steps are without bounds where a gradient comes to 0: training diverges.
    "beta_2": st.floats(0.99, 0.999),
    "epsilon": st.floats(1e-10, 0.1),
    "dtype": st.sampled_from(["float32", "float64", "auto"]),
    "n_jobs": st.sampled_from([None, 1, 2, 3, -1]),
    "output_activation": st.sampled_from(["auto", "softmax", "logistic"]),
    "weight_init": st.sampled_from(["auto", "glorot_uniform", "he_uniform", "he_normal", "lecun_normal"]),
    "dropout": rates,
    "input_dropout": rates,
    "max_grad_norm": st.none() | st.floats(0.1, 10),
    "label_smoothing": rates,
    "weight_averaging": st.none() | st.floats(0.1, 0.99),
    "class_weight": st.none() | st.just("balanced"),
    "restore_best_weights": st.booleans(),
    "max_time": st.none() | st.floats(1000, 1e9),
}
# What mini-batches alone have, and what one label of two classes cannot have.
_NOT_LBFGS = {"dropout": 0.0, "input_dropout": 0.0, "max_grad_norm": None, "weight_averaging": None}


@st.composite
def problems(draw):
    """Parameters that go together, and samples of two to ten classes, as numbers or text."""
    parameters = draw(st.fixed_dictionaries({}, optional=VALID))
    if parameters.get("solver") == "lbfgs":
        parameters |= _NOT_LBFGS
        parameters["learning_rate"] = "constant"
    n_classes, n_samples = draw(st.integers(2, 10)), draw(st.integers(30, 60))
    if n_classes == 2 and parameters.get("output_activation") == "softmax":
        parameters["output_activation"] = "auto"
    labels = np.arange(n_samples) % n_classes
    if draw(st.booleans()):
        labels = np.array([f"class {label}" for label in labels])
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    return {"max_iter": 2, "random_state": 0, **parameters}, X[:n_samples].astype(dtype), labels


def fit(parameters, samples, labels):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MLPDigitClassifier(**parameters).fit(samples, labels)


WEIGHTS = [".npz", ".safetensors"] if importlib.util.find_spec("safetensors") else [".npz"]


def copies(model, folder):
    """The model through each way of keeping it that is installed."""
    yield pickle.loads(pickle.dumps(model))
    for suffix in WEIGHTS:
        save_weights(model, folder / f"model{suffix}")
        yield load_weights(folder / f"model{suffix}")


@TWO_HUNDRED
@given(problems())
def test_valid_parameters_agree_in_every_form(problem):
    parameters, samples, labels = problem
    model = fit(parameters, samples, labels)
    probabilities = model.predict_proba(samples)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert set(model.predict(samples)) <= set(labels)
    again = clone(model)
    assert again.get_params() == model.get_params()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again.fit(samples, labels)
    with tempfile.TemporaryDirectory() as folder:
        for copied in (again, *copies(model, Path(folder))):
            np.testing.assert_array_equal(copied.predict_proba(samples), probabilities)
            np.testing.assert_array_equal(copied.predict(samples), model.predict(samples))


@TWO_HUNDRED
@given(problems())
def test_valid_parameters_agree_in_skops(problem):
    pytest.importorskip("skops")
    model = fit(*problem)
    with tempfile.TemporaryDirectory() as folder:
        save(model, Path(folder) / "model.skops")
        loaded = load(Path(folder) / "model.skops")
    np.testing.assert_array_equal(loaded.predict_proba(problem[1]), model.predict_proba(problem[1]))
    np.testing.assert_array_equal(loaded.predict(problem[1]), model.predict(problem[1]))


@TWO_HUNDRED
@given(problems())
def test_valid_parameters_agree_in_onnx(problem):
    onnxruntime = pytest.importorskip("onnxruntime")
    model, samples = fit(*problem), problem[1].astype(np.float32)
    graph = persistence.to_onnx(model)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    labels, probabilities = session.run(None, {session.get_inputs()[0].name: samples})
    expected = model.predict_proba(samples)
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    # Of two classes as likely as one another, the last bits decide.
    second, first = np.sort(expected, axis=1)[:, -2:].T
    is_clear = first - second > 2e-5
    np.testing.assert_array_equal(labels[is_clear], model.predict(samples)[is_clear])


wrong_numbers = st.sampled_from([-1, -0.5, np.nan, np.inf, "many", None, [], {}, 1j])
INVALID = {
    **dict.fromkeys(
        ["alpha", "learning_rate_init", "power_t", "max_iter", "tol", "momentum", "validation_fraction", "beta_1",
         "beta_2", "epsilon", "max_fun", "input_dropout", "label_smoothing"],
        wrong_numbers,
    ),
    **dict.fromkeys(
        ["activation", "solver", "learning_rate", "dtype", "output_activation", "weight_init"],
        st.text(max_size=5) | st.integers() | st.none() | st.just(["relu"]),
    ),
    **dict.fromkeys(
        ["shuffle", "warm_start", "nesterovs_momentum", "early_stopping", "restore_best_weights"],
        st.sampled_from([None, "yes", 2.5, []]),
    ),
    "hidden_layer_sizes": st.sampled_from([0, -3, (0,), (5, -1), (2.5,), "ten", None, (None,), ((2, 3), (4, 5))]),
    "batch_size": st.sampled_from([0, -1, 2.5, None, "all"]),
    "random_state": st.sampled_from([-1, "seed", 2.5]),
    "n_iter_no_change": st.sampled_from([0, -1, 2.5, None]),
    "n_jobs": st.sampled_from([0, 1.5, "all"]),
    "dropout": st.sampled_from([-0.1, 1.0, "half", None, (0.1, 0.2, 0.3), (1.0,), (-0.5,)]),
    "max_grad_norm": st.sampled_from([0, -1.0, "one"]),
    "weight_averaging": st.sampled_from([0, 1, 1.5, "yes"]),
    "class_weight": st.sampled_from(["even", 3, {"no such class": 1.0}]),
    "scoring": st.sampled_from(["guess", 3]),
    "max_time": st.sampled_from([0, -1.0, "soon"]),
    "augmenter": st.sampled_from([3, "deform", object()]),
}  # fmt: skip
# Infinity is as large as allowed there.
_MAY_BE_INFINITE = {"alpha", "learning_rate_init", "power_t", "tol", "epsilon"}

invalid_parameters = (
    st.sampled_from(sorted(INVALID))
    .flatmap(lambda name: st.tuples(st.just(name), INVALID[name]))
    .filter(lambda pair: not (pair[0] in _MAY_BE_INFINITE and pair[1] == np.inf))
    .filter(lambda pair: not (isinstance(pair[1], str) and pair[1] in {"tanh", "relu", "adam", "sgd", "auto"}))
)


def state(model):
    return pickle.dumps({name: value for name, value in vars(model).items() if name.endswith("_") or name[0] == "_"})


@pytest.fixture(scope="module")
def fitted():
    return fit({"hidden_layer_sizes": (5,), "max_iter": 2, "random_state": 0}, X[:40], Y[:40])


@TWO_HUNDRED
@given(invalid_parameters, st.booleans())
def test_invalid_parameters_are_named_and_leave_what_was_learnt(fitted, pair, warm_start):
    name, value = pair
    fresh, old = MLPDigitClassifier((5,), max_iter=2), pickle.loads(pickle.dumps(fitted))
    old.set_params(warm_start=warm_start)
    before = state(old)
    for model in (fresh, old):
        model.set_params(**{name: value})
        with pytest.raises(ValueError, match=name):
            model.fit(X[:40], Y[:40])
    assert [attribute for attribute in vars(fresh) if attribute.endswith("_")] == []
    assert state(old) == before
