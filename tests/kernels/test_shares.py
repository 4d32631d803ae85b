import threading

import numpy as np
import pytest

from skdigits._kernels.shares import open_share, take_tile
from skdigits._kernels.sizes import PLACE


def open_all(layer, n_tiles, n_threads, next_tiles):
    for t in range(n_threads):
        open_share(layer, n_tiles // 2, n_tiles, t, n_threads, next_tiles)


@pytest.mark.parametrize("n_tiles", [1, 2, 5, 196])
@pytest.mark.parametrize("n_threads", [1, 2, 3, 8])
def test_every_tile_is_taken_once(n_tiles, n_threads):
    next_tiles, taken = np.zeros(PLACE * 2 * n_threads, np.int64), []
    open_all(1, n_tiles, n_threads, next_tiles)

    def work(t):
        tile = take_tile(1, n_tiles // 2, n_tiles, t, n_threads, next_tiles)
        while tile >= 0:
            taken.append(tile)
            tile = take_tile(1, n_tiles // 2, n_tiles, t, n_threads, next_tiles)

    threads = [threading.Thread(target=work, args=(t,)) for t in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(taken) == list(range(n_tiles))


def test_own_share_comes_first_and_then_what_others_have_left():
    next_tiles = np.zeros(PLACE * 2, np.int64)
    open_all(0, 6, 2, next_tiles)
    assert take_tile(0, 3, 6, 0, 2, next_tiles) == 0
    assert [take_tile(0, 3, 6, 1, 2, next_tiles) for _ in range(6)] == [3, 4, 5, 1, 2, -1]


def test_layers_do_not_share():
    next_tiles = np.zeros(PLACE * 2 * 2, np.int64)
    open_all(0, 4, 2, next_tiles)
    open_all(1, 2, 2, next_tiles)
    assert [take_tile(1, 1, 2, 0, 2, next_tiles) for _ in range(3)] == [0, 1, -1]
    assert [take_tile(0, 2, 4, 0, 2, next_tiles) for _ in range(5)] == [0, 1, 2, 3, -1]
