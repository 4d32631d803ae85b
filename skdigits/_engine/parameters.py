"""One flat vector of parameters; weight matrices and bias vectors are views of it.

The matrices of all layers come first, then the bias vectors: the order in which scikit-learn packs them for L-BFGS.
"""

from itertools import pairwise

import numpy as np

from skdigits._kernels.packing import address


def allocate(units, dtype):
    """A vector of zeros for the parameters of a network that kernels may read a little beyond its end."""
    n_parameters = count_parameters(units)
    return np.zeros(n_parameters + _slack(units), dtype)[:n_parameters]


def _slack(units):
    """Numbers behind the last parameter that may be read, though not used: four rows at a time, in whole vectors."""
    return 3 * max(units[1:]) + 16


def writable(parameters, units):
    """The vector itself, or a copy where it may not be written."""
    return parameters if parameters.flags.writeable else copy(parameters, units)


def copy(parameters, units):
    """A copy of a vector that kernels may write, and read a little beyond its end."""
    copied = allocate(units, parameters.dtype)
    copied[:] = parameters
    return copied


def count_parameters(units):
    """Number of weights and biases of a network with these layer sizes."""
    return sum((n_inputs + 1) * n_outputs for n_inputs, n_outputs in pairwise(units))


def split(parameters, units):
    """Views of a flat vector as lists of weight matrices and bias vectors."""
    coefs, intercepts, start = [], [], 0
    for n_inputs, n_outputs in pairwise(units):
        coefs.append(parameters[start : start + n_inputs * n_outputs].reshape(n_inputs, n_outputs))
        start += n_inputs * n_outputs
    for n_outputs in units[1:]:
        intercepts.append(parameters[start : start + n_outputs])
        start += n_outputs
    return coefs, intercepts


def find_units(coefs, intercepts):
    """Layer sizes of a network of matrices and vectors.

    Raises
    ------
    ValueError
        If they do not fit together: kernels would read beside them.
    """
    units = [*np.shape(coefs[0])[:1], *map(np.size, intercepts)]
    shapes = [np.shape(coef) for coef in coefs]
    if shapes != list(pairwise(units)):
        raise ValueError(
            f"coefs_ of the shapes {shapes} and intercepts_ of the sizes {units[1:]} do not fit together as a network."
        )
    return units


def join(coefs, intercepts, dtype):
    """The flat vector behind matrices and vectors: itself where they are views of one, else a new one.

    Parameters
    ----------
    coefs, intercepts : list of array-like
        As `split` returns them, or any others of the same shapes: unpickled ones, or ones that a user has set.
    dtype : numpy dtype
        Type of the vector.

    Returns
    -------
    parameters : ndarray of shape (n_parameters,)
        Writing into it changes `coefs` and `intercepts` only where they are views of it.
    """
    arrays = [*coefs, *intercepts]
    units = [len(coefs[0]), *map(np.size, intercepts)]
    base = getattr(arrays[0], "base", None)
    if isinstance(base, np.ndarray) and base.dtype == dtype and _fills(base, arrays, _slack(units)):
        return base[: count_parameters(units)]
    joined = allocate(units, dtype)
    np.concatenate([np.asarray(array).ravel() for array in arrays], out=joined, casting="same_kind")
    return joined


def rejoin(coefs, intercepts):
    """The same matrices and vectors as views of one vector, where they fit together, so that `join` copies nothing.

    Arrays of memory maps stay as they are: whoever maps a file does not want to have it read.
    """
    arrays = [*coefs, *intercepts]
    is_chain = len(coefs) == len(intercepts) > 0 and all(
        type(array) is np.ndarray and array.dtype == arrays[0].dtype for array in arrays
    )
    if not is_chain or [array.ndim for array in arrays] != [2] * len(coefs) + [1] * len(intercepts):
        return coefs, intercepts
    try:
        units = find_units(coefs, intercepts)
    except ValueError:  # for whoever uses them to say
        return coefs, intercepts
    return split(join(coefs, intercepts, arrays[0].dtype), units)


def _fills(base, arrays, slack):
    """Whether the arrays are views that cover a vector made by `allocate` one behind the other."""
    if base.ndim != 1 or not base.flags.c_contiguous:
        return False
    start = place = address(base)
    for array in arrays:
        is_view = isinstance(array, np.ndarray) and array.base is base and array.flags.c_contiguous
        if not is_view or array.dtype != base.dtype or address(array) != place:
            return False
        place += array.nbytes
    return place == start + base.nbytes - slack * base.itemsize
