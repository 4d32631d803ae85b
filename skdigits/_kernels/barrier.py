"""A barrier for kernels that run side by side in Python threads, on one shared array of integers.

A thread that waits spins for a moment, which is enough where every thread has a core, then yields its time slice, so
that more threads than cores still make progress.
"""

import sys
import time

import numba
from numba import types

from skdigits._kernels.atomics import atomic_add, atomic_load
from skdigits._kernels.codes import ABORT, ARRIVED, GENERATION
from skdigits._kernels.jit import kernel

_SPINS_BEFORE_YIELD = 100

if numba.config.DISABLE_JIT:

    def _yield_thread():
        time.sleep(0)

else:
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
    generation = atomic_load(control, GENERATION)
    if atomic_add(control, ARRIVED, 1) == n_threads - 1:
        atomic_add(control, ARRIVED, -n_threads)
        atomic_add(control, GENERATION, 1)
        return True
    spins = 0
    while atomic_load(control, GENERATION) == generation:
        if atomic_load(control, ABORT) != 0:
            return False
        spins += 1
        if spins > _SPINS_BEFORE_YIELD:
            _yield_thread()
    return True
