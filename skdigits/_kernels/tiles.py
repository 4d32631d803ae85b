"""Products with four rows of a matrix at a time, in vector registers, spelt out in LLVM's terms.

A *tile* is four features of a sample, or four neighbouring units of a layer. Lit pixels of digits stand together, so
that three quarters of the tiles of a digit are empty and are left out, and three quarters of the numbers in the others
are not zero. Four rows of weights stay in registers while all samples that have something in their tile go by: every
vector that is loaded takes part in four multiplications, which is what makes this bound by arithmetic and not by
memory.

Matrices stand in flat arrays: where the first row starts and how far apart rows are is given in numbers. Numba cannot
promise that accumulators stay in registers; an intrinsic can. LLVM lowers vectors of 64 bytes for AVX-512, AVX2 and
NEON alike.
"""

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from skdigits._kernels.linking import PRODUCTS
from skdigits._kernels.sizes import TILE, VECTOR_BYTES, lanes

# Vectors of each of the four rows that are worked on at a time: 16 of the 32 registers of AVX-512. Processors with
# fewer or shorter registers work on one, so that nothing spills. No result depends on it.
PANEL = 4 if llvmlite.binding.get_host_cpu_features().get("avx512f", False) else 1
# Numbers that are looked at together for tiles that are not empty, and how many such groups fill a word with their bits
# (its sign is left alone); the bit that says that one of them is infinite or NaN.
GROUP = TILE * TILE
GROUPS_A_WORD = 15
NOT_FINITE = 1 << TILE


class _Emitter:
    """Writes one function for `n_vectors` vectors a row into an LLVM module."""

    def __init__(self, context, builder, arguments, position_type, value_type, number_type, n_vectors):
        self.context, self.builder, self.n_vectors = context, builder, n_vectors
        (_, self.positions, self.position_stride, self.count, self.values, self.value_stride, self.value_step,
         self.held, self.held_stride, self.moved, self.moved_stride) = arguments  # fmt: skip
        self.position_bits = ir.IntType(position_type.bitwidth)
        self.value_type, self.type = value_type, number_type
        self.item_bytes = number_type.bitwidth // 8
        self.n_lanes = VECTOR_BYTES // self.item_bytes
        self.vector = ir.VectorType(context.get_data_type(number_type), self.n_lanes)
        self.intp = context.get_data_type(types.intp)

    def row_vectors(self, start, row, stride):
        """Pointers to the vectors of a row."""
        builder = self.builder
        row = builder.bitcast(builder.gep(start, [builder.mul(row, stride)]), self.vector.as_pointer())
        return [builder.gep(row, [self.intp(v)]) for v in range(self.n_vectors)]

    def held_vectors(self):
        """Pointers to the vectors of the four rows that stay in registers."""
        return [self.row_vectors(self.held, self.intp(r), self.held_stride) for r in range(TILE)]

    def load(self, pointer):
        return self.builder.load(pointer, align=self.item_bytes)

    def store(self, vector, pointer):
        self.builder.store(vector, pointer, align=self.item_bytes)

    def add_product(self, total, vector, factor):
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
                value = self.context.cast(builder, value, self.value_type, self.type)
                one = builder.insert_element(ir.Constant(self.vector, ir.Undefined), value, ir.IntType(32)(0))
                first_lane = ir.Constant(ir.VectorType(ir.IntType(32), self.n_lanes), None)
                factors.append(builder.shuffle_vector(one, ir.Constant(self.vector, ir.Undefined), first_lane))
            body(self.row_vectors(self.moved, position, self.moved_stride), factors)


def _emit_scatter(emitter):
    """Add the product of a tile of each listed sample with four rows of weights to the sample's row of `out`.

    For every entry j of a list, with its position p::

        out[p] += sum over r < 4 of values[j, r] * weights[r]

    Parameters
    ----------
    n_vectors : int
        Vectors of each row that are worked on, from 1 to PANEL.
    positions : float array, flat
        The bits of integers. No sample stands in a list twice.
    position_start, position_stride, count : int
        Where the list starts, how far apart its positions are, and its length.
    values, weights, out : float arrays, flat
        With rows as described at the top of this file. `weights` and `out` have the same type; `values` may have
        a narrower one. Whole vectors of rows are read
        and written, behind their last column, too.
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
    totals = [[cgutils.alloca_once(builder, emitter.vector) for _ in row] for row in pointers]
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
    """The LLVM function of a module that does the work for 1 to PANEL vectors, written when first asked for.

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
    for n_vectors in range(1, PANEL + 1):
        block = function.append_basic_block(f"vectors_{n_vectors}")
        choice.add_case(intp(n_vectors), block)
        builder.position_at_end(block)
        emit(_Emitter(context, builder, function.args, position_type, value_type, number_type, n_vectors))
        builder.branch(end)
    builder.position_at_end(end)
    builder.ret_void()
    return function


def _make(emit):
    """Intrinsic that calls the function for the types of its arguments."""

    @intrinsic
    def products(typing_context, n_vectors, positions, position_start, position_stride, count, values, value_start,
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


def read_tile(context, builder, array_type, array, index, number_type):
    """Four numbers of an array of floats or unsigned integers as a vector of another type; its LLVM type."""
    item_type = array_type.dtype
    values = _read(context, builder, array_type, array, index, TILE)
    return _convert(context, builder, values, item_type, number_type, TILE)


def read_pairs(context, builder, array_type, array, index, second_pair, number_type):
    """Two numbers of an array, and the two that stand `second_pair` behind them, as `read_tile` gives four."""
    pairs = [
        _read(context, builder, array_type, array, place, TILE // 2)
        for place in (index, builder.add(index, second_pair))
    ]
    lanes_of_both = ir.Constant(ir.VectorType(ir.IntType(32), TILE), list(range(TILE)))
    return _convert(
        context, builder, builder.shuffle_vector(*pairs, lanes_of_both), array_type.dtype, number_type, TILE
    )


def _read(context, builder, array_type, array, index, n):
    """A vector of neighbours in an array."""
    item_type = array_type.dtype
    source = ir.VectorType(context.get_data_type(item_type), n)
    pointer = builder.gep(context.make_array(array_type)(context, builder, array).data, [index])
    return builder.load(builder.bitcast(pointer, source.as_pointer()), align=item_type.bitwidth // 8)


def _convert(context, builder, values, item_type, number_type, n):
    """A vector as one of another type, and that type."""
    vector = ir.VectorType(context.get_data_type(number_type), n)
    if isinstance(item_type, types.Integer):
        values = builder.uitofp(values, vector)
    elif item_type.bitwidth > number_type.bitwidth:
        values = builder.fptrunc(values, vector)
    elif item_type.bitwidth < number_type.bitwidth:
        values = builder.fpext(values, vector)
    return values, vector


def is_any_set(builder, bits):
    """Whether any of four bits is set, as 0 or 1."""
    bits = builder.bitcast(bits, ir.IntType(TILE))
    return builder.zext(builder.icmp_unsigned("!=", bits, ir.Constant(ir.IntType(TILE), 0)), ir.IntType(64))


@intrinsic
def copy_tile(typing_context, source, start, second_pair, out, out_start):
    """Copy a tile, converted to the type of `out`; return 1 if any of its numbers is not zero there, else 0."""

    def generate(context, builder, signature, arguments):
        source_array, start, second_pair, out_array, out_start = arguments
        values, vector = read_pairs(context, builder, signature.args[0], source_array, start, second_pair, out.dtype)
        target = builder.gep(context.make_array(signature.args[3])(context, builder, out_array).data, [out_start])
        builder.store(values, builder.bitcast(target, vector.as_pointer()), align=out.dtype.bitwidth // 8)
        return is_any_set(builder, builder.fcmp_unordered("!=", values, ir.Constant(vector, None)))

    return types.int64(source, types.intp, types.intp, out, types.intp), generate


def _write_tile(context, builder, values, position, entry_type, entries, entry):
    """Write a vector of four values, and a position, as an entry."""
    bits = ir.IntType(entry_type.dtype.bitwidth)
    target = builder.gep(context.make_array(entry_type)(context, builder, entries).data, [entry])
    builder.store(values, builder.bitcast(target, values.type.as_pointer()), align=bits.width // 8)
    place = builder.bitcast(builder.gep(target, [context.get_constant(types.intp, TILE)]), bits.as_pointer())
    builder.store(position if bits.width == 64 else builder.trunc(position, bits), place)


@intrinsic
def write_entry(typing_context, values, start, position, entries, entry):
    """Write the four values from values[start] on, and a position, as an entry to entries[entry]."""

    def generate(context, builder, signature, arguments):
        source_array, start, position, entry_array, entry = arguments
        tile, _ = read_tile(context, builder, signature.args[0], source_array, start, entries.dtype)
        _write_tile(context, builder, tile, position, signature.args[3], entry_array, entry)
        return context.get_dummy_value()

    return types.void(values, types.intp, types.intp, entries, types.intp), generate


@intrinsic
def write_pairs(typing_context, values, start, second_pair, position, entries, entry):
    """Write a tile of a dense sample, and a position, as an entry; return 1 if any of its numbers is not zero, else 0.

    It is written in any case: a branch would be mispredicted at every edge of a stroke.
    """

    def generate(context, builder, signature, arguments):
        source_array, start, second_pair, position, entry_array, entry = arguments
        tile, vector = read_pairs(context, builder, signature.args[0], source_array, start, second_pair, entries.dtype)
        _write_tile(context, builder, tile, position, signature.args[4], entry_array, entry)
        return is_any_set(builder, builder.fcmp_unordered("!=", tile, ir.Constant(vector, None)))

    return types.int64(values, types.intp, types.intp, types.intp, entries, types.intp), generate


@intrinsic
def mark_tiles(typing_context, values, start, like):
    """Which of the four tiles of a group from values[start] on hold a number other than zero, as the lowest bits.

    The bit above them is NOT_FINITE. Numbers are looked at in the type of the array `like`.
    """

    def generate(context, builder, signature, arguments):
        bits = ir.IntType(GROUP)
        numbers = _read(context, builder, values, *arguments[:2], GROUP)
        numbers, _ = _convert(context, builder, numbers, values.dtype, like.dtype, GROUP)
        zeros = ir.Constant(numbers.type, None)

        def which(comparison, first, second):
            return builder.bitcast(builder.fcmp_unordered(comparison, first, second), bits)

        lit = which("!=", numbers, zeros)
        for shift in (1, 2):  # then the lowest of each four bits is set if any of them is
            lit = builder.or_(lit, builder.lshr(lit, bits(shift)))
        lit = builder.and_(lit, bits(0x1111))
        # The product moves these four bits to the top, and nothing else there.
        lit = builder.lshr(builder.mul(lit, bits(0x1248)), bits(GROUP - TILE))
        is_wrong = builder.icmp_unsigned("!=", which("uno", builder.fsub(numbers, numbers), zeros), bits(0))
        lit = builder.select(is_wrong, builder.or_(lit, bits(NOT_FINITE)), lit)
        return builder.zext(lit, ir.IntType(64))

    return types.int64(values, types.intp, like), generate


@intrinsic
def lowest_bit(typing_context, bits):
    """The place of the lowest bit that is set, of an integer that is not 0."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return types.int64(types.int64), generate


if numba.config.DISABLE_JIT:

    def _matrix(array, start, stride, n_rows, n_columns):
        rows = start + stride * np.arange(n_rows)[:, np.newaxis]
        # Rows that are not padded may end before the last vector does, behind the end of a view.
        return np.minimum(rows + np.arange(n_columns), array.shape[0] - 1)

    def _make(emit):
        def products(n_vectors, positions, position_start, position_stride, count, values, value_start,
                     value_stride, value_step, held, held_start, held_stride, moved, moved_start,
                     moved_stride):  # fmt: skip
            n_columns = n_vectors * lanes(moved.dtype)
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

    def copy_tile(source, start, second_pair, out, out_start):
        with np.errstate(over="ignore"):
            out[out_start : out_start + TILE] = plain_pairs(source, start, second_pair)
        return int(np.any(out[out_start : out_start + TILE] != 0))

    def plain_pairs(array, index, second_pair):
        return np.concatenate([array[place : place + TILE // 2] for place in (index, index + second_pair)])

    def write_entry(values, start, position, entries, entry):
        entries[entry : entry + TILE] = values[start : start + TILE]
        entries[entry + TILE :][:1].view(f"i{entries.itemsize}")[0] = position

    def write_pairs(values, start, second_pair, position, entries, entry):
        with np.errstate(over="ignore"):
            tile = plain_pairs(values, start, second_pair).astype(entries.dtype)
        write_entry(tile, 0, position, entries, entry)
        return int(np.any(entries[entry : entry + TILE] != 0))

    def mark_tiles(values, start, like):
        with np.errstate(over="ignore"):
            numbers = values[start : start + GROUP].astype(like.dtype)
        lit = (numbers.reshape(TILE, TILE) != 0).any(axis=1)
        return int(lit @ (1 << np.arange(TILE))) | (0 if np.isfinite(numbers).all() else NOT_FINITE)

    def lowest_bit(bits):
        return (bits & -bits).bit_length() - 1


scatter, gather = _make(_emit_scatter), _make(_emit_gather)
