import os
import sys
from types import ModuleType

import joblib
import pytest
import threadpoolctl
from sklearn.datasets import load_digits

from skdigits import MLPDigitClassifier, _threads
from skdigits._threads import allowed_threads, one_blas_thread

VARIABLES = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """A machine of six cores without any limit set."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(_threads, "_count_cores", lambda: 6)


@pytest.mark.parametrize(("n_jobs", "expected"), [(None, 6), (1, 1), (4, 4), (40, 6), (-1, 6), (-2, 5), (-99, 1)])
def test_numbers(n_jobs, expected):
    assert allowed_threads(n_jobs) == expected


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="a system without affinities")
@pytest.mark.parametrize(("affinity", "limit", "n_counts"), [({0, 1}, "7", 1), ({0, 1, 2}, "7", 2), ({0, 1}, "3", 2)])
def test_cores_are_counted_anew_where_what_limits_them_has_changed(monkeypatch, affinity, limit, n_counts):
    monkeypatch.undo()
    counts = []
    monkeypatch.setattr(joblib, "cpu_count", lambda: counts.append(1) or len(counts))
    for now_allowed, now_limit in (({0, 1}, "7"), (affinity, limit)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid, cores=now_allowed: cores)
        monkeypatch.setenv("LOKY_MAX_CPU_COUNT", now_limit)
        last = allowed_threads(-1)
    _threads._ask_joblib.cache_clear()
    assert last == len(counts) == n_counts


@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.parametrize(
    ("value", "expected"), [("2", 2), ("99", 6), ("3,1", 3), ("", 6), ("many", 6), ("0", 6), ("²", 6)]
)
def test_environment_limits_all_that_may_be_used(monkeypatch, name, value, expected):
    monkeypatch.setenv(name, value)
    assert allowed_threads(None) == expected


def test_environment_does_not_limit_a_number_asked_for(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert allowed_threads(5) == 5


def test_smaller_limit_wins(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    monkeypatch.setenv("NUMBA_NUM_THREADS", "3")
    assert allowed_threads(None) == 3


def test_another_module_named_distributed_does_no_harm(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", ModuleType("distributed"))
    assert allowed_threads(None) == 6


def test_worker_threads_of_joblib_get_one_each():
    counts = joblib.Parallel(n_jobs=2, backend="threading")(joblib.delayed(allowed_threads)(None) for _ in range(2))
    assert counts == [1, 1]


def test_worker_threads_share_what_the_environment_allows_to_the_process(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    counts = joblib.Parallel(n_jobs=4, backend="threading")(joblib.delayed(allowed_threads)(None) for _ in range(4))
    assert counts == [1, 1, 1, 1]


def test_worker_processes_of_joblib_share_the_cores():
    with joblib.parallel_config("loky", inner_max_num_threads=1):
        counts = joblib.Parallel(n_jobs=2)(joblib.delayed(allowed_threads)(None) for _ in range(2))
    assert counts == [1, 1]


def blas_threads():
    """How many threads each BLAS library of this process uses."""
    return {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture
def three_blas_threads():
    """Three threads, whatever the machine has."""
    with threadpoolctl.threadpool_limits(3, user_api="blas"):
        if blas_threads() != {3}:
            pytest.skip("the BLAS library of NumPy has one thread only")
        yield


def test_blas_threads_are_restored(three_blas_threads):
    with one_blas_thread():
        assert blas_threads() == {1}
    assert blas_threads() == {3}


def test_last_of_several_restores_blas_threads(three_blas_threads):
    first, second = one_blas_thread(), one_blas_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert blas_threads() == {1}
    second.__exit__(None, None, None)
    assert blas_threads() == {3}


def test_blas_threads_are_restored_behind_an_error(three_blas_threads):
    with pytest.raises(ZeroDivisionError), one_blas_thread():
        1 / 0  # noqa: B018
    assert blas_threads() == {3}


class BlasWatch:
    """A callback that writes down how many threads BLAS has after each iteration."""

    def __init__(self):
        self.seen = []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.seen.append(blas_threads())


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_lbfgs_keeps_blas_to_one_thread(three_blas_threads):
    X, y = load_digits(return_X_y=True)
    watch = BlasWatch()
    MLPDigitClassifier(solver="lbfgs", max_iter=2).set_callbacks(watch).fit(X / 16, y)
    assert watch.seen[0] == {1}
    assert blas_threads() == {3}
