"""Standard error: where it has been closed, the work goes on unseen."""

import contextlib
import os
import sys

from rich.console import Console


class ErrorConsole(Console):
    """Standard error, as rich draws progress on it."""

    def __init__(self) -> None:
        super().__init__(stderr=True)

    def on_broken_pipe(self) -> None:
        """Be quiet from now on; rich would end the program."""
        self.quiet = True
        _silence()


def tell(line: str) -> None:
    """Print a line to standard error."""
    try:
        print(line, file=sys.stderr, flush=True)
    except BrokenPipeError:
        _silence()


def _silence() -> None:
    """Let nothing fail that is written from now on, the rest on the way out included."""
    with contextlib.suppress(OSError):  # a stream without a file behind it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
