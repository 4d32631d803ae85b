"""Arguments arrive in compiled code as they were given, and results come back."""

from typing import NamedTuple

import numpy as np
import pytest

from skdigits._kernels.jit import Kernel, kernel
from skdigits._kernels.packing import Packed, address, pack, unpack_result, unpacked


class Inner(NamedTuple):
    array: np.ndarray
    number: float


class Outer(NamedTuple):
    before: int
    inner: Inner
    after: np.ndarray


@kernel
def give_back(value):
    """The argument itself."""
    return value


@kernel
def copy_matrix(matrix, out):
    """Write a matrix, by rows."""
    for i in range(matrix.shape[0]):
        for j in range(matrix.shape[1]):
            out[i * matrix.shape[1] + j] = matrix[i, j]


@kernel
def read_tuple(outer, out):
    """Write everything that is in a tuple."""
    out[0], out[1], out[2], out[3] = outer.before, outer.inner.array[1], outer.inner.number, outer.after[0]


@kernel
def read_number(inner, out):
    """Write the number of a tuple."""
    out[0] = inner.number


@kernel
def read_last(outer, place, out):
    """Write a number from the array that stands last, which another kernel has been handed on."""
    out[0] = outer.after[place]


@kernel
def hand_on(outer, out):
    """Have all that stands last written by another kernel, one number after the other."""
    for place in range(outer.after.shape[0]):
        read_last(outer, place, out[place:])


@kernel
def copy_block(block, out):
    """Write what is in a tuple of a block and numbers, lengths first."""
    n, m, k = block.values.shape
    out[0], out[1], out[2], out[3], out[4] = n, m, k, block.scale, block.is_on
    for i in range(n):
        for j in range(m):
            for h in range(k):
                out[5 + (i * m + j) * k + h] = block.values[i, j, h]


class Block(NamedTuple):
    scale: np.float32
    values: np.ndarray
    is_on: bool


NUMBERS = (
    [0, -1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), True, False, 0.1, -0.0, float("inf"), np.float32(0.1),
     np.float64(1e300), np.int64(-5), np.uint64(2**64 - 1), np.uint8(255), np.int32(-7), np.bool_(True)]
)  # fmt: skip


@pytest.mark.parametrize("value", NUMBERS, ids=repr)
def test_number_comes_back(value):
    result = give_back(value)
    assert result == value
    assert np.signbit(result) == np.signbit(value)


def test_nan_comes_back():
    assert np.isnan(give_back(np.nan))


@pytest.mark.parametrize("dtype", ["f4", "f8", "u1", "i4", "i8", "u8"])
@pytest.mark.parametrize(
    "view", [np.asarray, np.asfortranarray, lambda a: a[::2], lambda a: a[:, ::-1], lambda a: a[:0]],
    ids=["C", "Fortran", "every other row", "backwards", "empty"],
)  # fmt: skip
def test_matrix_is_read_as_it_lies(view, dtype):
    matrix = view(np.arange(1, 13).reshape(4, 3).astype(dtype))
    out = np.zeros(matrix.size, dtype)
    copy_matrix(matrix, out)
    np.testing.assert_array_equal(out, matrix.ravel())


def test_tuples_in_tuples_are_read():
    out = np.zeros(4)
    read_tuple(Outer(3, Inner(np.array([1.0, 5.0]), 0.25), np.array([7], np.uint8)), out)
    assert out.tolist() == [3, 5, 0.25, 7]


@pytest.mark.parametrize("value", NUMBERS, ids=repr)
def test_number_in_a_tuple_comes_back(value):
    out = np.zeros(1, np.uint8 if isinstance(value, (bool, np.bool_)) else np.array(value).dtype)
    read_number(Inner(np.zeros(1), value), out)
    assert out[0] == value


@pytest.mark.parametrize("dtype", ["f4", "f8", "u1", "i4", "i8", "u8"])
@pytest.mark.parametrize("shape", [(2, 3, 4), (1, 1, 1), (3, 0, 2)])
def test_array_in_a_tuple_is_read(dtype, shape):
    values = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    out = np.zeros(5 + values.size)
    copy_block(Block(np.float32(0.5), values, True), out)
    assert out.tolist() == [*shape, 0.5, 1, *values.ravel()]


def test_tuple_is_handed_on():
    last, out = np.arange(5, 9, dtype=np.int64), np.zeros(4)
    hand_on(Outer(0, Inner(np.zeros(3), 0.5), last), out)
    assert out.tolist() == last.tolist()


@pytest.mark.skipif(not isinstance(read_tuple, Kernel), reason="not compiled")
@pytest.mark.parametrize("view", [lambda a: a[::2], lambda a: a[::-1]], ids=["every other", "backwards"])
def test_array_in_a_tuple_that_is_not_contiguous_is_refused(view):
    with pytest.raises(TypeError, match="Inner: arrays in a tuple lie row by row"):
        read_number(Inner(view(np.zeros(6)), 0.5), np.zeros(1))


def test_one_word_a_number_and_one_more_for_the_result():
    matrix = np.zeros((2, 5), np.float32)
    words, kinds = pack((3, Inner(matrix, False), matrix))
    # In a tuple there is room for the lengths of an array.
    assert list(words) == [0, 3, id(matrix), 0, 0, 0, id(matrix)]
    assert kinds[:2] == ("q", ("Inner", 2))
    assert kinds[3] == "?"


def test_arrays_of_another_byte_order_are_of_another_kind():
    assert pack((np.zeros(1, ">f4"),))[1] != pack((np.zeros(1, "<f4"),))[1]


def test_matrix_of_one_row_is_as_any_other():
    assert pack((np.zeros((1, 3)),))[1] == pack((np.zeros((2, 3)),))[1]


def test_argument_that_was_packed_before_is_as_any_other():
    outer = Outer(3, Inner(np.array([1.0, 5.0]), 0.25), np.array([7], np.uint8))
    out = np.zeros(4)
    assert pack((Packed(outer), out)) == pack((outer, out))
    assert unpacked([Packed(outer), out]) == [outer, out]
    if isinstance(read_tuple, Kernel):
        read_tuple(Packed(outer), out)
        assert out.tolist() == [3, 5, 0.25, 7]


@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3)])
def test_address_is_the_one_that_numpy_tells(shape):
    for array in (np.zeros(shape), np.zeros((9, *shape))[3:4].reshape(shape)):
        assert address(array) == array.__array_interface__["data"][0]


def test_read_only_arrays_are_of_another_kind():
    array = np.zeros(3)
    (writable,) = pack((array,))[1]
    array.flags.writeable = False
    assert pack((array,))[1] != (writable,)


def test_kernel_without_a_result_gives_none():
    assert unpack_result(5, "-") is None
    assert copy_matrix(np.zeros((1, 1)), np.zeros(1)) is None
