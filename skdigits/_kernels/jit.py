"""The one decorator of all kernels, and the only place that configures Numba."""

import contextlib
import hashlib
import os
from pathlib import Path

import numba
from numba import types

from skdigits._kernels.disk_cache import KernelCache
from skdigits._kernels.linking import InnerCompiler, OuterCompiler

# Sums may be regrouped (vector lanes) and a product may be fused into a sum. Neither "nnan" nor "ninf" is among the
# flags: a fit that diverges must show NaN, and the checks for it must not be optimised away.
FAST_MATH_FLAGS = {"contract", "reassoc", "nsz"}

_CACHE_SWITCH = "SKDIGITS_KERNEL_CACHE"


def _folder_digest(folder):
    """Digest of every source file of a folder, and of Numba's version.

    Numba's disk cache watches only the file in which a kernel stands. A kernel that calls into another file would be
    served from the cache with the old helper compiled in, so the name under which kernels are cached changes with any
    file of the folder. So it does with Numba's version: of two that share a folder, each would replace the index of the
    other.
    """
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(folder.glob("*.py")):
        try:
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
        except OSError:  # unreadable sources (a frozen application): nothing to go stale either
            continue
    return digest.hexdigest()[:12]


_CACHE_SALT = _folder_digest(Path(__file__).parent)


def kernel(function, fast_math=FAST_MATH_FLAGS):
    """Compile a function with Numba on its first call.

    Kernels take arrays and scalars, write into arrays that they are given, and release the GIL. They are compiled
    lazily and kept in Numba's disk cache; where no cache folder is writable, or where the environment variable
    ``SKDIGITS_KERNEL_CACHE`` is ``0``, they are compiled anew in each process.

    Parameters
    ----------
    function : callable
        A plain function in the subset of Python that Numba compiles.
    fast_math : set of str
        What LLVM may assume of every floating-point operation in it.

    Returns
    -------
    dispatcher : callable
        The compiled function; the plain function itself under ``NUMBA_DISABLE_JIT=1``.
    """
    options = {
        "nogil": True,
        "fastmath": fast_math,
        "error_model": "numpy",
        # Without Numba's runtime a kernel cannot allocate (it does not compile), carries no reference counts, and is
        # compiled in half the time.
        "_nrt": False,
        "no_cfunc_wrapper": True,
        "no_rewrites": True,  # of expressions of whole arrays, which kernels have none of
    }
    if numba.config.DISABLE_JIT:
        return function
    # Nor do other kernels need what turns Python's objects into plain values.
    inner = _compile_lazily(
        function, f"{_CACHE_SALT}_inner", {**options, "no_cpython_wrapper": True, "pipeline_class": InnerCompiler}
    )
    dispatcher = _compile_lazily(function, _CACHE_SALT, {**options, "pipeline_class": OuterCompiler})

    def get_call_template(args, kws):
        # A number that is written in a call has a type of its own, for which the kernel would be compiled once more.
        return inner.get_call_template([types.unliteral(argument) for argument in args], kws)

    dispatcher.inner = inner
    dispatcher.get_call_template, dispatcher.get_overload = get_call_template, inner.get_overload
    return dispatcher


def _compile_lazily(function, salt, options):
    """A dispatcher of Numba, with its own files in the disk cache unless that is switched off."""
    if os.environ.get(_CACHE_SWITCH) == "0":
        return numba.njit(**options)(function)
    plain_name = function.__qualname__
    function.__qualname__ = f"{plain_name}_{salt}"
    try:
        dispatcher = numba.njit(**options)(function)
        with contextlib.suppress(RuntimeError):  # Numba's way to say that no cache folder is writable
            dispatcher._cache = KernelCache(function)
    finally:
        function.__qualname__ = plain_name
    return dispatcher


def exact_kernel(function):
    """Compile a function whose sums must keep their order, because rounding errors are what it works with."""
    return kernel(function, {"contract"})
