import naive
import numpy as np
import pytest

from skdigits._kernels import activations, codes
from skdigits._kernels.vectors import softmax_vectors

# Units in the last place of one, beside three of the result.
EXTRA = {"elu": 2, "gelu": 4, "silu": 1}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", list(codes.HIDDEN_ACTIVATIONS))
def test_forward_agrees_with_twin(name, dtype):
    logits = np.linspace(-6, 6, 48).astype(dtype)
    row = logits.copy()
    activations.activation_forward(codes.HIDDEN_ACTIVATIONS[name], row)
    np.testing.assert_allclose(
        row,
        naive.ACTIVATIONS[name](logits.astype(np.float64)),
        rtol=3 * np.finfo(dtype).eps,
        atol=EXTRA.get(name, 0) * np.finfo(dtype).eps,
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(set(codes.HIDDEN_ACTIVATIONS) - codes.NEED_LOGITS))
def test_backward_agrees_with_twin(name, dtype):
    logits = np.linspace(-3, 3, 31)
    outputs = naive.ACTIVATIONS[name](logits).astype(dtype)
    gradient = np.linspace(1, 2, 31).astype(dtype)
    expected = gradient * naive.DERIVATIVES[name](logits)
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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", list(codes.HIDDEN_ACTIVATIONS))
def test_slopes_agree_with_twin(name, dtype):
    logits = np.linspace(-12, 12, 4800).astype(dtype)
    outputs, slopes = logits.copy(), np.full(4800, np.nan, dtype)
    activations.activation_forward_with_slopes(codes.HIDDEN_ACTIVATIONS[name], outputs, slopes)
    expected = naive.ACTIVATIONS[name](logits.astype(np.float64))
    np.testing.assert_allclose(outputs, expected, rtol=3 * np.finfo(dtype).eps, atol=6 * np.finfo(dtype).eps)
    expected = naive.DERIVATIVES[name](logits.astype(np.float64))
    np.testing.assert_allclose(slopes, expected, rtol=0, atol=12 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["elu", "gelu", "silu"])
def test_far_logits(name, dtype):
    logits = np.array([1e30, -1e30, 100, -100, np.inf, -np.inf, *[0.0] * 10], dtype)
    outputs, slopes = logits.copy(), logits.copy()
    activations.activation_forward_with_slopes(codes.HIDDEN_ACTIVATIONS[name], outputs, slopes)
    low = -1 if name == "elu" else 0
    np.testing.assert_allclose(outputs[:6], [logits[0], low, 100, low, np.inf, low], rtol=1e-6, atol=1e-36)
    np.testing.assert_allclose(slopes[:6], [1, 0, 1, 0, 1, 0], atol=1e-36)


@pytest.mark.parametrize("name", sorted(set(codes.HIDDEN_ACTIVATIONS) - {"identity"}))
def test_nan_passes_through(name):
    row = np.full(16, np.nan)
    activations.activation_forward(codes.HIDDEN_ACTIVATIONS[name], row)
    assert np.isnan(row).all()


def test_nan_passes_through_softmax():
    row = np.array([0.0, np.nan, *[0.0] * 6])
    softmax_vectors(row, 2)
    assert np.isnan(row[:2]).all()
