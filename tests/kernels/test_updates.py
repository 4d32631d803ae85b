import naive
import numpy as np
import pytest

from skdigits._kernels import codes, updates


@pytest.fixture(params=[np.float32, np.float64])
def vectors(request):
    rng = np.random.default_rng(0)
    # Two whole vectors of either type, and a rest.
    parameters, gradient, first = rng.normal(size=(3, 37)).astype(request.param)
    return parameters, gradient, first, (rng.normal(size=37) ** 2).astype(request.param)


def tolerance(array):
    return 10 * np.finfo(array.dtype).eps


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_agrees_with_twin(vectors, nesterov):
    parameters, gradient, velocity, _ = vectors
    settings = np.zeros(codes.N_SETTINGS, parameters.dtype)
    settings[[codes.RATE, codes.MOMENTUM, codes.NESTEROV]] = 0.125, 0.75, nesterov
    expected = naive.sgd_update(parameters, gradient, velocity, rate=0.125, momentum=0.75, nesterov=nesterov)
    updates.sgd_update(parameters, gradient, velocity, settings)
    for array, twin in zip((parameters, velocity), expected, strict=True):
        np.testing.assert_allclose(array, twin, rtol=tolerance(array), atol=tolerance(array))


def test_adam_agrees_with_twin(vectors):
    parameters, gradient, first, second = vectors
    settings = make_adam_settings(parameters.dtype)
    expected = naive.adam_update(parameters, gradient, first, second, rate=0.01, beta_1=0.9, beta_2=0.99, epsilon=1e-8)
    updates.adam_update(parameters, gradient, first, second, settings)
    for array, twin in zip((parameters, first, second), expected, strict=True):
        np.testing.assert_allclose(array, twin, rtol=tolerance(array), atol=tolerance(array))


def make_adam_settings(dtype):
    settings = np.zeros(codes.N_SETTINGS, dtype)
    settings[[codes.RATE, codes.EPSILON]] = 0.01, 1e-8
    settings[[codes.BETA_1, codes.COMPLEMENT_1, codes.BETA_2, codes.COMPLEMENT_2]] = 0.9, 0.1, 0.99, 0.01
    return settings


@pytest.mark.parametrize("gradient", [0.0, 1e-30, 1e-12, 1e-4, 1.0, 1e6, 1e18])
def test_adam_is_as_exact_for_any_size_of_gradient(gradient):
    arrays = [np.full(32, value, np.float32) for value in (0.0, gradient, 0.0, 0.0)]
    parameters, _, first, second = arrays
    expected = naive.adam_update(
        *(array.astype(np.float64) for array in arrays), rate=0.01, beta_1=0.9, beta_2=0.99, epsilon=1e-8
    )[0]
    updates.adam_update(*arrays, make_adam_settings(np.float32))
    np.testing.assert_allclose(parameters, expected, rtol=1e-6, atol=1e-30)
    assert np.isfinite(first).all()
    assert np.isfinite(second).all()


@pytest.mark.filterwarnings("ignore:overflow encountered", "ignore:invalid value encountered")
@pytest.mark.parametrize(("gradient", "expected"), [(np.nan, np.nan), (np.inf, np.nan), (1e30, 0.0)])
def test_adam_is_the_same_in_vectors_and_behind_them_where_it_diverges(gradient, expected):
    arrays = [np.full(33, value, np.float32) for value in (0.0, gradient, 0.0, 0.0)]
    updates.adam_update(*arrays, make_adam_settings(np.float32))
    np.testing.assert_array_equal(arrays[0], np.full(33, expected, np.float32))


def test_adam_in_single_precision_with_moments_in_double():
    parameters, gradient = (np.full(32, value, np.float32) for value in (0.0, 1.0))
    updates.adam_update(parameters, gradient, *np.zeros((2, 32)), make_adam_settings(np.float32))
    np.testing.assert_allclose(parameters, -0.01, rtol=1e-5)


def test_decay_takes_a_share_of_the_weights(vectors):
    parameters = vectors[0]
    settings = np.zeros(codes.N_SETTINGS, parameters.dtype)
    settings[codes.DECAY] = 0.25
    expected = 0.75 * parameters
    updates.decay_weights(parameters, settings)
    np.testing.assert_allclose(parameters, expected, rtol=tolerance(parameters))


def test_average_moves_towards_the_parameters(vectors):
    parameters, average, *_ = vectors
    settings = np.zeros(codes.N_SETTINGS, parameters.dtype)
    settings[codes.AVERAGE] = 0.25
    expected = 0.75 * average + 0.25 * parameters
    updates.follow_average(average, parameters, settings)
    np.testing.assert_allclose(average, expected, rtol=tolerance(parameters), atol=tolerance(parameters))
