"""Signals that wait until what they would break is whole."""

import contextlib
import os
import signal
import threading

import pytest

from skdigits._interrupts import held_interrupts

pytestmark = pytest.mark.usefixtures("sigint_raises")


def press_ctrl_c():
    signal.raise_signal(signal.SIGINT)


def test_interrupt_is_raised_behind_the_block():
    done = []

    @held_interrupts()
    def work():
        press_ctrl_c()
        press_ctrl_c()
        done.append("block")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["block"]


def test_outermost_block_raises():
    done = []

    @held_interrupts()
    def work():
        with held_interrupts():
            press_ctrl_c()
        done.append("inner")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["inner"]


@pytest.mark.parametrize("comes_before", [False, True])
def test_what_is_let_through_is_raised_at_once(comes_before):
    done = []

    def work(interrupts):
        with interrupts.let_through():
            done.append("open")
            press_ctrl_c()
            done.append("not reached")

    with held_interrupts() as interrupts:
        if comes_before:
            press_ctrl_c()
        with pytest.raises(KeyboardInterrupt):
            work(interrupts)
        press_ctrl_c()
        interrupts.take()
    assert done == ([] if comes_before else ["open"])


def test_block_within_what_is_let_through_holds_again():
    done = []

    def work(interrupts):
        with interrupts.let_through():
            with held_interrupts():
                press_ctrl_c()
                done.append("inner")
            done.append("not reached")

    with held_interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt):
            work(interrupts)
        done.append("outer")
    assert done == ["inner", "outer"]


def test_what_was_taken_is_not_raised():
    with held_interrupts() as interrupts:
        press_ctrl_c()
        assert isinstance(interrupts.take(), KeyboardInterrupt)
        assert interrupts.take() is None


def test_what_is_raised_now_is_not_raised_again():
    with held_interrupts() as interrupts:
        press_ctrl_c()
        with pytest.raises(KeyboardInterrupt):
            interrupts.raise_now()


@pytest.mark.parametrize("comes_before", [False, True])
def test_work_in_a_block_is_told_of_an_interrupt(comes_before):
    told = []
    with held_interrupts() as outer:
        if comes_before:
            press_ctrl_c()
        with held_interrupts(lambda: told.append("inner")):
            if not comes_before:
                press_ctrl_c()
        assert told == ["inner"]
        press_ctrl_c()
        outer.take()
    assert told == ["inner"]


@pytest.mark.parametrize("number", [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)])
def test_other_signals_that_raise_are_held(number):
    def leave(number, frame):
        raise SystemExit(number)

    @held_interrupts()
    def work():
        signal.raise_signal(number)
        done.append("block")

    done, before = [], signal.signal(number, leave)
    try:
        with pytest.raises(SystemExit):
            work()
        assert signal.getsignal(number) is leave
    finally:
        signal.signal(number, before)
    assert done == ["block"]


def test_handler_that_raises_nothing_is_called_at_once():
    seen = []
    signal.signal(signal.SIGINT, lambda *_: seen.append("handler"))
    with held_interrupts(lambda: seen.append("told")):
        press_ctrl_c()
        seen.append("block")
    assert seen == ["handler", "block"]


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.default_int_handler])
def test_handler_is_what_it_was(handler):
    signal.signal(signal.SIGINT, handler)
    with held_interrupts():
        pass
    assert signal.getsignal(signal.SIGINT) == handler


def test_handler_that_is_set_in_the_block_stays():
    def another(number, frame):
        pass

    with held_interrupts():
        signal.signal(signal.SIGINT, another)
    assert signal.getsignal(signal.SIGINT) is another


def test_error_of_the_block_does_not_hide_an_interrupt():
    """Who goes on behind errors, as a search does, is to end nevertheless."""

    @held_interrupts()
    def work():
        press_ctrl_c()
        raise ValueError("of the block")

    with pytest.raises(KeyboardInterrupt) as caught:
        work()
    assert isinstance(caught.value.__context__, ValueError)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_error_of_the_block_is_raised_where_nothing_was_held():
    with pytest.raises(ValueError, match="of the block"), held_interrupts():
        raise ValueError("of the block")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.skipif(not hasattr(signal, "SIGTERM"), reason="no such signal on this system")
@pytest.mark.parametrize("numbers", [(signal.SIGINT, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT)])
def test_what_ends_the_process_goes_before_ctrl_c(numbers):
    def leave(number, frame):
        raise SystemExit(3)

    @held_interrupts()
    def work():
        for number in numbers:
            signal.raise_signal(number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        with pytest.raises(SystemExit):
            work()
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("is_of_another_thread", [False, True])
def test_child_process_can_be_interrupted(is_of_another_thread):
    statuses = []

    def fork_and_press_ctrl_c():
        child = os.fork()
        if child == 0:
            try:
                with held_interrupts():
                    press_ctrl_c()
            except KeyboardInterrupt:
                os._exit(7)
            os._exit(1)
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    with held_interrupts() as interrupts, contextlib.ExitStack() as stack:
        if is_of_another_thread:
            thread = threading.Thread(target=fork_and_press_ctrl_c)
            thread.start()
            thread.join()
        else:
            stack.enter_context(interrupts.let_through())
            fork_and_press_ctrl_c()
    assert statuses == [7]


def test_other_threads_hold_nothing():
    done = []

    def work():
        with held_interrupts(lambda: done.append("told")) as interrupts, interrupts.let_through():
            done.append(signal.getsignal(signal.SIGINT) is signal.default_int_handler)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]
