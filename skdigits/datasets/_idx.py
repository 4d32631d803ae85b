"""IDX files, plain or gzip-compressed: the format in which MNIST is published.

Two zero bytes, a byte for the element type, a byte for the number of dimensions, each dimension as a big-endian
32-bit number, then the elements in row-major order. Only unsigned bytes (type 0x08) are read: images and labels.
"""

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


def read_idx(path, name=None):
    """Read an IDX file of unsigned bytes.

    No more memory is asked for than the file can fill.

    Parameters
    ----------
    path : str or path-like
        Plain or gzip-compressed; told apart by content.
    name : str or None, default=None
        What errors call the file. None: its path.

    Returns
    -------
    array : ndarray of uint8
        One to three dimensions; may be written to.

    Raises
    ------
    DataFileError
        If the file is no such file, is truncated, is corrupt, or has bytes left over.
    OSError
        If it cannot be read.
    """
    name = path if name is None else name
    size = os.stat(path).st_size
    with open(path, "rb") as raw:
        is_compressed = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        if not is_compressed:
            return _read_stream(raw, name, most_bytes=size)
        try:
            with gzip.GzipFile(fileobj=raw) as stream:
                return _read_stream(stream, name, most_bytes=size * _LARGEST_COMPRESSION)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataFileError(
                f"{name}: the gzip data is truncated or corrupt ({error}). Get the file again."
            ) from error


def _read_stream(stream, name, most_bytes):
    shape = _read_header(stream, name)
    expected = math.prod(shape)
    if expected > most_bytes:
        raise DataFileError(
            f"{name}: its header promises an array of shape {shape}, {expected:,} bytes, more than the file can hold. "
            "It is truncated or corrupt: get the file again."
        )
    content = bytearray()
    while len(content) < expected and (chunk := stream.read(min(_CHUNK, expected - len(content)))):
        content += chunk
    if len(content) < expected:
        raise DataFileError(
            f"{name}: truncated: expected {expected:,} bytes for an array of shape {shape}, got {len(content):,}. "
            "Get the file again."
        )
    if stream.read(1):
        raise DataFileError(
            f"{name}: expected to end after an array of shape {shape}, but more follows. Get the file again."
        )
    try:
        return np.frombuffer(content, np.uint8).reshape(shape)
    except ValueError as error:  # NumPy refuses (0, 4294967295, 4294967295), although it needs no memory
        raise DataFileError(
            f"{name}: its header promises an array of shape {shape}: {error} Get the file again."
        ) from error


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
