"""Buffers that the kernels write, allocated once a fit."""

import numpy as np

from skdigits._engine.inputs import as_read_only
from skdigits._kernels.barrier import CONTROL_SIZE
from skdigits._kernels.epoch import Layout, Workspace
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


def make_layout(units):
    """Where each layer stands in the vector of parameters and in the buffers."""
    units = np.array(units, np.int64)
    weight_sizes = units[:-1] * units[1:]
    n_weights = weight_sizes.sum()
    arrays = (
        units,
        np.cumsum(weight_sizes) - weight_sizes,
        n_weights + np.cumsum(units[1:]) - units[1:],
        np.concatenate([[0], np.cumsum(units[1:]) - units[1:]]),
    )
    return Layout(*map(as_read_only, arrays))


def allocate_workspace(units, block_size, n_threads, dtype, sum_dtype):
    """Buffers for blocks of `block_size` samples; `sum_dtype` is the type of sums over samples."""
    n_entries = max(*units, block_size)
    return Workspace(
        activations=np.zeros(block_size * sum(units[1:]), dtype),
        logit_gradients=np.zeros(block_size * sum(units[1:]), dtype),
        column_positions=np.empty((units[0], block_size), np.int32),
        column_values=np.empty((units[0], block_size), sum_dtype),
        column_counts=np.zeros((n_threads, units[0]), np.int32),
        entry_indices=np.empty((n_threads, n_entries), np.int32),
        entry_values=np.empty((n_threads, n_entries), dtype),
        weighted_values=np.empty((n_threads, block_size), sum_dtype),
        losses=np.empty(block_size, np.float64),
        penalties=np.zeros(sum(units[:-1]), np.float64),
        settings=np.zeros((n_threads, N_SETTINGS), dtype),
        control=np.zeros(CONTROL_SIZE, np.int64),
        total_loss=np.zeros(1, np.float64),
    )
