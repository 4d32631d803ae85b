"""Numba's cache on disk, which neither a full disk nor another process may turn into an error or into wrong code."""

import contextlib
import hashlib
import warnings

from numba.core.caching import FunctionCache, IndexDataCacheFile


class KernelCacheFile(IndexDataCacheFile):
    """The files of one kernel: an index, and compiled code by signature and processor.

    Numba numbers the files of compiled code. Two processes that compile at once for different types or on different
    machines can then take the same number, and an index may lead to the code of the other. Here the name of a file
    belongs to what it was compiled for, and the index is written last.
    """

    def save(self, key, data):
        """Save compiled code."""
        name = self._data_name(int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:8]))
        self._save_data(name, data)
        self._save_index(self._load_index() | {key: name})

    def load(self, key):
        """Load compiled code; None where there is none, or none that can be read."""
        with contextlib.suppress(Exception):
            return super().load(key)
        return None

    def _load_index(self):
        # A damaged index is as good as none, and is replaced when something is saved.
        with contextlib.suppress(Exception):
            return super()._load_index()
        return {}


class KernelCache(FunctionCache):
    """Cache of one kernel. What cannot be saved is compiled anew in the next process, after a warning.

    Parameters
    ----------
    function : callable
        The plain function.

    Raises
    ------
    RuntimeError
        If no cache folder is writable.
    """

    _has_warned = False

    def __init__(self, function):
        super().__init__(function)
        files = self._cache_file
        self._cache_file = KernelCacheFile(self._cache_path, self._impl.filename_base, files._source_stamp)

    def save_overload(self, sig, data):
        """Save compiled code where that is possible."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            if not KernelCache._has_warned:
                KernelCache._has_warned = True
                warnings.warn(
                    f"Compiled kernels cannot be kept in {self._cache_path} ({error.strerror or error}), so that each "
                    "process compiles them anew. Make room there, or name another folder by NUMBA_CACHE_DIR.",
                    RuntimeWarning,
                )
