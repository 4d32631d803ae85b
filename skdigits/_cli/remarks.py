"""Warnings as lines on standard error."""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

from skdigits._console import tell
from skdigits.exceptions import TrainingInterruptedWarning


@contextlib.contextmanager
def warnings_as_lines() -> Iterator[list[TrainingInterruptedWarning]]:
    """Each warning once, when it comes, without its place in the code.

    Yields
    ------
    interruptions : list of TrainingInterruptedWarning
        Those that say that Ctrl-C has ended a training, which are not shown: whoever trains says what becomes of it.
    """
    interruptions: list[TrainingInterruptedWarning] = []
    told: set[str] = set()

    def show(message: Warning | str, *place: Any, **other: Any) -> None:
        if isinstance(message, TrainingInterruptedWarning):
            interruptions.append(message)
        elif (line := one_line(message)) not in told:
            told.add(line)
            tell(f"skdigits: warning: {line}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield interruptions


def one_line(message: object) -> str:
    """A message of several lines as one."""
    return " ".join(line.strip() for line in str(message).splitlines() if line.strip())


def printable(name: object) -> str:
    """A name in one line, whatever is in it."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(name))


def counted(number: int, noun: str) -> str:
    """A number of things, as in "1 epoch" and "1,000 epochs"."""
    return f"{number:,} {noun}{'s' * (number != 1)}"
