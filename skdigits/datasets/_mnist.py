"""MNIST: found on disk or fetched, and always verified."""

import contextlib
import hashlib
import io
import math
import os
import zipfile
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._optional_dependencies import check_pandas_support
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from skdigits.datasets import _registry
from skdigits.datasets._fetch import download
from skdigits.datasets._idx import idx_header, read_idx
from skdigits.datasets._npy import read_npy_header
from skdigits.exceptions import DataFileError, DownloadError

# What the .npy header of a member of mnist.npz may take.
_NPY_HEADER_ROOM = 4096


@validate_params(
    {
        "data_home": [str, os.PathLike, None],
        "subset": [StrOptions({"train", "test", "all"})],
        "download_if_missing": ["boolean"],
        "return_X_y": ["boolean"],
        "as_frame": ["boolean"],
        "timeout": [Interval(Real, 0, None, closed="neither")],
        "n_retries": [Interval(Integral, 0, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def fetch_mnist(
    *,
    data_home: str | os.PathLike[str] | None = None,
    subset: Literal["train", "test", "all"] = "train",
    download_if_missing: bool = True,
    return_X_y: bool = False,
    as_frame: bool = False,
    timeout: float = 30.0,
    n_retries: int = 3,
) -> Any:
    """Load the MNIST database of handwritten digits, downloading it (11 MB) where it is not on disk.

    Each of the four files is looked for in the folder ``mnist`` of the data folder, plain or gzip-compressed; so is
    Keras's ``mnist.npz``. Whatever the form, the content is compared with the published SHA-256.

    Parameters
    ----------
    data_home : str, path-like or None, default=None
        Data folder. None: the environment variable ``SKDIGITS_DATA``, else ``~/skdigits_data``.
    subset : {'train', 'test', 'all'}, default='train'
        The 60,000 training images, the 10,000 test images, or both, in this order.
    download_if_missing : bool, default=True
        Whether to download files that are missing, or to raise an error.
    return_X_y : bool, default=False
        Whether to return ``(data, target)``.
    as_frame : bool, default=False
        Whether `data` is a DataFrame with columns ``pixel1`` to ``pixel784`` and `target` a Series named ``class``.
    timeout : float, default=30.0
        Seconds to wait for a mirror to connect, and for each next part of a file.
    n_retries : int, default=3
        How many more rounds to make through all mirrors when none gave a file.

    Returns
    -------
    digits : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : ndarray of uint8 of shape (n_samples, 784), or DataFrame
            Pixels, 0 for background to 255 for ink.
        images : ndarray of uint8 of shape (n_samples, 28, 28)
            The same as images.
        target : ndarray of int64 of shape (n_samples,), or Series
            The digits, 0 to 9.
        frame : DataFrame or None
            `data` and `target` together, with ``as_frame=True``.
        feature_names : list of str
            ``pixel1`` to ``pixel784``.
        target_names : ndarray of int64
            0 to 9.
        DESCR : str
            What the data set is.

    (data, target) : tuple
        With ``return_X_y=True``.

    Raises
    ------
    DataFileError
        If a file on disk is not the published one.
    DownloadError
        If a file is missing and no mirror gave it, or with ``download_if_missing=False``.
    OSError
        If a file cannot be read or written.
    ImportError
        If pandas is needed and missing.
    ValueError
        If a parameter is not as described, or `data_home` begins with the home of a user whom the system does not know.

    Examples
    --------
    >>> from skdigits.datasets import fetch_mnist
    >>> X, y = fetch_mnist(subset="test", return_X_y=True)  # doctest: +SKIP
    >>> X.shape, X.dtype, y[:5]  # doctest: +SKIP
    ((10000, 784), dtype('uint8'), array([7, 2, 1, 0, 4]))

    Without a download, where it has not been fetched:

    >>> fetch_mnist(data_home="empty", download_if_missing=False)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    skdigits.exceptions.DownloadError: MNIST is not complete: ...
    """
    pandas = check_pandas_support("fetch_mnist with as_frame=True") if as_frame else None
    folder = data_folder(data_home) / "mnist"
    subsets = ("train", "test") if subset == "all" else (subset,)
    parts = [
        [_load(file, folder, download_if_missing, timeout, n_retries) for file in _registry.MNIST[name]]
        for name in subsets
    ]
    images, target = parts[0] if len(parts) == 1 else [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    data, target = images.reshape(len(images), -1), target.astype(np.int64)
    feature_names = [f"pixel{i + 1}" for i in range(data.shape[1])]
    if pandas is not None:
        data = pandas.DataFrame(data, columns=feature_names, copy=False)
        target = pandas.Series(target, name="class")
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        images=images,
        target=target,
        frame=None if pandas is None else pandas.concat([data, target], axis=1),
        feature_names=feature_names,
        target_names=np.arange(10),
        DESCR=_registry.MNIST_DESCRIPTION,
    )


def data_folder(data_home: str | os.PathLike[str] | None = None) -> Path:
    """Folder in which data sets are kept: the given one, that of ``SKDIGITS_DATA``, or ``~/skdigits_data``."""
    folder = Path(data_home or os.environ.get("SKDIGITS_DATA") or "~/skdigits_data")
    try:
        return folder.expanduser()
    except RuntimeError as error:
        raise ValueError(
            f"{folder}: its home directory is not known. Set SKDIGITS_DATA, or pass data_home, to another folder."
        ) from error


def _load(file, folder, download_if_missing, timeout, n_retries):
    """The array of one file, verified, in whatever form it is found."""
    for path in (folder / file.name, folder / f"{file.name}.gz"):
        if path.is_file():
            with _way_out(path):
                return _verified(read_idx(path, path, file.shape), file, path)
    npz = folder / _registry.MNIST_NPZ
    if npz.is_file():
        with _way_out(npz):
            return _read_npz(npz, file)
    parent = Path(os.path.realpath(folder.parent))  # also of links that lead to one another
    if _holds(parent, file):
        raise DownloadError(
            f"MNIST is looked for in {folder}, and its files are in {parent}: point data_home or the environment "
            f"variable SKDIGITS_DATA to {parent.parent}."
        )
    if not download_if_missing:
        raise DownloadError(
            f"MNIST is not complete: neither {file.name}, {file.name}.gz nor {_registry.MNIST_NPZ} is in {folder}. "
            "Pass download_if_missing=True, run `skdigits fetch mnist`, or point data_home or the environment variable "
            "SKDIGITS_DATA to the parent of a folder mnist that has them."
        )
    name = f"{file.name}.gz"
    path = download(
        name,
        _registry.MNIST_MIRRORS,
        folder,
        most_bytes=2 * math.prod(file.shape),  # compressed: far less; the images would already be too long at this
        verify=lambda temporary: _verified(read_idx(temporary, name, file.shape), file, name),
        timeout=timeout,
        n_retries=n_retries,
    )
    return _verified(read_idx(path, path, file.shape), file, path)


def _holds(folder, file):
    """Whether a file lies in a folder named mnist itself, and not in a folder mnist in it."""
    names = (file.name, f"{file.name}.gz", _registry.MNIST_NPZ)
    return folder.name == "mnist" and any((folder / name).is_file() for name in names)


@contextlib.contextmanager
def _way_out(path):
    """Say what to do about a file on disk that is not the published one."""
    try:
        yield
    except DataFileError as error:
        raise DataFileError(f"{error} Delete {path} to have MNIST downloaded again.") from error


def _verified(array, file, path):
    """The array itself, if it is the published one."""
    digest = hashlib.sha256(idx_header(array.shape))
    digest.update(array)
    if digest.hexdigest() != file.sha256:
        raise DataFileError(
            f"{path}: expected the SHA-256 {file.sha256} of the uncompressed content, got {digest.hexdigest()}."
        )
    return array


def _read_npz(path, file):
    """One array of Keras's mnist.npz, without pickle and without trust in the sizes that it claims."""
    member = f"{file.npz_name}.npy"
    expected = math.prod(file.shape)
    with open(path, "rb") as raw:
        try:
            with zipfile.ZipFile(raw) as archive, archive.open(member) as stream:
                # One byte more than there can be: more is an error, and a bomb stays packed.
                content = io.BytesIO(stream.read(expected + _NPY_HEADER_ROOM + 1))
            shape, _, dtype = read_npy_header(content)
        except MemoryError:
            raise
        except Exception as error:  # zipfile and NumPy raise about ten kinds for bytes that were changed
            reason = str(error) or type(error).__name__
            raise DataFileError(f"{path}: expected Keras's mnist.npz with {member}: {reason}.") from error
    data = bytearray(content.read())
    if shape != file.shape or dtype != np.uint8 or len(data) != expected:
        raise DataFileError(
            f"{path}: expected {member} to hold {expected:,} bytes of shape {file.shape}, got {len(data):,} bytes "
            f"of type {dtype} and shape {shape}."
        )
    return _verified(np.frombuffer(data, np.uint8).reshape(shape), file, path)
