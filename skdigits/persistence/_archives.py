"""Files of named arrays with a description beside them: .npz and .safetensors, checked before anything is made of them.

A file is only as large as it says: members of a zip file are not compressed, and an array has exactly the bytes that
its shape asks for. Reading therefore takes a few times the size of the file, whatever stands in it.
"""

import contextlib
import io
import os
import struct
import zipfile
import zlib
from typing import Any

import numpy as np

from skdigits.exceptions import ModelFormatError

DESCRIPTION = "description"

# Of a description, or of what a zip file says about its members.
MAX_DESCRIPTION = 2**20

NUMBER_TYPES = frozenset(
    {"bool", "float16", "float32", "float64"} | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
)
_SAFETENSORS_DTYPES = {
    "BOOL": "bool", "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64", "U8": "uint8", "U16": "uint16",
    "U32": "uint32", "U64": "uint64", "F16": "float16", "F32": "float32", "F64": "float64",
}  # fmt: skip
_END_OF_ZIP = struct.Struct("<4s4H2LH")
_ZIP64_LOCATOR = struct.Struct("<4sLQL")
_END_OF_ZIP64 = struct.Struct("<4sQ2H2L4Q")
_NPY_MAGIC = b"\x93NUMPY\x01\x00"


@contextlib.contextmanager
def opened_zip(stream):
    """A zip file whose members are as large as they say, and together no larger than the file."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(size - _END_OF_ZIP.size, 0))
    end = stream.read(_END_OF_ZIP.size)  # a device has no end
    if len(end) < _END_OF_ZIP.size or not end.startswith(b"PK\5\6"):
        raise ModelFormatError("it is cut off, or of another kind")
    # What Python reads at once, before any member.
    if max(_directory_sizes(stream, size, end)) > MAX_DESCRIPTION:
        raise ModelFormatError("its list of members is too long")
    with zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
        names = {member.filename for member in members}
        if len(names) != len(members):
            raise ModelFormatError("two members have the same name")
        for member in members:
            if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
                raise ModelFormatError(f"{member.filename} is compressed, which saved models are not")
        if sum(member.file_size for member in members) > size:
            raise ModelFormatError("its members are larger than the file")
        yield archive


def _directory_sizes(stream, size, end):
    """What the record at the end of a zip file says, and the one for large files before it, which has precedence."""
    yield _END_OF_ZIP.unpack(end)[5]
    place = size - _END_OF_ZIP.size - _ZIP64_LOCATOR.size
    stream.seek(max(place, 0))
    signature, _, told, _ = _ZIP64_LOCATOR.unpack(stream.read(_ZIP64_LOCATOR.size))
    if place < 0 or signature != b"PK\6\7":
        return
    # Versions of Python differ in whether they look straight before the locator or where it points.
    for start in {place - _END_OF_ZIP64.size, told}:
        if 0 <= start <= place - _END_OF_ZIP64.size:
            stream.seek(start)
            yield _END_OF_ZIP64.unpack(stream.read(_END_OF_ZIP64.size))[8]


def parse_npy(content, name, *, with_text=False):
    """The array of a file of NumPy, as a view of its bytes; text only where it is asked for."""
    length = int.from_bytes(content[8:10], "little")
    if not content.startswith(_NPY_MAGIC) or len(content) < 10 + length:
        raise ModelFormatError(f"{name} is no array")
    shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(io.BytesIO(content[8 : 10 + length]))
    is_text = with_text and dtype.kind == "U" and dtype.itemsize > 0 and dtype.isnative
    _check_array(name, dtype.str if is_text else dtype, shape, len(content) - 10 - length, dtype.itemsize, is_text)
    values = np.frombuffer(content, dtype, offset=10 + length).reshape(shape, order="F" if is_fortran else "C")
    return _check_booleans(name, values)


def _check_array(name, dtype, shape, n_bytes, itemsize, is_text=False):
    if not is_text and str(dtype) not in NUMBER_TYPES:
        raise ModelFormatError(f"{name} is of type {dtype}, which saved models do not hold")
    n_values = 1
    for length in shape:
        if type(length) is not int or length < 0 or length > n_bytes:
            raise ModelFormatError(f"{name} cannot have the shape {shape} with {n_bytes} bytes")
        n_values *= length
    if n_values * itemsize != n_bytes:
        raise ModelFormatError(f"{name} has {n_bytes} bytes, and its shape {shape} asks for {n_values * itemsize}")


def _check_booleans(name, values):
    if values.dtype == bool and values.size and values.view(np.uint8).max() > 1:
        raise ModelFormatError(f"{name} holds what is neither true nor false")
    return values


def write_npz(stream, description, arrays):
    """Write a description, as bytes, and arrays by name."""
    contents: dict[str, Any] = {DESCRIPTION: np.frombuffer(description, np.uint8), **arrays}
    # As np.savez does, which in NumPy 2.0 leaves the archive open where the disk is full.
    with zipfile.ZipFile(stream, "w") as archive:
        for name, values in contents.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(values), allow_pickle=False)


def read_npz(path):
    """Returns the description, and read-only arrays by name."""
    with open(path, "rb") as stream, opened_zip(stream) as archive:
        arrays = {}
        for member in archive.infolist():
            if not member.filename.endswith(".npy"):  # nor would NumPy read it as an array
                raise ModelFormatError(f"its member {member.filename!r} is no array by its name")
            name = member.filename.removesuffix(".npy")
            arrays[name] = parse_npy(archive.read(member), name)
    if DESCRIPTION not in arrays:
        raise ModelFormatError(f"it has no {DESCRIPTION}, so that save_weights has not written it")
    return limited(arrays.pop(DESCRIPTION).tobytes()), arrays


def write_safetensors(stream, description, arrays):
    """Write a description, as bytes, and arrays by name."""
    save = import_safetensors().numpy.save
    # Unlike a zip file this one has no check sums.
    metadata = {DESCRIPTION: description.decode(), "crc32": str(_check_sum(description, arrays))}
    stream.write(save({name: np.array(array, order="C") for name, array in arrays.items()}, metadata))


def read_safetensors(path):
    """Returns the description, and arrays by name."""
    safetensors = import_safetensors()
    with open(path, "rb") as stream:
        header_size = int.from_bytes(stream.read(8), "little")
    if header_size > 2 * MAX_DESCRIPTION:
        raise ModelFormatError("its header is too long, or it is of another kind")
    arrays = {}
    with safetensors.safe_open(path, "np") as archive:
        metadata = archive.metadata() or {}
        for name in archive.keys():  # noqa: SIM118 it is no dict
            entry = archive.get_slice(name)
            if entry.get_dtype() not in _SAFETENSORS_DTYPES:
                raise ModelFormatError(f"{name} is of type {entry.get_dtype()}, which saved models do not hold")
            arrays[name] = _check_booleans(name, archive.get_tensor(name))
    if DESCRIPTION not in metadata:
        raise ModelFormatError(f"it has no {DESCRIPTION}, so that save_weights has not written it")
    description = limited(metadata[DESCRIPTION].encode())
    if metadata.get("crc32") != str(_check_sum(description, arrays)):
        raise ModelFormatError("its check sum is not that of its content")
    return description, arrays


def import_safetensors():
    """The package, with what it has for NumPy."""
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError('Files that end in .safetensors need safetensors: pip install "skdigits[export]"') from None
    return safetensors


def limited(description):
    """The description itself, if it is no longer than one may be."""
    if len(description) > MAX_DESCRIPTION:
        raise ModelFormatError(f"its {DESCRIPTION} is too long: {len(description)} bytes")
    return description


def _check_sum(description, arrays):
    total = zlib.crc32(description)
    for name in sorted(arrays):
        total = zlib.crc32(np.ascontiguousarray(arrays[name]).data, zlib.crc32(name.encode(), total))
    return total


ARCHIVES = {".npz": (write_npz, read_npz), ".safetensors": (write_safetensors, read_safetensors)}
