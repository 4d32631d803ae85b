"""Tiles of samples: how they are read, looked at and written to lists.

A *tile* is four features of a sample, or four neighbouring units of a layer. Lit pixels of digits stand together, so
that three quarters of the tiles of a digit are empty and are left out, and three quarters of the numbers in the others
are not zero. What is multiplied with them is in microkernels.py.
"""

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from skdigits._kernels.sizes import TILE, TILES_A_WORD

# Numbers that are looked at together for tiles that are not empty, and how many such groups fill a word with their
# bits; the bit that says that one of them is infinite or NaN.
GROUP = TILE * TILE
GROUPS_A_WORD = TILES_A_WORD // TILE
NOT_FINITE = 1 << TILE


def read_tile(context, builder, array_type, array, index, number_type):
    """Four numbers of an array of floats or unsigned integers as a vector of another type; its LLVM type."""
    item_type = array_type.dtype
    values = _read(context, builder, array_type, array, index, TILE)
    return _convert(context, builder, values, item_type, number_type, TILE)


def read_pairs(context, builder, array_type, array, index, second_pair, number_type):
    """Two numbers of an array, and the two that stand `second_pair` behind them, as `read_tile` gives four."""
    pairs = [
        _read(context, builder, array_type, array, place, TILE // 2)
        for place in (index, builder.add(index, second_pair))
    ]
    lanes_of_both = ir.Constant(ir.VectorType(ir.IntType(32), TILE), list(range(TILE)))
    return _convert(
        context, builder, builder.shuffle_vector(*pairs, lanes_of_both), array_type.dtype, number_type, TILE
    )


def _read(context, builder, array_type, array, index, n):
    """A vector of neighbours in an array."""
    item_type = array_type.dtype
    source = ir.VectorType(context.get_data_type(item_type), n)
    pointer = builder.gep(context.make_array(array_type)(context, builder, array).data, [index])
    return builder.load(builder.bitcast(pointer, source.as_pointer()), align=item_type.bitwidth // 8)


def _convert(context, builder, values, item_type, number_type, n):
    """A vector as one of another type, and that type."""
    vector = ir.VectorType(context.get_data_type(number_type), n)
    if isinstance(item_type, types.Integer):
        values = builder.uitofp(values, vector)
    elif item_type.bitwidth > number_type.bitwidth:
        values = builder.fptrunc(values, vector)
    elif item_type.bitwidth < number_type.bitwidth:
        values = builder.fpext(values, vector)
    return values, vector


def is_any_set(builder, bits):
    """Whether any of four bits is set, as 0 or 1."""
    bits = builder.bitcast(bits, ir.IntType(TILE))
    return builder.zext(builder.icmp_unsigned("!=", bits, ir.Constant(ir.IntType(TILE), 0)), ir.IntType(64))


@intrinsic
def copy_tile(typing_context, source, start, second_pair, out, out_start):
    """Copy a tile, converted to the type of `out`; return 1 if any of its numbers is not zero there, else 0."""

    def generate(context, builder, signature, arguments):
        source_array, start, second_pair, out_array, out_start = arguments
        values, vector = read_pairs(context, builder, signature.args[0], source_array, start, second_pair, out.dtype)
        target = builder.gep(context.make_array(signature.args[3])(context, builder, out_array).data, [out_start])
        builder.store(values, builder.bitcast(target, vector.as_pointer()), align=out.dtype.bitwidth // 8)
        return is_any_set(builder, builder.fcmp_unordered("!=", values, ir.Constant(vector, None)))

    return types.int64(source, types.intp, types.intp, out, types.intp), generate


def _write_tile(context, builder, values, position, entry_type, entries, entry):
    """Write a vector of four values, and a position, as an entry."""
    bits = ir.IntType(entry_type.dtype.bitwidth)
    target = builder.gep(context.make_array(entry_type)(context, builder, entries).data, [entry])
    builder.store(values, builder.bitcast(target, values.type.as_pointer()), align=bits.width // 8)
    place = builder.bitcast(builder.gep(target, [context.get_constant(types.intp, TILE)]), bits.as_pointer())
    builder.store(position if bits.width == 64 else builder.trunc(position, bits), place)


@intrinsic
def write_entry(typing_context, values, start, position, entries, entry):
    """Write the four values from values[start] on, and a position, as an entry to entries[entry]."""

    def generate(context, builder, signature, arguments):
        source_array, start, position, entry_array, entry = arguments
        tile, _ = read_tile(context, builder, signature.args[0], source_array, start, entries.dtype)
        _write_tile(context, builder, tile, position, signature.args[3], entry_array, entry)
        return context.get_dummy_value()

    return types.void(values, types.intp, types.intp, entries, types.intp), generate


@intrinsic
def write_pairs(typing_context, values, start, second_pair, position, entries, entry):
    """Write a tile of a dense sample, and a position, as an entry; return 1 if any of its numbers is not zero, else 0.

    It is written in any case: a branch would be mispredicted at every edge of a stroke.
    """

    def generate(context, builder, signature, arguments):
        source_array, start, second_pair, position, entry_array, entry = arguments
        tile, vector = read_pairs(context, builder, signature.args[0], source_array, start, second_pair, entries.dtype)
        _write_tile(context, builder, tile, position, signature.args[4], entry_array, entry)
        return is_any_set(builder, builder.fcmp_unordered("!=", tile, ir.Constant(vector, None)))

    return types.int64(values, types.intp, types.intp, types.intp, entries, types.intp), generate


@intrinsic
def mark_tiles(typing_context, values, start, like):
    """Which of the four tiles of a group from values[start] on hold a number other than zero, as the lowest bits.

    The bit above them is NOT_FINITE. Numbers are looked at in the type of the array `like`.
    """

    def generate(context, builder, signature, arguments):
        bits = ir.IntType(GROUP)
        numbers = _read(context, builder, values, *arguments[:2], GROUP)
        numbers, _ = _convert(context, builder, numbers, values.dtype, like.dtype, GROUP)
        zeros = ir.Constant(numbers.type, None)

        def which(comparison, first, second):
            return builder.bitcast(builder.fcmp_unordered(comparison, first, second), bits)

        lit = which("!=", numbers, zeros)
        for shift in (1, 2):  # then the lowest of each four bits is set if any of them is
            lit = builder.or_(lit, builder.lshr(lit, bits(shift)))
        lit = builder.and_(lit, bits(0x1111))
        # The product moves these four bits to the top, and nothing else there.
        lit = builder.lshr(builder.mul(lit, bits(0x1248)), bits(GROUP - TILE))
        is_wrong = builder.icmp_unsigned("!=", which("uno", builder.fsub(numbers, numbers), zeros), bits(0))
        lit = builder.select(is_wrong, builder.or_(lit, bits(NOT_FINITE)), lit)
        return builder.zext(lit, ir.IntType(64))

    return types.int64(values, types.intp, like), generate


@intrinsic
def lowest_bit(typing_context, bits):
    """The place of the lowest bit that is set, of an integer that is not 0."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return types.int64(types.int64), generate


@intrinsic
def count_bits(typing_context, bits):
    """How many bits of an integer are set."""

    def generate(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.int64(types.int64), generate


if numba.config.DISABLE_JIT:

    def copy_tile(source, start, second_pair, out, out_start):
        with np.errstate(over="ignore"):
            out[out_start : out_start + TILE] = plain_pairs(source, start, second_pair)
        return int(np.any(out[out_start : out_start + TILE] != 0))

    def plain_pairs(array, index, second_pair):
        return np.concatenate([array[place : place + TILE // 2] for place in (index, index + second_pair)])

    def write_entry(values, start, position, entries, entry):
        entries[entry : entry + TILE] = values[start : start + TILE]
        entries[entry + TILE :][:1].view(f"i{entries.itemsize}")[0] = position

    def write_pairs(values, start, second_pair, position, entries, entry):
        with np.errstate(over="ignore"):
            tile = plain_pairs(values, start, second_pair).astype(entries.dtype)
        write_entry(tile, 0, position, entries, entry)
        return int(np.any(entries[entry : entry + TILE] != 0))

    def mark_tiles(values, start, like):
        with np.errstate(over="ignore"):
            numbers = values[start : start + GROUP].astype(like.dtype)
        lit = (numbers.reshape(TILE, TILE) != 0).any(axis=1)
        return int(lit @ (1 << np.arange(TILE))) | (0 if np.isfinite(numbers).all() else NOT_FINITE)

    def lowest_bit(bits):
        return int(bits & -bits).bit_length() - 1

    def count_bits(bits):
        return int(bits).bit_count()
