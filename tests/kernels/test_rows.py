import numpy as np
import pytest

from skdigits._kernels.rows import compress, sum_of_squares


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
def test_sum_of_squares_agrees_with_twin(rng, dtype):
    row = rng.normal(size=1000).astype(dtype)
    assert sum_of_squares(row) == pytest.approx((row.astype(np.float64) ** 2).sum(), rel=1e-6)
