"""Small networks with samples, targets and weights, and what trains them, for tests of the engine."""

import naive
import numpy as np
from scipy import sparse

from skdigits._engine import parameters
from skdigits._engine.initializers import draw_parameters
from skdigits._engine.inputs import compress_inputs
from skdigits._engine.network import Network
from skdigits._engine.optimizers import SGD, Adam
from skdigits._engine.runner import EpochRunner


def make_problem(
    units,
    activation,
    out_activation,
    dtype,
    *,
    is_sparse=False,
    weighted=False,
    n_samples=13,
    background=0,
    density=0.6,
):
    rng = np.random.default_rng(1)
    background = background * np.arange(units[0]) if background else 0
    X = np.where(
        rng.random((n_samples, units[0])) < density, rng.normal(size=(n_samples, units[0])), background
    ).astype(dtype)
    targets = (rng.random((n_samples, units[-1])) < 0.5).astype(np.uint8)
    if out_activation == "softmax":
        targets = np.eye(units[-1], dtype=np.uint8)[rng.integers(units[-1], size=n_samples)]
    weights = rng.integers(0, 4, size=n_samples).astype(dtype) if weighted else None
    flat = draw_parameters(units, activation, np.random.RandomState(0), dtype)
    return Network(units, activation, out_activation, flat), sparse.csr_array(X) if is_sparse else X, targets, weights


def make_runner(network, X, targets, weights, **options):
    options = {"alpha": 0.1, "batch_size": X.shape[0], "n_threads": 1, **options}
    return EpochRunner(network, compress_inputs(X, network.parameters.dtype, 1), targets, weights, **options)


def make_optimizer(name, n_parameters, dtype):
    if name == "adam":
        return Adam(learning_rate_init=0.01, moments=np.zeros((2, n_parameters), dtype))
    moments = np.zeros((1, n_parameters), dtype)
    return SGD(learning_rate_init=0.1, nesterov=name == "nesterov", moments=moments)


def twin_loss_and_gradient(network, X, targets, weights, alpha, vector=None):
    """What the NumPy twin computes for the same samples, in double precision."""
    vector = network.parameters if vector is None else vector
    coefs, intercepts = parameters.split(vector.astype(np.float64), network.units)
    dense = (X.toarray() if sparse.issparse(X) else X).astype(np.float64)
    weights = np.ones(len(targets)) if weights is None else weights.astype(np.float64)
    smallest = np.finfo(network.parameters.dtype).eps
    loss, coef_gradients, intercept_gradients = naive.loss_and_gradient(
        dense, targets, weights, coefs, intercepts, network.activation, network.out_activation, alpha, smallest
    )
    return loss, np.concatenate([g.ravel() for g in coef_gradients + intercept_gradients])
