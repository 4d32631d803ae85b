import naive
import numpy as np
import pytest

from skdigits._kernels.simd import MOST_VECTORS, add_rows, lanes


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("n_vectors", range(1, MOST_VECTORS + 1))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 40])
def test_agrees_with_twin(rng, n_vectors, dtype, count):
    n_lanes = lanes(dtype)
    matrix = rng.normal(size=(20, (n_vectors + 2) * n_lanes)).astype(dtype)
    indices = rng.integers(0, 20, size=40).astype(np.uint16)
    values = rng.normal(size=40).astype(dtype)
    out = rng.normal(size=(n_vectors + 2) * n_lanes).astype(dtype)
    chosen = slice(n_lanes, (n_vectors + 1) * n_lanes)
    expected = out.copy()
    expected[chosen] = naive.add_rows(indices[:count], values[:count], matrix[:, chosen], out[chosen])
    add_rows(indices, values, count, matrix, n_lanes, n_vectors, out)
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-5 if dtype == np.float32 else 1e-13)


@pytest.mark.parametrize("index_dtype", [np.uint16, np.int32])
def test_indices_of_either_width(rng, index_dtype):
    matrix, out = rng.normal(size=(60_000, 8)), np.zeros(8)
    indices = np.array([59_999, 0, 40_000], index_dtype)
    add_rows(indices, np.array([1.0, 2.0, 3.0]), 3, matrix, 0, 1, out)
    np.testing.assert_allclose(out, matrix[59_999] + 2 * matrix[0] + 3 * matrix[40_000])


def test_sums_in_the_type_of_the_output(rng):
    matrix, values, out = rng.normal(size=(64, 16)).astype(np.float32), rng.normal(size=64), np.zeros(16)
    add_rows(np.arange(64, dtype=np.uint16), values, 64, matrix, 0, 2, out)
    np.testing.assert_allclose(out, values @ matrix.astype(np.float64), rtol=0, atol=1e-13)


def test_nan_and_infinity_pass_through():
    out = np.zeros(8)
    matrix = np.zeros((2, 8))
    matrix[0, 0], matrix[1, 1] = np.nan, np.inf
    add_rows(np.array([0, 1], np.uint16), np.ones(2), 2, matrix, 0, 1, out)
    assert np.isnan(out[0])
    assert np.isinf(out[1])
