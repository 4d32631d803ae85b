"""Loss, gradient and outputs against the NumPy twin for any shapes and any samples."""

from unittest import mock

import naive
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from skdigits._engine import parameters, team
from skdigits._engine.inputs import compress_inputs
from skdigits._engine.network import Network
from skdigits._engine.runner import EpochRunner
from skdigits._kernels.codes import HIDDEN_ACTIVATIONS

N_EXAMPLES = 60


@st.composite
def problems(draw):
    """Layer sizes, samples, targets and weights."""
    units = [draw(st.integers(1, 37)), *draw(st.lists(st.integers(1, 70), max_size=3)), draw(st.integers(2, 19))]
    n_samples, seed = draw(st.integers(1, 40)), draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    kind = draw(st.sampled_from(["dense", "strokes", "zeros", "constant", "background", "huge", "denormal"]))
    X = rng.normal(size=(n_samples, units[0]))
    if kind == "strokes":
        X[rng.random(X.shape) < 0.8] = 0
    elif kind == "zeros":
        X[:] = 0
    elif kind == "constant":
        X[:] = X[0]
    elif kind == "background":
        X = np.where(rng.random(X.shape) < 0.7, rng.normal(size=units[0]), X)
    elif kind == "huge":
        X *= 1e12
    elif kind == "denormal":
        X *= 1e-310
    targets = np.eye(units[-1])[rng.integers(0, units[-1], n_samples)]
    weights = rng.uniform(0.1, 3, n_samples)
    flat = parameters.allocate(units, np.float64)
    flat[:] = rng.normal(size=flat.shape) / 3
    if draw(st.booleans()):
        X = sparse.csr_array(X)
    activation = draw(st.sampled_from(sorted(HIDDEN_ACTIVATIONS)))
    out_activation = draw(st.sampled_from(["softmax", "logistic"]))
    return Network(units, activation, out_activation, flat), X, targets, weights


def dense(X):
    return X.toarray() if sparse.issparse(X) else X


@settings(max_examples=N_EXAMPLES, deadline=None, derandomize=True)
@given(problems(), st.integers(1, 3))
def test_loss_and_gradient(problem, n_threads):
    network, X, targets, weights = problem
    smallest = float(np.finfo(np.float64).eps)
    runner = EpochRunner(
        network, compress_inputs(X, np.dtype(np.float64), 1), targets, weights, alpha=0.1, batch_size=len(targets),
        n_threads=n_threads,
    )  # fmt: skip
    with runner:
        loss = runner.loss_and_gradient()
    with np.errstate(over="ignore"):
        expected, gradients, biases = naive.loss_and_gradient(
            dense(X), targets, weights, network.coefs, network.intercepts, network.activation,
            network.out_activation, 0.1, smallest,
        )  # fmt: skip
    np.testing.assert_allclose(loss, expected, rtol=1e-9)
    expected = np.concatenate([array.ravel() for array in (*gradients, *biases)])
    np.testing.assert_allclose(runner.gradient, expected, rtol=1e-7, atol=1e-9 * max(1, np.abs(expected).max()))


@settings(max_examples=N_EXAMPLES, deadline=None, derandomize=True)
@given(problems(), st.integers(1, 3))
def test_outputs(problem, n_threads):
    network, X, *_ = problem
    with mock.patch.dict(team.LEAST_WORK, {"new": 1}):
        outputs = network.forward(X, n_threads)
    with np.errstate(over="ignore"):
        expected = naive.forward(
            dense(X), network.coefs, network.intercepts, network.activation, network.out_activation
        )
    np.testing.assert_allclose(outputs, expected[-1], rtol=1e-8, atol=1e-300)
