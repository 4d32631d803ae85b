"""The arrays that the kernels of an epoch share, by name.

N samples, K features, L layers of weights, `units` of shape (L + 1,) with K first and C, the number of outputs, last.
P parameters in one flat vector: the L weight matrices, then the L bias vectors. Rows of weights and of buffers are
padded with zeros to whole vectors: `width` is the padded number of units. A mini-batch is worked on in blocks of at
most B samples; `position` counts the samples of a block. T threads.

The arrays of type S hold the sums over samples. S is the type of the parameters, or double precision where a batch
holds all samples.
"""

from typing import NamedTuple

import numpy as np


class Inputs(NamedTuple):
    """Samples, dense or as CSR; the other kind's arrays are empty."""

    dense: np.ndarray  # (N, K), read-only
    indptr: np.ndarray  # (N + 1,)
    indices: np.ndarray  # (number of stored entries,)
    values: np.ndarray  # (number of stored entries,): differences from the background
    background_indices: np.ndarray  # features whose background is not zero
    background_values: np.ndarray  # their background
    is_sparse: bool


class Layout(NamedTuple):
    """Where the layers stand in the flat vector of parameters and in the buffers."""

    units: np.ndarray  # (L + 1,)
    widths: np.ndarray  # (L + 1,): units of the buffers, padded
    strides: np.ndarray  # (L,): between the rows of the weights; as in `widths`, or not padded (prediction)
    weight_starts: np.ndarray  # (L,): in the vector of parameters
    bias_starts: np.ndarray  # (L,): in the vector of parameters
    width_starts: np.ndarray  # (L + 1,): widths of the layers above the input before this one; 0 for the input itself
    transposed_starts: np.ndarray  # (L,): in the buffer of transposed weights, for layers from 1 on


class Buffers(NamedTuple):
    """What a forward pass writes."""

    activations: np.ndarray  # flat; (B, widths[l]) for l = 1 ... L, one behind the other
    list_indices: np.ndarray  # (B, longest list): features or units of the layer below that are not zero
    list_values: np.ndarray  # (B, longest list)
    list_counts: np.ndarray  # (B,)


class Workspace(NamedTuple):
    """Everything that an epoch writes besides parameters, gradient and moments."""

    forward: Buffers
    logit_gradients: np.ndarray  # flat, laid out like the activations; zero in the padding
    transposed: np.ndarray  # flat; transposed weights (units[l + 1], widths[l]) of the layers from 1 on
    column_positions: np.ndarray  # (K, B): which samples of the block light feature k
    column_values: np.ndarray  # (K, B) of type S: with what value, times the weight of the sample
    column_counts: np.ndarray  # (T, K): how many of the samples of thread t light feature k
    inverse_sums: np.ndarray  # (T,) of type S: 1 / sum of the weights of the mini-batch
    entry_indices: np.ndarray  # (T, longest list)
    entry_values: np.ndarray  # (T, longest list)
    weighted_values: np.ndarray  # (T, B) of type S
    row_gradients: np.ndarray  # (T, largest width) of type S
    gradient_sums: np.ndarray  # (T, largest width) of type S: gradient by the biases of the first layer
    losses: np.ndarray  # (B,)
    penalties: np.ndarray  # (sum of units[:L],): squared norm of each row of the weights
    settings: np.ndarray  # (T, N_SETTINGS)
    control: np.ndarray  # (CONTROL_SIZE,)
    total_loss: np.ndarray  # (1,)
