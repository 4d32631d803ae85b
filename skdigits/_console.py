"""The streams of a terminal: where one has been closed or is full, the work goes on unseen."""

import contextlib
import os
import sys
from typing import Any

from rich.console import Console


class ErrorConsole(Console):
    """Standard error, as rich draws progress on it."""

    def __init__(self) -> None:
        super().__init__(file=_UnfailingStream(sys.stderr))  # type: ignore[arg-type]


class _UnfailingStream:
    """A stream that takes what cannot be written, and is silent from then on."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or do nothing."""
        with _silent_where_it_fails(self._stream):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or do nothing."""
        with _silent_where_it_fails(self._stream):
            self._stream.flush()


def tell(line: str) -> None:
    """Print a line to standard error."""
    with _silent_where_it_fails(sys.stderr):
        print(line, file=sys.stderr, flush=True)


def announce(line: str) -> None:
    """Print a line to standard output before work that is done whether anybody reads it or not."""
    with contextlib.suppress(OSError):
        print(line)


def flush_or_silence(stream: Any) -> None:
    """Let the interpreter find nothing on its way out that cannot be written."""
    with _silent_where_it_fails(stream):
        stream.flush()


@contextlib.contextmanager
def _silent_where_it_fails(stream):
    try:
        yield
    except OSError:
        # A stream without a file behind it stays as it is.
        with contextlib.suppress(OSError), open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())
