"""Runs one kernel in several Python threads, and ends all of them when one fails or the user interrupts."""

import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from skdigits._kernels.codes import ABORT, STOP_REQUESTED

# Multiplications that a thread is worth which stands at a barrier, is to be woken up, or is to be started: with fewer
# one thread would be done before the next has begun.
LEAST_WORK = {"waiting": 1_000_000, "asleep": 40_000_000, "new": 80_000_000}


def useful_threads(n_threads, n_multiplications, state):
    """How many of the allowed threads a piece of work is worth, which are 'waiting', 'asleep' or 'new'."""
    return max(1, min(n_threads, n_multiplications // LEAST_WORK[state]))


_SECONDS_BETWEEN_LOOKS = 0.1


def _has_ended(outcome):
    """Whether all work is done, or some of it has failed."""
    return not outcome.not_done or any(future.exception() for future in outcome.done)


class ThreadTeam:
    """Threads that live as long as a ``with`` block; started when first used, so that a fork finds none waiting.

    Parameters
    ----------
    n_threads : int
        How many threads work at a time.
    in_caller : bool
        Whether the calling thread takes part. It does in short work without barriers; not in long work, because a
        Ctrl-C is only noticed in the main thread between two calls of compiled code.
    """

    def __init__(self, n_threads, *, in_caller):
        self.n_threads = n_threads
        self._in_caller = in_caller
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
            Of :func:`time.monotonic`, at which all finish their mini-batch; work in the calling thread is too short.
        """
        control[:] = 0
        if self._in_caller and self.n_threads == 1:
            function(0)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.n_threads - self._in_caller, thread_name_prefix="skdigits")
        # Nobody starts before all are there: a thread that was never submitted would be waited for at every barrier.
        start = threading.Event()
        cancelled: list[bool] = []

        def work(t):
            start.wait()
            if not cancelled:
                function(t)

        try:
            futures = [self._pool.submit(work, t) for t in range(int(self._in_caller), self.n_threads)]
            start.set()
            if self._in_caller:
                function(0)
            # With a time-out, because a signal need not wake a thread that waits for a lock.
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
