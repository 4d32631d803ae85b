"""Products with four rows of a matrix at a time, in vector registers, spelt out in LLVM's terms.

Four rows of weights stay in registers while all samples that have something in their tile go by: every vector that is
loaded takes part in four multiplications, which is what makes this bound by arithmetic and not by memory.

Matrices stand in flat arrays: where the first row starts and how far apart rows are is given in numbers. Numba cannot
promise that accumulators stay in registers; an intrinsic can. LLVM lowers vectors of 64 bytes for AVX-512, AVX2 and
NEON alike.
"""

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from skdigits._kernels.jit import has_avx512
from skdigits._kernels.linking import PRODUCTS
from skdigits._kernels.sizes import HALF_BYTES, TILE, VECTOR_BYTES

# Half vectors of each of the four rows that are worked on at a time: 16 of the 32 registers of AVX-512. Processors with
# fewer or shorter registers work on two, so that nothing spills. No result depends on it.
PANEL = 8 if has_avx512() else 2


class _Emitter:
    """Writes one function for `n_half_vectors` half vectors a row into an LLVM module."""

    def __init__(self, context, builder, arguments, position_type, value_type, number_type, n_half_vectors):
        self.context, self.builder, self.n_half_vectors = context, builder, n_half_vectors
        (_, self.positions, self.position_stride, self.count, self.values, self.value_stride, self.value_step,
         self.held, self.held_stride, self.moved, self.moved_stride) = arguments  # fmt: skip
        self.position_bits = ir.IntType(position_type.bitwidth)
        self.value_type, self.type = value_type, number_type
        self.item_bytes = number_type.bitwidth // 8
        self.intp = context.get_data_type(types.intp)

    def vector(self, n_bytes=VECTOR_BYTES):
        return ir.VectorType(self.context.get_data_type(self.type), n_bytes // self.item_bytes)

    def row_vectors(self, start, row, stride):
        """Pointers to the vectors of a row, the last of which may be a half one."""
        builder = self.builder
        start = builder.gep(start, [builder.mul(row, stride)])
        row, n_whole = builder.bitcast(start, self.vector().as_pointer()), self.n_half_vectors // 2
        vectors = [builder.gep(row, [self.intp(v)]) for v in range(n_whole)]
        if self.n_half_vectors % 2 == 1:
            end = builder.gep(start, [self.intp(n_whole * VECTOR_BYTES // self.item_bytes)])
            vectors.append(builder.bitcast(end, self.vector(HALF_BYTES).as_pointer()))
        return vectors

    def held_vectors(self):
        """Pointers to the vectors of the four rows that stay in registers."""
        return [self.row_vectors(self.held, self.intp(r), self.held_stride) for r in range(TILE)]

    def load(self, pointer):
        return self.builder.load(pointer, align=self.item_bytes)

    def store(self, vector, pointer):
        self.builder.store(vector, pointer, align=self.item_bytes)

    def spread(self, value):
        """A vector that holds one number in all of its lanes."""
        undefined, i32 = ir.Constant(self.vector(), ir.Undefined), ir.IntType(32)
        one = self.builder.insert_element(undefined, value, i32(0))
        return self.builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(i32, self.vector().count), None))

    def add_product(self, total, vector, factor):
        if vector.type != factor.type:
            lower_lanes = ir.Constant(ir.VectorType(ir.IntType(32), vector.type.count), list(range(vector.type.count)))
            factor = self.builder.shuffle_vector(factor, ir.Constant(factor.type, ir.Undefined), lower_lanes)
        product = self.builder.fmul(vector, factor, flags=("contract",))
        return self.builder.fadd(total, product, flags=("contract",))

    def entries(self, body):
        """Call body(vectors of the moved row, the four values) for each entry of the list."""
        builder = self.builder
        first_values = [builder.gep(self.values, [builder.mul(self.value_step, self.intp(r))]) for r in range(TILE)]
        with cgutils.for_range_slice(builder, self.intp(0), self.count, self.intp(1), self.intp) as (j, _):
            place = builder.gep(self.positions, [builder.mul(j, self.position_stride)])
            position = builder.load(builder.bitcast(place, self.position_bits.as_pointer()))
            if self.position_bits.width < 64:
                position = builder.zext(position, self.intp)
            row, factors = builder.mul(j, self.value_stride), []
            for first_value in first_values:
                value = builder.load(builder.gep(first_value, [row]))
                factors.append(self.spread(self.context.cast(builder, value, self.value_type, self.type)))
            body(self.row_vectors(self.moved, position, self.moved_stride), factors)


def _emit_scatter(emitter):
    """Add the product of a tile of each listed sample with four rows of weights to the sample's row of `out`.

    For every entry j of a list, with its position p::

        out[p] += sum over r < 4 of values[j, r] * weights[r]

    Parameters
    ----------
    n_half_vectors : int
        Half vectors of each row that are worked on, from 1 to PANEL.
    positions : float array, flat
        The bits of integers. No sample stands in a list twice.
    position_start, position_stride, count : int
        Where the list starts, how far apart its positions are, and its length.
    values, weights, out : float arrays, flat
        With rows as described at the top of this file. `weights` and `out` have the same type; `values` may have
        a narrower one. Half vectors of rows are read and written, behind their last column, too.
    value_start, value_stride, weight_start, weight_stride, out_start, out_stride : int
    value_step : int
        From one of the four values of an entry to the next: 1 for those of a list.
    """
    rows = [[emitter.load(pointer) for pointer in row] for row in emitter.held_vectors()]

    def add_to_moved(vectors, factors):
        for v, pointer in enumerate(vectors):
            total = emitter.load(pointer)
            for r in range(TILE):
                total = emitter.add_product(total, rows[r][v], factors[r])
            emitter.store(total, pointer)

    emitter.entries(add_to_moved)


def _emit_gather(emitter):
    """Add the outer products of a tile of each listed sample and the sample's row to four rows of `out`.

    For every entry j of a list, with its position p, and every r < 4::

        out[r] += values[j, r] * rows[p]

    one entry after the other: the bits do not depend on how a list is cut into pieces.

    Parameters
    ----------
    As those of `scatter`; `rows` takes the place of the rows that the positions tell.
    """
    builder, pointers = emitter.builder, emitter.held_vectors()
    totals = [[cgutils.alloca_once(builder, pointer.type.pointee) for pointer in row] for row in pointers]
    for r, row in enumerate(pointers):
        for v, pointer in enumerate(row):
            builder.store(emitter.load(pointer), totals[r][v])

    def add_to_totals(vectors, factors):
        for v, pointer in enumerate(vectors):
            vector = emitter.load(pointer)
            for r in range(TILE):
                place = totals[r][v]
                builder.store(emitter.add_product(builder.load(place), vector, factors[r]), place)

    emitter.entries(add_to_totals)
    for r, row in enumerate(pointers):
        for v, pointer in enumerate(row):
            emitter.store(builder.load(totals[r][v]), pointer)


def _function(context, module, emit, position_type, value_type, number_type):
    """The LLVM function of a module that does the work for 1 to PANEL half vectors, written when first asked for.

    It is called and not inlined: in the middle of other code its accumulators would not all stay in registers, and
    each of the places that use it would be compiled with a copy.
    """
    name = f"{PRODUCTS}{emit.__name__}.{position_type}.{value_type}.{number_type}"
    if name in module.globals:
        return module.globals[name]
    intp = context.get_data_type(types.intp)
    positions, values, numbers = (
        context.get_data_type(t).as_pointer() for t in (position_type, value_type, number_type)
    )
    arguments = [intp, positions, intp, intp, values, intp, intp, numbers, intp, numbers, intp]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), name)
    function.linkage = "linkonce_odr"
    function.attributes.add("noinline")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    end = function.append_basic_block("end")
    choice = builder.switch(function.args[0], end)
    for n_half_vectors in range(1, PANEL + 1):
        block = function.append_basic_block(f"halves_{n_half_vectors}")
        choice.add_case(intp(n_half_vectors), block)
        builder.position_at_end(block)
        emit(_Emitter(context, builder, function.args, position_type, value_type, number_type, n_half_vectors))
        builder.branch(end)
    builder.position_at_end(end)
    builder.ret_void()
    return function


def _make(emit):
    """Intrinsic that calls the function for the types of its arguments."""

    @intrinsic
    def products(typing_context, n_half_vectors, positions, position_start, position_stride, count, values, value_start,
                 value_stride, value_step, held, held_start, held_stride, moved, moved_start,
                 moved_stride):  # fmt: skip
        def generate(context, builder, signature, arguments):
            def at(array, start):
                data = context.make_array(signature.args[array])(context, builder, arguments[array]).data
                return builder.gep(data, [arguments[start]])

            function = _function(context, builder.module, emit, positions.dtype, values.dtype, moved.dtype)
            builder.call(function, [
                arguments[0], at(1, 2), arguments[3], arguments[4], at(5, 6), arguments[7], arguments[8], at(9, 10),
                arguments[11], at(12, 13), arguments[14],
            ])  # fmt: skip
            return context.get_dummy_value()

        intp = types.intp
        return types.void(
            intp, positions, intp, intp, intp, values, intp, intp, intp, held, intp, intp, moved, intp, intp
        ), generate  # fmt: skip

    return products


if numba.config.DISABLE_JIT:

    def _matrix(array, start, stride, n_rows, n_columns):
        rows = start + stride * np.arange(n_rows)[:, np.newaxis]
        # Rows that are not padded may end before the last half vector does, behind the end of a view.
        return np.minimum(rows + np.arange(n_columns), array.shape[0] - 1)

    def _make(emit):
        def products(n_half_vectors, positions, position_start, position_stride, count, values, value_start,
                     value_stride, value_step, held, held_start, held_stride, moved, moved_start,
                     moved_stride):  # fmt: skip
            n_columns = n_half_vectors * (HALF_BYTES // moved.itemsize)
            rows = _matrix(held, held_start, held_stride, TILE, n_columns)
            bits = positions.view(f"i{positions.itemsize}")
            listed = bits[position_start + position_stride * np.arange(count)].astype(np.intp)
            places = moved_start + moved_stride * listed
            places = np.minimum(places[:, np.newaxis] + np.arange(n_columns), moved.shape[0] - 1)
            factors = values[
                value_start + value_stride * np.arange(count)[:, np.newaxis] + value_step * np.arange(TILE)
            ]
            # One product after the other, as the kernels add them.
            if emit is _emit_scatter:
                for r in range(TILE):
                    moved[places] += factors[:, r : r + 1] * held[rows[r]]
            else:
                for j in range(count):
                    held[rows] += factors[j, :, np.newaxis] * moved[places[j]]

        return products


scatter, gather = _make(_emit_scatter), _make(_emit_gather)
