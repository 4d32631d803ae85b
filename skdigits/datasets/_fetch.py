"""Verified, atomic downloads: the only place of the package that opens a connection."""

import contextlib
import errno
import http.client
import os
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from skdigits._console import ErrorConsole
from skdigits.exceptions import DataFileError, DownloadError

_CHUNK = 1 << 16
_SECONDS_BETWEEN_ROUNDS = 1.0
_LONGEST_TIMEOUT = 1_000_000.0  # seconds; sockets refuse more than 2**31 milliseconds


def download(
    name: str,
    mirrors: Sequence[str],
    folder: Path,
    *,
    most_bytes: int,
    verify: Callable[[Path], object],
    timeout: float,
    n_retries: int,
) -> Path:
    """Download a file from the first mirror that gives it whole.

    The file appears under its name only when it is complete and verified, whatever happens before: it is written
    under a temporary name of its own, so that any number of processes may fetch it at the same time.

    Parameters
    ----------
    name : str
        Of the file, on the mirrors and in the folder.
    mirrors : sequence of str
        Addresses of folders, ending in a slash, tried in this order.
    folder : Path
        Made where it does not exist.
    most_bytes : int
        Give up on a mirror that sends more.
    verify : callable
        Takes the path of the temporary file and raises DataFileError where its content is wrong.
    timeout : float
        Seconds to wait for a connection, and for each next part of the answer.
    n_retries : int
        How many more rounds through all the mirrors to make.

    Returns
    -------
    path : Path

    Raises
    ------
    DownloadError
        If no mirror gave the file, saying what went wrong with each.
    OSError
        If the folder cannot be written.
    """
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(existing))
    failures = {}
    for round_number in range(n_retries + 1):
        if round_number:
            time.sleep(_SECONDS_BETWEEN_ROUNDS * round_number)
        for mirror in mirrors:
            try:
                return _download_from(mirror + name, folder / name, most_bytes, verify, timeout)
            except _MirrorError as error:
                failures[mirror] = str(error)
            except DataFileError as error:
                failures[mirror] = f"sent something else: {error}"
    reasons = ";\n".join(f"  {mirror}: {reason}" for mirror, reason in failures.items())
    raise DownloadError(
        f"{name} could not be downloaded from any mirror:\n{reasons}.\n"
        f"Check the connection and try again, or put the files into {folder} by hand; data_home or the environment "
        "variable SKDIGITS_DATA may name the parent of a folder mnist that has them."
    )


class _MirrorError(Exception):
    """A mirror that cannot be reached, or whose answer is cut short or too long."""


@contextlib.contextmanager
def _mirror_errors() -> Iterator[None]:
    """Turn whatever can go wrong with a connection into a _MirrorError: errors of the disk are OSErrors too."""
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        raise _MirrorError(str(error)) from error
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: redirected to a senseless address
        raise _MirrorError(str(getattr(error, "reason", None) or error) or type(error).__name__) from error


class _Redirects(urllib.request.HTTPRedirectHandler):
    """As Python follows them, but none away from the web; the connection is closed where an address is senseless."""

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except ValueError:
            fp.close()
            raise

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if not newurl.lower().startswith(("http://", "https://")):
            raise ValueError(f"redirected to {newurl:.200}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _download_from(url: str, target: Path, most_bytes: int, verify: Callable[[Path], object], timeout: float) -> Path:
    temporary = None
    try:
        with _mirror_errors():
            answer = urllib.request.build_opener(_Redirects).open(url, timeout=min(timeout, _LONGEST_TIMEOUT))
        with answer:
            # In the folder of the target, so that the rename stays within one file system. It is made when there is
            # something to put into it: without a connection nothing is left behind.
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
            with open(handle, "wb") as stream:
                _copy(answer, stream, target.name, most_bytes)
                stream.flush()
                os.fsync(stream.fileno())
        verify(Path(temporary))
        os.chmod(temporary, 0o644)  # mkstemp makes files that nobody else may read
        os.replace(temporary, target)
    except BaseException:
        if temporary is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        raise
    return target


def _copy(answer: http.client.HTTPResponse, stream: BinaryIO, name: str, most_bytes: int) -> None:
    promised = answer.length
    console = ErrorConsole()
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    received = 0
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=promised)
        while chunk := _read_chunk(answer):
            received += len(chunk)
            if received > most_bytes:
                raise _MirrorError(f"sent more than the {most_bytes:,} bytes that the file can have")
            stream.write(chunk)
            progress.update(task, completed=received)
    if promised is not None and received < promised:
        raise _MirrorError(f"the connection ended after {received:,} of {promised:,} bytes")


def _read_chunk(answer: http.client.HTTPResponse) -> bytes:
    with _mirror_errors():
        return answer.read(_CHUNK)
