"""Buffers that the kernels write, allocated once a fit."""

from functools import lru_cache

import numpy as np

from skdigits._engine.inputs import as_read_only
from skdigits._engine.parameters import split
from skdigits._kernels.arrays import Buffers, Layout, Workspace
from skdigits._kernels.barrier import CONTROL_SIZE
from skdigits._kernels.simd import VECTOR_BYTES, lanes
from skdigits._kernels.updates import N_SETTINGS

# Room for the samples that light each feature, in entries: bounds the memory of very wide inputs.
_MOST_COLUMN_ENTRIES = 4_000_000
_LARGEST_BLOCK = 256
_SMALLEST_BLOCK = 16


def choose_block_size(n_features, batch_size):
    """How many samples of a mini-batch are worked on at a time.

    It changes the order of the sums over a mini-batch, so it depends on the shape of the data alone: not on threads,
    and not on the machine.
    """
    room = max(_SMALLEST_BLOCK, _MOST_COLUMN_ENTRIES // n_features)
    return int(min(batch_size, room, _LARGEST_BLOCK))


def aligned_zeros(shape, dtype):
    """Zeros that start at a cache line: a vector then never lies across two."""
    n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    buffer = np.zeros(n_bytes + VECTOR_BYTES, np.uint8)
    start = -buffer.ctypes.data % VECTOR_BYTES
    return buffer[start : start + n_bytes].view(dtype).reshape(shape)


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
    widths = -(-units // n_lanes) * n_lanes
    strides = widths[1:] if padded else units[1:]
    sizes = units[:-1] * strides
    transposed = units[1:] * widths[:-1]
    transposed[0] = 0
    arrays = (
        units,
        widths,
        strides,
        np.cumsum(sizes) - sizes,
        sizes.sum() + np.cumsum(strides) - strides,
        np.concatenate([[0], np.cumsum(widths[1:]) - widths[1:]]),
        np.cumsum(transposed) - transposed,
    )
    return Layout(*map(as_read_only, arrays))


def pad(flat, units, layout, out):
    """Write parameters, or anything of their layout, to the padded vector that kernels work on."""
    for source, target in _pairs(flat, units, layout, out):
        target[:] = source


def unpad(padded, units, layout, out):
    """Write a padded vector back to a plain one."""
    for target, source in _pairs(out, units, layout, padded):
        target[:] = source


def _pairs(flat, units, layout, padded):
    coefs, intercepts = split(flat, units)
    for i, (coef, intercept) in enumerate(zip(coefs, intercepts, strict=True)):
        start, stride, bias_start = layout.weight_starts[i], layout.strides[i], layout.bias_starts[i]
        yield coef, padded[start : start + len(coef) * stride].reshape(len(coef), stride)[:, : coef.shape[1]]
        yield intercept, padded[bias_start : bias_start + len(intercept)]


def count_padded(layout):
    """Length of the padded vector of parameters."""
    return int(layout.bias_starts[-1] + layout.strides[-1])


def allocate_buffers(layout, block_size, dtype, index_dtype):
    """Buffers of a forward pass over `block_size` samples."""
    longest = int(layout.units[:-1].max())
    return Buffers(
        activations=aligned_zeros(block_size * int(layout.widths[1:].sum()), dtype),
        list_indices=np.zeros((block_size, longest), index_dtype),
        list_values=np.zeros((block_size, longest), dtype),
        list_counts=np.zeros(block_size, np.int64),
    )


def allocate_workspace(layout, block_size, n_threads, dtype, sum_dtype, index_dtype):
    """Buffers for blocks of `block_size` samples; `sum_dtype` is the type of sums over samples."""
    units, widths = layout.units, layout.widths
    n_features, longest = int(units[0]), int(max(units.max(), block_size))
    return Workspace(
        forward=allocate_buffers(layout, block_size, dtype, index_dtype),
        logit_gradients=aligned_zeros(block_size * int(widths[1:].sum()), dtype),
        transposed=aligned_zeros(int((units[2:] * widths[1:-1]).sum()), dtype),
        column_positions=np.zeros((n_features, block_size), index_dtype),
        column_values=np.zeros((n_features, block_size), sum_dtype),
        column_counts=np.zeros((n_threads, n_features), np.int32),
        inverse_sums=np.zeros(n_threads, sum_dtype),
        entry_indices=np.zeros((n_threads, longest), index_dtype),
        entry_values=np.zeros((n_threads, longest), dtype),
        weighted_values=np.zeros((n_threads, block_size), sum_dtype),
        row_gradients=aligned_zeros((n_threads, int(widths[1:].max())), sum_dtype),
        gradient_sums=aligned_zeros((n_threads, int(widths[1:].max())), sum_dtype),
        losses=np.zeros(block_size, np.float64),
        penalties=np.zeros(int(units[:-1].sum()), np.float64),
        settings=np.zeros((n_threads, N_SETTINGS), dtype),
        control=np.zeros(CONTROL_SIZE, np.int64),
        total_loss=np.zeros(1, np.float64),
    )
