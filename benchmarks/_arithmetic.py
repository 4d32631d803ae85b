"""What training computes, and nothing else: a bound that is counted, and measured beside the whole.

The multiplications of forward pass, gradient and the way back through the layers, with the zeros of the samples left
out, and the steps of the optimizer, by the same kernels, but on numbers that never leave the first-level cache: no
lists, no loss, no memory, no waiting for another thread.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from skdigits._kernels.codes import N_SETTINGS
from skdigits._kernels.denormals import flush_denormals, restore_denormals
from skdigits._kernels.jit import kernel
from skdigits._kernels.microkernels import PANEL, gather
from skdigits._kernels.sizes import HALF_BYTES, TILE
from skdigits._kernels.updates import adam_update, sgd_update

NAME = "arithmetic alone"
DTYPE = np.dtype(np.float32)
# Numbers of half a vector, of which products are made.
N_LANES = HALF_BYTES // DTYPE.itemsize
# Samples of a list, and numbers of an update, that a first-level cache holds.
_LIST, _UPDATE = 64, 448


@kernel
def _compute(n_products, n_updates, is_adam, positions, values, held, rows, parameters, gradient, moments, settings):
    """Products of a list with PANEL half vectors of four rows, and updates, again and again on the same numbers."""
    stride = rows.shape[0] // _LIST
    for _ in range(n_products):
        gather(PANEL, positions, 0, 1, _LIST, values, 0, TILE, 1, held, 0, stride, rows, 0, stride)
    for _ in range(n_updates):
        if is_adam:
            adam_update(parameters, gradient, moments[0], moments[1], settings)
        else:
            sgd_update(parameters, gradient, moments[0], settings)


def count_multiplications(inputs, n_samples, units):
    """Multiplications of half vectors in an epoch.

    Parameters
    ----------
    inputs : Inputs
        As training reads them.
    n_samples : int
    units : tuple of int
    """
    halves = count_halves(units)
    n_tiles = len(inputs.tiles) if inputs.is_listed else n_samples * len(inputs.first_features)
    total = 2 * n_tiles * TILE * halves[1]
    for layer in range(1, len(units) - 1):
        total += n_samples * (2 * units[layer] * halves[layer + 1] + units[layer + 1] * halves[layer])
    return total


def count_halves(units):
    """Half vectors that the numbers of each layer fill."""
    return [-(-n // N_LANES) for n in units]


def make_training(inputs, n_samples, units, *, batch_size, n_epochs, n_threads, is_adam=True):
    """A callable that does the arithmetic of so many epochs."""
    n_parameters = sum((n_in + 1) * n_out for n_in, n_out in pairwise(units))
    return make_arithmetic(
        n_epochs * count_multiplications(inputs, n_samples, units),
        n_threads,
        n_updates=n_epochs * -(-n_samples // batch_size) * n_parameters,
        is_adam=is_adam,
    )


def make_arithmetic(n_multiplications, n_threads, *, n_updates=0, is_adam=True):
    """A callable that does so many multiplications of half vectors, and updates so many numbers."""
    n_products, n_updates = n_multiplications / (_LIST * TILE * PANEL), n_updates / _UPDATE
    settings, width = np.full(N_SETTINGS, 1e-3, DTYPE), PANEL * N_LANES

    def work(t):
        rng = np.random.default_rng(t)
        sizes = (_LIST * TILE, TILE * width, _LIST * width, _UPDATE, _UPDATE)
        values, held, rows, parameters, gradient = (rng.normal(0, 1e-3, size).astype(DTYPE) for size in sizes)
        positions, moments = np.arange(_LIST, dtype=np.int32).view(DTYPE), np.zeros((2, _UPDATE), DTYPE)
        mode = flush_denormals()
        _compute(
            round(n_products / n_threads), round(n_updates / n_threads), is_adam, positions, values, held, rows,
            parameters, gradient, moments, settings,
        )  # fmt: skip
        restore_denormals(mode)

    def run():
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(work, range(n_threads)))

    return run
