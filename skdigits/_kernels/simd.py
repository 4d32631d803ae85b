"""Sums of matrix rows in vector registers, spelt out in LLVM's terms.

Numba cannot promise that the accumulators of a loop stay in registers; an intrinsic can. LLVM lowers vectors of 64
bytes for AVX-512, AVX2 and NEON alike, so nothing here knows the processor.
"""

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from skdigits._kernels.jit import kernel

VECTOR_BYTES = 64
# Vectors of the output that are summed at a time: as many accumulators as AVX-512 has registers to spare.
MOST_VECTORS = 8


def lanes(dtype):
    """Numbers of a type in a vector: rows of matrices are padded to a multiple of it."""
    return VECTOR_BYTES // np.dtype(dtype).itemsize


def _n_chains(n_vectors):
    """Independent sums of each output, so that the next does not wait for the last one's addition."""
    return max(1, MOST_VECTORS // (2 * n_vectors))


def _make_add_rows(n_vectors):
    """Intrinsic that adds scaled rows to `n_vectors` vectors of the output, from `column` on."""
    n_chains = _n_chains(n_vectors)

    @intrinsic
    def add_rows_of(typing_context, indices, values, count, matrix, column, out):
        def generate(context, builder, signature, arguments):
            arrays = [context.make_array(signature.args[i])(context, builder, arguments[i]) for i in (0, 1, 3, 5)]
            index_array, value_array, matrix_array, out_array = arrays
            count, column = arguments[2], arguments[4]
            scalar = context.get_data_type(out.dtype)
            matrix_scalar = context.get_data_type(matrix.dtype)
            n_lanes = VECTOR_BYTES // context.get_abi_sizeof(scalar)
            vector, matrix_vector = ir.VectorType(scalar, n_lanes), ir.VectorType(matrix_scalar, n_lanes)
            index_type = context.get_data_type(indices.dtype)
            intp = context.get_data_type(types.intp)
            row_bytes = cgutils.unpack_tuple(builder, matrix_array.strides, 2)[0]
            align = context.get_abi_sizeof(matrix_scalar)
            is_signed = indices.dtype.signed

            out_start = builder.gep(out_array.data, [column])
            out_vectors = builder.bitcast(out_start, vector.as_pointer())
            sums = []
            for chain in range(n_chains):
                for v in range(n_vectors):
                    place = cgutils.alloca_once(builder, vector)
                    start = ir.Constant(vector, None)
                    if chain == 0:
                        start = builder.load(builder.gep(out_vectors, [intp(v)]), align=align)
                    builder.store(start, place)
                    sums.append(place)

            def add_row(j, chain):
                index = builder.load(builder.gep(index_array.data, [j]))
                if index_type != intp:
                    index = builder.sext(index, intp) if is_signed else builder.zext(index, intp)
                value = builder.load(builder.gep(value_array.data, [j]))
                value = context.cast(builder, value, values.dtype, out.dtype)
                one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.IntType(32)(0))
                mask = ir.Constant(ir.VectorType(ir.IntType(32), n_lanes), None)
                spread = builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), mask)
                row_bytes_in = builder.mul(index, row_bytes)
                row = builder.gep(builder.bitcast(matrix_array.data, ir.IntType(8).as_pointer()), [row_bytes_in])
                row = builder.gep(builder.bitcast(row, matrix_scalar.as_pointer()), [column])
                row_vectors = builder.bitcast(row, matrix_vector.as_pointer())
                for v in range(n_vectors):
                    loaded = builder.load(builder.gep(row_vectors, [intp(v)]), align=align)
                    if matrix_scalar != scalar:
                        loaded = builder.fpext(loaded, vector)
                    place = sums[chain * n_vectors + v]
                    product = builder.fmul(loaded, spread, flags=("contract",))
                    builder.store(builder.fadd(builder.load(place), product, flags=("contract",)), place)

            rest = builder.srem(count, intp(n_chains))
            whole = builder.sub(count, rest)
            with cgutils.for_range_slice(builder, intp(0), whole, intp(n_chains), intp) as (j, _):
                for chain in range(n_chains):
                    add_row(builder.add(j, intp(chain)), chain)
            if n_chains > 1:
                with cgutils.for_range_slice(builder, whole, count, intp(1), intp) as (j, _):
                    add_row(j, 0)
            for v in range(n_vectors):
                total = builder.load(sums[v])
                for chain in range(1, n_chains):
                    total = builder.fadd(total, builder.load(sums[chain * n_vectors + v]))
                builder.store(total, builder.gep(out_vectors, [intp(v)]), align=align)
            return context.get_dummy_value()

        return types.void(indices, values, types.intp, matrix, types.intp, out), generate

    return add_rows_of


@intrinsic
def _prefetch(typing_context, array, index):
    """Ask for the cache line of array[index]."""

    def generate(context, builder, signature, arguments):
        view = context.make_array(array)(context, builder, arguments[0])
        pointer = builder.bitcast(builder.gep(view.data, [arguments[1]]), ir.IntType(8).as_pointer())
        i32 = ir.IntType(32)
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [pointer.type, i32, i32, i32]), "llvm.prefetch.p0"
        )
        builder.call(function, [pointer, i32(0), i32(2), i32(1)])  # to read, into the second-level cache, data
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


if numba.config.DISABLE_JIT:

    def _prefetch(array, index):
        """Do nothing."""

    def _plain_add_rows(n_vectors):
        def add_rows_of(indices, values, count, matrix, column, out):
            # Rows that are not padded end earlier.
            stop = min(column + n_vectors * lanes(out.dtype), matrix.shape[1])
            for j in range(count):
                out[column:stop] += values[j] * matrix[indices[j], column:stop]

        return add_rows_of

    _make_add_rows = _plain_add_rows

_add_1, _add_2, _add_3, _add_4, _add_5, _add_6, _add_7, _add_8 = map(_make_add_rows, range(1, MOST_VECTORS + 1))


@kernel
def add_rows(indices, values, count, matrix, column, n_vectors, out):
    """Add values[j] * matrix[indices[j]] for all j < count to `out`, for `n_vectors` vectors from `column` on.

    The order of the sum depends on the entries alone, not on who calls: any split of the work between threads gives
    the same bits. Summed in the type of `out`.

    Parameters
    ----------
    indices : integer array of shape (at least count,)
    values : array of shape (at least count,)
    count : int
    matrix : array of shape (n_rows, at least column + n_vectors * lanes)
        Its rows are contiguous and may be read to the end of the last vector.
    column, n_vectors : int
        `n_vectors` is at most 8.
    out : array of shape (at least column + n_vectors * lanes,)
    """
    if n_vectors == 8:
        _add_8(indices, values, count, matrix, column, out)
    elif n_vectors == 7:
        _add_7(indices, values, count, matrix, column, out)
    elif n_vectors == 6:
        _add_6(indices, values, count, matrix, column, out)
    elif n_vectors == 5:
        _add_5(indices, values, count, matrix, column, out)
    elif n_vectors == 4:
        _add_4(indices, values, count, matrix, column, out)
    elif n_vectors == 3:
        _add_3(indices, values, count, matrix, column, out)
    elif n_vectors == 2:
        _add_2(indices, values, count, matrix, column, out)
    elif n_vectors == 1:
        _add_1(indices, values, count, matrix, column, out)


@kernel
def prefetch(array, start, stop):
    """Ask for array[start:stop] to be brought into the cache, without waiting for it."""
    for index in range(start, stop, VECTOR_BYTES // array.itemsize):
        _prefetch(array, index)
