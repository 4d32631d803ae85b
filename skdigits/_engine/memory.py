"""Memory that kernels work on."""

import mmap
from contextlib import suppress

import numpy as np

from skdigits._kernels.sizes import VECTOR_BYTES

_LARGE_PAGE = 2**21
# Smaller arrays are not worth a place in a large page, which is cleared as a whole when it is first touched.
_WORTH_A_PLACE = 2**16


def aligned_zeros(shape, dtype):
    """Zeros that start at a cache line: a vector then never lies across two."""
    n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    buffer = np.zeros(n_bytes + VECTOR_BYTES, np.uint8)
    start = -buffer.ctypes.data % VECTOR_BYTES
    return buffer[start : start + n_bytes].view(dtype).reshape(shape)


def _large_pages(n_bytes):
    """Zeros, in large pages if the system has them: Linux, where it is asked for them."""
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):
            memory = mmap.mmap(-1, n_bytes + _LARGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            memory.madvise(mmap.MADV_HUGEPAGE)
            buffer = np.frombuffer(memory, np.uint8)
            start = -buffer.ctypes.data % _LARGE_PAGE
            return buffer[start : start + n_bytes]
    return aligned_zeros(n_bytes, np.uint8)


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
            self._rest = _large_pages(-(-n_bytes // _LARGE_PAGE) * _LARGE_PAGE)
        array = self._rest[:n_bytes].view(dtype).reshape(shape)
        self._rest = self._rest[-(-n_bytes // VECTOR_BYTES) * VECTOR_BYTES :]
        return array
