"""One process at a time: a lock that the system takes away with the process that holds it."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def only_process(path: Path, message: str) -> Iterator[None]:
    """Hold a lock on a file, which is made, and removed at the end; ValueError where another process holds it.

    Windows, and network drives that know no locks, go without.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    with open(path, "w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(message) from None
        except OSError:
            pass
        # Whoever held it may have removed the file between the two lines.
        if not (path.exists() and os.path.samestat(os.fstat(stream.fileno()), path.stat())):
            raise ValueError(message)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
