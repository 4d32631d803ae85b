"""Small functions of numbers. Of Python's `min` and `max` Numba compiles three functions a type, hence two of these."""

import numpy as np

from skdigits._kernels.jit import kernel


@kernel
def smaller(a, b):
    """The smaller of two numbers of one type; b where one of them is no number."""
    return a if a < b else b


@kernel
def larger(a, b):
    """The larger of two numbers of one type; b where one of them is no number."""
    return a if a > b else b


@kernel
def count_finite(values, like):
    """How many numbers are neither infinite nor NaN in the type of the array `like`."""
    infinity, n_finite = like.dtype.type(np.inf), 0
    for k in range(values.shape[0]):
        n_finite += abs(like.dtype.type(values[k])) < infinity
    return n_finite
