"""The arrays that the kernels of an epoch share, by name.

N samples, K features, L layers of weights, `units` of shape (L + 1,) with K first and C, the number of outputs, last.
A tile is four features (see tiling.py), or four neighbouring units; G tiles of features, those before `split` the
first *half* of them and the others the second, each with about as many listed tiles. P parameters in one flat
vector: the L weight matrices, then the L bias vectors. A mini-batch is worked on in blocks of at most B samples, a
block in S sections of at most 256 samples; `position` counts the samples of a block. T threads.

Matrices stand in flat arrays. The rows of a layer are `strides` numbers apart and hold whole vectors, behind the last
unit zeros, or anything where a zero weight meets it.

A *slope* is the derivative of a unit's output by its logit, dropout included.

The arrays of type D hold the sums over samples. D is the type of the parameters, or double precision where a batch
holds all samples and these are few.
"""

from typing import NamedTuple

import numpy as np


class Inputs(NamedTuple):
    """Samples, dense or as lists of tiles; the other kind's arrays are empty."""

    dense: np.ndarray  # (N * K,), read-only
    starts: np.ndarray  # (2 N + 1,): tiles of sample i in half h are starts[2 i + h] to starts[2 i + h + 1]
    tiles: np.ndarray  # (number of listed tiles,)
    values: np.ndarray  # (4 * number of listed tiles,): differences from the background
    background_tiles: np.ndarray  # tiles whose background is not zero
    background_values: np.ndarray  # (4 * G,): background of each feature, in the order of the tiles
    first_features: np.ndarray  # (G,): the first feature of each tile
    second_pair: int  # the third feature of a tile stands so far behind the first, the fourth behind it
    split: int  # the first tile of the second half
    n_features: int
    is_listed: bool


class Objective(NamedTuple):
    """What is minimised, and how."""

    activation: int
    output_activation: int
    solver: int
    smallest: float  # probabilities are clipped to [smallest, 1 - smallest] in the loss
    alpha: float  # strength of the L2 penalty, of the type of the parameters
    label_smoothing: float  # share of a target that is spread over all outcomes
    max_norm: float  # of the gradient of a mini-batch; 0 for any
    is_single_label: bool  # a sample is recognised if its largest output is right, else if all its outputs are


class Layout(NamedTuple):
    """Where the layers stand in the flat vector of parameters and in the buffers."""

    units: np.ndarray  # (L + 1,)
    strides: np.ndarray  # (L + 1,): between the rows of buffers
    weight_strides: np.ndarray  # (L,): between the rows of weights: padded as the buffers are, or not (prediction)
    weight_starts: np.ndarray  # (L,): in the vector of parameters
    bias_starts: np.ndarray  # (L,): in the vector of parameters
    transposed_starts: np.ndarray  # (L,): in the buffer of transposed weights; of layer 0 behind all others


class Buffers(NamedTuple):
    """What a forward pass writes."""

    starts: np.ndarray  # (L + 1,): of the rows of each layer; of layer 0, which training has no room for, the end
    activations: np.ndarray  # flat
    entries: np.ndarray  # flat: a list for each tile, of five numbers a sample: its four values and its position
    list_stride: int  # between the starts of lists; the entries of a section start at those of its first position
    list_ends: np.ndarray  # (S, G): behind the last entry of each list of a section
    scratch_tiles: np.ndarray  # (S, 2, G + 1): each half of a sample as a list
    scratch_values: np.ndarray  # (S, 2, 4 * G + 4)
    every_position: np.ndarray  # at least (B,): the bits of 0, 1, ...
    slopes: np.ndarray  # flat, laid out like the activations; empty where these tell the slopes, and in prediction
    drop_rates: np.ndarray  # (L,): of the inputs of each layer; empty where nothing is dropped, and in prediction
    keys: np.ndarray  # (B,) uint64: of the random numbers of each sample


class Workspace(NamedTuple):
    """Everything that an epoch writes besides parameters, gradient and moments."""

    buffers: Buffers
    second_sums: np.ndarray  # of the second half of the tiles, laid out like the activations of layer 1; or empty
    logit_gradients: np.ndarray  # flat, of type D, laid out like the activations; zero in the padding
    transposed: np.ndarray  # flat, of type D; transposed weights of the layers from 1 on, rows padded to tiles
    inverse_sums: np.ndarray  # (T,) of type D: 1 / sum of the weights of the mini-batch
    tile_gradients: np.ndarray  # (T * 4 * largest stride,) of type D
    gradient_sums: np.ndarray  # (T * largest stride,) of type D: gradient by the biases
    losses: np.ndarray  # (B,)
    penalties: np.ndarray  # (number of tiles of all layers but the last,): squared norm of four rows of weights
    norms: np.ndarray  # (number of tiles of all layers but the last, + L,): squared norms of parts of the gradient
    recognised: np.ndarray  # (B,): weight of each sample that was recognised, else 0
    control: np.ndarray  # (CONTROL_SIZE,)
    next_tiles: np.ndarray  # (8 * L * T,): of the share of each thread of each layer (see shares.py)
    totals: np.ndarray  # (N_TOTALS,)


class Epoch(NamedTuple):
    """All that an epoch reads and writes. Samples and what belongs to them come in its order."""

    inputs: Inputs
    order: np.ndarray  # (N,): which samples of the inputs come one after the other
    targets: np.ndarray  # (N, C) uint8: 0 and 1
    sample_weight: np.ndarray  # (N,) of type D
    keys: np.ndarray  # (N,) or (0,) uint64: of the random numbers of each sample, where something is dropped
    batch_size: int
    block_size: int  # B
    settings: np.ndarray  # (number of mini-batches, N_SETTINGS): what the optimizer needs to know in each step
    objective: Objective
    layout: Layout
    parameters: np.ndarray  # (P,)
    gradient: np.ndarray  # (P,) of type D: written where a mini-batch has several blocks, or nothing is updated at once
    moments: np.ndarray  # (2, P), (1, P) or (0, P): velocity, or first and second moment
    average: np.ndarray  # (P,) or (0,): moving average of the parameters, where one is kept
    workspace: Workspace


class Frame(NamedTuple):
    """What is the same for all images; read-only."""

    height: int  # H
    width: int  # W
    columns: np.ndarray  # (P,): x of each place
    rows: np.ndarray  # (P,): y of each place
    row_factor: np.ndarray  # (H * R,)
    column_factor: np.ndarray  # (Q * S,): zeros behind column W
    row_rank: int  # R
    column_rank: int  # Q
    every_position: np.ndarray  # at least (max(H, R, Q),) of float32: the bits of 0, 1, ...


class Scratch(NamedTuple):
    """What a thread writes while it deforms an image."""

    padded: np.ndarray  # ((H + BORDER) * (W + BORDER),): starts as zeros
    x: np.ndarray  # (P,)
    y: np.ndarray  # (P,)
    places: np.ndarray  # (P,) of uint32
    products: np.ndarray  # (R * S,)
