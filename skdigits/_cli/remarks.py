"""Warnings as lines on standard error."""

import contextlib
import re
import warnings
from collections.abc import Iterator
from typing import Any

from skdigits._console import tell
from skdigits.exceptions import TrainingInterruptedWarning

_OPTIONS = {
    "batch_size": "--batch-size",
    "hidden_layer_sizes": "--hidden",
    "learning_rate_init": "--learning-rate",
    "max_iter": "--epochs",
    "n_jobs": "--jobs",
    "random_state": "--seed",
}
# As in `batch_size`, and in max_iter=10, but not in runs/max_iter=10.
_PARAMETER = re.compile(rf"`({'|'.join(_OPTIONS)})`|(?<![^\s(])({'|'.join(_OPTIONS)})=")


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
        elif (line := in_options(one_line(message))) not in told:
            told.add(line)
            tell(f"skdigits: warning: {line}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield interruptions


def one_line(message: object) -> str:
    """A message of several lines as one."""
    return " ".join(line.strip() for line in str(message).splitlines() if line.strip())


def in_options(line: str) -> str:
    """A message with the options of the command line in the place of the parameters that they set."""
    return _PARAMETER.sub(lambda match: f"{_OPTIONS[match[1] or match[2]]}{' ' if match[2] else ''}", line)


def printable(name: object) -> str:
    """A name in one line, whatever is in it."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(name))


def counted(number: int, noun: str) -> str:
    """A number of things, as in "1 epoch" and "1,000 epochs"."""
    return f"{number:,} {noun}{'s' * (number != 1)}"
