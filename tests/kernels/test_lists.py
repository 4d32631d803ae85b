import numpy as np
import pytest
from scipy import sparse

from skdigits._kernels.lists import count_csr_tiles, count_tiles, fill_csr_tiles, fill_tiles
from skdigits._kernels.tiles import TILE


def rebuild(starts, tiles, values, background, n_samples):
    """Samples from their lists."""
    n_features = len(background)
    padded = np.zeros((n_samples, -(-n_features // TILE) * TILE))
    padded[:, :n_features] = background
    for i in range(n_samples):
        for entry in range(starts[i], starts[i + 1]):
            padded[i, TILE * tiles[entry] :][:TILE] += values[TILE * entry :][:TILE]
    assert not padded[:, n_features:].any()
    return padded[:, :n_features]


@pytest.mark.parametrize("n_features", [1, 3, 4, 13, 16])
@pytest.mark.parametrize("source_dtype", ["f4", "f8", "u1"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("background", [0, 7])
def test_lists_are_differences_from_the_background(n_features, source_dtype, dtype, background):
    rng = np.random.default_rng(0)
    dense = np.where(rng.random((9, n_features)) < 0.3, rng.integers(0, 200, (9, n_features)), background)
    dense = dense.astype(source_dtype)
    dense[4] = background
    backgrounds, starts = np.full(n_features, background, dtype), np.zeros(10, np.int64)
    for first, last in ((0, 4), (4, 9)):
        assert count_tiles(dense, backgrounds, first, last, starts)
    assert starts[5] == 0
    np.cumsum(starts, out=starts)
    tiles, values = np.zeros(starts[-1], np.uint16), np.zeros(TILE * starts[-1], dtype)
    for first, last in ((4, 9), (0, 4)):
        fill_tiles(dense, backgrounds, first, last, starts, tiles, values)
    np.testing.assert_array_equal(rebuild(starts, tiles, values, backgrounds, 9), dense)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("k", [0, 5, 8])
def test_values_that_are_not_finite_in_the_type_of_the_network_are_found(value, k):
    dense = np.zeros((3, 9))
    dense[1, k] = value
    with np.errstate(over="ignore", invalid="ignore"):
        assert not count_tiles(dense, np.zeros(9, np.float32), 0, 3, np.zeros(4, np.int64))


@pytest.mark.parametrize("n_features", [1, 6, 13, 16])
@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_lists_of_a_csr_matrix(n_features, index_dtype):
    matrix = sparse.random(8, n_features, density=0.4, format="csr", random_state=1)
    matrix.data[0] = 0  # a stored zero
    indptr, indices = matrix.indptr.astype(index_dtype), matrix.indices.astype(index_dtype)
    starts = np.zeros(9, np.int64)
    for first, last in ((0, 3), (3, 8)):
        count_csr_tiles(indptr, indices, first, last, starts)
    np.cumsum(starts, out=starts)
    tiles, values = np.zeros(starts[-1], np.uint16), np.zeros(TILE * starts[-1])
    for first, last in ((0, 3), (3, 8)):
        fill_csr_tiles(indptr, indices, matrix.data, first, last, starts, tiles, values)
    np.testing.assert_array_equal(rebuild(starts, tiles, values, np.zeros(n_features), 8), matrix.toarray())
