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


@pytest.mark.parametrize(
    "value",
    [0, -1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), True, False, 0.1, -0.0, float("inf"), np.float32(0.1),
     np.float64(1e300), np.int64(-5), np.uint64(2**64 - 1), np.uint8(255), np.int32(-7), np.bool_(True)],
    ids=repr,
)  # fmt: skip
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


def test_one_word_a_number_and_one_more_for_the_result():
    matrix = np.zeros((2, 5), np.float32)
    words, kinds = pack((3, (False, matrix)))
    assert list(words) == [0, 3, 0, id(matrix)]
    assert kinds[:3] == ("q", ("tuple", 2), "?")


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
