import _thread
import contextlib
import gc
import signal
import threading
import time
import weakref

import numpy as np
import pytest

from skdigits._engine import team
from skdigits._engine.team import run_together, share_work, useful_threads
from skdigits._kernels import barrier, codes


@pytest.fixture
def control():
    return np.full(codes.CONTROL_SIZE, 7, np.int64)


@pytest.mark.parametrize("in_caller", [False, True])
@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_every_number_is_called_once(control, n_threads, in_caller):
    seen = []
    run_together(lambda *numbers: seen.append(numbers), n_threads, control, in_caller=in_caller)
    assert sorted(seen) == [(t, n_threads) for t in range(n_threads)]


def test_control_is_cleared(control):
    run_together(lambda t, n_threads: None, 1, control)
    assert not control.any()


@pytest.mark.parametrize("in_caller", [False, True])
def test_all_work_at_the_same_time_and_the_calling_thread_where_it_is_to(control, in_caller):
    threads, all_there = [None] * 3, threading.Barrier(3)

    def work(t, n_threads):
        threads[t] = threading.get_ident()
        all_there.wait(30)

    run_together(work, 3, control, in_caller=in_caller)
    assert len(set(threads)) == 3
    assert (threads[0] == threading.get_ident()) == in_caller


@pytest.mark.parametrize("in_caller", [False, True])
@pytest.mark.parametrize("failing", [0, 1])
def test_error_in_one_thread_ends_all(control, failing, in_caller):
    def work(t, n_threads):
        if t == failing:
            raise OverflowError("too much")
        assert not barrier.wait_for_all(control, n_threads)

    with pytest.raises(OverflowError, match="too much"):
        run_together(work, 3, control, in_caller=in_caller)


@pytest.mark.usefixtures("sigint_raises")
def test_short_work_in_one_thread_holds_no_interrupts(control):
    """That would take as long as recognising a digit."""
    seen = []
    share_work(lambda t: seen.append((t, signal.getsignal(signal.SIGINT))), 1, control)
    assert seen == [(0, signal.default_int_handler)]


@pytest.mark.usefixtures("sigint_raises")
@pytest.mark.parametrize("run", [share_work, run_together])
def test_second_interrupt_waits_for_all_as_well(control, run):
    finished = []

    def work(t, n_threads=2):
        if t == 1:
            for _ in range(2):
                _thread.interrupt_main()
                time.sleep(0.2)  # for the main thread to see it
        finished.append(t)

    with pytest.raises(KeyboardInterrupt):
        run(work, 2, control)
    assert sorted(finished) == [0, 1]


@pytest.mark.usefixtures("sigint_raises")
@pytest.mark.parametrize("n_threads", [1, 2])
def test_interrupt_asks_all_to_stop_and_waits_for_them(control, n_threads):
    finished = []

    def work(t, n_threads):
        # Late enough to find the main thread waiting, not still handing out the work.
        timer = threading.Timer(0.2, _thread.interrupt_main)
        if t == 0:
            timer.start()
        deadline = time.monotonic() + 30
        while not control[codes.STOP_REQUESTED] and time.monotonic() < deadline:
            time.sleep(0.001)
        finished.append(t)

    with pytest.raises(KeyboardInterrupt):
        run_together(work, n_threads, control)
    assert sorted(finished) == list(range(n_threads))
    assert control[codes.STOP_REQUESTED] == 1


def test_deadline_asks_all_to_stop(control):
    def work(t, n_threads):
        deadline = time.monotonic() + 30
        while not control[codes.STOP_REQUESTED] and time.monotonic() < deadline:
            time.sleep(0.001)

    start = time.monotonic()
    run_together(work, 2, control, deadline=start + 0.2)
    assert 0.2 <= time.monotonic() - start < 30


@pytest.fixture
def refused_threads(monkeypatch):
    """How many threads can be started before the system refuses one."""
    start, left = _thread.start_new_thread, [0]

    def start_or_refuse(function, arguments):
        if left[0] == 0:
            raise RuntimeError("can't start new thread")
        left[0] -= 1
        return start(function, arguments)

    monkeypatch.setattr(_thread, "start_new_thread", start_or_refuse)
    return left


@pytest.mark.parametrize("in_caller", [False, True])
@pytest.mark.parametrize("n_started", [0, 1])
def test_where_a_thread_is_refused_the_calling_one_does_all(control, refused_threads, n_started, in_caller):
    refused_threads[0], seen = n_started, []
    run_together(lambda *numbers: seen.append((*numbers, threading.get_ident())), 3, control, in_caller=in_caller)
    time.sleep(0.01)
    assert seen == [(0, 1, threading.get_ident())]


@pytest.mark.parametrize("has_started", [False, True])
@pytest.mark.parametrize("run", [share_work, run_together])
def test_interrupt_while_threads_are_started_lets_nobody_go_on(control, monkeypatch, run, has_started):
    start, seen = _thread.start_new_thread, []

    def fail_for_the_second(function, arguments):
        if arguments[5] == 1 and has_started:
            start(function, arguments)
        if arguments[5] == 1:
            raise KeyboardInterrupt
        return start(function, arguments)

    def work(t, n_threads=2):
        seen.append(t)
        deadline = time.monotonic() + 30
        while not control[codes.STOP_REQUESTED] and time.monotonic() < deadline:
            time.sleep(0.001)
        seen.remove(t)

    monkeypatch.setattr(_thread, "start_new_thread", fail_for_the_second)
    with pytest.raises(KeyboardInterrupt):
        run(work, 2, control)
    assert seen == []
    time.sleep(0.01)
    assert seen == []


@pytest.fixture
def no_collections():
    """No callback of the garbage collector, where Python reports a Ctrl-C and then forgets it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer that interrupts")
@pytest.mark.parametrize("run", [share_work, run_together])
def test_interrupt_at_any_moment_leaves_nothing_behind(control, run, no_collections):
    working = [0, 0]

    def work(t, n_threads=2):
        try:
            working[t], deadline = 1, time.monotonic() + 30
            while not control[codes.STOP_REQUESTED] and time.monotonic() < deadline:
                time.sleep(0)
        finally:
            working[t] = 0

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for i in range(60):
            with contextlib.suppress(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, 2e-5 + 1e-5 * i)
                run(work, 2, control)
            assert working == [0, 0]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_error_after_a_thread_was_refused_knows_nothing_of_that(control, refused_threads):
    def fail(t, n_threads):
        raise OverflowError("too much")

    with pytest.raises(OverflowError, match="too much") as caught:
        run_together(fail, 2, control)
    assert caught.value.__context__ is None


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


@pytest.mark.parametrize("n_started", [0, 1])
def test_short_work_of_refused_threads_is_done_by_the_calling_one(control, refused_threads, n_started):
    refused_threads[0], seen = n_started, []
    share_work(seen.append, 3, control)
    assert sorted(seen) == [0, 1, 2]


@pytest.mark.parametrize("failing", [0, 1])
@pytest.mark.parametrize("run", [share_work, run_together])
def test_what_a_failed_function_knew_is_not_kept(control, run, failing):
    """Without a garbage collection, which comes late where there are few, but large objects."""

    class Samples: ...

    def fail(samples):
        both_there = threading.Barrier(2)

        def work(t, n_threads=2):
            both_there.wait(30)
            if samples is not None and t == failing:
                raise OverflowError("too much")

        run(work, 2, control)

    samples = Samples()
    known = weakref.ref(samples)
    gc.disable()
    try:
        with contextlib.suppress(OverflowError):
            fail(samples)
        del samples
        deadline = time.monotonic() + 30
        while known() is not None and time.monotonic() < deadline:
            time.sleep(0.001)  # the other thread may still be about to end
        assert known() is None
    finally:
        gc.enable()


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
        (8, 99_000_000, "new", 1),
        (2, 10**9, "new", 2),
        (1, 10**9, "waiting", 1),
    ],
)
def test_small_work_is_not_worth_a_thread(n_threads, n_multiplications, state, expected):
    assert useful_threads(n_threads, n_multiplications, state) == expected


def test_interrupt_while_threads_are_started_leaves_none_at_a_barrier(control, monkeypatch):
    """One that has begun meanwhile waits there for another that never comes."""
    start, cancel, seconds, has_begun = _thread.start_new_thread, team._Task.cancel, [], threading.Event()

    def interrupted_at_the_second(function, arguments):
        if arguments[5] == 1:
            raise KeyboardInterrupt
        return start(function, arguments)

    def cancel_late(task):
        has_begun.wait(30)
        return cancel(task)

    def work(t, n_threads):
        has_begun.set()
        rescue = threading.Timer(5, lambda: control.__setitem__(codes.ABORT, 1))
        rescue.start()
        begin = time.monotonic()
        barrier.wait_for_all(control, n_threads)
        seconds.append(time.monotonic() - begin)
        rescue.cancel()

    monkeypatch.setattr(_thread, "start_new_thread", interrupted_at_the_second)
    monkeypatch.setattr(team._Task, "cancel", cancel_late)
    with pytest.raises(KeyboardInterrupt):
        run_together(work, 2, control)
    assert seconds[0] < 4
