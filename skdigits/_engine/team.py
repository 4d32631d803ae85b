"""Runs one kernel in several Python threads, and ends all of them when one fails or the user interrupts."""

import _thread
import threading
import time
from contextlib import nullcontext
from functools import partial

from skdigits._engine.placement import begin_on, processors_for
from skdigits._interrupts import held_interrupts
from skdigits._kernels.codes import ABORT, STOP_REQUESTED

# Multiplications that a thread is worth which stands at a barrier, or is to be started: with fewer one thread would be
# done before the next has begun.
LEAST_WORK = {"waiting": 1_000_000, "new": 60_000_000}


def useful_threads(n_threads, n_multiplications, state):
    """How many of the allowed threads a piece of work is worth, which are 'waiting' or 'new'."""
    return max(1, min(n_threads, n_multiplications // LEAST_WORK[state]))


# Waiting has a time-out, because a signal need not wake a thread that waits for a lock.
_SECONDS_BETWEEN_LOOKS = 0.1


class _Task:
    """What a thread is to do, unless somebody has taken it before the thread has begun."""

    def __init__(self):
        self._claim, self._ended = threading.Lock(), threading.Lock()
        self._ended.acquire()
        self._is_done, self._error = False, None

    def take(self):
        """Whether the caller is the first that takes it."""
        return self._claim.acquire(blocking=False)

    def cancel(self):
        """Keep the thread from beginning; return whether it had not."""
        if self.take():
            self._is_done = True
            return True
        return False

    def end(self, error=None):
        """Say that it is done, in the thread that has done it."""
        self._error, self._is_done = error, True
        self._ended.release()

    def wait(self, control, deadline=None):
        """Wait until it is done; at the deadline tell all to stop."""
        while not self._is_done:
            seconds = _SECONDS_BETWEEN_LOOKS
            if deadline is not None:
                seconds = min(max(deadline - time.monotonic(), 0.0), seconds)
            self._ended.acquire(timeout=seconds)
            if deadline is not None and time.monotonic() >= deadline:
                control[STOP_REQUESTED] = 1
                deadline = None

    def raise_error(self):
        """Raise the error with which it ended, if there was one."""
        error, self._error = self._error, None
        try:
            if error is not None:
                raise error
        finally:
            del error  # it knows this frame


def share_work(function, n_threads, control):
    """Call function(t) for each t below `n_threads`: for 0 in the calling thread, for the others in new ones.

    For short work without barriers. The calling thread waits for none of the new ones to begin, but does the work of
    those that have not, or that the system refuses, when its own is done: a core that sleeps can take longer to wake
    up than all of the work.

    Parameters
    ----------
    function : callable
        Takes a number; may look at `control` between its pieces.
    n_threads : int
    control : int64 array of shape (CONTROL_SIZE,)
        Cleared here; told to stop when a thread fails or the user interrupts.
    """
    control[:] = 0
    if n_threads == 1:  # nobody has to be waited for, and to hold interrupts takes as long as recognising a digit
        function(0)
        return
    tasks: list[_Task] = []
    with held_interrupts(partial(control.__setitem__, STOP_REQUESTED, 1)) as interrupts:
        try:
            # Not where threads wait for each other: the system puts those of one process on one processor where
            # another process is busy, too, and they would wait for one that has no turn.
            places = processors_for(n_threads)
            _start_threads(tasks, range(1, n_threads), places, nullcontext(), control, function)
            for t in range(n_threads):
                if t == 0 or t > len(tasks) or tasks[t - 1].cancel():
                    function(t)
            _wait_for(tasks, control)
        except BaseException:
            control[STOP_REQUESTED] = 1
            _end_all(tasks, control)
            raise
        interrupts.raise_now()


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
        Ctrl-C all finish their mini-batch, and then KeyboardInterrupt is raised.
    in_caller : bool, default=False
        Whether the calling thread is number 0. It is in short work; not in long work, because a Ctrl-C is only noticed
        in the main thread between two calls of compiled code.
    deadline : float or None, default=None
        Of :func:`time.monotonic`, at which all finish their mini-batch; the calling thread sees none.
    """
    control[:] = 0
    tasks: list[_Task] = []
    gate, numbers = threading.Lock(), range(int(in_caller), n_threads)
    with held_interrupts(partial(control.__setitem__, STOP_REQUESTED, 1)) as interrupts:
        try:
            # Nobody begins before all are there: a thread that was never started would be waited for at every barrier.
            with gate:
                all_started = _start_threads(tasks, numbers, [], gate, control, function, n_threads)
                if not all_started:
                    _end_all(tasks, control)
            if all_started:
                if in_caller:
                    function(0, n_threads)
                _wait_for(tasks, control, deadline)
        except BaseException:
            control[STOP_REQUESTED] = 1
            # Others wait at a barrier for what has not begun, or has failed.
            has_cancelled = [task.cancel() for task in tasks]
            if in_caller or any(has_cancelled):
                control[ABORT] = 1
            _end_all(tasks, control)
            raise
        if not all_started:
            function(0, 1)
        interrupts.raise_now()


def _start_threads(tasks, numbers, processors, gate, control, function, *arguments):
    """Start a thread for each number, and append its task to `tasks`; return whether the system has refused none.

    Starting a :class:`threading.Thread` would wait until it has begun, which takes as long as recognising 300 digits.
    The threads of an executor cannot be had when the main thread has ended and others go on.
    """
    for t in numbers:
        # Before it is started: an interruption may come right behind.
        tasks.append(_Task())
        try:
            _thread.start_new_thread(_work, (processors, gate, tasks[-1], control, function, t, *arguments))
        except RuntimeError:
            tasks.pop()
            return False
    return True


def _work(processors, gate, task, control, function, t, *arguments):
    """What a thread does: its task, unless that has been taken."""
    if processors:
        begin_on(processors[t], processors)
    with gate:
        pass
    error = None
    if task.take():
        try:
            function(t, *arguments)
        except BaseException as raised:
            control[STOP_REQUESTED] = control[ABORT] = 1
            error = raised
    task.end(error)
    del error, task  # which know this frame


def _wait_for(tasks, control, deadline=None):
    """Wait until all have ended, and raise the error of the first that has one."""
    for task in tasks:
        task.wait(control, deadline)
    for task in tasks:
        task.raise_error()


def _end_all(tasks, control):
    """Keep those from beginning that have not, and wait for the others."""
    for task in tasks:
        if not task.cancel():
            task.wait(control)
