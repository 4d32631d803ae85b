"""Samples as lists of their tiles that differ from the background.

A tile is four neighbouring features. N samples, K features, G = ceil(K / 4) tiles. The list of sample i is
tiles[starts[i] : starts[i + 1]], each with four numbers in `values`: differences from the background, and 0 behind
the last feature.
"""

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

from skdigits._kernels.jit import kernel
from skdigits._kernels.tiles import TILE, is_any_set, read_tile


@intrinsic
def _differs(typing_context, row, k, background):
    """Whether any of the four numbers from row[k] on differs from the background."""

    def generate(context, builder, signature, arguments):
        row_type, _, background_type = signature.args
        values, _ = read_tile(context, builder, row_type, arguments[0], arguments[1], background.dtype)
        other, _ = read_tile(context, builder, background_type, arguments[2], arguments[1], background.dtype)
        return is_any_set(builder, builder.fcmp_unordered("!=", values, other))

    return types.int64(row, types.intp, background), generate


@intrinsic
def _write_difference(typing_context, row, k, background, out, start):
    """Write row - background to four numbers of `out`; return whether any differs."""

    def generate(context, builder, signature, arguments):
        row_type, _, background_type, out_type, _ = signature.args
        values, vector = read_tile(context, builder, row_type, arguments[0], arguments[1], out.dtype)
        other, _ = read_tile(context, builder, background_type, arguments[2], arguments[1], out.dtype)
        pointer = builder.gep(context.make_array(out_type)(context, builder, arguments[3]).data, [arguments[4]])
        pointer = builder.bitcast(pointer, vector.as_pointer())
        builder.store(builder.fsub(values, other), pointer, align=out.dtype.bitwidth // 8)
        return is_any_set(builder, builder.fcmp_unordered("!=", values, other))

    return types.int64(row, types.intp, background, out, types.intp), generate


if numba.config.DISABLE_JIT:

    def _differs(row, k, background):
        return int(np.any(row[k : k + TILE].astype(background.dtype) != background[k : k + TILE]))

    def _write_difference(row, k, background, out, start):
        out[start : start + TILE] = row[k : k + TILE].astype(out.dtype) - background[k : k + TILE]
        return _differs(row, k, background)


@kernel
def count_tiles(dense, background, first, last, starts):
    """Write the length of the list of each sample from `first` to `last` to starts[i + 1].

    Parameters
    ----------
    dense : array of shape (N, K)
        Of floats or unsigned integers; compared in the type of `background`.
    background : float array of shape (K,)
    first, last : int
    starts : int64 array of shape (N + 1,)

    Returns
    -------
    all_finite : bool
        Whether no value is infinite or NaN in the type of `background`.
    """
    n_features = dense.shape[1]
    n_whole = n_features // TILE
    infinity, n_finite = background.dtype.type(np.inf), 0
    for i in range(first, last):
        row = dense[i]
        for k in range(n_features):
            n_finite += abs(background.dtype.type(row[k])) < infinity
        count = 0
        for tile in range(n_whole):
            count += _differs(row, TILE * tile, background)
        is_lit = False
        for k in range(TILE * n_whole, n_features):
            is_lit |= background.dtype.type(row[k]) != background[k]
        starts[i + 1] = count + is_lit
    return n_finite == (last - first) * n_features


@kernel
def fill_tiles(dense, background, first, last, starts, tiles, values):
    """Write the lists of the samples from `first` to `last`.

    Parameters
    ----------
    dense, background, first, last, starts
        As in `count_tiles`, whose counts have been added up.
    tiles : integer array of shape (starts[N],)
    values : array of shape (4 * starts[N],) and the type of `background`
    """
    n_features = dense.shape[1]
    n_whole = n_features // TILE
    for i in range(first, last):
        row = dense[i]
        row_tiles, row_values = tiles[starts[i] : starts[i + 1]], values[TILE * starts[i] : TILE * starts[i + 1]]
        entry = 0
        for tile in range(n_whole):
            if entry == row_tiles.shape[0]:
                break
            # Without a branch, which would be mispredicted at every edge of a stroke.
            row_tiles[entry] = tile
            entry += _write_difference(row, TILE * tile, background, row_values, TILE * entry)
        if entry < row_tiles.shape[0]:
            row_tiles[entry] = n_whole
            for r in range(TILE):
                row_values[TILE * entry + r] = 0
            for k in range(TILE * n_whole, n_features):
                row_values[TILE * entry + k - TILE * n_whole] = background.dtype.type(row[k]) - background[k]


@kernel
def count_csr_tiles(indptr, indices, first, last, starts):
    """Write the length of the list of each sample of a CSR matrix from `first` to `last` to starts[i + 1].

    Indices are sorted.
    """
    for i in range(first, last):
        count, last_tile = 0, np.int64(-1)
        for j in range(indptr[i], indptr[i + 1]):
            tile = np.int64(indices[j]) // TILE
            count += tile != last_tile
            last_tile = tile
        starts[i + 1] = count


@kernel
def fill_csr_tiles(indptr, indices, data, first, last, starts, tiles, values):
    """Write the lists of the samples of a CSR matrix from `first` to `last`, whose lengths have been counted.

    `values` starts as zeros.
    """
    for i in range(first, last):
        entry, last_tile = starts[i] - 1, np.int64(-1)
        for j in range(indptr[i], indptr[i + 1]):
            tile = np.int64(indices[j]) // TILE
            if tile != last_tile:
                entry += 1
                tiles[entry] = tile
            values[TILE * entry + np.int64(indices[j]) % TILE] = data[j]
            last_tile = tile
