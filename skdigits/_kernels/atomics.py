"""Integers that several threads change: two of LLVM's atomic operations, which Numba does not have for the CPU."""

import threading

import numba
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

if numba.config.DISABLE_JIT:
    _lock = threading.Lock()

    def atomic_add(array, index, value):
        with _lock:
            array[index] += value
            return array[index] - value

    def atomic_load(array, index):
        return array[index]

else:

    def _element_pointer(context, builder, array_type, array, index):
        array = context.make_array(array_type)(context, builder, array)
        return cgutils.get_item_pointer(context, builder, array_type, array, [index], wraparound=False)

    @intrinsic
    def atomic_add(typing_context, array, index, value):
        """Add to array[index]; return what stood there before."""

        def generate(context, builder, signature, arguments):
            pointer = _element_pointer(context, builder, signature.args[0], arguments[0], arguments[1])
            return builder.atomic_rmw("add", pointer, arguments[2], "seq_cst")

        return array.dtype(array, types.intp, array.dtype), generate

    @intrinsic
    def atomic_load(typing_context, array, index):
        """Read array[index] as other threads last wrote it."""

        def generate(context, builder, signature, arguments):
            pointer = _element_pointer(context, builder, signature.args[0], arguments[0], arguments[1])
            return builder.load_atomic(pointer, "seq_cst", 8)

        return array.dtype(array, types.intp), generate
