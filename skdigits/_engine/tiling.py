"""Which four features make a tile: neighbours in a row, or a square of pixels.

Strokes are wider than one pixel, so that fewer squares than rows of four have something in them: 50.2 against 55.6 of
the 196 tiles of a digit of MNIST. In training the features of square images are in the order of such tiles: wherever
rows of the first layer's weights are numbered. Nobody needs to know whether a sample is an image; of others no fewer
tiles are empty than before.
"""

from functools import lru_cache, wraps
from math import isqrt
from typing import NamedTuple

import numpy as np

from skdigits._kernels.sizes import TILE

# Of a million features what is kept takes 14 MB.
_FEW_FEATURES = 2**16


def kept_by_width(function):
    """Keep what a function of a number of features has made; where these are many, the last of it only."""
    few, many = lru_cache(maxsize=16)(function), lru_cache(maxsize=2)(function)  # two, as training has squares

    @wraps(function)
    def look_up(n_features, *args, **options):
        return (few if n_features <= _FEW_FEATURES else many)(n_features, *args, **options)

    return look_up


class Tiling(NamedTuple):
    """How features are read into tiles."""

    first_features: np.ndarray  # (G,) int64: the first feature of each tile
    second_pair: int  # the third feature of a tile stands so far behind the first, the fourth behind it
    slots: np.ndarray  # (K,) int64: place of each feature in the order of the tiles


@kept_by_width
def tile_features(n_features, *, in_squares):
    """The tiles of so many features: squares where they can be and are wanted, else four neighbours each."""
    side = square_side(n_features) if in_squares else 0
    features = np.arange(n_features)
    if side:
        features = as_tiles(features, side).ravel()
    first_features, slots = features[::TILE].copy(), np.argsort(features)
    for array in (first_features, slots):
        array.flags.writeable = False
    return Tiling(first_features, side or TILE // 2, slots)


def square_side(n_features):
    """Length of the side of an image of so many pixels that squares of four fill; 0 if there is none."""
    side = isqrt(n_features)
    return side if side * side == n_features and side % 2 == 0 else 0


def as_tiles(values, side):
    """A view of what belongs to each pixel (the first axis), in the order of the tiles.

    Returns
    -------
    tiles : ndarray of shape (side / 2, side / 2, 2, 2, ...)
    """
    return values.reshape(side // 2, 2, side // 2, 2, *values.shape[1:]).swapaxes(1, 2)
