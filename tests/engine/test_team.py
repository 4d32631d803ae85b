import _thread
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from skdigits._engine.team import ThreadTeam, useful_threads
from skdigits._kernels import barrier, codes


@pytest.fixture
def control():
    return np.full(codes.CONTROL_SIZE, 7, np.int64)


@pytest.mark.parametrize("in_caller", [False, True])
@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_every_number_is_called_once(control, n_threads, in_caller):
    seen = []
    with ThreadTeam(n_threads, in_caller=in_caller) as team:
        team.run(seen.append, control)
        team.run(seen.append, control)
    assert sorted(seen) == sorted(2 * list(range(n_threads)))


def test_control_is_cleared(control):
    with ThreadTeam(1, in_caller=True) as team:
        team.run(lambda t: None, control)
    assert not control.any()


def test_short_single_work_stays_in_the_calling_thread(control):
    threads = []
    with ThreadTeam(1, in_caller=True) as team:
        team.run(lambda t: threads.append(threading.current_thread()), control)
    assert threads == [threading.main_thread()]


def test_calling_thread_takes_part_in_short_work(control):
    threads = [None] * 3
    with ThreadTeam(3, in_caller=True) as team:
        team.run(lambda t: threads.__setitem__(t, threading.current_thread()), control)
    assert threads[0] is threading.main_thread()
    assert None not in threads
    assert threading.main_thread() not in threads[1:]


def test_error_in_the_calling_thread_asks_the_others_to_stop(control):
    def work(t):
        if t == 0:
            raise OverflowError("too much")
        while not control[codes.STOP_REQUESTED]:
            time.sleep(0.001)

    with ThreadTeam(2, in_caller=True) as team, pytest.raises(OverflowError, match="too much"):
        team.run(work, control)


def test_error_in_one_thread_ends_all(control):
    def work(t):
        if t == 1:
            raise OverflowError("too much")
        assert not barrier.wait_for_all(control, 3)

    with ThreadTeam(3, in_caller=False) as team, pytest.raises(OverflowError, match="too much"):
        team.run(work, control)


@pytest.mark.usefixtures("sigint_raises")
@pytest.mark.parametrize("n_threads", [1, 2])
def test_interrupt_asks_all_to_stop_and_waits_for_them(control, n_threads):
    finished = []

    def work(t):
        # Late enough to find the main thread waiting, not still handing out the work.
        timer = threading.Timer(0.2, _thread.interrupt_main)
        if t == 0:
            timer.start()
        deadline = time.monotonic() + 30
        while not control[codes.STOP_REQUESTED] and time.monotonic() < deadline:
            time.sleep(0.001)
        finished.append(t)

    with ThreadTeam(n_threads, in_caller=False) as team, pytest.raises(KeyboardInterrupt):
        team.run(work, control)
    assert sorted(finished) == list(range(n_threads))
    assert control[codes.STOP_REQUESTED] == 1


def test_thread_that_cannot_be_started_lets_nobody_start(control, monkeypatch):
    started = []
    submit = ThreadPoolExecutor.submit

    def fail_for_the_last(pool, function, t):
        if t == 2:
            raise RuntimeError("can't start new thread")
        return submit(pool, function, t)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", fail_for_the_last)
    with ThreadTeam(3, in_caller=False) as team, pytest.raises(RuntimeError, match="start new thread"):
        team.run(started.append, control)
    assert started == []


@pytest.mark.parametrize(
    ("n_threads", "n_multiplications", "state", "expected"),
    [
        (8, 10, "waiting", 1),
        (8, 3_000_000, "waiting", 3),
        (8, 3_000_000, "asleep", 1),
        (8, 99_000_000, "asleep", 2),
        (8, 99_000_000, "new", 1),
        (2, 10**9, "new", 2),
        (1, 10**9, "waiting", 1),
    ],
)
def test_small_work_is_not_worth_a_thread(n_threads, n_multiplications, state, expected):
    assert useful_threads(n_threads, n_multiplications, state) == expected
