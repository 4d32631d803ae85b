"""Tiles of a layer that threads share: each works on its own share first, then on what others have left.

A thread that the system has put aside for a moment, or whose tiles have more in them, then keeps nobody waiting. Who
works on a tile does not matter to its numbers.

T threads. `next_tiles` has a place for each layer and thread, a cache line each.
"""

from skdigits._kernels.atomics import atomic_add
from skdigits._kernels.jit import kernel
from skdigits._kernels.sizes import PLACE


@kernel
def open_share(layer, n_tiles, t, n_threads, next_tiles):
    """Make the tiles of a thread's share of a layer free to be taken, after the next barrier."""
    next_tiles[PLACE * (layer * n_threads + t)] = t * n_tiles // n_threads


@kernel
def take_tile(layer, n_tiles, t, n_threads, next_tiles):
    """A tile of a layer that nobody has taken yet, of this thread's share if there is one; -1 if there is none."""
    for turn in range(n_threads):
        owner = (t + turn) % n_threads
        tile = atomic_add(next_tiles, PLACE * (layer * n_threads + owner), 1)
        if tile < (owner + 1) * n_tiles // n_threads:
            return tile
    return -1
