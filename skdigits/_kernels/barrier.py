"""A barrier for kernels that run side by side in Python threads, on one shared array of integers.

Numba has no atomic operations for the CPU, so that two of LLVM's are spelt out here. A thread that waits spins for a
moment, which is enough where every thread has a core, then yields its time slice, so that more threads than cores
still make progress.
"""

import sys
import threading
import time

import numba
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from skdigits._kernels.codes import ABORT, ARRIVED, GENERATION
from skdigits._kernels.jit import kernel

_SPINS_BEFORE_YIELD = 2000

if numba.config.DISABLE_JIT:
    _lock = threading.Lock()

    def _atomic_add(array, index, value):
        with _lock:
            array[index] += value
            return array[index] - value

    def _atomic_load(array, index):
        return array[index]

    def _yield_thread():
        time.sleep(0)

else:

    def _element_pointer(context, builder, array_type, array, index):
        array = context.make_array(array_type)(context, builder, array)
        return cgutils.get_item_pointer(context, builder, array_type, array, [index], wraparound=False)

    @intrinsic
    def _atomic_add(typing_context, array, index, value):
        """Add to array[index]; return what stood there before."""

        def generate(context, builder, signature, arguments):
            pointer = _element_pointer(context, builder, signature.args[0], arguments[0], arguments[1])
            return builder.atomic_rmw("add", pointer, arguments[2], "seq_cst")

        return array.dtype(array, types.intp, array.dtype), generate

    @intrinsic
    def _atomic_load(typing_context, array, index):
        """Read array[index] as other threads last wrote it."""

        def generate(context, builder, signature, arguments):
            pointer = _element_pointer(context, builder, signature.args[0], arguments[0], arguments[1])
            return builder.load_atomic(pointer, "seq_cst", 8)

        return array.dtype(array, types.intp), generate

    _yield_thread = types.ExternalFunction(
        "SwitchToThread" if sys.platform == "win32" else "sched_yield", types.int32()
    )


@kernel
def wait_for_all(control, n_threads):
    """Wait until all threads have come here.

    Parameters
    ----------
    control : int64 array of shape (CONTROL_SIZE,)
        Shared by the threads of one call, zero at its start.
    n_threads : int
        How many threads take part.

    Returns
    -------
    go_on : bool
        False where another thread has failed (``control[ABORT]`` is set): this one must return at once.
    """
    if n_threads == 1:
        return True
    generation = _atomic_load(control, GENERATION)
    if _atomic_add(control, ARRIVED, 1) == n_threads - 1:
        _atomic_add(control, ARRIVED, -n_threads)
        _atomic_add(control, GENERATION, 1)
        return True
    spins = 0
    while _atomic_load(control, GENERATION) == generation:
        if _atomic_load(control, ABORT) != 0:
            return False
        spins += 1
        if spins > _SPINS_BEFORE_YIELD:
            _yield_thread()
    return True


@kernel
def read_flag(control, index):
    """Read one place of the control array as other threads last wrote it."""
    return _atomic_load(control, index)
