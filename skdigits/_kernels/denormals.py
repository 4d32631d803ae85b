"""Flush denormal numbers to zero around a kernel, and restore the caller's way with them afterwards.

Moments of pixels that are never lit decay into numbers below the smallest normal one. Arithmetic with these is some
fifty times slower, and they matter to no digit of a result: 1e-38 in single precision, 1e-308 in double.
"""

import platform

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from skdigits._kernels.jit import kernel

# Bits of the control register: results flushed to zero, and on x86 denormal operands taken as zero.
_FLUSH_X86 = 0x8040
_FLUSH_ARM = 1 << 24

_MACHINE = "none" if numba.config.DISABLE_JIT else platform.machine().lower()

if _MACHINE in ("x86_64", "amd64"):
    _FLUSH_BITS = _FLUSH_X86

    def _call(builder, name, place):
        pointer = ir.IntType(8).as_pointer()
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), [pointer]), name)
        builder.call(function, [builder.bitcast(place, pointer)])

    def _read(builder):
        place = cgutils.alloca_once(builder, ir.IntType(32))
        _call(builder, "llvm.x86.sse.stmxcsr", place)
        return builder.zext(builder.load(place), ir.IntType(64))

    def _write(builder, mode):
        place = cgutils.alloca_once_value(builder, builder.trunc(mode, ir.IntType(32)))
        _call(builder, "llvm.x86.sse.ldmxcsr", place)

elif _MACHINE in ("aarch64", "arm64"):
    _FLUSH_BITS = _FLUSH_ARM

    def _read(builder):
        return builder.asm(ir.FunctionType(ir.IntType(64), []), "mrs $0, fpcr", "=r", [], side_effect=True)

    def _write(builder, mode):
        builder.asm(ir.FunctionType(ir.VoidType(), [ir.IntType(64)]), "msr fpcr, $0", "r", [mode], side_effect=True)

else:  # other processors, and plain Python: denormals stay, and cost time where they occur
    _FLUSH_BITS = 0

    def _read(builder):
        return ir.Constant(ir.IntType(64), 0)

    def _write(builder, mode):
        pass


if numba.config.DISABLE_JIT:

    def _flush():
        return 0

    def _restore(mode):
        pass

else:

    @intrinsic
    def _flush(typing_context):
        def generate(context, builder, signature, arguments):
            mode = _read(builder)
            _write(builder, builder.or_(mode, ir.Constant(ir.IntType(64), _FLUSH_BITS)))
            return mode

        return types.int64(), generate

    @intrinsic
    def _restore(typing_context, mode):
        def generate(context, builder, signature, arguments):
            _write(builder, arguments[0])
            return context.get_dummy_value()

        return types.void(types.int64), generate


@kernel
def flush_denormals():
    """Flush denormals to zero in this thread; return the mode before, for `restore_denormals`."""
    return _flush()


@kernel
def restore_denormals(mode):
    """Go back to the mode that `flush_denormals` found."""
    _restore(mode)
