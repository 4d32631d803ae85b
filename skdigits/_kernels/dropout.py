"""Inverted dropout (Srivastava et al., 2014): units are left out at random, and the others scaled up in return.

Whether a unit is left out is a hash of three numbers: the key of the sample, drawn anew in each epoch, the layer, and
the place of the unit, or of a feature in the list of the sample. Nothing is remembered, and the result does not depend
on threads. The hash is the 32-bit mixer "triple32" (Wellons, 2018), with the upper half of the key, and the layer,
joining in after the first of three rounds.
"""

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from skdigits._kernels.jit import kernel
from skdigits._kernels.sizes import VECTOR_BYTES

_FIRST, _SECOND, _THIRD, _LAYER = 0xED5AD4BB, 0xAC4C1B51, 0x31848BAB, 0x9E3779B9


@intrinsic
def _drop(typing_context, row, start, place, key, layer, threshold, scale):
    """Replace the vector from row[start] on by 0 where its hash is below the threshold, else by scale times it."""

    def generate(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        n_lanes, i32 = VECTOR_BYTES * 8 // row.dtype.bitwidth, ir.IntType(32)
        integers = ir.VectorType(i32, n_lanes)

        def all_lanes(number):
            first = builder.insert_element(ir.Constant(integers, ir.Undefined), number, i32(0))
            return builder.shuffle_vector(first, ir.Constant(integers, ir.Undefined), ir.Constant(integers, None))

        def constant(number):
            return ir.Constant(integers, [number] * n_lanes)

        def mix(x, n_bits):
            return builder.xor(x, builder.lshr(x, constant(n_bits)))

        _, start, place, key, layer, threshold, scale = arguments
        low = builder.add(builder.trunc(key, i32), builder.trunc(place, i32))
        high = builder.trunc(builder.lshr(key, key.type(32)), i32)
        high = builder.xor(high, builder.mul(builder.trunc(layer, i32), i32(_LAYER)))
        x = builder.add(all_lanes(low), ir.Constant(integers, list(range(n_lanes))))
        x = builder.xor(builder.mul(mix(x, 17), constant(_FIRST)), all_lanes(high))
        x = builder.mul(mix(x, 11), constant(_SECOND))
        x = mix(builder.mul(mix(x, 15), constant(_THIRD)), 14)
        is_kept = builder.icmp_unsigned(">=", x, all_lanes(builder.trunc(threshold, i32)))

        vector = ir.VectorType(context.get_data_type(row.dtype), n_lanes)
        pointer = builder.bitcast(builder.gep(data, [start]), vector.as_pointer())
        align = row.dtype.bitwidth // 8
        one = builder.insert_element(ir.Constant(vector, ir.Undefined), scale, i32(0))
        scales = builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), ir.Constant(integers, None))
        scaled = builder.fmul(builder.load(pointer, align=align), scales)
        builder.store(builder.select(is_kept, scaled, ir.Constant(vector, None)), pointer, align=align)
        return context.get_dummy_value()

    return types.void(row, types.intp, types.intp, types.uint64, types.intp, types.intp, row.dtype), generate


if numba.config.DISABLE_JIT:

    def _drop(row, start, place, key, layer, threshold, scale):
        stop = start + VECTOR_BYTES // row.itemsize
        x = np.arange(place, place + stop - start, dtype=np.uint32) + np.uint32(int(key) & 0xFFFFFFFF)
        x ^= x >> np.uint32(17)
        x *= np.uint32(_FIRST)
        x ^= np.uint32((int(key) >> 32) ^ (int(layer) * _LAYER & 0xFFFFFFFF))
        x ^= x >> np.uint32(11)
        x *= np.uint32(_SECOND)
        x ^= x >> np.uint32(15)
        x *= np.uint32(_THIRD)
        x ^= x >> np.uint32(14)
        row[start:stop] = np.where(x >= threshold, scale * row[start:stop], 0)


@kernel
def drop_units(row, key, layer, first_place, rate):
    """Replace each number of a row, a whole number of vectors, by 0 with probability `rate`; divide others by 1 - rate.

    Parameters
    ----------
    row : float array
    key : uint64
        Of the sample.
    layer, first_place : int
        Of the row, and of its first unit in it.
    rate : float
        At least 0 and below 1.
    """
    threshold, scale = np.int64(rate * 4294967296.0), row.dtype.type(1 / (1 - rate))
    for start in range(0, row.shape[0], VECTOR_BYTES // row.itemsize):
        _drop(row, start, first_place + start, key, layer, threshold, scale)
