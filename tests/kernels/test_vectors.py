import numpy as np
import pytest

from skdigits._kernels.vectors import exp_vectors, logistic_vectors, tanh_vectors

FUNCTIONS = {
    exp_vectors: np.exp,
    logistic_vectors: lambda x: 1 / (1 + np.exp(-x)),
    tanh_vectors: np.tanh,
}

each = pytest.mark.parametrize("kernel", FUNCTIONS, ids=lambda kernel: kernel.__name__)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@each
@dtypes
def test_is_right_to_three_units_in_the_last_place(kernel, dtype):
    limit = 87 if dtype == np.float32 else 708
    spread = [np.linspace(-limit, limit, 20_000), np.linspace(-2, 2, 20_000), np.logspace(-30, 0, 4000)]
    x = np.concatenate([*spread, -spread[2]]).astype(dtype)
    result = x.copy()
    kernel(result)
    expected = FUNCTIONS[kernel](x.astype(np.longdouble))
    error = np.abs((result - expected) / np.spacing(np.abs(expected).astype(dtype)))
    assert error.max() < 3


@each
@dtypes
def test_limits(kernel, dtype):
    x = np.array([np.inf, -np.inf, 1e4, -1e4, 0.0, -0.0, *[0.0] * 10], dtype)
    result = x.copy()
    kernel(result)
    with np.errstate(over="ignore"):
        expected = FUNCTIONS[kernel](x).astype(dtype)
    np.testing.assert_array_equal(result, expected)


@dtypes
def test_exp_below_the_smallest_normal_number(dtype):
    limits = np.finfo(dtype)
    x = np.full(16, np.log(limits.tiny) - 3, dtype)
    result = x.copy()
    exp_vectors(result)
    np.testing.assert_allclose(result, np.exp(x), rtol=0, atol=2 * limits.smallest_subnormal)


@each
@dtypes
def test_nan_passes_through(kernel, dtype):
    x = np.full(16, np.nan, dtype)
    kernel(x)
    assert np.isnan(x).all()
