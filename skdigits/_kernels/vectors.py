"""exp, the logistic function and tanh for a whole vector at a time, to within three units in the last place.

Numba calls the scalar functions of the C library, one number at a time. Here the same steps are written once for
vectors of any type: exp by the reduction to [-ln 2 / 2, ln 2 / 2] and a polynomial, tanh by a rational function near
zero (Moshier, Cephes mathematical library, 1992) and by exp elsewhere.
"""

import math

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from skdigits._kernels.jit import exact_kernel
from skdigits._kernels.tiles import VECTOR_BYTES


class _Float32:
    scalar, integer, mantissa_bits, bias = ir.FloatType(), ir.IntType(32), 23, 127
    smallest, largest = -104.0, 89.0  # beyond these exp is 0, or infinite
    ln2_high, ln2_low = 0.693359375, -2.12194440e-4
    exp = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
    tanh_above = (-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)
    tanh_below = (1.0,)


class _Float64:
    scalar, integer, mantissa_bits, bias = ir.DoubleType(), ir.IntType(64), 52, 1023
    smallest, largest = -746.0, 710.0
    ln2_high, ln2_low = 6.93145751953125e-1, 1.42860682030941723212e-6
    exp = tuple(1 / math.factorial(n) for n in range(13, 1, -1))
    tanh_above = (-9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3)
    tanh_below = (1.0, 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3)


class _Emitter:
    """Arithmetic on one vector."""

    def __init__(self, builder, numbers):
        self.builder, self.numbers = builder, numbers
        self.n_lanes = VECTOR_BYTES * 8 // numbers.integer.width
        self.vector = ir.VectorType(numbers.scalar, self.n_lanes)
        self.integers = ir.VectorType(numbers.integer, self.n_lanes)

    def all(self, number):
        """A vector of one number."""
        if isinstance(number, int):
            return ir.Constant(self.integers, [number] * self.n_lanes)
        return ir.Constant(self.vector, [number] * self.n_lanes)

    def multiply_add(self, a, b, c):
        return self.builder.fadd(self.builder.fmul(a, b, flags=("contract",)), c, flags=("contract",))

    def polynomial(self, x, coefficients):
        """The highest power first."""
        total = self.all(coefficients[0])
        for coefficient in coefficients[1:]:
            total = self.multiply_add(total, x, self.all(coefficient))
        return total

    def magnitude_and_sign(self, x):
        builder, width = self.builder, self.numbers.integer.width
        bits = builder.bitcast(x, self.integers)
        sign = builder.and_(bits, self.all(-(1 << (width - 1))))
        return builder.bitcast(builder.xor(bits, sign), self.vector), sign

    def exp(self, x):
        builder, numbers = self.builder, self.numbers
        # Comparisons with NaN are false, so that NaN passes through.
        x = builder.select(builder.fcmp_ordered(">", x, self.all(numbers.largest)), self.all(numbers.largest), x)
        x = builder.select(builder.fcmp_ordered("<", x, self.all(numbers.smallest)), self.all(numbers.smallest), x)
        # Adding a number as large as this rounds to an integer, which stands in the last bits of the sum.
        large = self.all(1.5 * 2.0**numbers.mantissa_bits)
        shifted = self.multiply_add(x, self.all(1 / math.log(2)), large)
        power = builder.fsub(shifted, large)
        rest = self.multiply_add(power, self.all(-numbers.ln2_high), x)
        rest = self.multiply_add(power, self.all(-numbers.ln2_low), rest)
        result = self.multiply_add(builder.fmul(rest, rest), self.polynomial(rest, numbers.exp), rest)
        result = builder.fadd(result, self.all(1.0))
        integer = builder.sub(builder.bitcast(shifted, self.integers), builder.bitcast(large, self.integers))
        # In two halves, so that results may be denormal or infinite.
        half = builder.ashr(integer, self.all(1))
        for exponent in (half, builder.sub(integer, half)):
            bits = builder.shl(builder.add(exponent, self.all(numbers.bias)), self.all(numbers.mantissa_bits))
            result = builder.fmul(result, builder.bitcast(bits, self.vector))
        return result

    def logistic(self, x):
        """1 / (1 + exp(-x)), without an overflow for any x."""
        builder = self.builder
        magnitude, _ = self.magnitude_and_sign(x)
        exponential = self.exp(builder.fneg(magnitude))
        is_negative = builder.fcmp_ordered("<", x, self.all(0.0))
        above = builder.select(is_negative, exponential, self.all(1.0))
        return builder.fdiv(above, builder.fadd(exponential, self.all(1.0)))

    def tanh(self, x):
        builder, numbers = self.builder, self.numbers
        magnitude, sign = self.magnitude_and_sign(x)
        square = builder.fmul(x, x)
        fraction = self.polynomial(square, numbers.tanh_above)
        if len(numbers.tanh_below) > 1:
            fraction = builder.fdiv(fraction, self.polynomial(square, numbers.tanh_below))
        near = self.multiply_add(builder.fmul(x, square), fraction, x)
        exponential = self.exp(builder.fadd(magnitude, magnitude))
        far = builder.fdiv(self.all(-2.0), builder.fadd(exponential, self.all(1.0)))
        far = builder.bitcast(builder.fadd(far, self.all(1.0)), self.integers)
        far = builder.bitcast(builder.or_(far, sign), self.vector)
        return builder.select(builder.fcmp_ordered("<", magnitude, self.all(0.625)), near, far)


def _make(name, plain):
    """Intrinsic that replaces the vector from array[start] on by a function of it."""
    if numba.config.DISABLE_JIT:

        def apply_plain(array, start):
            stop = start + VECTOR_BYTES // array.itemsize
            with np.errstate(over="ignore", under="ignore", invalid="ignore"):
                array[start:stop] = plain(array[start:stop])

        return apply_plain

    @intrinsic
    def apply(typing_context, array, start):
        def generate(context, builder, signature, arguments):
            emitter = _Emitter(builder, _Float32 if array.dtype == types.float32 else _Float64)
            data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
            pointer = builder.bitcast(builder.gep(data, [arguments[1]]), emitter.vector.as_pointer())
            align = emitter.numbers.integer.width // 8
            builder.store(getattr(emitter, name)(builder.load(pointer, align=align)), pointer, align=align)
            return context.get_dummy_value()

        return types.void(array, types.intp), generate

    return apply


def _reduce(name, is_sum):
    """Intrinsic for the largest, or the sum, of the vector from array[start] on."""

    @intrinsic
    def reduce(typing_context, array, start):
        def generate(context, builder, signature, arguments):
            emitter = _Emitter(builder, _Float32 if array.dtype == types.float32 else _Float64)
            numbers = emitter.numbers
            data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
            pointer = builder.bitcast(builder.gep(data, [arguments[1]]), emitter.vector.as_pointer())
            vector = builder.load(pointer, align=numbers.integer.width // 8)
            operands = [ir.Constant(numbers.scalar, -0.0), vector] if is_sum else [vector]
            function = cgutils.get_or_insert_function(
                builder.module,
                ir.FunctionType(numbers.scalar, [operand.type for operand in operands]),
                f"llvm.vector.reduce.{name}.v{emitter.n_lanes}f{numbers.integer.width}",
            )
            return builder.call(function, operands, fastmath=("reassoc",) if is_sum else ())

        return array.dtype(array, types.intp), generate

    return reduce


_exp = _make("exp", np.exp)
_largest, _sum = _reduce("fmax", is_sum=False), _reduce("fadd", is_sum=True)
_logistic = _make("logistic", lambda x: np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x))))
_tanh = _make("tanh", np.tanh)


if numba.config.DISABLE_JIT:

    def _largest(array, start):
        return array[start : start + VECTOR_BYTES // array.itemsize].max()

    def _sum(array, start):
        return array[start : start + VECTOR_BYTES // array.itemsize].sum()


@exact_kernel
def softmax_vectors(row, n_units):
    """Replace n_units logits by exp(logit) / sum(exp(logits)), shifted by the largest logit; the rest by 0."""
    for h in range(n_units, row.shape[0]):
        row[h] = -np.inf
    largest, n_lanes = row[0], VECTOR_BYTES // row.itemsize
    for i in range(0, row.shape[0], n_lanes):
        largest = max(largest, _largest(row, i))
    for h in range(row.shape[0]):
        row[h] -= largest
    total = row.dtype.type(0)
    for i in range(0, row.shape[0], n_lanes):
        _exp(row, i)
        total += _sum(row, i)
    for h in range(row.shape[0]):
        row[h] /= total


@exact_kernel
def exp_vectors(array):
    """Replace an array, a whole number of vectors, by its exponentials."""
    for i in range(0, array.shape[0], VECTOR_BYTES // array.itemsize):
        _exp(array, i)


@exact_kernel
def logistic_vectors(array):
    """Replace an array, a whole number of vectors, by 1 / (1 + exp(-array))."""
    for i in range(0, array.shape[0], VECTOR_BYTES // array.itemsize):
        _logistic(array, i)


@exact_kernel
def tanh_vectors(array):
    """Replace an array, a whole number of vectors, by its hyperbolic tangents."""
    for i in range(0, array.shape[0], VECTOR_BYTES // array.itemsize):
        _tanh(array, i)
