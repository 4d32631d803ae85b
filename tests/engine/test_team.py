import _thread
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from skdigits._engine.team import ThreadTeam, share_work, useful_threads
from skdigits._kernels import barrier, codes


@pytest.fixture
def control():
    return np.full(codes.CONTROL_SIZE, 7, np.int64)


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_every_number_is_called_once(control, n_threads):
    seen = []
    with ThreadTeam(n_threads) as team:
        team.run(seen.append, control)
        team.run(seen.append, control)
    assert sorted(seen) == sorted(2 * list(range(n_threads)))


def test_control_is_cleared(control):
    with ThreadTeam(1) as team:
        team.run(lambda t: None, control)
    assert not control.any()


def test_error_in_one_thread_ends_all(control):
    def work(t):
        if t == 1:
            raise OverflowError("too much")
        assert not barrier.wait_for_all(control, 3)

    with ThreadTeam(3) as team, pytest.raises(OverflowError, match="too much"):
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

    with ThreadTeam(n_threads) as team, pytest.raises(KeyboardInterrupt):
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
    with ThreadTeam(3) as team, pytest.raises(RuntimeError, match="start new thread"):
        team.run(started.append, control)
    assert started == []


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_every_number_of_short_work_is_called_once(control, n_threads):
    seen = []
    share_work(seen.append, n_threads, control)
    assert sorted(seen) == list(range(n_threads))


def test_control_of_short_work_is_cleared(control):
    share_work(lambda t: None, 2, control)
    assert not control.any()


def test_short_work_is_shared_between_the_calling_thread_and_new_ones(control):
    threads, all_there = [None] * 3, threading.Barrier(3)

    def work(t):
        threads[t] = threading.get_ident()
        all_there.wait(30)

    share_work(work, 3, control)
    assert threads[0] == threading.get_ident()
    assert len(set(threads)) == 3


@pytest.mark.parametrize("failing", [0, 1])
def test_error_in_short_work_asks_the_others_to_stop_and_waits_for_them(control, failing):
    stopped, both_there = [], threading.Barrier(2)

    def work(t):
        both_there.wait(30)
        if t == failing:
            raise OverflowError("too much")
        deadline = time.monotonic() + 30
        while not control[codes.STOP_REQUESTED] and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.01)
        stopped.append(t)

    with pytest.raises(OverflowError, match="too much"):
        share_work(work, 2, control)
    assert stopped == [1 - failing]
    assert control[codes.STOP_REQUESTED] == 1


@pytest.fixture
def late_threads(monkeypatch):
    """Threads that are asked for and do not begin: what they are to do."""
    late = []
    monkeypatch.setattr(_thread, "start_new_thread", lambda function, arguments: late.append((function, arguments)))
    return late


def test_short_work_of_late_threads_is_done_by_the_calling_one(control, late_threads):
    seen = []
    share_work(seen.append, 3, control)
    assert seen == [0, 1, 2]
    for function, arguments in late_threads:
        function(*arguments)
    assert seen == [0, 1, 2]


def test_late_threads_do_nothing_after_an_error(control, late_threads):
    seen = []

    def work(t):
        seen.append(t)
        raise OverflowError("too much")

    with pytest.raises(OverflowError, match="too much"):
        share_work(work, 3, control)
    for function, arguments in late_threads:
        function(*arguments)
    assert seen == [0]


def test_short_work_needs_no_threads(control, monkeypatch):
    def refuse(function, arguments):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    seen = []
    share_work(seen.append, 3, control)
    assert seen == [0, 1, 2]


@pytest.mark.usefixtures("sigint_raises")
def test_interrupt_of_short_work_asks_all_to_stop_and_waits_for_them(control):
    finished, begun = [], threading.Event()

    def work(t):
        if t == 0:
            begun.wait(30)
            return
        begun.set()
        threading.Timer(0.2, _thread.interrupt_main).start()
        deadline = time.monotonic() + 30
        while not control[codes.STOP_REQUESTED] and time.monotonic() < deadline:
            time.sleep(0.001)
        finished.append(t)

    with pytest.raises(KeyboardInterrupt):
        share_work(work, 2, control)
    assert finished == [1]
    assert control[codes.STOP_REQUESTED] == 1


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
