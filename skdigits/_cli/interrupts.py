"""Ctrl-C, or another signal to end, while something is made that must not be lost."""

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from skdigits._interrupts import SIGNALS


class TrainingInterrupts:
    """Ctrl-C, or another signal to end, in a training: raised once, and only where that ends with what was learnt.

    A context manager, and the first callback of the classifier. Within an epoch the network answers KeyboardInterrupt
    by ending its training. After an epoch, which may have been the last, and after a first Ctrl-C it would take away
    what was learnt: it is held until the next epoch begins, if one does.

    Attributes
    ----------
    received : bool
        Whether there was a signal.
    """

    def __init__(self) -> None:
        self.received, self._is_held, self._was_raised = False, False, False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "TrainingInterrupts":
        self._before = _receive_by(self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        _restore(self._before)

    def hold(self) -> None:
        """Raise no KeyboardInterrupt from now on."""
        self._is_held = True

    def _receive(self, *_: object) -> None:
        self.received = True
        if not self._is_held:
            self._raise()

    def _raise(self) -> None:
        self._is_held, self._was_raised = True, True
        raise KeyboardInterrupt

    def setup(self, estimator: Any, context: Any) -> None:
        """Nothing: there is nothing to be lost yet."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Raise what was held, if an epoch begins."""
        if context.task_name == "epoch" and not self._was_raised:
            if self.received:
                self._raise()
            self._is_held = False

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Hold at the end of an epoch."""
        if context.task_name == "epoch":
            self.hold()

    def teardown(self, estimator: Any, context: Any) -> None:
        """Nothing: it is held until the model is saved."""


@contextlib.contextmanager
def interrupts_afterwards(message: str) -> Iterator[None]:
    """Raise KeyboardInterrupt for a signal after the ``with`` block, not in it: it saves what has been learnt."""
    received: list[int] = []
    before = _receive_by(lambda number, frame: received.append(number))
    try:
        yield
    finally:
        _restore(before)
    if received:
        raise KeyboardInterrupt(message)


@contextlib.contextmanager
def told_what_is_saved(saved: str) -> Iterator[None]:
    """Have whatever ends the ``with`` block early, a full standard output included, say what has been saved before."""
    try:
        yield
        sys.stdout.flush()
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(str(interrupt) or f"interrupted; {saved}") from None
    except BrokenPipeError:  # whoever read the output has stopped
        raise
    except OSError as error:
        is_of_output = error.errno is not None and error.filename is None
        raise ValueError(f"{'standard output: ' if is_of_output else ''}{error}; {saved}") from error
    except MemoryError as error:
        raise ValueError(f"not enough memory; {saved}") from error


def _receive_by(handler: Callable[[int, Any], object]) -> dict[int, Any]:
    """Handle signals in the main thread, which alone gets them, but for those ignored; returns what did so before."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    taken = [number for number in SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    return {number: signal.signal(number, handler) for number in taken}


def _restore(before: dict[int, Any]) -> None:
    for number, handler in before.items():
        signal.signal(number, handler)
