"""Standard error, as rich draws on it."""

import contextlib
import os

from rich.console import Console


class ErrorConsole(Console):
    """Standard error, for progress that nobody needs to see: where it has been closed, the work goes on unseen."""

    def __init__(self) -> None:
        super().__init__(stderr=True)

    def on_broken_pipe(self) -> None:
        """Be quiet from now on, also on the way out; rich would end the program."""
        self.quiet = True
        with contextlib.suppress(OSError):  # a stream without a file behind it
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())
