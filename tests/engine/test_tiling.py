import numpy as np
import pytest

from skdigits._engine.tiling import as_tiles, square_side, tile_features
from skdigits._kernels.sizes import TILE


@pytest.mark.parametrize(("n_features", "side"), [(1, 0), (3, 0), (4, 2), (9, 0), (36, 6), (50, 0), (784, 28)])
def test_side_of_images_that_squares_fill(n_features, side):
    assert square_side(n_features) == side


@pytest.mark.parametrize("n_features", [1, 5, 8, 9])
def test_tiles_that_are_no_squares_are_neighbours(n_features):
    first_features, second_pair, slots = tile_features(n_features, in_squares=True)
    assert first_features.tolist() == list(range(0, n_features, TILE))
    assert second_pair == 2
    assert slots.tolist() == list(range(n_features))


def test_squares_are_left_out_where_they_are_not_wanted():
    assert tile_features(16, in_squares=False).first_features.tolist() == [0, 4, 8, 12]


def test_squares_of_an_image():
    first_features, second_pair, slots = tile_features(16, in_squares=True)
    assert first_features.tolist() == [0, 2, 8, 10]
    assert second_pair == 4
    expected = [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    assert as_tiles(np.arange(16), 4).reshape(-1, TILE).tolist() == expected
    assert np.argsort(slots).reshape(-1, TILE).tolist() == expected


def test_order_of_tiles_is_a_view():
    values = np.zeros((16, 3))
    as_tiles(values, 4)[0, 1] = 1
    assert np.flatnonzero(values[:, 0]).tolist() == [2, 3, 6, 7]


@pytest.mark.parametrize(("n_features", "n_kept"), [(100, 8), (10**5, 2)])
def test_tiles_of_many_features_are_kept_for_the_last_widths_only(n_features, n_kept):
    made = [tile_features(n_features + i, in_squares=False) for i in range(8)]
    again = [tile_features(n_features + i, in_squares=False) for i in reversed(range(8))]
    assert sum(a is b for a, b in zip(made, reversed(again), strict=True)) == n_kept
