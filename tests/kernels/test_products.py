from itertools import pairwise

import numpy as np
import pytest

from skdigits._kernels.microkernels import PANEL
from skdigits._kernels.products import add_products
from skdigits._kernels.sizes import HALF_BYTES, INNER_BLOCK, TILE, lanes

START = 7


def multiply(n_rows, n_inner, n_half_vectors, dtype):
    """The kernel's result, and NumPy's in double precision; all matrices are padded with what must not show."""
    rng = np.random.default_rng(0)
    n_padded, width = -(-n_inner // TILE) * TILE, n_half_vectors * (HALF_BYTES // np.dtype(dtype).itemsize)
    values, weights = rng.normal(size=(n_rows, n_padded + 3)), rng.normal(size=(n_padded, width + 16))
    out = rng.normal(size=(n_rows + 1, width + 16))
    weights[n_inner:] = 0
    expected = out.copy()
    expected[:n_rows, :width] += values[:, :n_inner] @ weights[:n_inner, :width]
    flat = [np.concatenate([np.full(START, np.nan), a.ravel()]).astype(dtype) for a in (values, weights, out)]
    positions = np.arange(max(n_rows, INNER_BLOCK), dtype=f"i{np.dtype(dtype).itemsize}").view(dtype)
    add_products(
        n_rows, n_inner, n_half_vectors, positions, flat[0], START, n_padded + 3, flat[1], START, width + 16,
        flat[2], START, width + 16,
    )  # fmt: skip
    return flat[2][START:].reshape(out.shape), expected


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("n_rows", [1, 3, 4, 11])
@pytest.mark.parametrize("n_inner", [1, 10, INNER_BLOCK, 2 * INNER_BLOCK + 5])
@pytest.mark.parametrize("n_half_vectors", [1, 2, PANEL, PANEL + 1])
def test_product_agrees_with_numpy(n_rows, n_inner, n_half_vectors, dtype):
    result, expected = multiply(n_rows, n_inner, n_half_vectors, dtype)
    np.testing.assert_allclose(result, expected, rtol=0, atol=2e-4 if dtype == "f4" else 1e-12)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("n_first", [1, 4, 6])
def test_rows_have_the_same_bits_however_they_are_split(dtype, n_first):
    rng, width, n_inner = np.random.default_rng(0), lanes(dtype), 2 * INNER_BLOCK + TILE
    values, weights = (rng.normal(size=shape).astype(dtype) for shape in ((8, n_inner), (n_inner, width)))
    positions = np.arange(INNER_BLOCK, dtype=f"i{np.dtype(dtype).itemsize}").view(dtype)
    results = []
    for starts in ([0, 8], [0, n_first, 8]):
        out = np.zeros((8, width), dtype)
        for first, last in pairwise(starts):
            add_products(
                last - first, n_inner, 2, positions, values.ravel(), first * n_inner, n_inner, weights.ravel(), 0,
                width, out.reshape(-1), first * width, width,
            )  # fmt: skip
        results.append(out.tobytes())
    assert results[0] == results[1]
