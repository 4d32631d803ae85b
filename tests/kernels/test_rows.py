import naive
import numpy as np
import pytest

from skdigits._kernels.rows import add_rows, compress, dot_rows, sum_of_squares


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("row", [[0, 0, 3, 0, -1], [0, 0, 0], [1, 2, 3], [], [np.nan, 0, -0.0]])
def test_compress_keeps_what_is_not_zero(row):
    row = np.array(row, np.float64)
    indices, values = np.full(len(row), -1, np.int32), np.full(len(row), -9.0)
    count = compress(row, indices, values)
    expected = np.flatnonzero(row)
    np.testing.assert_array_equal(indices[:count], expected)
    np.testing.assert_array_equal(values[:count], row[expected])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", range(10))
def test_add_rows_agrees_with_twin(rng, count, dtype):
    matrix = rng.normal(size=(20, 7)).astype(dtype)
    indices = rng.integers(0, 20, size=12).astype(np.int32)
    values = rng.normal(size=12).astype(dtype)
    out = rng.normal(size=7).astype(dtype)
    expected = naive.add_rows(indices[:count], values[:count], matrix, out)
    add_rows(indices, values, count, matrix, out)
    np.testing.assert_allclose(out, expected, rtol=1e-5 if dtype == np.float32 else 1e-13)


def test_add_rows_sums_in_the_type_of_the_output(rng):
    matrix = rng.normal(size=(64, 3)).astype(np.float32)
    values = rng.normal(size=64)
    out = np.zeros(3)
    add_rows(np.arange(64, dtype=np.int32), values, 64, matrix, out)
    np.testing.assert_allclose(out, values @ matrix.astype(np.float64), rtol=1e-12)


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (4, 17)])
def test_dot_rows_agrees_with_twin(rng, shape):
    matrix, vector, out = rng.normal(size=shape), rng.normal(size=shape[1]), np.empty(shape[0])
    dot_rows(vector, matrix, out)
    np.testing.assert_allclose(out, naive.dot_rows(vector, matrix), rtol=1e-12)


def test_sum_of_squares_is_in_double_precision(rng):
    row = rng.normal(size=1000).astype(np.float32)
    assert sum_of_squares(row) == pytest.approx((row.astype(np.float64) ** 2).sum(), rel=1e-6)
