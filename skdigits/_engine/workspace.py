"""Buffers that the kernels write, allocated once a fit."""

from collections import deque
from contextlib import contextmanager
from functools import lru_cache

import numpy as np

from skdigits._engine.inputs import as_read_only, choose_index_dtype
from skdigits._engine.memory import aligned_zeros
from skdigits._engine.parameters import split
from skdigits._engine.tiling import as_tiles, square_side
from skdigits._kernels.arrays import Buffers, Layout, Workspace
from skdigits._kernels.codes import CONTROL_SIZE, N_TOTALS
from skdigits._kernels.packing import Packed
from skdigits._kernels.sizes import ENTRY, INNER_BLOCK, PLACE, TILE, lanes

# Room for the entries of a block, by tile: bounds the memory of very wide inputs.
_MOST_ENTRIES = 1_000_000
_LARGEST_BLOCK = 256
# A gradient over all samples is read and written once a block.
LARGEST_FULL_BLOCK = 1024
_SMALLEST_BLOCK = 16
# Lists that are twice as long are worth more than activations that stay in the first-level cache.
_LARGEST_SECTION = 256


def choose_block_size(n_features, batch_size, *, is_full):
    """How many samples of a mini-batch are worked on at a time.

    It changes the order of the sums over a mini-batch, so it depends on the shape of the data alone: not on threads,
    and not on the machine.
    """
    room = max(_SMALLEST_BLOCK, _MOST_ENTRIES // ceil_divide(n_features, TILE))
    return int(min(batch_size, room, LARGEST_FULL_BLOCK if is_full else _LARGEST_BLOCK))


def count_sections(block_size, n_threads, *, by_halves):
    """How many sections a block is cut into: as many for each thread, or for each of the threads of a half."""
    n_members = n_threads // 2 if by_halves and n_threads % 2 == 0 else n_threads
    return ceil_divide(ceil_divide(block_size, _LARGEST_SECTION), n_members) * n_members


def ceil_divide(n, size):
    """How many pieces of at most a size hold n, a number or an array of numbers."""
    return -(-n // size)


@lru_cache(maxsize=64)
def make_layout(units, dtype, *, padded):
    """Where each layer stands in the vector of parameters and in the buffers.

    Kept, because it takes a tenth of the time in which a single digit is recognised.

    Parameters
    ----------
    units : tuple of int
    dtype : numpy dtype
    padded : bool
        Whether the rows of the weights are padded to whole vectors, as the rows of the buffers always are.
    """
    units = np.array(units, np.int64)
    n_lanes = lanes(dtype)
    vectors = ceil_divide(units, n_lanes)
    # Rows a large power of two apart would all fall into the same few places of the first-level cache.
    strides = (vectors + (vectors % 8 == 0)) * n_lanes
    weight_strides = strides[1:] if padded else units[1:]
    row_counts = ceil_divide(units, TILE) * TILE if padded else units
    sizes = row_counts[:-1] * weight_strides
    transposed = ceil_divide(units[1:], TILE) * TILE * strides[:-1]
    arrays = (
        units,
        strides,
        weight_strides,
        np.cumsum(sizes) - sizes,
        sizes.sum() + np.cumsum(weight_strides) - weight_strides,
        _first_behind_the_others(transposed),
    )
    return Layout(*map(as_read_only, arrays))


def _first_behind_the_others(sizes):
    """Where pieces of some sizes start, the first of them behind the last: training has no use and no room for it."""
    return np.concatenate([[sizes[1:].sum()], np.cumsum(sizes[1:]) - sizes[1:]])


@lru_cache(maxsize=64)
def packed_layout(units, dtype):
    """The layout of prediction, whose weights are not padded, as kernels take it."""
    return Packed(make_layout(units, dtype, padded=False))


def pad(flat, units, layout, out, *, in_squares=False):
    """Write parameters, or anything of their layout, to the padded vector that kernels work on.

    Parameters
    ----------
    flat : ndarray of shape (n_parameters,)
    units : tuple of int
    layout : Layout
    out : ndarray
    in_squares : bool, default=False
        Whether the rows of the first layer come in the order of tiles that are squares, where they can be.
    """
    for source, target in _pairs(flat, units, layout, out, in_squares):
        target[:] = source


def unpad(padded, units, layout, out, *, in_squares=False):
    """Write a padded vector back to a plain one."""
    for target, source in _pairs(out, units, layout, padded, in_squares):
        target[:] = source


def _pairs(flat, units, layout, padded, in_squares):
    coefs, intercepts = split(flat, units)
    for i, (coef, intercept) in enumerate(zip(coefs, intercepts, strict=True)):
        start, stride, bias_start = layout.weight_starts[i], layout.weight_strides[i], layout.bias_starts[i]
        rows = padded[start : start + len(coef) * stride].reshape(len(coef), stride)[:, : coef.shape[1]]
        side = square_side(len(coef)) if in_squares and i == 0 else 0
        if side:
            coef = as_tiles(coef, side)
            rows = rows.reshape(coef.shape)
        yield coef, rows
        yield intercept, padded[bias_start : bias_start + len(intercept)]


def count_padded(layout):
    """Length of the padded vector of parameters."""
    return int(layout.bias_starts[-1] + layout.weight_strides[-1])


def allocate_buffers(layout, block_size, n_sections, dtype, *, zeros=aligned_zeros, drop_rates=(), keep_slopes=False):
    """Buffers of a forward pass over `block_size` samples; in training perhaps with dropout, and with slopes kept."""
    n_tiles = ceil_divide(int(layout.units[0]), TILE)
    starts = _first_behind_the_others(block_size * layout.strides)
    n_lanes = lanes(dtype)
    # An odd number of cache lines, so that the ends of lists do not all fall into the same places of a cache.
    list_stride = (ceil_divide(ENTRY * block_size, n_lanes) | 1) * n_lanes
    return Buffers(
        starts=as_read_only(starts),
        activations=zeros(int(starts[0]), dtype),
        entries=zeros(n_tiles * list_stride, dtype),
        list_stride=list_stride,
        list_ends=np.zeros((n_sections, n_tiles), np.int64),
        scratch_tiles=np.zeros((n_sections, 2, n_tiles + 1), choose_index_dtype(n_tiles)),
        scratch_values=np.zeros((n_sections, 2, ceil_divide(TILE * (n_tiles + 1), n_lanes) * n_lanes), dtype),
        every_position=np.arange(max(block_size, INNER_BLOCK), dtype=f"i{np.dtype(dtype).itemsize}").view(dtype),
        slopes=zeros(int(starts[0]) if keep_slopes else 0, dtype),
        drop_rates=as_read_only(np.array(drop_rates, np.float64)),
        keys=np.zeros(block_size, np.uint64),
    )


# Buffers that no thread uses at the moment, each with what they were allocated for.
_spare_buffers: deque = deque(maxlen=8)
_LARGEST_SPARE_BYTES = 4_000_000


@contextmanager
def borrow_buffers(units, block_size, dtype):
    """Buffers of a forward pass for one thread, which may hold anything, and are kept for the next that asks.

    Getting memory that a process has not touched before takes longer than recognising a hundred digits. Only single
    appends and pops, which are atomic, are used: threads never share a set, and a fork finds no lock held.

    Parameters
    ----------
    units : tuple of int
    block_size : int
    dtype : numpy dtype

    Yields
    ------
    buffers : Packed
        Holds Buffers.
    """
    key, buffers, others = (units, block_size, np.dtype(dtype)), None, []
    while buffers is None:
        try:
            spare = _spare_buffers.pop()
        except IndexError:
            buffers = Packed(allocate_buffers(make_layout(units, dtype, padded=False), block_size, 1, dtype))
        else:
            if spare[0] == key:
                buffers = spare[1]
            else:
                others.append(spare)
    _spare_buffers.extendleft(others)
    try:
        yield buffers
    finally:
        if buffers.value.entries.nbytes + buffers.value.activations.nbytes <= _LARGEST_SPARE_BYTES:
            _spare_buffers.append((key, buffers))


def allocate_workspace(layout, block_size, n_threads, dtype, sum_dtype, *, by_halves, zeros, **options):
    """Buffers for blocks of `block_size` samples, made by `zeros`; `sum_dtype` is the type of sums over samples.

    With `by_halves` the first layer is worked on by halves of the tiles.
    """
    units, strides = layout.units, layout.strides
    n_sections = count_sections(block_size, n_threads, by_halves=by_halves)
    buffers = allocate_buffers(layout, block_size, n_sections, dtype, zeros=zeros, **options)
    n_weight_tiles = int(ceil_divide(units[:-1], TILE).sum())
    largest_stride = int(strides[1:].max())
    return Workspace(
        buffers=buffers,
        second_sums=zeros(int(block_size * strides[1]) if by_halves else 0, dtype),
        logit_gradients=zeros(buffers.activations.shape, sum_dtype),
        transposed=zeros(int(layout.transposed_starts[0]), sum_dtype),
        inverse_sums=np.zeros(n_threads, sum_dtype),
        tile_gradients=aligned_zeros(n_threads * TILE * largest_stride, sum_dtype),
        gradient_sums=aligned_zeros(n_threads * largest_stride, sum_dtype),
        losses=np.zeros(block_size, np.float64),
        penalties=np.zeros(n_weight_tiles, np.float64),
        norms=np.zeros(n_weight_tiles + len(units) - 1, np.float64),
        recognised=np.zeros(block_size, np.float64),
        control=np.zeros(CONTROL_SIZE, np.int64),
        next_tiles=aligned_zeros(PLACE * (len(units) - 1) * n_threads, np.int64),
        totals=np.zeros(N_TOTALS, np.float64),
    )
