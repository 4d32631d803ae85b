"""How compiled kernels are put together.

Left to itself, Numba optimises every kernel with all that it calls, and turns it into machine code, once for itself and
once more in each that calls it. Here a kernel stays LLVM's plain code until Python calls it or another that calls it:
then all of it is linked, optimised as a whole, and becomes machine code. That takes half the time.
"""

from itertools import accumulate

from llvmlite import ir
from llvmlite.binding import Linkage, create_pass_builder, create_pipeline_tuning_options
from numba import types
from numba.core.codegen import CPUCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_lock import global_compiler_lock
from numba.np.numpy_support import as_dtype

from skdigits._kernels.bundles import WORD, count_words, expand, read
from skdigits._kernels.machine_code import SYMBOL

# How the names of LLVM functions begin that intrinsics write by themselves, and that are not to be inlined.
PRODUCTS = "skdigits.products"
# What the machine code of any program may call: there is nothing else that a process is sure to have.
_OF_THE_SYSTEM = {"memcpy", "memmove", "memset", "sched_yield", "SwitchToThread"} | {
    f"{name}{suffix}" for name in ("atan2", "cos", "exp", "floor", "log", "pow", "sin", "sqrt") for suffix in ("", "f")
}


class _NothingLoaded:
    """Takes the place of the code generator where Numba looks for what it has loaded into the process."""

    @staticmethod
    def set_env(name, environment):
        """Set nothing: kernels use no Python objects."""


class PlainLibrary(CPUCodeLibrary):
    """The plain code of a kernel, without what it calls."""

    codegen = _NothingLoaded

    def _optimize_functions(self, ll_module):
        """Optimise nothing yet, but have the whole laid out for this machine."""
        ll_module.data_layout = self._codegen._data_layout

    def get_pointer_to_function(self, name):
        """Return 0: nothing can be called."""
        return 0

    def finalize(self):
        """Link nothing: the same kernels would be copied into each that calls them, and copied again with these."""
        self._raise_if_finalized()
        self._finalize_dynamic_globals()
        self._finalized = True


class LinkedLibrary(PlainLibrary):
    """A kernel and all that it calls, optimised as a whole."""

    def finalize(self):
        """Link each kernel once, and optimise the whole."""
        for library in _all_called(self, {}):
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._optimize_final_module()
        self._final_module.verify()
        super().finalize()

    def _optimize_final_module(self):
        # The products first: what all their callers agree on is then a constant in them. Of other kernels that would
        # be inlined more often, and compiled for longer.
        self._keep_private(PRODUCTS)
        options = create_pipeline_tuning_options(speed_level=3)
        options.loop_vectorization = True
        # Kernels unroll by themselves what gains by it. Other loops are short, as rows of images are: unrolled they
        # take longer to run, and to compile.
        options.loop_unrolling = False
        builder = create_pass_builder(self._codegen._tm, options)
        builder.getModulePassManager().run(self._final_module, builder)
        self._keep_private("")

    def _keep_private(self, prefix):
        for function in list(self._final_module.functions):
            is_shared = not function.is_declaration and function.linkage == Linkage.linkonce_odr
            if is_shared and function.name.startswith(prefix):
                function.linkage = Linkage.internal

    def emit_object(self):
        """The machine code, as an object file.

        Code that calls what a process without Numba may not have is refused: LLVM's loader would end the process.
        """
        self.finalize()
        for function in self._final_module.functions:
            name = function.name
            if function.is_declaration and not name.startswith("llvm.") and name not in _OF_THE_SYSTEM:
                raise NotImplementedError(
                    f"a kernel calls {name}: beside kernels it may call what is listed in {__name__} only"
                )
        return self._codegen._tm.emit_object(self._final_module)


def _all_called(library, found):
    """The libraries of what a library calls, and of what these call, each once, as keys of a dictionary."""
    for called in library._linking_libraries:
        if called not in found:
            found[called] = None
            _all_called(called, found)
    return found


class PlainCompiler(Compiler):
    """Compiles a kernel to plain code."""

    def __init__(self, typing_context, target_context, library, *arguments):
        library = PlainLibrary(target_context.codegen(), "skdigits")
        super().__init__(typing_context, target_context, library, *arguments)


@global_compiler_lock
def link(compiled):
    """Machine code of a compiled kernel, and of all that it calls.

    Parameters
    ----------
    compiled : CompileResult of Numba

    Returns
    -------
    code : bytes
        The character of the type of the result ('-' for none), and an object file; see machine_code.py.
    """
    context, signature = compiled.target_context, compiled.signature
    library = LinkedLibrary(context.codegen(), SYMBOL)
    module = library.create_ir_module(SYMBOL)
    _write_entry(context, module, compiled.fndesc)
    library.add_ir_module(module)
    library.add_linking_library(compiled.library)
    result = signature.return_type
    return ("-" if result is types.none else as_dtype(result).char).encode() + library.emit_object()


def _write_entry(context, module, description):
    """Write the functions that read the arguments from a row of words, and call the kernel with them."""
    function_type = ir.FunctionType(ir.IntType(32), [WORD.as_pointer()])
    entry, function = (ir.Function(module, function_type, name) for name in (SYMBOL, f"{SYMBOL}.expanded"))
    # Not inlined, because LLVM is told that nobody writes what it reads: the entry does, before.
    function.attributes.add("noinline")
    # The first word is the result's.
    places = accumulate(map(count_words, description.argtypes), initial=1)
    arguments = list(zip(places, description.argtypes, strict=False))
    builder = ir.IRBuilder(entry.append_basic_block())
    for place, argument_type in arguments:
        expand(builder, entry.args[0], place, argument_type)
    builder.ret(builder.call(function, entry.args))
    builder = ir.IRBuilder(function.append_basic_block())
    arguments = [read(context, builder, function.args[0], place, argument_type) for place, argument_type in arguments]
    status, result = context.call_conv.call_function(
        builder, context.declare_function(module, description), description.restype, description.argtypes, arguments
    )
    if description.restype is not types.none:
        builder.store(_as_word(builder, result, description.restype), function.args[0])
    builder.ret(status.code)


def _as_word(builder, value, number_type):
    if isinstance(number_type, types.Float):
        value = builder.bitcast(value, ir.IntType(number_type.bitwidth))
    if value.type.width == 64:
        return value
    is_signed = isinstance(number_type, types.Integer) and number_type.signed
    return (builder.sext if is_signed else builder.zext)(value, ir.IntType(64))
