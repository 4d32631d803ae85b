"""Files of pixels, as rows."""

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skdigits.datasets._idx import read_idx
from skdigits.exceptions import DataFileError
from skdigits.preprocessing._photos import SUFFIXES

_OTHER_IMAGES = (
    ".avif", ".gif", ".heic", ".heif", ".ico", ".jp2", ".pbm", ".pdf", ".pgm", ".ppm", ".svg", ".tga", ".webp",
)  # fmt: skip

# No image begins with pixels 0, 1, 2 ... 9; a tiny one may begin with 0, 1.
_FEWEST_COUNTED_COLUMNS = 10


def read_samples(path: str | Path, n_pixels: int) -> NDArray:
    """Read samples from an IDX file, a NumPy array or a CSV file.

    Parameters
    ----------
    path : str or path-like
        ``.npy`` and ``.csv`` by suffix, anything else as IDX, plain or gzip-compressed.
    n_pixels : int
        Of a sample. A square array with rows of another length is one image, except in a ``.csv``.

    Returns
    -------
    X : ndarray of shape (n_samples, n_pixels)
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path} is a pipe or a device, not a file" if path.exists() else f"there is no file {path}")
    if path.suffix.lower() in _OTHER_IMAGES:
        raise ValueError(f"{path}: image files end in {', '.join(SUFFIXES)} here: convert it to one of them")
    array = _read(path)
    if array.dtype.kind not in "buif":
        raise ValueError(f"{path}: expected numbers, got values of type {array.dtype}")
    if array.size == 0:
        raise ValueError(f"{path}: expected at least one sample, got an array of shape {array.shape}")
    if array.dtype.kind == "f":
        _check_finite(array, path)
    if array.ndim <= 1:
        return array.reshape(1, -1)
    is_square = array.ndim == 2 and array.shape[0] == array.shape[1]
    is_single_image = is_square and array.shape[1] != n_pixels and path.suffix.lower() != ".csv"
    return array.reshape(1 if is_single_image else len(array), -1)


def _read(path: Path) -> NDArray:
    reader = _READERS.get(path.suffix.lower())
    if reader is not None:
        return reader(path)
    try:
        return read_idx(path)
    except DataFileError as error:
        if path.suffix in ("", ".gz") or "idx" in path.name:
            raise
        raise ValueError(f"{error} Files of other kinds end in .npy, .csv, {', '.join(SUFFIXES)}.") from error


def _check_finite(array: NDArray, path: Path) -> None:
    """Say which value it is: scikit-learn's own message knows neither the file nor the place."""
    finite = np.isfinite(array)
    if not finite.all():
        place = np.unravel_index(np.argmin(finite), array.shape)
        index = ", ".join(map(str, place))
        raise ValueError(f"{path}: expected finite pixels, got {array[place]} at [{index}], counted from 0")


def _read_npy(path: Path) -> NDArray:
    try:
        # Not np.load, which takes zip archives too.
        return np.lib.format.open_memmap(path, mode="r")
    except (OSError, MemoryError):
        raise
    except Exception as error:  # NumPy evaluates the header: one that was changed raises nearly anything
        raise ValueError(f"{path}: expected a NumPy array of numbers: {error}") from error


def _read_csv(path: Path) -> NDArray:
    try:
        with open(path, encoding="utf-8-sig") as stream:
            first_line = stream.readline().strip()
        n_header_lines = int(_is_header(first_line))
        with warnings.catch_warnings():
            # About a file without rows, which `read_samples` refuses.
            warnings.simplefilter("ignore", UserWarning)
            array = np.loadtxt(
                path, delimiter=",", ndmin=2, comments=None, skiprows=n_header_lines, encoding="utf-8-sig"
            )
        if n_header_lines and not array.size:
            raise ValueError(f"got no numbers, but {first_line[:40]!r}")
        return array
    except ValueError as error:
        reason = str(error).partition("; use `usecols`")[0]  # which is none of our options
        raise ValueError(f"{path}: expected rows of comma-separated pixels, and nothing else: {reason}") from error


def _is_header(line: str) -> bool:
    """Whether a line has the names of the columns: no entry is a number, or they count, as pandas counts columns.

    A line with some numbers in it is a row with a mistake.
    """
    entries = [entry.strip() for entry in line.split(",")]
    if len(entries) >= _FEWEST_COUNTED_COLUMNS and entries == [str(i) for i in range(len(entries))]:
        return True
    return bool(line.strip()) and not any(map(_is_number, entries))


def _is_number(entry: str) -> bool:
    try:
        float(entry)
    except ValueError:
        return False
    return True


_READERS = {".npy": _read_npy, ".csv": _read_csv}
