"""The one decorator of all kernels, and the only place that configures Numba."""

from functools import update_wrapper

import numba
from numba import types
from numba.core.codegen import get_host_cpu_features
from numba.core.typing.typeof import Purpose, typeof, typeof_impl

from skdigits._kernels.bundles import as_bundle
from skdigits._kernels.entry import EntryPoint, entry_point
from skdigits._kernels.linking import PlainCompiler, link

# Sums may be regrouped (vector lanes) and a product may be fused into a sum. Neither "nnan" nor "ninf" is among the
# flags: a fit that diverges must show NaN, and the checks for it must not be optimised away.
FAST_MATH_FLAGS = {"contract", "reassoc", "nsz"}
_PACKAGE = __name__.rpartition(".")[0]


def has_avx512():
    """Whether there may be AVX-512 in kernels: Numba can be told to do without, whatever the processor has."""
    features = numba.config.CPU_FEATURES
    return "+avx512f" in (get_host_cpu_features() if features is None else features).split(",")


class Kernel:
    """A function that Numba compiles, for other kernels that call it and for Python.

    Parameters
    ----------
    function : callable
    options : dict
        Of Numba's decorator.
    """

    def __init__(self, function, options):
        self.dispatcher = dispatcher = numba.njit(**options)(function)
        get_call_template = dispatcher.get_call_template
        # A number that is written in a call has a type of its own, for which the kernel would be compiled once more.
        dispatcher.get_call_template = lambda arguments, names: get_call_template(
            [types.unliteral(argument) for argument in arguments], names
        )
        package, _, module = function.__module__.rpartition(".")
        is_ours = package == _PACKAGE and function.__qualname__.isidentifier()
        # What is defined elsewhere (a benchmark, a test) is not kept on disk: its source is not watched.
        self.entry_point = (
            entry_point(module, function.__name__) if is_ours else EntryPoint(module, function.__name__, self)
        )
        update_wrapper(self, function)

    def __call__(self, *arguments):
        return self.entry_point(*arguments)

    def compile(self, arguments):
        """Machine code for arguments of such types, as `link` makes it."""
        signature = tuple(as_bundle(types.unliteral(typeof(argument, Purpose.argument))) for argument in arguments)
        self.dispatcher.compile(signature)
        return link(self.dispatcher.overloads[signature])


@typeof_impl.register(Kernel)
def _type_of_kernel(kernel, context):
    return types.Dispatcher(kernel.dispatcher)


def kernel(function, fast_math=FAST_MATH_FLAGS):
    """Compile a function with Numba on its first call.

    Kernels take arrays and scalars, write into arrays that they are given, and release the GIL. They are compiled
    lazily and kept on disk; where no folder is writable, or where the environment variable ``SKDIGITS_KERNEL_CACHE`` is
    ``0``, they are compiled anew in each process.

    Parameters
    ----------
    function : callable
        A plain function in the subset of Python that Numba compiles.
    fast_math : set of str
        What LLVM may assume of every floating-point operation in it.

    Returns
    -------
    kernel : callable
        The compiled function; the plain function itself under ``NUMBA_DISABLE_JIT=1``.
    """
    if numba.config.DISABLE_JIT:
        return function
    return Kernel(
        function,
        {
            "nogil": True,
            "fastmath": fast_math,
            "error_model": "numpy",
            # Without Numba's runtime a kernel cannot allocate (it does not compile), carries no reference counts, and
            # is compiled in half the time.
            "_nrt": False,
            "no_cfunc_wrapper": True,
            "no_cpython_wrapper": True,  # Python comes in by another way: see linking.py
            "no_rewrites": True,  # of expressions of whole arrays, which kernels have none of
            "pipeline_class": PlainCompiler,
        },
    )


def exact_kernel(function):
    """Compile a function whose sums must keep their order, because rounding errors are what it works with."""
    return kernel(function, {"contract"})
