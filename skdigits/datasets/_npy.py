"""Headers of NumPy's array files, read without the array behind them."""

import numpy as np

_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npy_header(stream):
    """Read the header of a ``.npy`` file; the stream then stands at the first element.

    NumPy evaluates the header, so that one that was changed raises nearly any exception.

    Parameters
    ----------
    stream : binary stream

    Returns
    -------
    shape : tuple of int
    is_fortran : bool
        Whether columns follow one another and not rows.
    dtype : numpy dtype
    """
    version = np.lib.format.read_magic(stream)
    if version not in _READERS:
        raise ValueError(f"format version {version}")
    shape, is_fortran, dtype = _READERS[version](stream)
    if any(length < 0 for length in shape):
        raise ValueError(f"shape {shape}")
    return shape, is_fortran, dtype
