"""The smaller and the larger of two numbers: of Python's `min` and `max` Numba compiles three functions a type."""

from skdigits._kernels.jit import kernel


@kernel
def smaller(a, b):
    """The smaller of two numbers of one type; b where one of them is no number."""
    return a if a < b else b


@kernel
def larger(a, b):
    """The larger of two numbers of one type; b where one of them is no number."""
    return a if a > b else b
