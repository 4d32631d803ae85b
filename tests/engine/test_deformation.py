import tracemalloc

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from skdigits._engine.deformation import DeformationSettings, deform, draw_chunk, factor_gaussian_filter

NOTHING = DeformationSettings(rotation=0, scale=0, shear=0, shift=0, alpha=0, sigma=1)


@pytest.mark.parametrize(("n", "sigma"), [(1, 2.0), (3, 5.0), (28, 0.1), (28, 1.0), (28, 5.0), (28, 500.0), (45, 3.0)])
def test_factor_has_the_covariance_of_the_filter_of_scipy(n, sigma):
    filtered = gaussian_filter1d(np.eye(n), sigma, axis=0, mode="constant")
    factor = factor_gaussian_filter(n, sigma)
    covariance = filtered @ filtered.T
    # What is left out has singular values below 1e-3 of the largest, in the covariance 1e-6.
    np.testing.assert_allclose(factor @ factor.T, covariance, rtol=0, atol=1.1e-6 * np.linalg.norm(covariance, 2))


def test_few_columns_are_enough_for_wide_filters():
    assert factor_gaussian_filter(28, 5.0).shape == (28, 8)


@pytest.mark.parametrize("n", [1, 2, 28, 45])
def test_signs_of_the_factor_are_settled(n):
    assert (factor_gaussian_filter(n, 5.0)[0] >= 0).all()


def test_affine_maps_are_uniform_in_their_ranges():
    settings = NOTHING._replace(rotation=30, scale=0.2, shear=0.4, shift=3)
    noise = np.zeros(0, np.float32)
    maps = np.concatenate([draw_chunk(5, chunk, 128, (9, 15), settings, noise) for chunk in range(100)])
    xx, xy, x_start, yx, yy, y_start = maps.T
    # Back to what was drawn: A = rotation, shear, scale by QR; the centre moves by the shift.
    angle, scale_x = np.arctan2(yx, xx), np.hypot(xx, yx)
    scale_y = (xx * yy - xy * yx) / scale_x
    shear = (np.cos(angle) * xy + np.sin(angle) * yy) / scale_y
    shifts = xx * 7 + xy * 4 + x_start - 7, yx * 7 + yy * 4 + y_start - 4
    drawn = [np.degrees(angle) / 30, (scale_x - 1) / 0.2, (scale_y - 1) / 0.2, shear / 0.4]
    drawn = np.array(drawn + [shift / 3 for shift in shifts])
    assert abs(drawn).max() <= 1 + 1e-9
    # Mean 0 and variance 1/3 within four standard errors, and nothing goes with anything else.
    n = drawn.shape[1]
    np.testing.assert_allclose(drawn.mean(axis=1), 0, atol=4 / np.sqrt(3 * n))
    np.testing.assert_allclose(np.cov(drawn), np.eye(6) / 3, atol=4 * np.sqrt(1 / 9 / n))


def test_chunks_and_seeds_draw_different_numbers():
    drawn = []
    for seed, chunk in [(0, 0), (0, 1), (1, 0), (2**64 - 1, 0)]:
        noise = np.zeros(4, np.float32)
        maps = draw_chunk(seed, chunk, 2, (4, 4), NOTHING._replace(shift=1), noise)
        drawn.append(np.concatenate([noise, maps.ravel()[[2, 5, 8, 11]]]))
    assert len(np.unique(drawn)) == 4 * 8


def test_infinite_displacements_lead_outside():
    images = np.ones((3, 9), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        deform(images, (3, 3), NOTHING._replace(shift=1e300), 0, 1, images)
    np.testing.assert_array_equal(images, 0)


def test_a_few_images_take_memory_for_a_few():
    images = np.random.default_rng(0).random((2, 100 * 100), np.float32)
    settings = NOTHING._replace(alpha=8.0, sigma=2.0)
    deform(images, (100, 100), settings, 0, 1, images.copy())  # what is kept of the shape
    tracemalloc.start()
    try:
        deform(images, (100, 100), settings, 0, 1, images.copy())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000
