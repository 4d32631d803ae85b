"""The lists of a block: what its samples have in each tile, as entries of values and position.

The letters of sizes, and all arrays that kernels share, are in arrays.py.
"""

from skdigits._kernels.dropout import drop_units
from skdigits._kernels.jit import kernel
from skdigits._kernels.numbers import count_finite, smaller
from skdigits._kernels.prefetching import L1, L2, prefetch, prefetch_line, prefetch_to_write
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

# Shuffled samples lie anywhere in memory. While one is worked on, the one at its place in the next block is brought
# into the second-level cache. Where that one starts has been asked for some samples before: waiting would take as long
# as the work. From the second-level cache samples come into the first, which holds few, shortly before their turn.
_STARTS_AHEAD, _SAMPLES_AHEAD = 16, 8


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
def list_section(section, first, last, first_half, last_half, inputs, block, ahead, keys, buffers):
    """Entries of a section by tile; meanwhile those samples are asked for that stand at its positions in `ahead`."""
    clear_lists(section, first, first_half, last_half, inputs, buffers)
    for position in range(smaller(first, keys.shape[0]), smaller(last, keys.shape[0])):
        buffers.keys[position] = keys[position]
    last_ahead, is_plain = ahead.shape[0] - 1, inputs.is_listed and not drops_inputs(buffers)
    for position in range(first, last):
        near, far = block[smaller(position + _SAMPLES_AHEAD, last - 1)], ahead[smaller(position, last_ahead)]
        if inputs.is_listed:
            start = 2 * ahead[smaller(position + _STARTS_AHEAD, last_ahead)] + first_half
            prefetch_line(inputs.starts, start, L2)
        if is_plain:
            push_listed(block[position], near, far, position, section, first_half, last_half, inputs, buffers)
        else:
            if position + _SAMPLES_AHEAD < last:
                prefetch_sample(near, first_half, last_half, L1, inputs)
            prefetch_sample(far, first_half, last_half, L2, inputs)
            push_sample(block[position], position, section, first_half, last_half, inputs, buffers)
