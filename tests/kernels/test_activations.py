import naive
import numpy as np
import pytest

from skdigits._kernels import activations, codes
from skdigits._kernels.vectors import softmax_vectors


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", list(codes.HIDDEN_ACTIVATIONS))
def test_forward_agrees_with_twin(name, dtype):
    logits = np.linspace(-6, 6, 48).astype(dtype)
    row = logits.copy()
    activations.activation_forward(codes.HIDDEN_ACTIVATIONS[name], row)
    np.testing.assert_allclose(row, naive.ACTIVATIONS[name](logits.astype(np.float64)), rtol=3 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", list(codes.HIDDEN_ACTIVATIONS))
def test_backward_agrees_with_twin(name, dtype):
    outputs = naive.ACTIVATIONS[name](np.linspace(-3, 3, 31)).astype(dtype)
    gradient = np.linspace(1, 2, 31).astype(dtype)
    expected = gradient * naive.DERIVATIVES[name](outputs)
    activations.activation_backward(codes.HIDDEN_ACTIVATIONS[name], outputs, gradient)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_agrees_with_twin(dtype):
    logits = np.array([1.5, -2.0, 0.0, 7.25], dtype)
    row = np.append(logits, np.full(12, 1000, dtype))
    softmax_vectors(row, 4)
    expected = np.append(naive.softmax(logits.astype(np.float64)), np.zeros(12))
    np.testing.assert_allclose(row, expected, rtol=4 * np.finfo(dtype).eps)


def test_softmax_of_huge_logits_does_not_overflow():
    row = np.array([1e4, 0.0, -1e4, *[0.0] * 5])
    softmax_vectors(row, 3)
    np.testing.assert_array_equal(row, [1, 0, 0, *[0] * 5])


@pytest.mark.parametrize("name", ["logistic", "tanh", "relu"])
def test_nan_passes_through(name):
    row = np.full(16, np.nan)
    activations.activation_forward(codes.HIDDEN_ACTIVATIONS[name], row)
    assert np.isnan(row).all()


def test_nan_passes_through_softmax():
    row = np.array([0.0, np.nan, *[0.0] * 6])
    softmax_vectors(row, 2)
    assert np.isnan(row[:2]).all()
