"""Arguments of a kernel as one row of 64-bit words, which is what machine code is called with.

An array is its address, its shape and its strides; a tuple is what is in it, one after the other; a number is its bits.
The first word is the result's. linking.py writes the code that reads them.
"""

import struct
from array import array

import numpy as np

# Bits of an array's flags that compiled code may rely on: order in memory, alignment, whether it may be written.
_BY_ROWS, _BY_COLUMNS, _ALIGNED, _WRITABLE = 0x0001, 0x0002, 0x0100, 0x0400
_CHARACTERS = {bool: "?", int: "q", float: "d"}


def pack(arguments):
    """Arguments as machine code reads them, and what it has to have been compiled for.

    Parameters
    ----------
    arguments : sequence
        Arrays, numbers, and tuples of these. Arrays have to outlive the call.

    Returns
    -------
    words : array of int64
        The first is for the result.
    kinds : tuple
        Of hashable objects whose `repr` is the same in each process.
    """
    words, kinds = array("q", [0]), []
    _append(arguments, words, kinds)
    return words, tuple(kinds)


def _append(values, words, kinds):
    for value in values:
        if isinstance(value, np.ndarray):
            words.append(value.__array_interface__["data"][0])
            words.extend(value.shape)
            words.extend(value.strides)
            kinds.append((value.dtype.str, value.ndim, _layout(value.flags.num)))
        elif isinstance(value, tuple):
            kinds.append((type(value).__name__, len(value)))
            _append(value, words, kinds)
        else:
            character = _character(value)
            words.append(_bits(value, character))
            kinds.append(character)


def _layout(flags):
    """What compiled code may rely on. A matrix of one row lies in both orders, and is as any other by rows."""
    order = flags & _BY_ROWS or flags & _BY_COLUMNS
    return order | flags & (_ALIGNED | _WRITABLE)


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
