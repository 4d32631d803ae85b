"""How many threads this process may use: the one place that decides it."""

import os
import threading

import joblib
from joblib.parallel import get_active_backend

_LIMITS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")


def _environment_limits():
    """Thread limits set for this process; joblib sets both in its worker processes."""
    limits = []
    for name in _LIMITS:
        # OMP_NUM_THREADS may be a list, one number a nesting level.
        value = os.environ.get(name, "").split(",")[0].strip()
        if value.isdigit() and int(value) > 0:
            limits.append(int(value))
    return limits


def allowed_threads(n_jobs):
    """Turn an estimator's ``n_jobs`` into a number of threads.

    Parameters
    ----------
    n_jobs : int or None
        None: all that this process may use, that is the cores it may run on, limited by ``NUMBA_NUM_THREADS`` and
        ``OMP_NUM_THREADS`` (which joblib sets in its worker processes). One in a worker process of joblib that sets
        neither, and in a worker thread of joblib, whose fellows are in the same process.
        A positive number: so many, whatever the machine has. A negative one: ``n_cores + 1 + n_jobs``, but at
        least 1.

    Returns
    -------
    n_threads : int
    """
    if n_jobs is not None and n_jobs > 0:
        return int(n_jobs)
    n_cores = joblib.cpu_count()
    if n_jobs is not None:
        return max(1, n_cores + 1 + int(n_jobs))
    limits = _environment_limits()
    is_joblib_worker = (get_active_backend()[0].nesting_level or 0) > 0
    is_thread = threading.current_thread() is not threading.main_thread()
    if is_joblib_worker and (is_thread or not limits):
        return 1
    return min([n_cores, *limits])
