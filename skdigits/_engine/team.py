"""Runs one kernel in several Python threads, and ends all of them when one fails or the user interrupts."""

import _thread
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress

from skdigits._kernels.codes import ABORT, STOP_REQUESTED

# Multiplications that a thread is worth which stands at a barrier, is to be woken up, or is to be started: with fewer
# one thread would be done before the next has begun.
LEAST_WORK = {"waiting": 1_000_000, "asleep": 40_000_000, "new": 60_000_000}


def useful_threads(n_threads, n_multiplications, state):
    """How many of the allowed threads a piece of work is worth, which are 'waiting', 'asleep' or 'new'."""
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
    futures: list[Future] = [Future() for _ in range(1, n_threads)]

    def work(t, future):
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(function(t))
        except BaseException as exception:
            control[STOP_REQUESTED] = 1
            future.set_exception(exception)

    try:
        with suppress(RuntimeError):
            for t, future in enumerate(futures, 1):
                # Starting a threading.Thread waits until it has begun, which takes as long as recognising 300 digits.
                _thread.start_new_thread(work, (t, future))
        function(0)
        for t, future in enumerate(futures, 1):
            if future.cancel():
                function(t)
        begun = [future for future in futures if not future.cancelled()]
        while wait(begun, _SECONDS_BETWEEN_LOOKS).not_done:
            pass
        for future in begun:
            future.result()
    except BaseException:
        control[STOP_REQUESTED] = 1
        wait([future for future in futures if not future.cancel()])
        raise


def _has_ended(outcome):
    """Whether all work is done, or some of it has failed."""
    return not outcome.not_done or any(future.exception() for future in outcome.done)


class ThreadTeam:
    """Threads that live as long as a ``with`` block; started when first used, so that a fork finds none waiting.

    Parameters
    ----------
    n_threads : int
        How many threads work at a time. The calling thread is none of them, because a Ctrl-C is only noticed in the
        main thread between two calls of compiled code.
    """

    def __init__(self, n_threads):
        self.n_threads = n_threads
        self._pool = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._shut_down()

    def run(self, function, control, *, deadline=None):
        """Call function(t) for each t below `n_threads`, all at the same time.

        Parameters
        ----------
        function : callable
            Takes the number of its thread.
        control : int64 array of shape (CONTROL_SIZE,)
            Shared by the threads and cleared here. When one of them fails the others leave at their next barrier; on
            KeyboardInterrupt all finish their mini-batch, and then it is raised.
        deadline : float or None, default=None
            Of :func:`time.monotonic`, at which all finish their mini-batch.
        """
        control[:] = 0
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.n_threads, thread_name_prefix="skdigits")
        # Nobody starts before all are there: a thread that was never submitted would be waited for at every barrier.
        start = threading.Event()
        cancelled: list[bool] = []

        def work(t):
            start.wait()
            if not cancelled:
                function(t)

        try:
            futures = [self._pool.submit(work, t) for t in range(self.n_threads)]
            start.set()
            while not _has_ended(wait(futures, _SECONDS_BETWEEN_LOOKS, return_when=FIRST_EXCEPTION)):
                if deadline is not None and time.monotonic() >= deadline:
                    control[STOP_REQUESTED] = 1
        except BaseException:
            if not start.is_set():
                cancelled.append(True)
            control[STOP_REQUESTED] = 1
            start.set()
            self._shut_down()
            raise
        if not all(future.done() for future in futures):
            control[ABORT] = 1
        for future in futures:
            future.result()

    def _shut_down(self):
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
