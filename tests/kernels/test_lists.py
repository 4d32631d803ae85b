import numpy as np
import pytest
from scipy import sparse

from skdigits._engine.tiling import tile_features
from skdigits._kernels.lists import count_csr_tiles, count_tiles, fill_csr_tiles, fill_tiles
from skdigits._kernels.sizes import TILE, TILES_A_WORD


def rebuild(starts, tiles, values, background, tiling, split):
    """Samples from their lists; the background is in the order of the tiles."""
    padded = np.tile(np.asarray(background, np.float64), (len(starts) // 2, 1))
    for i in range(len(padded)):
        listed = tiles[starts[2 * i] : starts[2 * i + 2]].tolist()
        assert listed == sorted(set(listed))
        assert [tile for tile in listed if tile < split] == tiles[starts[2 * i] : starts[2 * i + 1]].tolist()
        for entry in range(starts[2 * i], starts[2 * i + 2]):
            padded[i, TILE * tiles[entry] :][:TILE] += values[TILE * entry :][:TILE]
    assert np.array_equal(np.delete(padded[0], tiling.slots), np.delete(background, tiling.slots))
    return padded[:, tiling.slots]


@pytest.mark.parametrize("n_features", [1, 3, 4, 13, 16, 36, 240, 243, 256])
@pytest.mark.parametrize("source_dtype", ["f4", "f8", "u1"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("level", [0, 7])
@pytest.mark.parametrize("in_squares", [False, True])
@pytest.mark.parametrize("place", [0, 0.5, 1])
def test_lists_are_differences_from_the_background(n_features, source_dtype, dtype, level, in_squares, place):
    rng = np.random.default_rng(0)
    tiling = tile_features(n_features, in_squares=in_squares)
    common = level * np.arange(1, n_features + 1) % 200
    dense = np.where(rng.random((9, n_features)) < 0.3, rng.integers(0, 200, (9, n_features)), common)
    dense = dense.astype(source_dtype)
    dense[4] = common
    background, starts = np.zeros(TILE * len(tiling.first_features), dtype), np.zeros(19, np.int64)
    marks = np.full((9, -(-(n_features // TILE) // TILES_A_WORD)), -1)
    split = int(place * (n_features // TILE))
    background[tiling.slots] = common
    for first, last in ((0, 4), (4, 9)):
        assert count_tiles(dense, *tiling[:2], background, split, first, last, marks, starts)
    assert starts[9] == starts[10] == 0
    np.cumsum(starts, out=starts)
    tiles, values = np.zeros(starts[-1], np.uint16), np.zeros(TILE * starts[-1], dtype)
    for first, last in ((4, 9), (0, 4)):
        fill_tiles(dense, *tiling[:2], background, first, last, marks, starts, tiles, values)
    np.testing.assert_array_equal(rebuild(starts, tiles, values, background, tiling, split), dense)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("k", [0, 5, 8])
def test_values_that_are_not_finite_in_the_type_of_the_network_are_found(value, k):
    dense, tiling = np.zeros((3, 9)), tile_features(9, in_squares=True)
    dense[1, k] = value
    with np.errstate(over="ignore", invalid="ignore"):
        assert not count_tiles(
            dense, *tiling[:2], np.zeros(12, np.float32), 1, 0, 3, np.zeros((3, 1), np.int64), np.zeros(7, np.int64)
        )


@pytest.mark.parametrize("n_features", [1, 6, 13, 16, 36])
@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
@pytest.mark.parametrize("in_squares", [False, True])
@pytest.mark.parametrize("place", [0, 0.5, 1])
def test_lists_of_a_csr_matrix(n_features, index_dtype, in_squares, place):
    matrix = sparse.random(8, n_features, density=0.4, format="csr", random_state=1)
    matrix.data[0] = 0  # a stored zero
    tiling = tile_features(n_features, in_squares=in_squares)
    indptr, indices = matrix.indptr.astype(index_dtype), matrix.indices.astype(index_dtype)
    n_tiles, starts = len(tiling.first_features), np.zeros(17, np.int64)
    split = int(place * n_tiles)
    for first, last in ((0, 3), (3, 8)):
        count_csr_tiles(indptr, indices, tiling.slots, split, first, last, np.full(n_tiles, -1), starts)
    np.cumsum(starts, out=starts)
    tiles, values = np.zeros(starts[-1], np.uint16), np.zeros(TILE * starts[-1])
    for first, last in ((0, 3), (3, 8)):
        scratch = np.full(n_tiles, -1)
        fill_csr_tiles(indptr, indices, matrix.data, tiling.slots, first, last, scratch, starts, tiles, values)
    rebuilt = rebuild(starts, tiles, values, np.zeros(TILE * n_tiles), tiling, split)
    np.testing.assert_array_equal(rebuilt, matrix.toarray())
