import naive
import numpy as np
import pytest

from skdigits._engine import parameters as flat
from skdigits._engine.inputs import as_read_only, refer_to_inputs
from skdigits._engine.memory import aligned_zeros
from skdigits._engine.workspace import allocate_buffers, count_padded, make_layout, pad
from skdigits._kernels.codes import HIDDEN_ACTIVATIONS, NEED_LOGITS
from skdigits._kernels.saliency import input_gradients, transpose_weights

DTYPE = np.dtype(np.float64)
UNITS = (10, 17, 6, 3)
BLOCK = 9


@pytest.fixture(scope="module")
def layout():
    """Of the transposed weights all layers have a place, each far from the next."""
    layout = make_layout(UNITS, DTYPE, padded=True)
    return layout._replace(transposed_starts=as_read_only(1000 * np.arange(len(UNITS) - 1)))


@pytest.fixture(scope="module")
def parameters():
    return np.random.default_rng(0).normal(size=flat.count_parameters(UNITS))


@pytest.fixture(scope="module")
def padded(layout, parameters):
    padded = aligned_zeros(count_padded(layout), DTYPE)
    pad(parameters, UNITS, layout, padded)
    return padded


@pytest.fixture(scope="module")
def transposed(layout, padded):
    transposed = aligned_zeros(3000, DTYPE)
    transpose_weights(padded, layout, transposed)
    return transposed


def test_transposed_weights(layout, parameters, transposed):
    """Of each layer; behind the last unit, up to whole tiles and vectors, stand zeros."""
    for coef, start, stride in zip(flat.split(parameters, UNITS)[0], (0, 1000, 2000), layout.strides, strict=False):
        rows = transposed[start:][: 1000 // stride * stride].reshape(-1, stride)
        expected = np.zeros_like(rows)
        expected[: coef.shape[1], : coef.shape[0]] = coef.T
        np.testing.assert_array_equal(rows, expected)


@pytest.mark.parametrize("activation", list(HIDDEN_ACTIVATIONS))
def test_blocks_one_after_the_other(activation, layout, parameters, padded, transposed):
    """Buffers may hold what a larger block has left there."""
    rng = np.random.default_rng(1)
    buffers = allocate_buffers(layout, BLOCK, 1, DTYPE, keep_slopes=activation in NEED_LOGITS)
    starts = buffers.starts.copy()
    starts[0] = len(buffers.activations)
    gradients = aligned_zeros(starts[0] + BLOCK * layout.strides[0], DTYPE)
    for n_samples in (BLOCK, 4):
        X, weights = rng.normal(size=(n_samples, UNITS[0])), rng.normal(size=(n_samples, UNITS[-1]))
        out = np.full(X.shape, np.nan)
        input_gradients(
            refer_to_inputs(X, DTYPE), as_read_only(weights), padded, transposed, layout,
            HIDDEN_ACTIVATIONS[activation], buffers._replace(starts=as_read_only(starts)), gradients, out,
        )  # fmt: skip
        expected = naive.input_gradient(X, *flat.split(parameters, UNITS), activation, weights)
        np.testing.assert_allclose(out, expected, rtol=1e-9, atol=1e-11)
