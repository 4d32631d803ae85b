"""Files that are replaced whole or not at all, and a look ahead whether they can be written."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


def check_folder(folder: Path, what: str) -> None:
    """Raise an error that begins with `what` where no file could be written to a folder."""
    if not folder.is_dir():
        raise ValueError(f"{what} cannot be written: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"{what} cannot be written: no permission to write to {folder.resolve()}")


@contextlib.contextmanager
def replaced_whole(path: Path) -> Iterator[BinaryIO]:
    """A binary stream whose content takes the place of a file when the ``with`` block ends without an error."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with open(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
