import numpy as np
import pytest

from skdigits._kernels.compression import count_entries, fill_entries


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("background", [0.0, -1.0, 0.25])
def test_lists_are_differences_from_the_background(dtype, background):
    rng = np.random.default_rng(0)
    dense = np.where(rng.random((9, 13)) < 0.3, rng.normal(size=(9, 13)), background).astype(dtype)
    dense[4] = background
    backgrounds = np.full(13, background, dtype)
    indptr = np.zeros(10, np.int64)
    for start, stop in ((0, 4), (4, 9)):
        count_entries(dense, backgrounds, start, stop, indptr)
    np.testing.assert_array_equal(indptr[1:], (dense != backgrounds).sum(axis=1))
    np.cumsum(indptr, out=indptr)
    indices, values = np.full(indptr[-1], -1, np.int32), np.zeros(indptr[-1], dtype)
    for start, stop in ((4, 9), (0, 4)):
        scratch = np.empty(13, np.int32), np.empty(13, dtype)
        fill_entries(dense, backgrounds, start, stop, indptr, indices, values, *scratch)
    rebuilt = np.tile(backgrounds, (9, 1))
    for i in range(9):
        entries = slice(indptr[i], indptr[i + 1])
        rebuilt[i, indices[entries]] += values[entries]
    np.testing.assert_allclose(rebuilt, dense, rtol=0, atol=1e-6)
