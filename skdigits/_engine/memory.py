"""Memory that kernels work on."""

import numpy as np

from skdigits._kernels.sizes import VECTOR_BYTES

# Of the pages that Linux gives to large arrays for which NumPy asks it to: of 4 MiB on. Where there are none the
# memory is the same in small pages.
_LARGE_PAGE = 2**21
_LEAST_BYTES = 2 * _LARGE_PAGE
# Smaller arrays are not worth a place in large pages, which are cleared as a whole when they are first touched.
_WORTH_A_PLACE = 2**16


def aligned_zeros(shape, dtype, *, alignment=VECTOR_BYTES):
    """Zeros that start at a cache line: a vector then never lies across two."""
    n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    buffer = np.zeros(n_bytes + alignment, np.uint8)
    start = -buffer.ctypes.data % alignment
    return buffer[start : start + n_bytes].view(dtype).reshape(shape)


class Pool:
    """Zeros one behind the other, in large pages where the system has them.

    In small pages it is chance which lines push each other out of a cache, and there are more pages than a processor
    keeps the addresses of: of two equal fits one took a quarter longer.
    """

    def __init__(self):
        self._rest = np.zeros(0, np.uint8)

    def zeros(self, shape, dtype):
        """Zeros as of `aligned_zeros`."""
        n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if n_bytes < _WORTH_A_PLACE:
            return aligned_zeros(shape, dtype)
        if n_bytes > len(self._rest):
            self._rest = aligned_zeros(max(n_bytes, _LEAST_BYTES), np.uint8, alignment=_LARGE_PAGE)
        array = self._rest[:n_bytes].view(dtype).reshape(shape)
        self._rest = self._rest[-(-n_bytes // VECTOR_BYTES) * VECTOR_BYTES :]
        return array
