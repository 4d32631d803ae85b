"""Memory that a fit takes above its samples, counted by Python's own tracer, which NumPy reports to.

Not counted are the large pages that weights, moments and buffers stand in: 4 MiB for 784-100-10.
"""

import tracemalloc
import warnings

import numpy as np
import pytest

from skdigits import MLPDigitClassifier

N_SAMPLES, N_FEATURES = 6000, 784
# What else a fit of 784-100-10 takes, whatever the number of samples.
NETWORK = 6 * 2**20


def strokes(dtype):
    """Samples like digits: runs of lit pixels on black ground, a quarter of the tiles of four."""
    rng = np.random.default_rng(0)
    tiles = rng.random((N_SAMPLES, N_FEATURES // 4)) < 0.27
    return (np.repeat(tiles, 4, axis=1) * rng.integers(1, 255, (N_SAMPLES, N_FEATURES))).astype(dtype)


def peak(function):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function()  # compiling takes memory, too
        tracemalloc.start()
        try:
            function()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


@pytest.fixture(scope="module")
def y():
    return np.arange(N_SAMPLES) % 10


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_digits_take_a_third_of_their_size_in_single_precision(y, dtype, early_stopping):
    X = strokes(dtype)
    limit = 0.35 * 4 * X.size + NETWORK + early_stopping * 0.3 * X.nbytes
    assert peak(lambda: MLPDigitClassifier(max_iter=1, early_stopping=early_stopping).fit(X, y)) < limit


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_samples_without_a_background_are_not_copied(y, dtype):
    X = np.random.default_rng(0).integers(1, 255, (N_SAMPLES, N_FEATURES)).astype(dtype)
    assert peak(lambda: MLPDigitClassifier(max_iter=1).fit(X, y)) < NETWORK


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_prediction_takes_little(y, dtype):
    X = strokes(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MLPDigitClassifier(max_iter=1, n_jobs=1).fit(X[:200], y[:200])
    assert peak(lambda: model.predict_proba(X)) < 8 * 2**20
