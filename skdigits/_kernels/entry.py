"""How Python calls a kernel: from the disk where it has been compiled before, and then without Numba.

Importing Numba and making it ready takes half a second and forty megabytes, in each process.
"""

import contextlib
import gc
import os
import threading
from functools import cache
from importlib import import_module

from skdigits._interrupts import held_interrupts
from skdigits._kernels import disk_cache
from skdigits._kernels.packing import pack, unpack_result, unpacked

_PACKAGE = __name__.rpartition(".")[0]
_IS_PLAIN = os.environ.get("NUMBA_DISABLE_JIT", "0").strip() not in {"", "0"}
# Held while something is loaded or compiled, and while a process is forked: the child would find Numba's and Python's
# own locks held by a thread that it does not have.
_lock = threading.RLock()


@contextlib.contextmanager
def _paused_collector():
    """Keep Python's garbage collector from looking again and again through what the compiler still needs.

    That takes a sixth of the time of the first fit. The pause costs 64 MB, which are free again afterwards.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class EntryPoint:
    """A kernel, by its name. It is loaded or compiled when it is first called with arguments of some types.

    Parameters
    ----------
    module, name : str
        The file of the package in which it stands, and its name there.
    kernel : callable or None, default=None
        The kernel; None to import it when it has to be compiled.
    """

    def __init__(self, module, name, kernel=None):
        self._module, self._name, self._kernel = module, name, kernel
        self._codes = {}
        self.n_loaded = self.n_compiled = 0

    def __call__(self, *arguments):
        if _IS_PLAIN:
            return self._imported()(*unpacked(arguments))
        words, kinds = pack(arguments)
        code, result = self._codes.get(kinds) or self._get_ready(kinds, arguments)
        code(words)
        return unpack_result(words[0], result)

    def _imported(self):
        return self._kernel or getattr(import_module(f"{_PACKAGE}.{self._module}"), self._name)

    def _get_ready(self, kinds, arguments):
        # A Ctrl-C in the middle of an import or of the compiler would leave them broken.
        with held_interrupts(), _lock:
            from skdigits._kernels import machine_code

            if kinds not in self._codes:
                code = self._load_or_compile(kinds, arguments, machine_code.processor())
                # The first byte says what kind of number the kernel returns.
                self._codes[kinds] = machine_code.MachineCode(code[1:]), code[:1].decode()
            return self._codes[kinds]

    def _load_or_compile(self, kinds, arguments, processor):
        is_kept = self._kernel is None and disk_cache.is_on()
        name = f"{self._module}.{self._name}"
        code = disk_cache.load(name, kinds, processor) if is_kept else None
        if code is not None:
            self.n_loaded += 1
            return code
        with _paused_collector():
            code = self._imported().compile(unpacked(arguments))
        self.n_compiled += 1
        if is_kept:
            disk_cache.save(name, kinds, processor, code)
        return code


@cache
def entry_point(module, name):
    """The one entry point of a kernel of this package."""
    return EntryPoint(module, name)


def _start_anew_in_child():
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _lock.acquire(),
        after_in_parent=lambda: _lock.release(),
        after_in_child=_start_anew_in_child,
    )
