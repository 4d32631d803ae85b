"""Arguments of a kernel as one row of 64-bit words, which is what machine code is called with.

An array is the address of its Python object, in which machine code finds its data, shape and strides: asking NumPy for
them takes longer than recognising a digit. A tuple is what is in it, one after the other, with room behind each array
for its lengths; a number is its bits. The first word is the result's. bundles.py writes the code that reads them.
"""

import ctypes
import struct
from array import array
from itertools import product

import numpy as np

# Bits of an array's flags that compiled code may rely on: order in memory, alignment, whether it may be written.
_BY_ROWS, _BY_COLUMNS, _ALIGNED, _WRITABLE = 0x0001, 0x0002, 0x0100, 0x0400
_FLAGS = _BY_ROWS | _BY_COLUMNS | _ALIGNED | _WRITABLE
# A matrix of one row lies in both orders, and is as any other by rows.
_LAYOUTS = {
    by_rows | by_columns | rest: (by_rows or by_columns) | rest
    for by_rows, by_columns, rest in product(
        (0, _BY_ROWS), (0, _BY_COLUMNS), (0, _ALIGNED, _WRITABLE, _ALIGNED | _WRITABLE)
    )
}
_CHARACTERS = {bool: "?", int: "q", float: "d"}


# Where an array has the address of its data: behind the head that all Python objects have (PyArrayObject_fields of
# NumPy's C interface). The number of dimensions, shape and strides follow.
FIRST_FIELD = object.__basicsize__


def address(array):
    """Address of an array's data. NumPy's own ways to it make a dictionary or an object of much else."""
    return ctypes.c_ssize_t.from_address(id(array) + FIRST_FIELD).value


class Packed:
    """An argument that many calls share, packed once.

    Parameters
    ----------
    value : tuple
        A named tuple of arrays, numbers and such tuples, as a kernel takes it.
    """

    def __init__(self, value):
        self.value, self.words, self.kinds = value, [], []
        _append([value], self.words, self.kinds)


def unpacked(arguments):
    """Arguments as they were before some of them were packed."""
    return [argument.value if type(argument) is Packed else argument for argument in arguments]


def pack(arguments):
    """Arguments as machine code reads them, and what it has to have been compiled for.

    Parameters
    ----------
    arguments : sequence
        Arrays, numbers, named tuples of these, and `Packed`. Arrays have to outlive the call.

    Returns
    -------
    words : array of int64
        The first is for the result.
    kinds : tuple
        Of hashable objects whose `repr` is the same in each process.
    """
    words, kinds = [0], []
    _append(arguments, words, kinds)
    return array("q", words), tuple(kinds)


def _append(values, words, kinds):
    for value in values:
        if isinstance(value, np.ndarray):
            words.append(id(value))
            kinds.append((value.dtype, value.ndim, _LAYOUTS[value.flags.num & _FLAGS]))
        elif type(value) is Packed:
            words += value.words
            kinds += value.kinds
        elif isinstance(value, tuple):
            kinds.append((type(value).__name__, len(value)))
            for item in value:
                _append((item,), words, kinds)
                if isinstance(item, np.ndarray):
                    words += [0] * item.ndim
        else:
            character = _character(value)
            words.append(_bits(value, character))
            kinds.append(character)


def _character(value):
    """That of the type that NumPy and Numba give a number."""
    if type(value) is int and value >= 2**63:
        return "Q"
    return _CHARACTERS.get(type(value)) or value.dtype.char


def _bits(value, character):
    """A number's bits as a signed integer."""
    if character == "d":
        return struct.unpack("q", struct.pack("d", value))[0]
    if character == "f":
        return struct.unpack("i", struct.pack("f", value))[0]
    value = int(value)
    return value if value < 2**63 else value - 2**64


def unpack_result(word, character):
    """The number that a word holds; None where the character is '-'."""
    match character:
        case "-":
            return None
        case "?":
            return bool(word)
        case "d" | "f":
            return struct.unpack_from(character, struct.pack("q", word))[0]
        case _:
            return word % 2**64 if character in "BHILQ" else word
