"""Ctrl-C, or another signal that raises, while something is changed that must not be left half done."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

# Ctrl-C, and what is sent where a job is ended, a machine is shut down or a terminal is closed.
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class HeldInterrupts:
    """What signals would have raised, kept until it may be raised."""

    def __init__(self) -> None:
        self._error: BaseException | None = None
        self._is_open = False
        self._told: list[Callable[[], object]] = []
        self._owner = threading.get_ident()
        self._before = {number: signal.getsignal(number) for number in SIGNALS}
        self._ours = {n: partial(self._receive, handler) for n, handler in self._before.items() if callable(handler)}

    def _install(self) -> None:
        for number, handler in self._ours.items():
            signal.signal(number, handler)

    def _uninstall(self) -> None:
        for number, handler in reversed(self._ours.items()):  # Ctrl-C last: it may come between
            if signal.getsignal(number) is handler:  # nobody has set another one meanwhile
                signal.signal(number, self._before[number])

    def take(self) -> BaseException | None:
        """What there is to raise, which is then no longer kept."""
        error, self._error = self._error, None
        return error

    def raise_now(self) -> None:
        """Raise what has come, if anything has."""
        error = self.take()
        try:
            if error is not None:
                raise error
        finally:
            del error  # it knows this frame

    @contextmanager
    def let_through(self) -> Iterator[None]:
        """Hold nothing in the ``with`` block, which calls what may take long or never end; raise what has come."""
        was_open, self._is_open = self._is_open, True
        try:
            self.raise_now()
            yield
        finally:
            self._is_open = was_open

    @contextmanager
    def _closed(self, on_interrupt: Callable[[], object] | None) -> Iterator["HeldInterrupts"]:
        """Hold again, within what is let through or not."""
        was_open, self._is_open, told = self._is_open, False, self._told
        try:
            if on_interrupt is not None:
                self._told = [*told, on_interrupt]
                if self._error is not None:
                    on_interrupt()
            yield self
        finally:
            self._told, self._is_open = told, was_open
        if was_open:
            self.raise_now()

    def _receive(self, handler: Callable, number: int, frame: FrameType | None) -> None:
        if self._is_open:
            handler(number, frame)
            return
        try:
            handler(number, frame)
        except BaseException as error:
            if self._error is None or isinstance(self._error, KeyboardInterrupt):  # what ends the process goes before
                self._error = error.with_traceback(None)
            for on_interrupt in self._told:
                on_interrupt()


_of_main_thread: HeldInterrupts | None = None


@contextmanager
def held_interrupts(on_interrupt: Callable[[], object] | None = None) -> Iterator[HeldInterrupts]:
    """Raise what a signal raises behind the ``with`` block, not in it, also where the block ends with an error.

    Handlers are called at once: only what they raise waits. Blocks may be nested; the outermost raises. Only the main
    thread sees signals, so that nothing is held in others.

    Parameters
    ----------
    on_interrupt : callable or None, default=None
        Called, perhaps more than once, where there is something to be raised behind the block.

    Yields
    ------
    held : HeldInterrupts
    """
    global _of_main_thread
    if threading.current_thread() is not threading.main_thread():
        yield HeldInterrupts()
        return
    if _of_main_thread is not None:
        with _of_main_thread._closed(on_interrupt) as held:
            yield held
        return
    held = HeldInterrupts()
    try:
        _of_main_thread = held
        held._install()
        with held._closed(on_interrupt):
            yield held
    except Exception:
        _stop_holding(held)
        held.raise_now()  # whoever goes on behind errors is to end nevertheless
        raise
    finally:
        _stop_holding(held)
    held.raise_now()


def _stop_holding(held: HeldInterrupts) -> None:
    global _of_main_thread
    if _of_main_thread is held:
        _of_main_thread = None
        held._uninstall()


def _let_go_in_child() -> None:
    """Forget the block of a thread that the child does not have: nobody would raise what is held."""
    held = _of_main_thread
    if held is not None and held._owner != threading.get_ident():
        _stop_holding(held)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)
