"""exp, and what activations make of it, for a whole vector at a time.

Numba calls the scalar functions of the C library, one number at a time. Here the same steps are written once for
vectors of any type: exp by the reduction to [-ln 2 / 2, ln 2 / 2] and a polynomial, tanh by a rational function near
zero and by exp elsewhere, erfc by two rational functions (both: Moshier, Cephes mathematical library, 1992). exp, the
logistic function and tanh are right to within three units in the last place; ELU, SiLU and GELU to within some units
in the last place of the larger of their result and one.
"""

import math

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from skdigits._kernels.codes import ERF, ERFC
from skdigits._kernels.jit import exact_kernel
from skdigits._kernels.sizes import VECTOR_BYTES


class Float32:
    """What the functions below need to know of single precision."""

    scalar, integer, mantissa_bits, bias = ir.FloatType(), ir.IntType(32), 23, 127
    smallest, largest = -104.0, 89.0  # beyond these exp is 0, or infinite
    ln2_high, ln2_low = 0.693359375, -2.12194440e-4
    exp = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
    tanh_above = (-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)
    tanh_below = (1.0,)


class _Float64:
    """The same of double precision."""

    scalar, integer, mantissa_bits, bias = ir.DoubleType(), ir.IntType(64), 52, 1023
    smallest, largest = -746.0, 710.0
    ln2_high, ln2_low = 6.93145751953125e-1, 1.42860682030941723212e-6
    exp = tuple(1 / math.factorial(n) for n in range(13, 1, -1))
    tanh_above = (-9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3)
    tanh_below = (1.0, 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3)


class VectorEmitter:
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
        return self.exp_and_less_one(x)[0]

    def exp_and_less_one(self, x):
        """exp(x), and exp(x) - 1 where x is near zero."""
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
        less_one = self.multiply_add(builder.fmul(rest, rest), self.polynomial(rest, numbers.exp), rest)
        result = builder.fadd(less_one, self.all(1.0))
        integer = builder.sub(builder.bitcast(shifted, self.integers), builder.bitcast(large, self.integers))
        # In two halves, so that results may be denormal or infinite.
        half = builder.ashr(integer, self.all(1))
        for exponent in (half, builder.sub(integer, half)):
            bits = builder.shl(builder.add(exponent, self.all(numbers.bias)), self.all(numbers.mantissa_bits))
            result = builder.fmul(result, builder.bitcast(bits, self.vector))
        return result, less_one

    def elu(self, x):
        """x, below zero exp(x) - 1."""
        builder = self.builder
        exponential, near = self.exp_and_less_one(x)
        is_near = builder.fcmp_ordered(">", x, self.all(-0.34))  # above -ln 2 / 2, where exp reduces nothing
        below = builder.select(is_near, near, builder.fsub(exponential, self.all(1.0)))
        return builder.select(builder.fcmp_ordered(">", x, self.all(0.0)), x, below)

    def silu(self, x):
        """Product of x and its logistic function."""
        largest = self.all(-self.numbers.largest)  # infinity times 0 is no number
        x = self.builder.select(self.builder.fcmp_ordered("<", x, largest), largest, x)
        return self.builder.fmul(x, self.logistic(x))

    def silu_slope(self, x):
        """Derivative of silu: s + x s (1 - s), with s = logistic(x)."""
        largest = self.numbers.largest
        x = self.clamp(x, -largest, largest)
        logistic = self.logistic(x)
        rest = self.builder.fsub(self.all(1.0), logistic)
        return self.multiply_add(self.builder.fmul(x, logistic), rest, logistic)

    def clamp(self, x, smallest, largest):
        """The nearest number between two; NaN passes through."""
        builder = self.builder
        x = builder.select(builder.fcmp_ordered("<", x, self.all(smallest)), self.all(smallest), x)
        return builder.select(builder.fcmp_ordered(">", x, self.all(largest)), self.all(largest), x)

    def normal_distribution(self, x):
        """Probability that a standard normal number is below x: erfc(-x / sqrt(2)) / 2."""
        builder = self.builder
        x = builder.fmul(self.clamp(x, -38.0, 38.0), self.all(math.sqrt(0.5)))
        magnitude, _ = self.magnitude_and_sign(x)
        square = builder.fmul(x, x)
        near = builder.fdiv(self.polynomial(square, ERF[0]), self.polynomial(square, ERF[1]))
        near = self.multiply_add(x, near, self.all(1.0))
        # The rational function overflows in single precision long after erfc has come to nothing.
        bounded = self.clamp(magnitude, 0.0, 27.0)
        far = builder.fdiv(self.polynomial(bounded, ERFC[0]), self.polynomial(bounded, ERFC[1]))
        far = builder.fmul(far, self.exp(builder.fneg(square)))
        is_negative = builder.fcmp_ordered("<", x, self.all(0.0))
        far = builder.select(is_negative, far, builder.fsub(self.all(2.0), far))
        is_near = builder.fcmp_ordered("<", magnitude, self.all(1.0))
        return builder.fmul(builder.select(is_near, near, far), self.all(0.5))

    def gelu(self, x):
        """Product of x and the normal distribution function of x."""
        x = self.builder.select(self.builder.fcmp_ordered("<", x, self.all(-38.0)), self.all(-38.0), x)
        return self.builder.fmul(x, self.normal_distribution(x))

    def gelu_slope(self, x):
        """Derivative of gelu: the distribution function, plus x times the density."""
        builder = self.builder
        x = self.clamp(x, -38.0, 38.0)
        density = self.exp(builder.fmul(builder.fmul(x, x), self.all(-0.5)))
        density = builder.fmul(density, self.all(1 / math.sqrt(2 * math.pi)))
        return self.multiply_add(x, density, self.normal_distribution(x))

    def reduce(self, name, x, *, is_sum=False):
        """The largest number, or the sum, of a vector."""
        scalar = self.numbers.scalar
        operands = [ir.Constant(scalar, -0.0), x] if is_sum else [x]
        function = cgutils.get_or_insert_function(
            self.builder.module,
            ir.FunctionType(scalar, [operand.type for operand in operands]),
            f"llvm.vector.reduce.{name}.v{self.n_lanes}f{self.numbers.integer.width}",
        )
        return self.builder.call(function, operands, fastmath=("reassoc",) if is_sum else ())

    def splat(self, number):
        """A vector of one number that is known when the kernel runs."""
        lane, none = ir.IntType(32), ir.Constant(ir.VectorType(number.type, self.n_lanes), ir.Undefined)
        one = self.builder.insert_element(none, number, lane(0))
        return self.builder.shuffle_vector(one, none, ir.Constant(ir.VectorType(lane, self.n_lanes), None))

    def softmax(self, x, n_units):
        """Softmax of the first numbers of a vector; the rest becomes 0."""
        builder = self.builder
        lanes = ir.Constant(ir.VectorType(n_units.type, self.n_lanes), list(range(self.n_lanes)))
        is_unit = builder.icmp_signed("<", lanes, self.splat(n_units))
        largest = self.reduce("fmax", builder.select(is_unit, x, self.all(-math.inf)))
        exponentials = builder.select(is_unit, self.exp(builder.fsub(x, self.splat(largest))), self.all(0.0))
        return builder.fdiv(exponentials, self.splat(self.reduce("fadd", exponentials, is_sum=True)))

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
        return types.void(array, types.intp), _emit_on_vector(getattr(VectorEmitter, name))

    return apply


def _emit_on_vector(emit):
    """Generator of code for an intrinsic whose first arguments are an array and where a vector of it starts."""

    def generate(context, builder, signature, arguments):
        array_type = signature.args[0]
        emitter = VectorEmitter(builder, Float32 if array_type.dtype == types.float32 else _Float64)
        data = context.make_array(array_type)(context, builder, arguments[0]).data
        pointer = builder.bitcast(builder.gep(data, [arguments[1]]), emitter.vector.as_pointer())
        align = emitter.numbers.integer.width // 8
        result = emit(emitter, builder.load(pointer, align=align), *arguments[2:])
        if result.type != emitter.vector:
            return result
        builder.store(result, pointer, align=align)
        return context.get_dummy_value()

    return generate


@intrinsic
def _largest(typing_context, array, start):
    """The largest number of the vector from array[start] on."""
    return array.dtype(array, types.intp), _emit_on_vector(lambda emitter, x: emitter.reduce("fmax", x))


@intrinsic
def _sum(typing_context, array, start):
    """The sum of the vector from array[start] on."""
    return array.dtype(array, types.intp), _emit_on_vector(lambda emitter, x: emitter.reduce("fadd", x, is_sum=True))


@intrinsic
def _softmax(typing_context, array, start, n_units):
    """Replace the vector from array[start] on by the softmax of its first n_units numbers, and the rest by 0."""
    return types.void(array, types.intp, types.intp), _emit_on_vector(VectorEmitter.softmax)


def _plain_logistic(x):
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


def _plain_normal_distribution(x):
    return np.array([math.erfc(-value / math.sqrt(2)) / 2 for value in x.tolist()])


_exp = _make("exp", np.exp)
_logistic = _make("logistic", _plain_logistic)
_tanh = _make("tanh", np.tanh)
_elu = _make("elu", lambda x: np.where(x > 0, x, np.expm1(x)))
_silu = _make("silu", lambda x: np.maximum(x, -700) * _plain_logistic(x))
_silu_slope = _make("silu_slope", lambda x: _plain_logistic(x) * (1 + np.clip(x, -700, 700) * _plain_logistic(-x)))
_gelu = _make("gelu", lambda x: np.maximum(x, -38) * _plain_normal_distribution(x))
_gelu_slope = _make(
    "gelu_slope",
    lambda x: _plain_normal_distribution(x) + np.clip(x, -38, 38) * np.exp(-x * x / 2) / np.sqrt(2 * np.pi),
)


if numba.config.DISABLE_JIT:

    def _largest(array, start):
        return array[start : start + VECTOR_BYTES // array.itemsize].max()

    def _sum(array, start):
        return array[start : start + VECTOR_BYTES // array.itemsize].sum()

    def _softmax(array, start, n_units):
        vector = array[start : start + VECTOR_BYTES // array.itemsize]
        vector[n_units:] = 0
        vector[:n_units] = np.exp(vector[:n_units] - vector[:n_units].max())
        vector[:n_units] /= vector[:n_units].sum()


@exact_kernel
def softmax_vectors(row, n_units):
    """Replace n_units logits by exp(logit) / sum(exp(logits)), shifted by the largest logit; the rest by 0."""
    n_lanes = VECTOR_BYTES // row.itemsize
    if row.shape[0] == n_lanes:
        _softmax(row, 0, n_units)
        return
    for h in range(n_units, row.shape[0]):
        row[h] = -np.inf
    largest = row[0]
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


@exact_kernel
def elu_vectors(array):
    """Replace an array, a whole number of vectors, by array, below zero exp(array) - 1."""
    for i in range(0, array.shape[0], VECTOR_BYTES // array.itemsize):
        _elu(array, i)


@exact_kernel
def silu_vectors(array):
    """Replace an array, a whole number of vectors, by array * logistic(array)."""
    for i in range(0, array.shape[0], VECTOR_BYTES // array.itemsize):
        _silu(array, i)


@exact_kernel
def silu_slope_vectors(array):
    """Replace an array, a whole number of vectors, by the derivative of SiLU (Elfwing, Uchibe and Doya, 2018)."""
    for i in range(0, array.shape[0], VECTOR_BYTES // array.itemsize):
        _silu_slope(array, i)


@exact_kernel
def gelu_vectors(array):
    """Replace an array, a whole number of vectors, by array times the normal distribution function of it."""
    for i in range(0, array.shape[0], VECTOR_BYTES // array.itemsize):
        _gelu(array, i)


@exact_kernel
def gelu_slope_vectors(array):
    """Replace an array, a whole number of vectors, by the derivative of GELU (Hendrycks and Gimpel, 2016)."""
    for i in range(0, array.shape[0], VECTOR_BYTES // array.itemsize):
        _gelu_slope(array, i)
