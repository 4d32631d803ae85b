"""Digits in batches, from sources that need not fit into memory."""

import math
import os
import zipfile
from collections.abc import Callable, Iterator
from numbers import Integral
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, validate_params

from skdigits.datasets._idx import iter_idx, read_idx_layout
from skdigits.datasets._npy import read_npy_header
from skdigits.exceptions import DataFileError

# Bytes that a byte in an archive can stand for at most, in the two forms that NumPy writes: 1,032 zeros.
_MOST_BYTES = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: 1032}


@validate_params(
    {
        "source": [str, os.PathLike, tuple, list],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_samples": [Interval(Integral, 1, None, closed="left"), None],
        "augmenter": [HasMethods("augment"), None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def iter_digit_batches(
    source: Any,
    *,
    batch_size: int = 10_000,
    n_samples: int | None = None,
    augmenter: Any = None,
    random_state: int | np.random.RandomState | None = None,
) -> Iterator[tuple[NDArray, NDArray]]:
    """Iterate over images and labels in batches, for data that do not fit into memory.

    What is in memory at a time is the batch given and the next one, and of `.npz` files one file, of a Dask array one
    row of blocks, however long the source is.

    Parameters
    ----------
    source : (images, labels) or str or path-like
        A pair of which each is an array, a Dask array, or the path of a file: ``.npy``, or IDX, which may be
        compressed by gzip. Or a folder of parts, taken in the order of their names: pairs of such files, one with
        ``images`` in its name and one with ``labels`` in its place (``idx1`` for ``idx3`` besides), and ``.npz``
        files with arrays ``X`` and ``y``. Parts without samples and other files in the folder are left out. IDX files
        are of bytes, and arrays in files C-ordered; labels are numbers or text.
    batch_size : int, default=10_000
        Samples of a batch, at least 1. Only the last one may be shorter; batches reach across parts.
    n_samples : int or None, default=None
        How many samples to give in all, at least 1: the source is gone through again and again. None is each once.
    augmenter : object or None, default=None
        Deforms each batch anew, as :class:`skdigits.preprocessing.ElasticDeformer` does, in every pass through the
        source. Its method ``augment(X, random_state, out=X)`` writes to X.
    random_state : int, RandomState instance or None, default=None
        For the augmenter.

    Yields
    ------
    X : ndarray of shape (batch_size, n_features)
        Pixels, in the type of the source, and perhaps read-only; with an augmenter float64 where they are, else
        float32, in the same range.
    y : ndarray of shape (batch_size,)
        Labels.

    Raises
    ------
    DataFileError
        If a file is not what it should be, before the first batch where its header says so, or has become shorter.
    ValueError
        If the source is neither a folder nor a pair, or holds no samples, if images and labels are not as many, if
        parts differ in the size of images, or in whether pixels are whole numbers or labels text, or if the length of a
        Dask array is not known.
    OSError
        If a file cannot be read.

    Notes
    -----
    Samples come in the order of the source. :meth:`skdigits.MLPDigitClassifier.partial_fit` shuffles those of a batch:
    a source that is sorted by label should be shuffled once when it is written. Give the estimator a ``RandomState``
    instance and not an int, which gives all batches of one size the same order.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skdigits import MLPDigitClassifier
    >>> from skdigits.datasets import iter_digit_batches
    >>> digits = load_digits(return_X_y=True)
    >>> classifier = MLPDigitClassifier(batch_size=20, random_state=np.random.RandomState(0))
    >>> for X, y in iter_digit_batches(digits, batch_size=500, n_samples=10_000):
    ...     classifier = classifier.partial_fit(X / 16, y, classes=range(10))
    >>> classifier.t_
    10000
    >>> bool(classifier.score(digits[0] / 16, digits[1]) > 0.9)
    True
    """
    parts = open_parts(source)
    total = sum(part.n_samples for part in parts) if n_samples is None else int(n_samples)
    batches = _limited(_paired(parts, min(int(batch_size), total), repeats=n_samples is not None), total)
    if augmenter is None:
        return batches
    return _augmented(batches, augmenter, check_random_state(random_state))


class Rows(NamedTuple):
    """An array that is read front to back, a few rows at a time."""

    name: str
    shape: tuple
    kind: str  # of its type
    pieces: Callable  # pieces(n) iterates over arrays of about n rows


class Part(NamedTuple):
    """Images and labels that belong together."""

    images: Rows
    labels: Rows

    @property
    def n_samples(self):
        """How many there are."""
        return self.images.shape[0]

    @property
    def n_features(self):
        """Pixels of an image."""
        return math.prod(self.images.shape[1:])


def open_parts(source):
    """The parts of a source of `iter_digit_batches`, checked as far as headers tell."""
    if isinstance(source, (str, os.PathLike)):
        parts = _open_folder(Path(source))
    elif len(source) == 2:
        parts = [Part(_open_rows(source[0], "images"), _open_rows(source[1], "labels"))]
    else:
        raise ValueError(f"source: expected a folder or a pair (images, labels), got {len(source)} elements.")
    # Who splits data may leave a part empty.
    parts = [part for part in parts if {rows.shape[:1] for rows in part} != {(0,)}] or parts[:1]
    for part in parts:
        _check_part(part)
        if not part.n_samples * part.n_features:
            shape = part.images.shape
            raise ValueError(f"{part.images.name}: expected at least one image, got an array of shape {shape}.")
        if part.n_features != parts[0].n_features:
            raise ValueError(
                f"{part.images.name}: expected images of {parts[0].n_features} pixels, as in {parts[0].images.name}, "
                f"got {part.n_features}."
            )
        _check_kinds(part, parts[0])
    return parts


def _check_part(part):
    images, labels = part
    if len(images.shape) < 2 or images.kind not in "buif":
        raise ValueError(
            f"{images.name}: expected images, numbers of shape (n_samples, n_features) or (n_samples, height, width), "
            f"got type {images.kind!r} and shape {images.shape}. Images come first, then labels."
        )
    if math.prod(labels.shape) not in labels.shape[:1]:
        raise ValueError(f"{labels.name}: expected one label for each image, got an array of shape {labels.shape}.")
    if labels.kind not in "buifUO":
        raise ValueError(f"{labels.name}: expected labels that are numbers or text, got type {labels.kind!r}.")
    if images.shape[0] != labels.shape[0]:
        raise ValueError(
            f"{images.name} holds {images.shape[0]:,} images, but {labels.name} {labels.shape[0]:,} labels: expected "
            "as many."
        )


def _check_kinds(part, first):
    """Pixels of another range, and labels that turn into text on the way, are noticed before the first batch."""
    for rows, others, is_one, what in [
        (part.images, first.images, lambda rows: rows.kind == "f", "pixels, whole numbers or floats"),
        (part.labels, first.labels, lambda rows: rows.kind in "UO", "labels, numbers or text"),
    ]:
        if is_one(rows) != is_one(others):
            raise ValueError(
                f"{rows.name}: expected {what}, as in {others.name}, of type {others.kind!r}, got type {rows.kind!r}."
            )


def _open_folder(folder):
    if not folder.is_dir():
        raise ValueError(f"source: there is no folder {folder}. Pass a pair (images, labels) for two files.")
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    parts, taken = [], set()
    for name in names:
        if name.lower().endswith(".npz"):
            parts.append(Part(*(_open_npz(folder / name, member) for member in "Xy")))
        elif "images" in name and _may_hold_rows(name):
            partner = name.replace("images", "labels").replace("idx3", "idx1")
            if partner not in names:
                raise ValueError(f"{folder / name}: expected its labels in {folder / partner}, which is missing.")
            if _without_gz(name) in taken:
                raise ValueError(f"{folder / name}: the folder holds these images plain, too. Remove one of the two.")
            taken.add(name)
            parts.append(Part(_open_rows(folder / name, "images"), _open_rows(folder / partner, "labels")))
    if not parts:
        raise ValueError(
            f"{folder}: expected parts, pairs of .npy or IDX files with images and labels in their names or .npz files "
            "with arrays X and y, got none."
        )
    return parts


def _may_hold_rows(name):
    """Whether a file's name is that of an array or of an IDX file, which need not end in anything."""
    suffix = Path(_without_gz(name)).suffix.lower()
    return suffix in {"", ".npy", ".idx", ".ubyte"} or suffix.startswith((".idx1", ".idx3"))


def _without_gz(name):
    return name[:-3] if name.lower().endswith(".gz") else name


def _open_rows(source, name):
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        if path.is_dir():
            raise ValueError(f"{name}: expected a file, but {path} is a folder.")
        return _open_npy(path) if path.suffix.lower() == ".npy" else _open_idx(path)
    if sparse.issparse(source) or sparse.issparse(getattr(source, "_meta", None)):
        raise ValueError(
            f"{name}: expected a dense array, got a sparse one. Call its toarray(), or that of its blocks."
        )
    if hasattr(source, "dask") and hasattr(source, "blocks"):
        return _open_dask(source, name)
    array = np.asarray(source)
    return Rows(name, array.shape, array.dtype.kind, lambda n: (array[i : i + n] for i in range(0, len(array), n)))


def _open_idx(path):
    shape, offset = read_idx_layout(path)
    if offset is None:
        return Rows(str(path), shape, "u", lambda n: iter_idx(path, n))
    return Rows(str(path), shape, "u", lambda n: _iter_stored(path, np.dtype(np.uint8), shape, offset, n))


def _open_npy(path):
    with open(path, "rb") as stream:
        try:
            shape, is_fortran, dtype = read_npy_header(stream)
        except (OSError, MemoryError):
            raise
        except Exception as error:
            raise DataFileError(f"{path}: expected a NumPy array: {error}") from error
        offset, size = stream.tell(), os.fstat(stream.fileno()).st_size
    _check_no_objects(path, dtype)
    if not shape:
        raise DataFileError(f"{path}: expected an array of samples, got a single value.")
    if is_fortran and len(shape) > 1:
        raise DataFileError(
            f"{path}: its columns are stored one after the other, so that it cannot be read in batches. Write it anew "
            "with np.save(path, np.ascontiguousarray(array))."
        )
    expected = offset + math.prod(shape) * dtype.itemsize
    if size < expected:
        raise DataFileError(f"{path}: truncated: expected {expected:,} bytes for shape {shape}, got {size:,}.")
    return Rows(str(path), shape, dtype.kind, lambda n: _iter_stored(path, dtype, shape, offset, n))


def _check_no_objects(name, dtype):
    if dtype.hasobject:
        raise DataFileError(
            f"{name}: expected numbers or text, got Python objects, which are not read from files. Write text as "
            "np.asarray(labels, str)."
        )


def _iter_stored(path, dtype, shape, offset, n_rows):
    """Pieces that are read: where a file is cut off or cannot be read any more, a memory map would end the process."""
    with open(path, "rb") as stream:
        stream.seek(offset)
        for start in range(0, shape[0], n_rows):
            piece = np.empty((min(n_rows, shape[0] - start), *shape[1:]), dtype)
            if piece.nbytes and stream.readinto(piece.reshape(-1).view(np.uint8).data) < piece.nbytes:
                raise DataFileError(f"{path}: truncated while it was read: expected {shape[0]:,} samples.")
            yield piece


def _open_npz(path, member):
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{member}.npy") as stream:
            shape, _, dtype = read_npy_header(stream)
            offset, info = stream.tell(), archive.getinfo(f"{member}.npy")
    except (OSError, MemoryError):
        raise
    except Exception as error:  # zipfile and NumPy raise about ten kinds
        raise DataFileError(f"{path}: expected an .npz file with arrays X and y: {error}") from error
    _check_no_objects(f"{path} ({member})", dtype)
    expected, size = offset + math.prod(shape) * dtype.itemsize, info.file_size
    if info.compress_type in _MOST_BYTES:  # what an archive says of sizes may be wrong, too
        size = min(size, _MOST_BYTES[info.compress_type] * info.compress_size)
    if size < expected:
        raise DataFileError(
            f"{path} ({member}): truncated: expected {expected:,} bytes for shape {shape}, got {size:,} at most."
        )
    return Rows(f"{path} ({member})", shape, dtype.kind, lambda n: _iter_copies(_read_npz(path, member), n))


def _read_npz(path, member):
    try:
        with np.load(path, allow_pickle=False) as archive:
            return archive[member]
    except (OSError, MemoryError):
        raise
    except Exception as error:
        raise DataFileError(f"{path}: the array {member} is truncated or corrupt: {error}") from error


def _open_dask(array, name):
    if any(math.isnan(length) for length in array.shape):
        raise ValueError(
            f"{name}: expected a Dask array of known shape, got {array.shape}. Call its compute_chunk_sizes()."
        )

    def pieces(n):
        for i in range(array.numblocks[0]):
            yield from _iter_copies(array.blocks[i].compute(), n)

    return Rows(name, array.shape, array.dtype.kind, pieces)


def _iter_copies(array, n_rows):
    """Pieces that do not keep the whole array in memory while the next one is made."""
    for start in range(0, len(array), n_rows):
        yield array[start : start + n_rows].copy()


def _paired(parts, batch_size, repeats):
    """Batches of images and labels, from parts that have been found to be as long."""

    def pieces(of):
        while True:
            for part in parts:
                yield from of(part).pieces(batch_size)
            if not repeats:
                return

    images = _in_batches(map(_as_rows, pieces(lambda part: part.images)), batch_size)
    labels = _in_batches(map(np.ravel, pieces(lambda part: part.labels)), batch_size)
    return zip(images, labels, strict=True)


def _as_rows(piece):
    return piece.reshape(len(piece), -1)


def _in_batches(pieces, batch_size):
    """Pieces of any length, cut and joined to batches of one length; the last may be shorter."""
    waiting: list = []
    n_waiting = 0
    for piece in pieces:
        while n_waiting + len(piece) >= batch_size:
            n_taken = batch_size - n_waiting
            yield _joined([*waiting, piece[:n_taken]])
            piece, waiting, n_waiting = piece[n_taken:], [], 0
        if len(piece):
            waiting.append(piece)
            n_waiting += len(piece)
    if waiting:
        yield _joined(waiting)


def _joined(pieces):
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _limited(batches, n_samples):
    for X, y in batches:
        yield X[:n_samples], y[:n_samples]
        n_samples -= len(X)
        if n_samples <= 0:
            return


def _augmented(batches, augmenter, random_state):
    for X, y in batches:
        # A copy: the source is not written to, and who keeps a batch finds it unchanged.
        deformed = np.array(X, np.float64 if X.dtype.newbyteorder("=") == np.float64 else np.float32, order="C")
        augmenter.augment(deformed, random_state, out=deformed)
        yield deformed, y
