"""From the lists of a section to outputs: the first layer by tiles, and the layers above it.

Training may work on the first layer by halves of the tiles: see epoch.py.

The letters of sizes, and all arrays that kernels share, are in arrays.py.
"""

import numpy as np

from skdigits._kernels.activations import activation_forward, activation_forward_with_slopes
from skdigits._kernels.block_lists import clear_lists, first_of_half, push_sample
from skdigits._kernels.codes import SOFTMAX
from skdigits._kernels.dropout import drop_units
from skdigits._kernels.jit import kernel
from skdigits._kernels.microkernels import PANEL, scatter
from skdigits._kernels.numbers import smaller
from skdigits._kernels.prefetching import L2, prefetch
from skdigits._kernels.products import add_products
from skdigits._kernels.sizes import ENTRY, HALF_BYTES, TILE, VECTOR_BYTES
from skdigits._kernels.vectors import softmax_vectors

# A sample to predict is brought into the second-level cache while so many before it are put into lists.
_SAMPLES_AHEAD = 2


@kernel
def start_row(layer, first, first_tile, last_tile, with_biases, inputs, parameters, layout, buffers, out):
    """Fill the first row of a section of a layer (from 1 on): biases or zeros, plus b W of some tiles.

    b is the background of the input. Layers above the first have no such tiles.
    """
    stride, n_lanes = layout.strides[layer], HALF_BYTES // parameters.itemsize
    n_half_vectors = -(-layout.units[layer] // n_lanes)
    start, bias_start = buffers.starts[layer] + first * stride, layout.bias_starts[layer - 1]
    row, biases = out[start : start + n_half_vectors * n_lanes], parameters[bias_start:]
    for h in range(row.shape[0]):
        row[h] = biases[h] if h < layout.units[layer] and with_biases else 0
    for i in range(inputs.background_tiles.shape[0] if first_tile < last_tile else 0):
        tile = np.int64(inputs.background_tiles[i])
        if first_tile <= tile < last_tile:
            weights = layout.weight_starts[0] + TILE * tile * layout.weight_strides[0]
            for piece in range(0, n_half_vectors, PANEL):
                scatter(
                    smaller(PANEL, n_half_vectors - piece), buffers.every_position, 0, 1, 1, inputs.background_values,
                    TILE * tile, TILE, 1, parameters, weights + piece * n_lanes, layout.weight_strides[0], row,
                    piece * n_lanes, stride,
                )  # fmt: skip


@kernel
def repeat_row(first, last, start, n_columns, stride, out):
    """Copy some columns of the first row of a section to the others."""
    row = out[start + first * stride : start + first * stride + n_columns]
    for position in range(first + 1, last):
        other = out[start + position * stride : start + position * stride + n_columns]
        for h in range(n_columns):
            other[h] = row[h]


@kernel
def finish_rows(layer, first, last, layout, activation, output_activation, buffers):
    """Replace the logits of a section by activations, and what stands behind the last unit by zeros."""
    start, stride, n_units = buffers.starts[layer], layout.strides[layer], layout.units[layer]
    code = activation if layer < layout.units.shape[0] - 1 else output_activation
    n_lanes = VECTOR_BYTES // buffers.activations.itemsize
    width = -(-n_units // n_lanes) * n_lanes
    rows = buffers.activations[start + first * stride : start + last * stride]
    is_hidden = layer < layout.units.shape[0] - 1
    if is_hidden and buffers.slopes.shape[0] > 0:
        activation_forward_with_slopes(code, rows, buffers.slopes[start + first * stride : start + last * stride])
    elif code != SOFTMAX:
        activation_forward(code, rows)
    for position in range(first, last):
        row = buffers.activations[start + position * stride : start + position * stride + width]
        if code == SOFTMAX:
            softmax_vectors(row, n_units)
        else:
            for h in range(n_units, width):
                row[h] = 0
    if is_hidden and buffers.drop_rates.shape[0] > 0 and buffers.drop_rates[layer] > 0:
        for position in range(first, last):
            place, rate = start + position * stride, buffers.drop_rates[layer]
            drop_units(buffers.activations[place : place + width], buffers.keys[position], layer, 0, rate)
            drop_units(buffers.slopes[place : place + width], buffers.keys[position], layer, 0, rate)


@kernel
def sum_tiles(section, first, last, first_half, last_half, inputs, parameters, layout, buffers, out):
    """Write the logits of the first layer of a section, or what a half of the tiles adds to them, to `out`.

    A few columns of the rows are worked on at a time for all tiles, so that what is added to stays in a cache. The
    biases belong to the first half.
    """
    first_tile, last_tile = first_of_half(first_half, inputs), first_of_half(last_half, inputs)
    n_lanes, weight_stride = HALF_BYTES // parameters.itemsize, layout.weight_strides[0]
    n_half_vectors = -(-layout.units[1] // n_lanes)
    start_row(1, first, first_tile, last_tile, first_half == 0, inputs, parameters, layout, buffers, out)
    for piece in range(0, n_half_vectors, PANEL):
        n_now, column = smaller(PANEL, n_half_vectors - piece), piece * n_lanes
        repeat_row(first, last, buffers.starts[1] + column, n_now * n_lanes, layout.strides[1], out)
        for tile in range(first_tile, last_tile):
            start = tile * buffers.list_stride + ENTRY * first
            count = (buffers.list_ends[section, tile] - start) // ENTRY
            weights = layout.weight_starts[0] + TILE * tile * weight_stride + column
            scatter(
                n_now, buffers.entries, start + TILE, ENTRY, count, buffers.entries, start, ENTRY, 1, parameters,
                weights, weight_stride, out, buffers.starts[1] + column, layout.strides[1],
            )  # fmt: skip


@kernel
def forward_block(n_samples, inputs, parameters, layout, activation, output_activation, buffers):
    """Activations of all layers for samples whose entries have been pushed to the only section.

    Parameters
    ----------
    n_samples : int
    inputs : Inputs
        Only its background, and the number of its tiles, are read.
    parameters : array of shape (P,)
    layout : Layout
    activation, output_activation : int
    buffers : Buffers
    """
    sum_tiles(0, 0, n_samples, 0, 2, inputs, parameters, layout, buffers, buffers.activations)
    finish_section(0, n_samples, inputs, parameters, layout, activation, output_activation, buffers)


@kernel
def finish_section(first, last, inputs, parameters, layout, activation, output_activation, buffers):
    """From the logits of the first layer of a section to the activations of all layers; as in `forward_block`."""
    n_lanes = HALF_BYTES // parameters.itemsize
    finish_rows(1, first, last, layout, activation, output_activation, buffers)
    for layer in range(2, layout.units.shape[0]):
        stride, stride_below = layout.strides[layer], layout.strides[layer - 1]
        n_half_vectors = -(-layout.units[layer] // n_lanes)
        start_row(layer, first, 0, 0, True, inputs, parameters, layout, buffers, buffers.activations)
        repeat_row(first, last, buffers.starts[layer], n_half_vectors * n_lanes, stride, buffers.activations)
        add_products(
            last - first, layout.units[layer - 1], n_half_vectors, buffers.every_position,
            buffers.activations, buffers.starts[layer - 1] + first * stride_below, stride_below,
            parameters, layout.weight_starts[layer - 1], layout.weight_strides[layer - 1],
            buffers.activations, buffers.starts[layer] + first * stride, stride,
        )  # fmt: skip
        finish_rows(layer, first, last, layout, activation, output_activation, buffers)


@kernel
def predict_rows(inputs, parameters, layout, activation, output_activation, buffers, outputs):
    """Write the outputs of the network for all samples.

    Parameters
    ----------
    inputs : Inputs
    parameters : array of shape (P,)
    layout : Layout
    activation, output_activation : int
    buffers : Buffers
        This thread's own, with one section.
    outputs : array of shape (N, C)

    Returns
    -------
    all_finite : bool
        False where a dense sample, in the type of the parameters, has a value that is infinite or not a number.
    """
    n_layers, block_size = layout.units.shape[0] - 1, buffers.keys.shape[0]
    all_finite = True
    for start in range(0, outputs.shape[0], block_size):
        n_block = smaller(block_size, outputs.shape[0] - start)
        clear_lists(0, 0, 0, 2, inputs, buffers)
        for position in range(n_block):
            if not inputs.is_listed:
                ahead = (start + position + _SAMPLES_AHEAD) * inputs.n_features
                prefetch(inputs.dense, ahead, ahead + inputs.n_features, L2)
            all_finite &= push_sample(start + position, position, 0, 0, 2, inputs, buffers)
        forward_block(n_block, inputs, parameters, layout, activation, output_activation, buffers)
        for position in range(n_block):
            row = buffers.starts[n_layers] + position * layout.strides[n_layers]
            for c in range(outputs.shape[1]):
                outputs[start + position, c] = buffers.activations[row + c]
    return all_finite
