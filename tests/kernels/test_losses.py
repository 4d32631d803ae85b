import naive
import numpy as np
import pytest

from skdigits._kernels.losses import cross_entropy_backward, cross_entropy_forward, is_recognised

TARGETS = np.array([0, 1, 0, 0], np.uint8)


@pytest.mark.parametrize("independent", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("probabilities", [[0.1, 0.7, 0.15, 0.05], [0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
def test_loss_agrees_with_twin(probabilities, dtype, independent, smoothing):
    probabilities = np.array(probabilities, dtype)
    smallest = float(np.finfo(dtype).eps)
    targets = naive.smooth(TARGETS, smoothing, independent=independent)
    expected = naive.cross_entropy(probabilities.astype(np.float64), targets, smallest, independent=independent)
    loss = cross_entropy_forward(probabilities, TARGETS, smallest, independent, smoothing)
    np.testing.assert_allclose(loss, expected, rtol=1e-12, atol=1e-15)


def test_certain_mistake_has_a_finite_loss():
    loss = cross_entropy_forward(np.array([1.0, 0.0]), np.array([0, 1], np.uint8), 2.0**-52, False, 0.0)
    assert loss == pytest.approx(52 * np.log(2))


@pytest.mark.parametrize("independent", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_nan_probability_gives_nan_loss(independent, smoothing):
    probabilities, targets = np.array([np.nan, 0.5]), np.array([1, 0], np.uint8)
    assert np.isnan(cross_entropy_forward(probabilities, targets, 1e-7, independent, smoothing))


@pytest.mark.parametrize("weight", [1, 2.5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradient_is_weighted_probability_minus_target(dtype, weight):
    probabilities = np.array([0.1, 0.7, 0.15, 0.05], dtype)
    gradient = np.empty(4, dtype)
    cross_entropy_backward(probabilities, TARGETS, dtype(weight), False, 0.0, gradient)
    np.testing.assert_array_equal(gradient, dtype(weight) * (probabilities - TARGETS.astype(dtype)))


@pytest.mark.parametrize(("independent", "expected"), [(False, [0.1, 0.7, 0.1, 0.1]), (True, [0.2, 0.8, 0.2, 0.2])])
def test_gradient_is_zero_at_smoothed_targets(independent, expected):
    gradient = np.ones(4)
    cross_entropy_backward(np.array(expected), TARGETS, 1.0, independent, 0.4, gradient)
    np.testing.assert_allclose(gradient, 0, atol=1e-16)


@pytest.mark.parametrize(
    ("probabilities", "targets", "is_single_label", "expected"),
    [
        ([0.2, 0.5, 0.3], [0, 1, 0], True, True),
        ([0.2, 0.4, 0.4], [0, 0, 1], True, False),
        ([0.9, 0.6, 0.1], [1, 1, 0], False, True),
        ([0.9, 0.4, 0.1], [1, 1, 0], False, False),
        ([0.5], [0], False, True),
    ],
)
def test_recognised_is_what_predict_would_say(probabilities, targets, is_single_label, expected):
    assert is_recognised(np.array(probabilities), np.array(targets, np.uint8), is_single_label) == expected
