"""From samples to outputs: the entries of a section by tile, and the layers above them.

The letters of sizes, and all arrays that kernels share, are in arrays.py.
"""

import numpy as np

from skdigits._kernels.activations import activation_forward, activation_forward_with_slopes
from skdigits._kernels.codes import SOFTMAX
from skdigits._kernels.dropout import drop_units
from skdigits._kernels.jit import kernel
from skdigits._kernels.microkernels import PANEL, scatter
from skdigits._kernels.numbers import count_finite, smaller
from skdigits._kernels.prefetching import prefetch, prefetch_to_write
from skdigits._kernels.products import add_products
from skdigits._kernels.sizes import ENTRY, TILE, VECTOR_BYTES
from skdigits._kernels.tiles import (
    GROUP,
    GROUPS_A_WORD,
    NOT_FINITE,
    copy_tile,
    lowest_bit,
    mark_tiles,
    write_entry,
    write_pairs,
)
from skdigits._kernels.vectors import softmax_vectors

# A sample to predict is brought into the first-level cache while so many before it are put into lists.
_SAMPLES_AHEAD = 2


@kernel
def clear_lists(section, first, buffers):
    """Start the lists of a section, whose first position is given, anew.

    They become about as long as the last ones, which another thread may have read.
    """
    ends = buffers.list_ends[section]
    for tile in range(ends.shape[0]):
        start = tile * buffers.list_stride + ENTRY * first
        prefetch_to_write(buffers.entries, start, ends[tile])
        ends[tile] = start


@kernel
def copy_rest(values, first, out, start):
    """Copy what is behind the last whole tile of a dense sample, and zeros for what is missing."""
    for r in range(TILE):
        out[start + r] = values[first + r] if first + r < values.shape[0] else 0


@kernel
def list_tiles(sample, section, inputs, buffers):
    """Write the tiles of a dense sample that are not zero to the scratch list of a section; return their number."""
    values = inputs.dense[sample * inputs.n_features : (sample + 1) * inputs.n_features]
    tiles, out = buffers.scratch_tiles[section], buffers.scratch_values[section]
    n_whole, count = inputs.n_features // TILE, 0
    for tile in range(n_whole):
        # Without a branch, which would be mispredicted at every edge of a stroke.
        tiles[count] = tile
        count += copy_tile(values, inputs.first_features[tile], inputs.second_pair, out, TILE * count)
    if TILE * n_whole < inputs.n_features:
        tiles[count] = n_whole
        copy_rest(values, TILE * n_whole, out, TILE * count)
        count += 1
    return count


@kernel
def push_groups(values, n_groups, position, ends, entries):
    """Append the tiles of so many groups of 16 numbers, where tiles are four neighbours; return whether all are finite.

    What is lit is first marked by bits: three quarters of the tiles of a digit are empty, and are then not looked at.
    """
    marks_of_all = 0
    for first in range(0, n_groups, GROUPS_A_WORD):
        lit = 0
        for group in range(first, smaller(first + GROUPS_A_WORD, n_groups)):
            marks = mark_tiles(values, GROUP * group, entries)
            marks_of_all |= marks
            lit |= (marks & (NOT_FINITE - 1)) << (TILE * (group - first))
        while lit != 0:
            tile = TILE * first + lowest_bit(lit)
            lit &= lit - 1
            end = ends[tile]
            write_entry(values, TILE * tile, position, entries, end)
            ends[tile] = end + ENTRY
    return marks_of_all < NOT_FINITE


@kernel
def push_dense(sample, position, section, inputs, buffers):
    """Append what a dense sample has in each tile to the list of the tile; return whether all is finite.

    Where tiles are squares, that is not looked at: samples of training have been looked through before.
    """
    values = inputs.dense[sample * inputs.n_features : (sample + 1) * inputs.n_features]
    ends, entries, n_whole = buffers.list_ends[section], buffers.entries, inputs.n_features // TILE
    n_groups, is_finite = 0, True
    if inputs.second_pair == TILE // 2:
        n_groups = inputs.n_features // GROUP
        rest = values[GROUP * n_groups :]
        is_finite = push_groups(values, n_groups, position, ends, entries) & (
            count_finite(rest, entries) == rest.shape[0]
        )
    for tile in range(TILE * n_groups, n_whole):
        end = ends[tile]
        ends[tile] = end + ENTRY * write_pairs(
            values, inputs.first_features[tile], inputs.second_pair, position, entries, end
        )
    if TILE * n_whole < inputs.n_features:
        last = buffers.scratch_values[section]
        copy_rest(values, TILE * n_whole, last, 0)
        write_entry(last, 0, position, entries, ends[n_whole])
        ends[n_whole] += ENTRY
    return is_finite


@kernel
def push_sample(sample, position, section, inputs, buffers):
    """Append what a sample has in each tile to the list of the tile.

    Parameters
    ----------
    sample, position : int
        Where it stands in the inputs, and in the block.
    section : int
    inputs : Inputs
    buffers : Buffers

    Returns
    -------
    is_finite : bool
        False where a sample whose tiles are in order has a number that is infinite or NaN. Lists have been looked
        through before.
    """
    drops = buffers.drop_rates.shape[0] > 0 and buffers.drop_rates[0] > 0
    if not (inputs.is_listed or drops):
        return push_dense(sample, position, section, inputs, buffers)
    ends, entries = buffers.list_ends[section], buffers.entries
    if inputs.is_listed:
        start, stop = inputs.starts[sample], inputs.starts[sample + 1]
        tiles, values = inputs.tiles[start:stop], inputs.values[TILE * start : TILE * stop]
        count = stop - start
    else:
        count = list_tiles(sample, section, inputs, buffers)
        tiles, values = buffers.scratch_tiles[section], buffers.scratch_values[section]
    if drops:
        dropped = buffers.scratch_values[section]
        for k in range(TILE * count):
            dropped[k] = values[k]
        n_lanes = VECTOR_BYTES // dropped.itemsize
        drop_units(dropped[: -(-TILE * count // n_lanes) * n_lanes], buffers.keys[position], 0, buffers.drop_rates[0])
        values = dropped
    for j in range(count):
        end = ends[tiles[j]]
        write_entry(values, TILE * j, position, entries, end)
        ends[tiles[j]] = end + ENTRY
    return True


@kernel
def prefetch_sample(sample, inputs, targets, sample_weight):
    """Ask for a sample before it is read."""
    prefetch(targets[sample], 0, 1)
    prefetch(sample_weight, sample, sample + 1)
    if inputs.is_listed:
        start, stop = inputs.starts[sample], inputs.starts[sample + 1]
        prefetch(inputs.tiles, start, stop)
        prefetch(inputs.values, TILE * start, TILE * stop)
    else:
        prefetch(inputs.dense, sample * inputs.n_features, (sample + 1) * inputs.n_features)


@kernel
def start_rows(layer, first, last, inputs, parameters, layout, buffers):
    """Fill the rows of a layer (from 1 on) with its biases, plus b W where the input has a background b."""
    stride, n_lanes = layout.strides[layer], VECTOR_BYTES // parameters.itemsize
    n_vectors = -(-layout.units[layer] // n_lanes)
    start, bias_start = buffers.starts[layer] + first * stride, layout.bias_starts[layer - 1]
    row, biases = buffers.activations[start : start + n_vectors * n_lanes], parameters[bias_start:]
    for h in range(row.shape[0]):
        row[h] = biases[h] if h < layout.units[layer] else 0
    if layer == 1:
        for i in range(inputs.background_tiles.shape[0]):
            k = TILE * np.int64(inputs.background_tiles[i])
            for vector in range(0, n_vectors, PANEL):
                scatter(
                    smaller(PANEL, n_vectors - vector), buffers.every_position, 0, 1, 1, inputs.background_values, k,
                    TILE, 1, parameters, layout.weight_starts[0] + k * layout.weight_strides[0] + vector * n_lanes,
                    layout.weight_strides[0], row, vector * n_lanes, stride,
                )  # fmt: skip
    for position in range(1, last - first):
        other = buffers.activations[start + position * stride : start + position * stride + n_vectors * n_lanes]
        for h in range(row.shape[0]):
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
            drop_units(buffers.activations[place : place + width], buffers.keys[position], layer, rate)
            drop_units(buffers.slopes[place : place + width], buffers.keys[position], layer, rate)


@kernel
def multiply_lists(section, first, parameters, layout, buffers):
    """Add the products of listed tiles and the first layer's weights to the logits of a section.

    A few vectors of the logits are worked on at a time for all tiles, so that what is added to stays in a cache.
    Where there are several sections the weights of the next tile are asked for meanwhile: another thread may just have
    written them.
    """
    n_ahead = TILE if buffers.list_ends.shape[0] > 1 else 0
    n_tiles, weight_stride = -(-layout.units[0] // TILE), layout.weight_strides[0]
    n_lanes = VECTOR_BYTES // parameters.itemsize
    n_vectors = -(-layout.units[1] // n_lanes)
    for vector in range(0, n_vectors, PANEL):
        column, n_now = vector * n_lanes, smaller(PANEL, n_vectors - vector)
        for tile in range(n_tiles):
            start = tile * buffers.list_stride + ENTRY * first
            count = (buffers.list_ends[section, tile] - start) // ENTRY
            weights = layout.weight_starts[0] + TILE * tile * weight_stride + column
            for r in range(TILE, TILE + n_ahead):
                row = weights + r * weight_stride
                prefetch(parameters, row, row + n_now * n_lanes)
            scatter(
                n_now, buffers.entries, start + TILE, ENTRY, count, buffers.entries, start, ENTRY, 1, parameters,
                weights, weight_stride, buffers.activations, buffers.starts[1] + column, layout.strides[1],
            )  # fmt: skip


@kernel
def forward_section(section, first, last, inputs, parameters, layout, activation, output_activation, buffers):
    """Activations of all layers for the samples of a section, whose entries have been pushed.

    Parameters
    ----------
    section : int
    first, last : int
        Its positions.
    inputs : Inputs
        Only its background is read.
    parameters : array of shape (P,)
    layout : Layout
    activation, output_activation : int
    buffers : Buffers
    """
    n_lanes = VECTOR_BYTES // parameters.itemsize
    for layer in range(1, layout.units.shape[0]):
        start_rows(layer, first, last, inputs, parameters, layout, buffers)
        if layer == 1:
            multiply_lists(section, first, parameters, layout, buffers)
        else:
            stride, stride_below = layout.strides[layer], layout.strides[layer - 1]
            add_products(
                last - first, layout.units[layer - 1], -(-layout.units[layer] // n_lanes), buffers.every_position,
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
        clear_lists(0, 0, buffers)
        for position in range(n_block):
            if not inputs.is_listed:
                ahead = (start + position + _SAMPLES_AHEAD) * inputs.n_features
                prefetch(inputs.dense, ahead, ahead + inputs.n_features)
            all_finite &= push_sample(start + position, position, 0, inputs, buffers)
        forward_section(0, 0, n_block, inputs, parameters, layout, activation, output_activation, buffers)
        for position in range(n_block):
            row = buffers.starts[n_layers] + position * layout.strides[n_layers]
            for c in range(outputs.shape[1]):
                outputs[start + position, c] = buffers.activations[row + c]
    return all_finite
