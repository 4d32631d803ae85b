"""How compiled kernels are put together.

Left to itself, Numba optimises every kernel with all that it calls, and turns it into machine code, once for itself and
once more in each that calls it. Here a kernel stays LLVM's plain code until Python calls it or another that calls it:
then all of it is linked, optimised as a whole, and becomes machine code. That takes half the time.
"""

from llvmlite import ir
from llvmlite.binding import Linkage, create_pass_builder, create_pipeline_tuning_options
from numba import types
from numba.core.codegen import CPUCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_lock import global_compiler_lock
from numba.np.arrayobj import populate_array
from numba.np.numpy_support import as_dtype

from skdigits._kernels.machine_code import SYMBOL
from skdigits._kernels.packing import FIRST_FIELD

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
                raise NotImplementedError(f"a kernel calls {name}, which is neither a kernel nor of the C library")
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
    """Write the function that reads the arguments from a row of words, and calls the kernel with them."""
    word = ir.IntType(64)
    function = ir.Function(module, ir.FunctionType(ir.IntType(32), [word.as_pointer()]), SYMBOL)
    builder = ir.IRBuilder(function.append_basic_block())
    words = _Words(context, builder, function.args[0])
    arguments = [words.read(argument_type) for argument_type in description.argtypes]
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


class _Words:
    """Reads one argument after the other."""

    def __init__(self, context, builder, words):
        self._context, self._builder, self._words = context, builder, words
        self._place = 0

    def _load(self, words, place):
        return self._builder.load(self._builder.gep(words, [ir.IntType(64)(place)]))

    def _as_words(self, address):
        return self._builder.inttoptr(address, ir.IntType(64).as_pointer())

    def _next(self):
        self._place += 1  # the first word is the result's
        return self._load(self._words, self._place)

    def read(self, argument_type):
        """The next argument, as Numba's code works with it."""
        context, builder = self._context, self._builder
        if isinstance(argument_type, types.Array):
            return self._read_array(argument_type)
        if isinstance(argument_type, types.BaseTuple):
            return context.make_tuple(builder, argument_type, [self.read(item) for item in argument_type])
        word = self._next()
        if argument_type is types.boolean:
            return builder.trunc(word, ir.IntType(1))
        bits = word if argument_type.bitwidth == 64 else builder.trunc(word, ir.IntType(argument_type.bitwidth))
        return builder.bitcast(bits, context.get_value_type(argument_type))

    def _read_array(self, array_type):
        context, builder = self._context, self._builder
        view = context.make_array(array_type)(context, builder)
        fields = self._as_words(self._next())
        data, shape, strides = (self._load(fields, FIRST_FIELD // 8 + place) for place in (0, 2, 3))
        shape, strides = self._as_words(shape), self._as_words(strides)
        dimensions = range(array_type.ndim)
        populate_array(
            view, builder.inttoptr(data, view.data.type), [self._load(shape, d) for d in dimensions],
            [self._load(strides, d) for d in dimensions],
            context.get_constant(types.intp, array_type.dtype.bitwidth // 8), None,
        )  # fmt: skip
        return view._getvalue()
