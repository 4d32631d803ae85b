"""Files that are replaced whole or not at all, and a look ahead whether they can be written."""

import contextlib
import os
import secrets
import stat
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
    """A binary stream whose content takes the place of a file when the ``with`` block ends without an error.

    Until then it is in a hidden file beside it, whose name ends in ``.part``. A process that is killed leaves the old
    file or the new one, and perhaps the hidden one. Permissions are those of the old file, or of any new one: what the
    umask allows. A folder, a device or a pipe is refused: a rename would put the file in the place of a device. A link
    stays, and the file that it leads to is replaced.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        raise OSError(f"{path} cannot be replaced by a file: it is a folder, a device or a pipe")
    temporary = path.parent / f".skdigits-{secrets.token_hex(8)}.part"
    try:
        with open(temporary, "xb") as stream:
            if path.exists():
                with contextlib.suppress(OSError):  # of a drive that knows no permissions
                    os.chmod(temporary, stat.S_IMODE(path.stat().st_mode))
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno is not None and error.filename in (None, str(temporary)):
            raise OSError(error.errno, error.strerror, str(path)) from error  # a full disk names no file
        raise
    _flush_folder(path.parent)


def _flush_folder(folder):
    """Have the new name survive a power cut, too, where the system can be asked for that."""
    with contextlib.suppress(OSError):  # Windows opens no folders, and some network drives flush none
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
