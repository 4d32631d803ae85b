"""Sizes that Python and the kernels agree on, in a file that does not need Numba to be read."""

import numpy as np

# Features, or units, that are worked on together: see tiles.py.
TILE = 4
# Tiles that a word has a bit for each, in whole groups of four; its sign is left alone.
TILES_A_WORD = 60
# An entry of a list: the four values, and the bits of the position of the sample that they belong to.
ENTRY = TILE + 1
VECTOR_BYTES = 64
# Products are made of half vectors: a hundred units are 6.5 vectors, and not 7.
HALF_BYTES = VECTOR_BYTES // 2
# Rows of the second factor of a product that are worked on at a time: a panel of them stays in the first-level cache.
INNER_BLOCK = 96
# Numbers between two places that threads write: two of them that write into one cache line would wait for each other.
PLACE = 8
# Zeros around an image while it is read: one on the left, and two on the right, because the last place that is read
# is W + 1 and its right neighbour.
BORDER = 3


def lanes(dtype):
    """Numbers of a type in a vector: rows of matrices are padded to a multiple of it."""
    return VECTOR_BYTES // np.dtype(dtype).itemsize
