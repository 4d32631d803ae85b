"""How compiled kernels are put together: two ways to compile one, for other kernels and for Python.

Left to itself, Numba optimises every kernel with all that it calls, and turns it into machine code, once for itself and
once more in each that calls it. Here a kernel that others call stays LLVM's plain code until it is linked into one that
Python calls, and only that is optimised, as a whole, and becomes machine code: in half the time.

What Python calls has its own copy of all that it calls. Among functions of one name the process would else take the one
that was loaded first, and the last bits of a result would depend on which kernels had been compiled or loaded before.
"""

from llvmlite.binding import Linkage
from numba.core.codegen import CPUCodeLibrary, JITCodeLibrary
from numba.core.compiler import Compiler

# How the names of LLVM functions begin that intrinsics write by themselves, and that are not to be inlined.
PRODUCTS = "skdigits.products"


class _NothingLoaded:
    """Takes the place of the code generator where Numba looks for what it has loaded into the process."""

    @staticmethod
    def set_env(name, environment):
        """Set nothing: kernels use no Python objects."""


class InnerLibrary(CPUCodeLibrary):
    """The plain code of a kernel that other kernels call."""

    codegen = _NothingLoaded

    def get_pointer_to_function(self, name):
        """Return 0: nothing can be called."""
        return 0

    def serialize_using_object_code(self):
        """Return what is kept on disk: LLVM's code in place of machine code."""
        return self.serialize_using_bitcode()

    def _optimize_final_module(self):
        """Leave that to whoever links this."""

    def _finalize_final_module(self):
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True


class OuterLibrary(JITCodeLibrary):
    """The machine code of a kernel that Python calls."""

    def _optimize_final_module(self):
        # The products first: what all their callers agree on is then a constant in them. Of other kernels that would
        # be inlined more often, and compiled for longer.
        self._keep_private(PRODUCTS)
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)
        self._keep_private("")

    def _keep_private(self, prefix):
        for function in list(self._final_module.functions):
            is_shared = not function.is_declaration and function.linkage == Linkage.linkonce_odr
            if is_shared and function.name.startswith(prefix):
                function.linkage = Linkage.internal
                # LLVM's loader would still take it for the shared function of this name in what is loaded later.
                function.name = f"private.{function.name}"


class InnerCompiler(Compiler):
    """Compiles a kernel that other kernels call."""

    def __init__(self, typing_context, target_context, library, *arguments):
        library = InnerLibrary(target_context.codegen(), "skdigits")
        super().__init__(typing_context, target_context, library, *arguments)


class OuterCompiler(Compiler):
    """Compiles a kernel that Python calls."""

    def __init__(self, typing_context, target_context, library, *arguments):
        library = OuterLibrary(target_context.codegen(), "skdigits")
        library.enable_object_caching()
        super().__init__(typing_context, target_context, library, *arguments)
