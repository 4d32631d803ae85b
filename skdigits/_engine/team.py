"""Runs one kernel in several Python threads, and ends all of them when one fails or the user interrupts."""

import _thread
import threading
import time
from concurrent.futures import Future, wait
from contextlib import nullcontext, suppress

from skdigits._kernels.codes import ABORT, STOP_REQUESTED

# Multiplications that a thread is worth which stands at a barrier, or is to be started: with fewer one thread would be
# done before the next has begun.
LEAST_WORK = {"waiting": 1_000_000, "new": 60_000_000}


def useful_threads(n_threads, n_multiplications, state):
    """How many of the allowed threads a piece of work is worth, which are 'waiting' or 'new'."""
    return max(1, min(n_threads, n_multiplications // LEAST_WORK[state]))


# All waiting has a time-out, because a signal need not wake a thread that waits for a lock.
_SECONDS_BETWEEN_LOOKS = 0.1


def share_work(function, n_threads, control):
    """Call function(t) for each t below `n_threads`: for 0 in the calling thread, for the others in new ones.

    For short work without barriers. The calling thread waits for none of the new ones to begin, but does the work of
    those that have not, or that the system refuses, when its own is done: a core that sleeps can take longer to wake
    up than all of the work.

    Parameters
    ----------
    function : callable
        Takes a number; is to look at `control` between its pieces.
    n_threads : int
    control : int64 array of shape (CONTROL_SIZE,)
        Cleared here; told to stop when a thread fails or the user interrupts.
    """
    control[:] = 0
    futures: list[Future] = []
    try:
        with suppress(RuntimeError):
            _start_threads(futures, range(1, n_threads), nullcontext(), control, function)
        for t in range(n_threads):
            if t == 0 or t > len(futures) or futures[t - 1].cancel():
                function(t)
        _wait_for([future for future in futures if not future.cancelled()])
    except BaseException:
        control[STOP_REQUESTED] = 1
        wait([future for future in futures if not future.cancel()])
        raise
    finally:
        futures.clear()  # their exceptions know this frame


def run_together(function, n_threads, control, *, in_caller=False, deadline=None):
    """Call function(t, n_threads) for each t below `n_threads`, all at the same time, in new threads.

    Where the system refuses a thread, function(0, 1) is called in the calling one.

    Parameters
    ----------
    function : callable
        Takes the number of its thread, and how many there are.
    n_threads : int
    control : int64 array of shape (CONTROL_SIZE,)
        Shared by the threads and cleared here. When one of them fails the others leave at their next barrier; on
        KeyboardInterrupt all finish their mini-batch, and then it is raised.
    in_caller : bool, default=False
        Whether the calling thread is number 0. It is in short work; not in long work, because a Ctrl-C is only noticed
        in the main thread between two calls of compiled code.
    deadline : float or None, default=None
        Of :func:`time.monotonic`, at which all finish their mini-batch; the calling thread sees none.
    """
    control[:] = 0
    futures: list[Future] = []
    gate = threading.Lock()
    try:
        # Nobody begins before all are there: a thread that was never started would be waited for at every barrier.
        with gate:
            try:
                _start_threads(futures, range(int(in_caller), n_threads), gate, control, function, n_threads)
            except BaseException:
                for future in futures:
                    future.cancel()
                raise
    except RuntimeError:
        function(0, 1)
        return
    try:
        if in_caller:
            _abort_on_error(control, function, 0, n_threads)
        _wait_for(futures, control, deadline)
    except BaseException:
        control[STOP_REQUESTED] = 1
        wait(futures)
        raise


def _abort_on_error(control, function, *arguments):
    """Call a function; where it fails, others leave at their next piece or barrier."""
    try:
        return function(*arguments)
    except BaseException:
        control[STOP_REQUESTED] = control[ABORT] = 1
        raise


def _start_threads(futures, numbers, gate, control, function, *arguments):
    """Start a thread for each number, and append what it will have done to `futures`.

    Starting a :class:`threading.Thread` would wait until it has begun, which takes as long as recognising 300 digits.
    The threads of an executor cannot be had when the main thread has ended and others go on.
    """
    for t in numbers:
        future: Future = Future()
        _thread.start_new_thread(_work, (gate, future, control, function, t, *arguments))
        futures.append(future)


def _work(gate, future, control, function, *arguments):
    """What a thread does: the work of a future that has not been cancelled."""
    with gate:
        pass
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(_abort_on_error(control, function, *arguments))
    except BaseException as exception:
        future.set_exception(exception)
        del future  # the exception knows this frame


def _wait_for(futures, control=None, deadline=None):
    """Wait until all have ended, and raise the exception of the first that has one."""
    while wait(futures, _SECONDS_BETWEEN_LOOKS).not_done:
        if deadline is not None and time.monotonic() >= deadline:
            control[STOP_REQUESTED] = 1
    while futures:
        futures.pop(0).result()
