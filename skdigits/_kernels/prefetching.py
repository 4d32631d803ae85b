"""Prefetching: memory is asked for before it is needed, without waiting for it.

No result depends on it: a processor may do as asked or not. What is needed soon is asked for into the first-level
cache, which holds little; what is needed later into the second-level cache.
"""

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from skdigits._kernels.jit import kernel
from skdigits._kernels.sizes import VECTOR_BYTES

L1, L2 = 1, 2


def _make(level, *, to_write=False):
    """Intrinsic that asks for the cache line of array[index]."""
    locality = {L1: 3, L2: 2}[level]  # LLVM's numbers

    @intrinsic
    def ask(typing_context, array, index):
        def generate(context, builder, signature, arguments):
            view = context.make_array(array)(context, builder, arguments[0])
            pointer = builder.bitcast(builder.gep(view.data, [arguments[1]]), ir.IntType(8).as_pointer())
            i32 = ir.IntType(32)
            function = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(ir.VoidType(), [pointer.type, i32, i32, i32]), "llvm.prefetch.p0"
            )
            is_data = 1
            builder.call(function, [pointer, i32(int(to_write)), i32(locality), i32(is_data)])
            return context.get_dummy_value()

        return types.void(array, types.intp), generate

    return ask


if numba.config.DISABLE_JIT:

    def _make(level, *, to_write=False):
        """A function that does nothing."""
        return lambda array, index: None


_ask_l1, _ask_l2, _ask_to_write = _make(L1), _make(L2), _make(L1, to_write=True)


@kernel
def prefetch_line(array, index, level):
    """Ask for the cache line of array[index] to be brought into the cache of a level."""
    if level == L1:
        _ask_l1(array, index)
    else:
        _ask_l2(array, index)


@kernel
def prefetch(array, start, stop, level):
    """Ask for array[start:stop] to be brought into the cache of a level."""
    for index in range(start, stop, VECTOR_BYTES // array.itemsize):
        prefetch_line(array, index, level)


@kernel
def prefetch_to_write(array, start, stop):
    """Ask for array[start:stop] to be taken out of the caches of other cores, too, which have read or written it."""
    for index in range(start, stop, VECTOR_BYTES // array.itemsize):
        _ask_to_write(array, index)
