"""Adam's step by estimates of roots and reciprocals, where the processor has them (AVX-512).

A square root and a division take the processor longer than all else of the step. Its estimates of 1 / sqrt(x) and of
1 / x, right to 14 bits, become right to within some units in the last place of single precision by one step of Newton's
method each.
"""

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from skdigits._kernels.jit import has_avx512, kernel
from skdigits._kernels.sizes import VECTOR_BYTES
from skdigits._kernels.vectors import Float32, VectorEmitter

CAN_ESTIMATE = not numba.config.DISABLE_JIT and has_avx512()
_N_LANES = VECTOR_BYTES // 4


@kernel
def count_estimated(parameters, gradient, first_moment, second_moment):
    """How many of the first parameters are updated by `adam_vector`: whole vectors in single precision."""
    if not CAN_ESTIMATE or parameters.itemsize != 4 or gradient.itemsize != 4:
        return 0
    if first_moment.itemsize != 4 or second_moment.itemsize != 4:
        return 0
    return parameters.shape[0] // _N_LANES * _N_LANES


class _Emitter(VectorEmitter):
    """Arithmetic on vectors in single precision, with estimates."""

    def __init__(self, builder):
        super().__init__(builder, Float32)

    def estimate(self, name, x):
        mask = ir.IntType(_N_LANES)
        function = cgutils.get_or_insert_function(
            self.builder.module, ir.FunctionType(self.vector, [self.vector, self.vector, mask]),
            f"llvm.x86.avx512.{name}14.ps.512",
        )  # fmt: skip
        return self.builder.call(function, [x, ir.Constant(self.vector, None), mask(-1)])

    def root(self, x):
        """Square root: x y, with y near 1 / sqrt(x), and what is left to it."""
        limits = np.finfo(np.float32)
        x = self.clamp(x, float(limits.smallest_normal), float(limits.max))  # of 0 and of infinity there is no product
        y = self.estimate("rsqrt", x)
        root, half = self.builder.fmul(x, y), self.builder.fmul(y, self.all(-0.5))
        return self.multiply_add(root, self.multiply_add(half, root, self.all(0.5)), root)

    def reciprocal(self, x):
        y = self.estimate("rcp", x)
        return self.multiply_add(y, self.multiply_add(self.builder.fneg(x), y, self.all(1.0)), y)


@intrinsic
def adam_vector(typing_context, parameters, gradient, first_moment, second_moment, start, rate, beta_1, complement_1,
                beta_2, complement_2, epsilon):  # fmt: skip
    """Adam's step on the vector from parameters[start] on: see `adam_update`, which this is a part of.

    The arrays are contiguous.
    """

    def generate(context, builder, signature, arguments):
        if not CAN_ESTIMATE or {array.dtype for array in signature.args[:4]} != {types.float32}:  # never called
            return context.get_dummy_value()
        emitter = _Emitter(builder)
        data = [context.make_array(signature.args[i])(context, builder, arguments[i]).data for i in range(4)]
        places = [builder.bitcast(builder.gep(d, [arguments[4]]), emitter.vector.as_pointer()) for d in data]
        values, gradients, first, second = (builder.load(place, align=4) for place in places)
        rate, beta_1, complement_1, beta_2, complement_2, epsilon = map(emitter.splat, arguments[5:])
        first = emitter.multiply_add(beta_1, first, builder.fmul(complement_1, gradients))
        second = emitter.multiply_add(beta_2, second, builder.fmul(complement_2, builder.fmul(gradients, gradients)))
        reciprocal = emitter.reciprocal(builder.fadd(emitter.root(second), epsilon))
        # As without estimates: where the second moment has overflowed there is no step.
        has_overflowed = builder.fcmp_ordered("==", second, emitter.all(np.inf))
        reciprocal = builder.select(has_overflowed, emitter.all(0.0), reciprocal)
        step = builder.fneg(builder.fmul(rate, first))
        values = emitter.multiply_add(step, reciprocal, values)
        for value, place in zip((values, first, second), (places[0], *places[2:]), strict=True):
            builder.store(value, place, align=4)
        return context.get_dummy_value()

    arrays, numbers = (parameters, gradient, first_moment, second_moment), (parameters.dtype,) * 6
    return types.void(*arrays, types.intp, *numbers), generate
