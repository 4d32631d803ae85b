"""Products of dense matrices: each layer but the first, and the way back through the layers."""

from skdigits._kernels.jit import kernel
from skdigits._kernels.microkernels import PANEL, gather, scatter
from skdigits._kernels.numbers import smaller
from skdigits._kernels.prefetching import L1, prefetch
from skdigits._kernels.sizes import HALF_BYTES, INNER_BLOCK, TILE


@kernel
def add_products(
    n_rows, n_inner, n_half_vectors, every_position, values, value_start, value_stride, weights, weight_start,
    weight_stride, out, out_start, out_stride,
):  # fmt: skip
    """Add the product of two matrices to a third, one product after the other for each number of it.

    For every row i and column h::

        out[i, h] += sum over k < n_inner of values[i, k] * weights[k, h]

    Four rows of `out` stay in registers; what is left over of the rows goes by tiles of four of `k`. The order of the
    sums, and with it the bits, is the same. While a block of the weights is worked with, the next one is asked for:
    another thread may just have written it.

    Parameters
    ----------
    n_rows, n_inner : int
    n_half_vectors : int
        Half vectors of a row of `out`.
    every_position : float array
        The bits of 0, 1, ..., at least `n_rows` and `INNER_BLOCK` of them.
    values, weights, out : float arrays, flat
        As in `scatter`: up to the next multiple of four of `n_inner` either factor is zero.
    value_start, value_stride, weight_start, weight_stride, out_start, out_stride : int
    """
    n_lanes, n_by_four = HALF_BYTES // out.itemsize, n_rows // TILE * TILE
    for piece in range(0, n_half_vectors, PANEL):
        n_now, column = smaller(PANEL, n_half_vectors - piece), piece * n_lanes
        for k in range(0, n_inner, INNER_BLOCK):
            n_k = smaller(INNER_BLOCK, n_inner - k)
            block = weight_start + k * weight_stride + column
            is_last = k + n_k == n_inner
            next_block = weight_start + column + PANEL * n_lanes if is_last else block + n_k * weight_stride
            for i in range(0, n_by_four, TILE):
                for row in range(i, smaller(i + TILE, INNER_BLOCK)):
                    place = next_block + row * weight_stride
                    prefetch(weights, place, place + n_now * n_lanes, L1)
                gather(
                    n_now, every_position, 0, 1, n_k, values, value_start + i * value_stride + k, 1, value_stride,
                    out, out_start + i * out_stride + column, out_stride, weights, block, weight_stride,
                )  # fmt: skip
            for r in range(0, n_k if n_by_four < n_rows else 0, TILE):
                scatter(
                    n_now, every_position, n_by_four, 1, n_rows - n_by_four, values,
                    value_start + n_by_four * value_stride + k + r, value_stride, 1, weights,
                    block + r * weight_stride, weight_stride, out, out_start + column, out_stride,
                )  # fmt: skip
