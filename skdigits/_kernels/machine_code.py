"""Machine code brought into the process, by LLVM's loader alone: Numba is not needed for that."""

import ctypes
from functools import cache

import llvmlite.binding as llvm

# The name of the function that is to be called.
SYMBOL = "skdigits_kernel"


@cache
def processor():
    """What the code of this machine's processor may be made of."""
    return f"{llvm.get_process_triple()} {llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"


@cache
def _target():
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple()


class MachineCode:
    """The code of one kernel, callable; the GIL is released while it runs.

    Parameters
    ----------
    code : bytes
        An object file with a function of the name `SYMBOL`, which takes the address of a row of words.
    """

    def __init__(self, code):
        # A loader of its own: what is in the file then has no names that another file could be taken for.
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target().create_target_machine(jit=True))
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()
        address = self._engine.get_function_address(SYMBOL)
        if not address:
            raise RuntimeError(f"no function {SYMBOL} in the code of a kernel")
        self._function = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(address)

    def __call__(self, words):
        status = self._function(words.buffer_info()[0])
        if status:
            raise RuntimeError(f"a kernel ended with status {status}")
