"""How many threads this process may use: the one place that decides it."""

import copy
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import joblib
import threadpoolctl  # scikit-learn needs it
from joblib.parallel import get_active_backend

_LIMITS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")


def _count_cores() -> int:
    """Cores that this process may run on; counted anew where its affinity or joblib's limit has changed.

    Not where a container has got another share of the cores since, or on a system that tells no affinity.
    """
    affinity = frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return _ask_joblib(affinity, os.environ.get("LOKY_MAX_CPU_COUNT"))


@lru_cache(maxsize=16)
def _ask_joblib(affinity: frozenset[int] | None, limit: str | None) -> int:
    """Kept, as scikit-learn keeps it: reading the limits of a container takes as long as recognising 300 digits."""
    return joblib.cpu_count()


def _environment_limits() -> list[int]:
    """Thread limits set for this process; joblib sets both in its worker processes."""
    limits = []
    for name in _LIMITS:
        # OMP_NUM_THREADS may be a list, one number a nesting level.
        value = os.environ.get(name, "").split(",")[0].strip()
        if value.isdecimal() and int(value) > 0:
            limits.append(int(value))
    return limits


def _threads_of_dask_worker() -> int | None:
    """How many tasks the Dask worker that runs this one may run at once in this process; None outside of a worker."""
    # A worker has imported it; another module of that name, or one that is being imported, has no such function.
    get_worker = getattr(sys.modules.get("distributed"), "get_worker", None)
    if get_worker is None:
        return None
    try:
        return get_worker().state.nthreads
    except ValueError:
        return None


def allowed_threads(n_jobs: int | None) -> int:
    """Turn an estimator's ``n_jobs`` into a number of threads.

    Parameters
    ----------
    n_jobs : int or None
        None: all that this process may use, that is the cores it may run on, limited by ``NUMBA_NUM_THREADS`` and
        ``OMP_NUM_THREADS`` (which joblib sets in its worker processes). One in a worker process of joblib that sets
        neither, in a worker thread of joblib, whose fellows are in the same process, and in a worker of Dask that
        sets neither; the threads of a Dask worker share the cores.
        A positive number: so many, but at most a core each, as more would only wait for one another. A negative one:
        ``n_cores + 1 + n_jobs``, but at least 1.

    Returns
    -------
    n_threads : int
    """
    n_cores = _count_cores()
    if n_jobs is not None and n_jobs > 0:
        return min(int(n_jobs), n_cores)
    if n_jobs is not None:
        return max(1, n_cores + 1 + int(n_jobs))
    limits = _environment_limits()
    n_tasks = _threads_of_dask_worker()
    is_joblib_worker = (get_active_backend()[0].nesting_level or 0) > 0
    is_thread = n_tasks is None and threading.current_thread() is not threading.main_thread()
    if is_joblib_worker and is_thread:
        return 1
    if (is_joblib_worker or n_tasks is not None) and not limits:
        return 1
    return min([max(1, n_cores // (n_tasks or 1)), *limits])


def with_threads_of(n_jobs: int | None, transformer: Any) -> Any:
    """A transformer itself, or a copy that uses `n_jobs` where it has a parameter of this name and leaves it None."""
    if n_jobs is None or getattr(transformer, "n_jobs", 0) is not None:
        return transformer
    transformer = copy.copy(transformer)  # it is the user's
    transformer.n_jobs = n_jobs
    return transformer


class _BlasLimit:
    """One BLAS thread for as long as anybody in this process asks for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_users = 0
        self._limits: threadpoolctl.threadpool_limits | None = None

    def enter(self) -> None:
        with self._lock:
            if self._n_users == 0:
                self._limits = threadpoolctl.threadpool_limits(1, user_api="blas")
            self._n_users += 1

    def leave(self) -> None:
        with self._lock:
            self._n_users -= 1
            if self._n_users == 0 and self._limits is not None:
                self._limits.restore_original_limits()
                self._limits = None


_blas_limit = _BlasLimit()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep BLAS, which SciPy's optimizers call between two evaluations, to one thread.

    Its other threads wait for their next work by spinning, on the cores on which kernels run meanwhile: L-BFGS takes a
    third of the time without them. The number belongs to the process, so that the last of several fits that overlap
    restores it, not the first.
    """
    limit = _blas_limit  # another one in a child process that is forked meanwhile
    limit.enter()
    try:
        yield
    finally:
        limit.leave()


def _start_anew_in_child() -> None:
    """A forked process keeps one BLAS thread; the lock may have been held by a thread that is not in it."""
    global _blas_limit
    _blas_limit = _BlasLimit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew_in_child)
