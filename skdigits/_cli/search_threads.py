"""Fits of a search in threads of this process, all of which have ended when it is interrupted."""

import contextlib
import threading

import joblib
from joblib.parallel import ThreadingBackend

from skdigits._interrupts import held_interrupts


class WholePool(ThreadingBackend):
    """Makes all of its threads or none: joblib would not know of some that they are to end."""

    def _get_pool(self):
        with held_interrupts():
            return super()._get_pool()


@contextlib.contextmanager
def in_threads(n_jobs, display):
    """Have joblib make fits in threads, and wait for these where the ``with`` block ends with an error.

    joblib leaves its daemon threads to themselves: they would write down fits after what the user is told, and
    `numpy.unique` aborts a process that ends while a daemon thread is in it.

    Parameters
    ----------
    n_jobs : int
    display : SearchDisplay
        Tells the fits to stop after their present epoch.
    """
    before = set(threading.enumerate())
    try:
        with joblib.parallel_config(WholePool(), n_jobs=n_jobs):
            yield
    except BaseException:
        display.stop()
        for thread in set(threading.enumerate()) - before:
            thread.join()
        raise
