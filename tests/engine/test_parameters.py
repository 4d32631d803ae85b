import numpy as np
import pytest

from skdigits._engine import parameters

UNITS = (4, 3, 2)


@pytest.fixture
def flat():
    flat = parameters.allocate(UNITS, np.float64)
    flat[:] = np.arange(len(flat))
    return flat


def test_split_covers_every_parameter_once(flat):
    coefs, intercepts = parameters.split(flat, UNITS)
    assert [coef.shape for coef in coefs] == [(4, 3), (3, 2)]
    assert [intercept.shape for intercept in intercepts] == [(3,), (2,)]
    np.testing.assert_array_equal(np.concatenate([array.ravel() for array in coefs + intercepts]), flat)


def test_join_of_views_is_their_vector(flat):
    joined = parameters.join(*parameters.split(flat, UNITS), flat.dtype)
    assert joined.shape == flat.shape
    assert joined.ctypes.data == flat.ctypes.data


def test_join_of_views_of_an_ordinary_vector_is_a_copy():
    # Kernels read beyond the end of the vector: it must be one that `allocate` has made.
    ordinary = np.arange(float(parameters.count_parameters(UNITS)))
    assert not np.shares_memory(parameters.join(*parameters.split(ordinary, UNITS), ordinary.dtype), ordinary)


def replace_one(coefs, intercepts):
    return [coefs[0].copy(), coefs[1]], intercepts


def swap(coefs, intercepts):
    return coefs, [intercepts[0][::-1], intercepts[1]]


def copy_all(coefs, intercepts):
    return [coef.copy() for coef in coefs], [intercept.copy() for intercept in intercepts]


@pytest.mark.parametrize("change", [replace_one, swap, copy_all])
def test_join_of_anything_else_is_a_copy(flat, change):
    coefs, intercepts = change(*parameters.split(flat, UNITS))
    joined = parameters.join(coefs, intercepts, flat.dtype)
    assert not np.shares_memory(joined, flat)
    np.testing.assert_array_equal(joined, np.concatenate([array.ravel() for array in coefs + intercepts]))


def test_join_converts(flat):
    assert parameters.join(*parameters.split(flat, UNITS), np.dtype(np.float32)).dtype == np.float32


def test_writable_vector_is_itself_and_any_other_a_copy(flat):
    assert parameters.writable(flat, UNITS) is flat
    flat.flags.writeable = False
    copy = parameters.writable(flat, UNITS)
    assert copy.flags.writeable
    np.testing.assert_array_equal(copy, flat)
