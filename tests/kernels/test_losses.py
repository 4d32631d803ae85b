import naive
import numpy as np
import pytest

from skdigits._kernels.losses import cross_entropy_backward, cross_entropy_forward

TARGETS = np.array([0, 1, 0, 0], np.uint8)


@pytest.mark.parametrize("independent", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("probabilities", [[0.1, 0.7, 0.15, 0.05], [0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
def test_loss_agrees_with_twin(probabilities, dtype, independent):
    probabilities = np.array(probabilities, dtype)
    smallest = float(np.finfo(dtype).eps)
    expected = naive.cross_entropy(probabilities.astype(np.float64), TARGETS, smallest, independent=independent)
    loss = cross_entropy_forward(probabilities, TARGETS, smallest, independent)
    np.testing.assert_allclose(loss, expected, rtol=1e-12, atol=1e-15)


def test_certain_mistake_has_a_finite_loss():
    loss = cross_entropy_forward(np.array([1.0, 0.0]), np.array([0, 1], np.uint8), 2.0**-52, False)
    assert loss == pytest.approx(52 * np.log(2))


def test_nan_probability_gives_nan_loss():
    assert np.isnan(cross_entropy_forward(np.array([np.nan, 0.5]), np.array([1, 0], np.uint8), 1e-7, False))


@pytest.mark.parametrize("weight", [1, 2.5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradient_is_weighted_probability_minus_target(dtype, weight):
    probabilities = np.array([0.1, 0.7, 0.15, 0.05], dtype)
    gradient = np.empty(4, dtype)
    cross_entropy_backward(probabilities, TARGETS, dtype(weight), gradient)
    np.testing.assert_array_equal(gradient, dtype(weight) * (probabilities - TARGETS.astype(dtype)))
