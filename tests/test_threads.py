import joblib
import pytest

from skdigits._threads import allowed_threads

VARIABLES = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """A machine of six cores without any limit set."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 6)


@pytest.mark.parametrize(("n_jobs", "expected"), [(None, 6), (1, 1), (4, 4), (40, 40), (-1, 6), (-2, 5), (-99, 1)])
def test_numbers(n_jobs, expected):
    assert allowed_threads(n_jobs) == expected


@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.parametrize(("value", "expected"), [("2", 2), ("99", 6), ("3,1", 3), ("", 6), ("many", 6), ("0", 6)])
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
