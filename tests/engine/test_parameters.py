import numpy as np
import pytest

from skdigits._engine import parameters

UNITS = (4, 3, 2)


def test_split_covers_every_parameter_once():
    flat = np.arange(float(parameters.count_parameters(UNITS)))
    coefs, intercepts = parameters.split(flat, UNITS)
    assert [coef.shape for coef in coefs] == [(4, 3), (3, 2)]
    assert [intercept.shape for intercept in intercepts] == [(3,), (2,)]
    np.testing.assert_array_equal(np.concatenate([array.ravel() for array in coefs + intercepts]), flat)


def test_join_of_views_is_their_vector():
    flat = np.arange(float(parameters.count_parameters(UNITS)))
    assert parameters.join(*parameters.split(flat, UNITS), flat.dtype) is flat


def replace_one(coefs, intercepts):
    return [coefs[0].copy(), coefs[1]], intercepts


def swap(coefs, intercepts):
    return coefs, [intercepts[0][::-1], intercepts[1]]


def copy_all(coefs, intercepts):
    return [coef.copy() for coef in coefs], [intercept.copy() for intercept in intercepts]


@pytest.mark.parametrize("change", [replace_one, swap, copy_all])
def test_join_of_anything_else_is_a_copy(change):
    flat = np.arange(float(parameters.count_parameters(UNITS)))
    coefs, intercepts = change(*parameters.split(flat, UNITS))
    joined = parameters.join(coefs, intercepts, flat.dtype)
    assert not np.shares_memory(joined, flat)
    np.testing.assert_array_equal(joined, np.concatenate([array.ravel() for array in coefs + intercepts]))


def test_join_converts():
    coefs, intercepts = parameters.split(np.arange(float(parameters.count_parameters(UNITS))), UNITS)
    assert parameters.join(coefs, intercepts, np.dtype(np.float32)).dtype == np.float32
