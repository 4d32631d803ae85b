"""IDX files, plain or gzip-compressed: the format in which MNIST is published.

Two zero bytes, a byte for the element type, a byte for the number of dimensions, each dimension as a big-endian
32-bit number, then the elements in row-major order. Only unsigned bytes (type 0x08) are read: images and labels.
"""

import contextlib
import gzip
import math
import os
import struct
import zlib

import numpy as np

from skdigits.exceptions import DataFileError

_UNSIGNED_BYTE = 0x08
_MOST_DIMENSIONS = 3
_GZIP_MAGIC = b"\x1f\x8b"
# Deflate cannot shrink anything further than 1032 to 1.
_LARGEST_COMPRESSION = 1032
_CHUNK = 1 << 20


def idx_header(shape):
    """Header of an IDX file of unsigned bytes of this shape."""
    return struct.pack(f">HBB{len(shape)}I", 0, _UNSIGNED_BYTE, len(shape), *shape)


def read_idx(path, name=None, expected_shape=None):
    """Read an IDX file of unsigned bytes.

    No more memory is asked for than the file can fill.

    Parameters
    ----------
    path : str or path-like
        Plain or gzip-compressed; told apart by content.
    name : str or None, default=None
        What errors call the file. None: its path.
    expected_shape : tuple of int or None, default=None
        What its header must say; compared before anything is unpacked.

    Returns
    -------
    array : ndarray of uint8
        One to three dimensions; may be written to.

    Raises
    ------
    DataFileError
        If the file is no such file, is truncated, is corrupt, has bytes left over, or is of another shape.
    OSError
        If it cannot be read.
    """
    name = path if name is None else name
    with _opened(path, name) as stream:
        shape = _read_shape(stream, path, name)
        if expected_shape is not None and shape != expected_shape:
            raise DataFileError(f"{name}: expected an array of shape {expected_shape}, got {shape}.")
        content = _read_exactly(stream, math.prod(shape), name, shape)
        _expect_end(stream, name, shape)
    try:
        return np.frombuffer(content, np.uint8).reshape(shape)
    except ValueError as error:  # NumPy refuses (0, 4294967295, 4294967295), although it needs no memory
        raise DataFileError(
            f"{name}: its header promises an array of shape {shape}: {error} Get the file again."
        ) from error


def read_idx_layout(path):
    """How an IDX file of unsigned bytes is laid out, from its header and its size.

    Parameters
    ----------
    path : str or path-like
        Plain or gzip-compressed; told apart by content.

    Returns
    -------
    shape : tuple of int
    offset : int or None
        Where the elements begin; None in a compressed file.

    Raises
    ------
    DataFileError
        If the file is no such file, or has not the size that its header promises.
    """
    with _opened(path, path) as stream:
        shape = _read_shape(stream, path, path)
        if isinstance(stream, gzip.GzipFile):
            return shape, None
        offset, size = stream.tell(), os.stat(path).st_size
        if size != offset + math.prod(shape):
            raise DataFileError(
                f"{path}: expected {offset + math.prod(shape):,} bytes for an array of shape {shape}, got {size:,}. "
                "Get the file again."
            )
        return shape, offset


def iter_idx(path, n_rows):
    """Read an IDX file of unsigned bytes front to back, so many rows at a time; parameters as in `read_idx`."""
    with _opened(path, path) as stream:
        shape = _read_shape(stream, path, path)
        for start in range(0, shape[0], n_rows):
            piece = (min(n_rows, shape[0] - start), *shape[1:])
            n_before = start * math.prod(shape[1:])
            content = _read_exactly(stream, math.prod(piece), path, shape, n_before)
            if start + n_rows >= shape[0]:
                # Before the last rows are given, as who has them asks for no more. gzip compares its check sum here.
                _expect_end(stream, path, shape)
            yield np.frombuffer(content, np.uint8).reshape(piece)
            del content


@contextlib.contextmanager
def _opened(path, name):
    """The content of a file as a stream, unpacked where it is compressed."""
    with open(path, "rb") as raw:
        is_compressed = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        if not is_compressed:
            yield raw
            return
        try:
            with gzip.GzipFile(fileobj=raw) as stream:
                yield stream
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataFileError(
                f"{name}: the gzip data is truncated or corrupt ({error}). Get the file again."
            ) from error


def _read_shape(stream, path, name):
    """The shape that the header promises, if the file can hold so much."""
    shape = _read_header(stream, name)
    expected, most_bytes = math.prod(shape), os.stat(path).st_size
    if isinstance(stream, gzip.GzipFile):
        most_bytes *= _LARGEST_COMPRESSION
    if expected > most_bytes:
        raise DataFileError(
            f"{name}: its header promises an array of shape {shape}, {expected:,} bytes, more than the file can hold. "
            "It is truncated or corrupt: get the file again."
        )
    return shape


def _read_exactly(stream, n_bytes, name, shape, n_before=0):
    content = bytearray()
    while len(content) < n_bytes and (chunk := stream.read(min(_CHUNK, n_bytes - len(content)))):
        content += chunk
    if len(content) < n_bytes:
        raise DataFileError(
            f"{name}: truncated: expected {math.prod(shape):,} bytes for an array of shape {shape}, got "
            f"{n_before + len(content):,}. Get the file again."
        )
    return content


def _expect_end(stream, name, shape):
    if stream.read(1):
        raise DataFileError(
            f"{name}: expected to end after an array of shape {shape}, but more follows. Get the file again."
        )


def _read_header(stream, name):
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] != _UNSIGNED_BYTE or not 1 <= magic[3] <= _MOST_DIMENSIONS:
        raise DataFileError(
            f"{name}: expected an IDX file of unsigned bytes, which begins with the bytes 00 00 08 and 01, 02 or 03, "
            f"got {magic.hex(' ') or 'an empty file'}."
        )
    dimensions = stream.read(4 * magic[3])
    if len(dimensions) < 4 * magic[3]:
        raise DataFileError(f"{name}: truncated within its header of {4 + 4 * magic[3]} bytes. Get the file again.")
    return struct.unpack(f">{magic[3]}I", dimensions)
