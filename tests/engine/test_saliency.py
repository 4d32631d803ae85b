import naive
import numpy as np
import pytest
from scipy import sparse
from scipy.special import softmax

from skdigits._engine import parameters
from skdigits._engine.initializers import draw_parameters
from skdigits._engine.network import Network
from skdigits._engine.saliency import input_gradient
from skdigits._kernels.codes import HIDDEN_ACTIVATIONS

UNITS = (6, 5, 4, 3)
ACTIVATIONS = pytest.mark.parametrize("activation", list(HIDDEN_ACTIVATIONS))


def make_network(activation, units=UNITS):
    flat = draw_parameters(units, activation, np.random.RandomState(0), np.dtype(np.float64))
    flat *= 3
    return Network(units, activation, "softmax", flat)


@ACTIVATIONS
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
def test_numpy_twin(activation, dtype, container):
    """More samples than go through the network at a time, and layers that fill neither tiles nor vectors."""
    network, rng = make_network(activation, (13, 21, 10, 3)), np.random.default_rng(0)
    coefs, intercepts = parameters.split(network.parameters.astype(dtype), network.units)
    X = (rng.normal(size=(241, 13)) * (rng.random((241, 13)) < 0.4)).astype(dtype)
    weights = rng.normal(size=(241, 3))
    gradient = input_gradient(container(X), coefs, intercepts, activation, weights)
    assert gradient.dtype == np.float64
    doubles = ([array.astype(float) for array in arrays] for arrays in (coefs, intercepts))
    expected = naive.input_gradient(X.astype(float), *doubles, activation, weights)
    np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-11)


@ACTIVATIONS
@pytest.mark.parametrize("units", [UNITS, (6, 3)], ids=["two hidden layers", "no hidden layer"])
def test_central_differences_of_the_kernels(activation, units):
    network, rng = make_network(activation, units), np.random.default_rng(0)
    X, weights, step = rng.normal(size=(7, units[0])), rng.normal(size=(7, units[-1])), 1e-6
    gradient = input_gradient(X, network.coefs, network.intercepts, activation, weights)
    assert gradient.shape == X.shape
    for feature in range(units[0]):
        shift = step * np.eye(units[0])[feature]
        above, below = ((weights * network.forward(X + sign * shift, 1, logits=True)).sum(axis=1) for sign in (1, -1))
        np.testing.assert_allclose(gradient[:, feature], (above - below) / (2 * step), rtol=1e-5, atol=1e-7)


def test_gradient_of_the_loss():
    """By the chain rule through softmax and cross-entropy, against differences of the loss."""
    network, rng, step = make_network("tanh"), np.random.default_rng(1), 1e-6
    X, label = rng.normal(size=(1, 6)), 2

    def loss(X):
        return -np.log(network.forward(X, 1)[0, label])

    weights = softmax(network.forward(X, 1, logits=True), axis=1) - np.eye(3)[[label]]
    gradient = input_gradient(X, network.coefs, network.intercepts, "tanh", weights)
    expected = [(loss(X + step * row) - loss(X - step * row)) / (2 * step) for row in np.eye(6)]
    np.testing.assert_allclose(gradient[0], expected, rtol=1e-5, atol=1e-8)


@ACTIVATIONS
def test_large_logits_give_no_nan(activation):
    network = make_network(activation)
    X = np.array([[1e4] * 6, [-1e4] * 6])
    with np.errstate(all="raise", under="ignore"):
        gradient = input_gradient(X, network.coefs, network.intercepts, activation, np.ones((2, 3)))
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize(("activation", "slope"), [("relu", 0), ("leaky_relu", 1), ("elu", 1), ("identity", 1)])
def test_derivative_at_a_kink(activation, slope):
    coefs, intercepts = [np.eye(1), 5 * np.eye(1)], [np.zeros(1), np.zeros(1)]
    assert input_gradient(np.zeros((1, 1)), coefs, intercepts, activation, np.ones((1, 1))) == 5 * slope


def test_no_samples():
    network = make_network("relu")
    gradient = input_gradient(np.empty((0, 6)), network.coefs, network.intercepts, "relu", np.empty((0, 3)))
    assert gradient.shape == (0, 6)


def test_single_precision_weights_are_read_as_they_are():
    network = make_network("relu")
    single = network.parameters.astype(np.float32)
    X, weights = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32), np.eye(3)
    results = [
        input_gradient(X, *parameters.split(flat, UNITS), "relu", weights) for flat in (single, single.astype(float))
    ]
    assert results[0].dtype == np.float64
    np.testing.assert_array_equal(*results)
