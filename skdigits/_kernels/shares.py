"""Tiles of a layer that threads share: each works on its own share first, then on what others have left.

A thread that the system has put aside for a moment, or whose tiles have more in them, then keeps nobody waiting. Who
works on a tile does not matter to its numbers.

T threads. `next_tiles` has a place for each layer and thread, a cache line each.
"""

from skdigits._kernels.atomics import atomic_add
from skdigits._kernels.jit import kernel
from skdigits._kernels.sizes import PLACE, TILE


@kernel
def tiles_of_layer(layer, layout, inputs):
    """How many tiles a layer has, and how many of them stand before the second half."""
    n_tiles = -(-layout.units[layer] // TILE)
    return n_tiles, inputs.split if layer == 0 else n_tiles // 2


@kernel
def start_of_share(t, n_threads, split, n_tiles):
    """The first tile of a thread's share, where as many threads have the tiles before `split` as have the others."""
    if n_threads % 2 != 0:
        return t * n_tiles // n_threads
    n_a_half = n_threads // 2
    if t < n_a_half:
        return t * split // n_a_half
    return split + (t - n_a_half) * (n_tiles - split) // n_a_half


@kernel
def open_share(layer, split, n_tiles, t, n_threads, next_tiles):
    """Make the tiles of a thread's share of a layer free to be taken, after the next barrier."""
    next_tiles[PLACE * (layer * n_threads + t)] = start_of_share(t, n_threads, split, n_tiles)


@kernel
def take_tile(layer, split, n_tiles, t, n_threads, next_tiles):
    """A tile of a layer that nobody has taken yet, of this thread's share if there is one; -1 if there is none."""
    for turn in range(n_threads):
        owner = (t + turn) % n_threads
        tile = atomic_add(next_tiles, PLACE * (layer * n_threads + owner), 1)
        if tile < start_of_share(owner + 1, n_threads, split, n_tiles):
            return tile
    return -1
