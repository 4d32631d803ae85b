"""Files of pixels, as rows."""

from pathlib import Path

import numpy as np

from skdigits.datasets._idx import read_idx


def read_samples(path):
    """Read samples from an IDX file, a NumPy array or a CSV file.

    Parameters
    ----------
    path : str or path-like
        ``.npy`` and ``.csv`` by suffix, anything else as IDX, plain or gzip-compressed.

    Returns
    -------
    X : ndarray of shape (n_samples, n_pixels)
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    array = _READERS.get(path.suffix.lower(), read_idx)(path)
    if array.dtype.kind not in "buif":
        raise ValueError(f"{path}: expected numbers, got values of type {array.dtype}")
    if array.size == 0:
        raise ValueError(f"{path}: expected at least one sample, got an array of shape {array.shape}")
    if array.ndim == 1:
        return array.reshape(1, -1)
    is_single_image = array.ndim == 2 and array.shape[0] == array.shape[1] and path.suffix.lower() != ".csv"
    return array.reshape(1 if is_single_image else len(array), -1)


def _read_npy(path):
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path}: expected a NumPy array of numbers: {error}") from error


def _read_csv(path):
    try:
        with open(path, encoding="utf-8-sig") as stream:
            first_line = stream.readline()
        return np.loadtxt(path, delimiter=",", ndmin=2, skiprows=_is_header(first_line), encoding="utf-8-sig")
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: expected rows of comma-separated pixels: {error}") from error


def _is_header(line):
    """Whether no entry of a line is a number: the names of the columns then, not a row with a mistake in it."""
    for entry in line.split(","):
        try:
            float(entry)
        except ValueError:
            continue
        return False
    return bool(line.strip())


_READERS = {".npy": _read_npy, ".csv": _read_csv}
