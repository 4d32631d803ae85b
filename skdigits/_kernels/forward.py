"""From samples to outputs: the entries of a section by tile, and the layers above them.

Training may work on the first layer by halves of the tiles: see epoch.py.

The letters of sizes, and all arrays that kernels share, are in arrays.py.
"""

import numpy as np

from skdigits._kernels.activations import activation_forward, activation_forward_with_slopes
from skdigits._kernels.codes import SOFTMAX
from skdigits._kernels.dropout import drop_units
from skdigits._kernels.jit import kernel
from skdigits._kernels.microkernels import PANEL, scatter
from skdigits._kernels.numbers import count_finite, smaller
from skdigits._kernels.prefetching import L1, L2, prefetch, prefetch_line, prefetch_to_write
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
def first_of_half(half, inputs):
    """The first tile of a half, 0 or 1; of 2 what would stand behind the last one."""
    if half == 1:
        return inputs.split
    return 0 if half == 0 else inputs.first_features.shape[0]


@kernel
def clear_lists(section, first, first_half, last_half, inputs, buffers):
    """Start the lists of a section, whose first position is given, anew: of both halves of the tiles, or of one.

    They become about as long as the last ones, which another thread may have read.
    """
    ends = buffers.list_ends[section]
    for tile in range(first_of_half(first_half, inputs), first_of_half(last_half, inputs)):
        start = tile * buffers.list_stride + ENTRY * first
        prefetch_to_write(buffers.entries, start, ends[tile])
        ends[tile] = start


@kernel
def copy_rest(values, first, out, start):
    """Copy what is behind the last whole tile of a dense sample, and zeros for what is missing."""
    for r in range(TILE):
        out[start + r] = values[first + r] if first + r < values.shape[0] else 0


@kernel
def list_tiles(sample, first_tile, last_tile, inputs, tiles, out):
    """Write those tiles of a dense sample that are not zero to `tiles`, and their values; return their number."""
    values = inputs.dense[sample * inputs.n_features : (sample + 1) * inputs.n_features]
    n_whole, count = inputs.n_features // TILE, 0
    for tile in range(first_tile, smaller(last_tile, n_whole)):
        # Without a branch, which would be mispredicted at every edge of a stroke.
        tiles[count] = tile
        count += copy_tile(values, inputs.first_features[tile], inputs.second_pair, out, TILE * count)
    if n_whole < last_tile:
        tiles[count] = n_whole
        copy_rest(values, TILE * n_whole, out, TILE * count)
        count += 1
    return count


@kernel
def push_groups(values, first_group, n_groups, position, ends, entries):
    """Append the tiles of groups of 16 numbers, where tiles are four neighbours; return whether all are finite.

    What is lit is first marked by bits: three quarters of the tiles of a digit are empty, and are then not looked at.
    """
    marks_of_all = 0
    for first in range(first_group, n_groups, GROUPS_A_WORD):
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
def push_dense(sample, position, section, first_tile, last_tile, inputs, buffers):
    """Append what a dense sample has in some tiles to their lists; return whether all is finite.

    Where tiles are squares, that is not looked at: samples of training have been looked through before.
    """
    values = inputs.dense[sample * inputs.n_features : (sample + 1) * inputs.n_features]
    ends, entries, n_whole = buffers.list_ends[section], buffers.entries, inputs.n_features // TILE
    first_single, is_finite = first_tile, True
    if inputs.second_pair == TILE // 2:
        n_groups = smaller(last_tile // TILE, inputs.n_features // GROUP)
        first_single = TILE * n_groups
        rest = values[GROUP * n_groups : TILE * last_tile]
        is_finite = push_groups(values, first_tile // TILE, n_groups, position, ends, entries) & (
            count_finite(rest, entries) == rest.shape[0]
        )
    for tile in range(first_single, smaller(last_tile, n_whole)):
        end = ends[tile]
        ends[tile] = end + ENTRY * write_pairs(
            values, inputs.first_features[tile], inputs.second_pair, position, entries, end
        )
    if n_whole < last_tile:
        last = buffers.scratch_values[section, 1]
        copy_rest(values, TILE * n_whole, last, 0)
        write_entry(last, 0, position, entries, ends[n_whole])
        ends[n_whole] += ENTRY
    return is_finite


@kernel
def drops_inputs(buffers):
    """Whether inputs are dropped."""
    return buffers.drop_rates.shape[0] > 0 and buffers.drop_rates[0] > 0


@kernel
def push_sample(sample, position, section, first_half, last_half, inputs, buffers):
    """Append what a sample has in each tile to the list of the tile.

    Parameters
    ----------
    sample, position : int
        Where it stands in the inputs, and in the block.
    section : int
    first_half, last_half : int
        Of the tiles: 0 and 2 for all.
    inputs : Inputs
    buffers : Buffers

    Returns
    -------
    is_finite : bool
        False where a sample whose tiles are in order has a number that is infinite or NaN. Lists have been looked
        through before.
    """
    first_tile, last_tile = first_of_half(first_half, inputs), first_of_half(last_half, inputs)
    if drops_inputs(buffers):
        for half in range(first_half, last_half):
            push_dropped(sample, position, section, half, inputs, buffers)
        return True
    if not inputs.is_listed:
        return push_dense(sample, position, section, first_tile, last_tile, inputs, buffers)
    start, stop = inputs.starts[2 * sample + first_half], inputs.starts[2 * sample + last_half]
    tiles, values = inputs.tiles[start:stop], inputs.values[TILE * start : TILE * stop]
    push_list(stop - start, tiles, values, position, section, buffers)
    return True


@kernel
def push_list(count, tiles, values, position, section, buffers):
    """Append listed tiles of a sample to the lists of these tiles."""
    ends, entries = buffers.list_ends[section], buffers.entries
    for j in range(count):
        end = ends[tiles[j]]
        write_entry(values, TILE * j, position, entries, end)
        ends[tiles[j]] = end + ENTRY


@kernel
def push_listed(sample, near, far, position, section, first_half, last_half, inputs, buffers):
    """Do what `push_sample` does with a listed sample, and ask for two others: near and far ahead.

    They are asked for entry by entry, as if they had as many as this one, and so between its own. In loops, the end of
    each would be mispredicted for every sample.
    """
    start, stop = inputs.starts[2 * sample + first_half], inputs.starts[2 * sample + last_half]
    tiles, values = inputs.tiles[start:stop], inputs.values[TILE * start : TILE * stop]
    ends, entries = buffers.list_ends[section], buffers.entries
    near_start, far_start = inputs.starts[2 * near + first_half], inputs.starts[2 * far + first_half]
    prefetch_line(inputs.tiles, near_start, L1)
    prefetch_line(inputs.tiles, far_start, L2)
    for j in range(stop - start):
        prefetch_line(inputs.values, TILE * (near_start + j), L1)
        prefetch_line(inputs.values, TILE * (far_start + j), L2)
        end = ends[tiles[j]]
        write_entry(values, TILE * j, position, entries, end)
        ends[tiles[j]] = end + ENTRY


@kernel
def push_dropped(sample, position, section, half, inputs, buffers):
    """Append what dropout leaves of a half of a sample to the lists of its tiles."""
    first_tile, last_tile = first_of_half(half, inputs), first_of_half(half + 1, inputs)
    tiles, dropped = buffers.scratch_tiles[section, half], buffers.scratch_values[section, half]
    if inputs.is_listed:
        start = inputs.starts[2 * sample + half]
        count = inputs.starts[2 * sample + half + 1] - start
        for j in range(count):
            tiles[j] = inputs.tiles[start + j]
        for k in range(TILE * count):
            dropped[k] = inputs.values[TILE * start + k]
    else:
        count = list_tiles(sample, first_tile, last_tile, inputs, tiles, dropped)
    n_lanes = VECTOR_BYTES // dropped.itemsize
    n_places = -(-TILE * count // n_lanes) * n_lanes
    drop_units(dropped[:n_places], buffers.keys[position], 0, TILE * first_tile, buffers.drop_rates[0])
    push_list(count, tiles, dropped, position, section, buffers)


@kernel
def prefetch_sample(sample, first_half, last_half, level, inputs):
    """Ask for a sample to be brought into the cache of a level before it is read."""
    if inputs.is_listed:
        start, stop = inputs.starts[2 * sample + first_half], inputs.starts[2 * sample + last_half]
        prefetch(inputs.tiles, start, stop, level)
        prefetch(inputs.values, TILE * start, TILE * stop, level)
    else:
        tiles, start = inputs.first_features, sample * inputs.n_features
        first_tile, last_tile = first_of_half(first_half, inputs), first_of_half(last_half, inputs)
        if first_tile < last_tile:
            stop = smaller(tiles[last_tile - 1] + inputs.second_pair + 2, inputs.n_features)
            prefetch(inputs.dense, start + tiles[first_tile], start + stop, level)


@kernel
def start_row(layer, first, first_tile, last_tile, with_biases, inputs, parameters, layout, buffers, out):
    """Fill the first row of a section of a layer (from 1 on): biases or zeros, plus b W of some tiles.

    b is the background of the input. Layers above the first have no such tiles.
    """
    stride, n_lanes = layout.strides[layer], VECTOR_BYTES // parameters.itemsize
    n_vectors = -(-layout.units[layer] // n_lanes)
    start, bias_start = buffers.starts[layer] + first * stride, layout.bias_starts[layer - 1]
    row, biases = out[start : start + n_vectors * n_lanes], parameters[bias_start:]
    for h in range(row.shape[0]):
        row[h] = biases[h] if h < layout.units[layer] and with_biases else 0
    for i in range(inputs.background_tiles.shape[0] if first_tile < last_tile else 0):
        tile = np.int64(inputs.background_tiles[i])
        if first_tile <= tile < last_tile:
            weights = layout.weight_starts[0] + TILE * tile * layout.weight_strides[0]
            for vector in range(0, n_vectors, PANEL):
                scatter(
                    smaller(PANEL, n_vectors - vector), buffers.every_position, 0, 1, 1, inputs.background_values,
                    TILE * tile, TILE, 1, parameters, weights + vector * n_lanes, layout.weight_strides[0], row,
                    vector * n_lanes, stride,
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
def sum_panel(section, first, last, first_tile, last_tile, column, n_now, parameters, layout, buffers, out):
    """Columns of the logits of the first layer: a row that has been started, and the products of listed tiles."""
    n_lanes, weight_stride = VECTOR_BYTES // parameters.itemsize, layout.weight_strides[0]
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
def sum_tiles(section, first, last, first_half, last_half, inputs, parameters, layout, buffers, out):
    """Write the logits of the first layer of a section, or what a half of the tiles adds to them, to `out`.

    A few vectors of the rows are worked on at a time for all tiles, so that what is added to stays in a cache. The
    biases belong to the first half.
    """
    first_tile, last_tile = first_of_half(first_half, inputs), first_of_half(last_half, inputs)
    n_lanes = VECTOR_BYTES // parameters.itemsize
    n_vectors = -(-layout.units[1] // n_lanes)
    start_row(1, first, first_tile, last_tile, first_half == 0, inputs, parameters, layout, buffers, out)
    for vector in range(0, n_vectors, PANEL):
        n_now = smaller(PANEL, n_vectors - vector)
        sum_panel(
            section, first, last, first_tile, last_tile, vector * n_lanes, n_now, parameters, layout, buffers, out
        )


@kernel
def sum_both_halves(section, first, last, inputs, parameters, layout, buffers, second_sums):
    """The logits of the first layer of a section, as the sum of what two calls of `sum_tiles` would write."""
    n_lanes, logits = VECTOR_BYTES // parameters.itemsize, buffers.activations
    split, n_tiles = first_of_half(1, inputs), first_of_half(2, inputs)
    n_vectors = -(-layout.units[1] // n_lanes)
    start_row(1, first, 0, split, True, inputs, parameters, layout, buffers, logits)
    start_row(1, first, split, n_tiles, False, inputs, parameters, layout, buffers, second_sums)
    for vector in range(0, n_vectors, PANEL):
        column, n_now = vector * n_lanes, smaller(PANEL, n_vectors - vector)
        sum_panel(section, first, last, 0, split, column, n_now, parameters, layout, buffers, logits)
        sum_panel(section, first, last, split, n_tiles, column, n_now, parameters, layout, buffers, second_sums)
        for position in range(first, last):
            place = buffers.starts[1] + position * layout.strides[1] + column
            row, other = logits[place : place + n_now * n_lanes], second_sums[place : place + n_now * n_lanes]
            for h in range(n_now * n_lanes):
                row[h] += other[h]


@kernel
def forward_section(section, first, last, inputs, parameters, layout, activation, output_activation, buffers):
    """Activations of all layers for the samples of a section, whose entries have been pushed.

    Parameters
    ----------
    section : int
    first, last : int
        Its positions.
    inputs : Inputs
        Only its background, and the number of its tiles, are read.
    parameters : array of shape (P,)
    layout : Layout
    activation, output_activation : int
    buffers : Buffers
    """
    sum_tiles(section, first, last, 0, 2, inputs, parameters, layout, buffers, buffers.activations)
    finish_section(first, last, inputs, parameters, layout, activation, output_activation, buffers)


@kernel
def finish_section(first, last, inputs, parameters, layout, activation, output_activation, buffers):
    """From the logits of the first layer of a section to the activations of all layers; as in `forward_section`."""
    n_lanes = VECTOR_BYTES // parameters.itemsize
    finish_rows(1, first, last, layout, activation, output_activation, buffers)
    for layer in range(2, layout.units.shape[0]):
        stride, stride_below = layout.strides[layer], layout.strides[layer - 1]
        n_vectors = -(-layout.units[layer] // n_lanes)
        start_row(layer, first, 0, 0, True, inputs, parameters, layout, buffers, buffers.activations)
        repeat_row(first, last, buffers.starts[layer], n_vectors * n_lanes, stride, buffers.activations)
        add_products(
            last - first, layout.units[layer - 1], n_vectors, buffers.every_position,
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
        forward_section(0, 0, n_block, inputs, parameters, layout, activation, output_activation, buffers)
        for position in range(n_block):
            row = buffers.starts[n_layers] + position * layout.strides[n_layers]
            for c in range(outputs.shape[1]):
                outputs[start + position, c] = buffers.activations[row + c]
    return all_finite
