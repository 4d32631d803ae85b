"""Samples as lists of their tiles that differ from the background.

A tile is four features: `first_features` tells the first of each, the second stands behind it, and the other two
`second_pair` behind these; a last tile of fewer features has neighbours. N samples, K features, G = ceil(K / 4) tiles.
The list of sample i is tiles[starts[2 * i] : starts[2 * i + 2]], of which those from starts[2 * i + 1] on are not below
`split`, each with four numbers in `values`: differences from the background, and 0 behind the last feature. The
background is in the order of the tiles.
"""

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

from skdigits._kernels.jit import kernel
from skdigits._kernels.numbers import count_finite, larger, smaller
from skdigits._kernels.prefetching import L2, prefetch
from skdigits._kernels.sizes import TILE, TILES_A_WORD
from skdigits._kernels.tiles import count_bits, is_any_set, lowest_bit, read_pairs, read_tile

# A sample is asked for while so many before it are read, where only parts of it are: processors see by themselves
# that all of an array is read.
_SAMPLES_AHEAD = 4


def _read_both(context, builder, signature, arguments):
    """A tile of a row and of the background, and the type of these vectors."""
    row, k, second_pair, background, slot = arguments[:5]
    row_type, background_type = signature.args[0], signature.args[3]
    values, vector = read_pairs(context, builder, row_type, row, k, second_pair, background_type.dtype)
    other, _ = read_tile(context, builder, background_type, background, slot, background_type.dtype)
    return values, other, vector


@intrinsic
def _differs(typing_context, row, k, second_pair, background, slot):
    """Whether any of the tile that starts at row[k] differs from the background."""

    def generate(context, builder, signature, arguments):
        values, other, _ = _read_both(context, builder, signature, arguments)
        return is_any_set(builder, builder.fcmp_unordered("!=", values, other))

    return types.int64(row, types.intp, types.intp, background, types.intp), generate


@intrinsic
def _write_difference(typing_context, row, k, second_pair, background, slot, out, start):
    """Write row - background to four numbers of `out`."""

    def generate(context, builder, signature, arguments):
        values, other, vector = _read_both(context, builder, signature, arguments)
        out_array, start = arguments[5:]
        pointer = builder.gep(context.make_array(signature.args[5])(context, builder, out_array).data, [start])
        pointer = builder.bitcast(pointer, vector.as_pointer())
        builder.store(builder.fsub(values, other), pointer, align=out.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(row, types.intp, types.intp, background, types.intp, out, types.intp), generate


if numba.config.DISABLE_JIT:
    from skdigits._kernels.tiles import plain_pairs

    def _differs(row, k, second_pair, background, slot):
        values = plain_pairs(row, k, second_pair).astype(background.dtype)
        return int(np.any(values != background[slot : slot + TILE]))

    def _write_difference(row, k, second_pair, background, slot, out, start):
        values = plain_pairs(row, k, second_pair).astype(out.dtype)
        out[start : start + TILE] = values - background[slot : slot + TILE]


@kernel
def mark_differences(row, first_features, second_pair, background, marks):
    """Set a bit for each whole tile of a sample that differs from the background, the others to 0."""
    n_whole = row.shape[0] // TILE
    for word in range(marks.shape[0]):
        first, bits = TILES_A_WORD * word, 0
        for tile in range(first, smaller(first + TILES_A_WORD, n_whole)):
            bits |= _differs(row, first_features[tile], second_pair, background, TILE * tile) << (tile - first)
        marks[word] = bits


@kernel
def count_tiles(dense, first_features, second_pair, background, split, first, last, marks, starts):
    """Write the lengths of both halves of the list of each sample from `first` to `last` behind starts[2 * i].

    Parameters
    ----------
    dense : array of shape (N, K)
        Of floats or unsigned integers; compared in the type of `background`.
    first_features : int64 array of shape (G,)
    second_pair : int
    background : float array of shape (4 * G,)
    split : int
        At most the number of whole tiles.
    first, last : int
    marks : int64 array of shape (N, ceil(G / 60))
        Set to which whole tiles of each sample are listed, a bit each.
    starts : int64 array of shape (2 * N + 1,)

    Returns
    -------
    all_finite : bool
        Whether no value is infinite or NaN in the type of `background`.
    """
    n_features = dense.shape[1]
    n_whole, n_finite = n_features // TILE, 0
    for i in range(first, last):
        row = dense[i]
        n_finite += count_finite(row, background)
        mark_differences(row, first_features, second_pair, background, marks[i])
        count, count_below = 0, 0
        for word in range(marks.shape[1]):
            n_below = smaller(larger(split - TILES_A_WORD * word, 0), TILES_A_WORD)
            count += count_bits(marks[i, word])
            count_below += count_bits(marks[i, word] & ((1 << n_below) - 1))
        is_lit = False
        for k in range(TILE * n_whole, n_features):
            is_lit |= background.dtype.type(row[k]) != background[k]
        starts[2 * i + 1], starts[2 * i + 2] = count_below, count - count_below + is_lit
    return n_finite == (last - first) * n_features


@kernel
def fill_tiles(dense, first_features, second_pair, background, first, last, marks, starts, tiles, values):
    """Write the lists of the samples from `first` to `last`.

    Parameters
    ----------
    dense, first_features, second_pair, background, first, last, marks, starts
        As in `count_tiles`, whose marks these are, and whose counts have been added up.
    tiles : integer array of shape (starts[2 * N],)
    values : array of shape (4 * starts[2 * N],) and the type of `background`
    """
    n_features = dense.shape[1]
    n_whole = n_features // TILE
    for i in range(first, last):
        row = dense[i]
        prefetch(dense[smaller(i + _SAMPLES_AHEAD, last - 1)], 0, n_features, L2)
        start, stop, entry = starts[2 * i], starts[2 * i + 2], 0
        row_tiles, row_values = tiles[start:stop], values[TILE * start : TILE * stop]
        for word in range(marks.shape[1]):
            bits = marks[i, word]
            while bits != 0:
                tile = TILES_A_WORD * word + lowest_bit(bits)
                bits &= bits - 1
                row_tiles[entry] = tile
                _write_difference(
                    row, first_features[tile], second_pair, background, TILE * tile, row_values, TILE * entry
                )
                entry += 1
        if entry < row_tiles.shape[0]:
            row_tiles[entry] = n_whole
            for r in range(TILE):
                row_values[TILE * entry + r] = 0
            for k in range(TILE * n_whole, n_features):
                row_values[TILE * entry + k - TILE * n_whole] = background.dtype.type(row[k]) - background[k]


@kernel
def count_csr_tiles(indptr, indices, slots, split, first, last, seen, starts):
    """Write the lengths of both halves of the list of each sample of a CSR matrix from `first` to `last`.

    Parameters
    ----------
    indptr, indices : integer arrays
        Of a matrix in canonical format.
    slots : int64 array of shape (K,)
        Place of each feature in the order of the tiles.
    split, first, last : int
    seen : int64 array of shape (G,)
        Scratch of one thread, which starts as -1.
    starts : int64 array of shape (2 * N + 1,)
        Behind starts[2 * i] both lengths are written.
    """
    for i in range(first, last):
        count, count_below = 0, 0
        for j in range(indptr[i], indptr[i + 1]):
            tile = slots[indices[j]] // TILE
            is_new = seen[tile] != i
            count += is_new
            count_below += is_new & (tile < split)
            seen[tile] = i
        starts[2 * i + 1], starts[2 * i + 2] = count_below, count - count_below


@kernel
def fill_csr_tiles(indptr, indices, data, slots, first, last, entries, starts, tiles, values):
    """Write the lists of the samples of a CSR matrix from `first` to `last`, whose lengths have been counted.

    They are the lists of the same samples when these are dense, but for stored zeros.

    Parameters
    ----------
    indptr, indices, data : arrays
    slots, first, last
        As in `count_csr_tiles`.
    entries : int64 array of shape (G,)
        Scratch of one thread, which starts as -1: where the tile stands in the list of the last sample that had it.
    starts, tiles
        As in `fill_tiles`.
    values : array of shape (4 * starts[2 * N],)
        Which starts as zeros.
    """
    for i in range(first, last):
        start = starts[2 * i]
        end = start
        for j in range(indptr[i], indptr[i + 1]):
            slot = slots[indices[j]]
            tile = slot // TILE
            if entries[tile] < start:
                place = end
                # Squares are met row by row: those that begin in their second row go in between.
                while place > start and tiles[place - 1] > tile:
                    tiles[place], entries[tiles[place - 1]] = tiles[place - 1], place
                    for r in range(TILE):
                        values[TILE * place + r] = values[TILE * (place - 1) + r]
                        values[TILE * (place - 1) + r] = 0
                    place -= 1
                tiles[place], entries[tile] = tile, place
                end += 1
            values[TILE * entries[tile] + slot % TILE] = data[j]
