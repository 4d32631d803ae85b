import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import affine_transform, center_of_mass

from skdigits._kernels.preparation import (
    centre_images,
    deskew_images,
    find_ink,
    measure_moments,
    normalize_images,
    shear_rows,
    shrink_ink,
)

DTYPES = pytest.mark.parametrize("dtype", ["f4", "f8"])
SHAPES = pytest.mark.parametrize("shape", [(1, 1), (1, 6), (7, 1), (3, 5), (9, 4), (28, 28), (2, 45)])


def make_images(shape, dtype, n=4, seed=0):
    """Blots with much background, some below 0, and a blank image at last."""
    images = np.random.default_rng(seed).normal(size=(n, *shape))
    images[abs(images) < 0.7] = 0
    images[-1] = 0
    images = images.astype(dtype)
    images.flags.writeable = False
    return images


def flat(images):
    return images.reshape(len(images), -1)


def tolerance(dtype):
    return {"rtol": 0, "atol": 2e-5 if dtype == "f4" else 1e-12}


@DTYPES
@SHAPES
def test_moments_agree_with_twin_and_scipy(dtype, shape):
    for image in make_images(shape, dtype):
        moments = np.full(5, 9.0)
        measure_moments(image.ravel(), *shape, moments)
        np.testing.assert_allclose(moments, naive.moments(image), rtol=1e-12, atol=1e-9)
        if moments[0]:
            np.testing.assert_allclose(moments[[2, 1]], center_of_mass(np.maximum(image, 0).astype(float)), atol=1e-9)


def test_moments_that_overflow_are_those_of_a_blank_image():
    moments = np.full(5, 9.0)
    with np.errstate(over="ignore"):
        measure_moments(np.full(4, 1e308), 2, 2, moments)
    np.testing.assert_array_equal(moments, 0)


@pytest.mark.parametrize("value", [1e305, 1e306, 1e307])  # of which the square sums, the sums and the mass overflow
def test_image_whose_slant_overflows_stays(value):
    images, out = value * np.eye(40).reshape(1, -1), np.full((1, 1600), 9.0)
    with np.errstate(over="ignore", invalid="ignore"):
        deskew_images(images, 40, 40, 1.0, np.zeros(5), out)
    np.testing.assert_array_equal(out, images)


@DTYPES
@SHAPES
@pytest.mark.parametrize("slope", [0.0, 0.4, -1.0, 2.5, -1e9])
def test_shear_agrees_with_scipy(dtype, shape, slope):
    image = make_images(shape, dtype)[0]
    out, y_centre = np.full(image.size, 9, dtype), 0.3 * shape[0]
    shear_rows(image.ravel(), *shape, slope, y_centre, out)
    matrix, offset = [[1, 0], [slope, 1]], [0, -slope * y_centre]
    expected = affine_transform(image.astype(float), matrix, offset, order=1, mode="grid-constant")
    np.testing.assert_allclose(out.reshape(shape), expected, **tolerance(dtype))


@DTYPES
@SHAPES
@pytest.mark.parametrize("max_slant", [0.0, 0.1, 5.0])
def test_deskewed_images_agree_with_twin(dtype, shape, max_slant):
    images = make_images(shape, dtype)
    out = np.full_like(flat(images), 9)
    deskew_images(flat(images), *shape, max_slant, np.zeros(5), out)
    expected = [naive.deskew(image, max_slant) for image in images]
    np.testing.assert_allclose(out.reshape(images.shape), expected, **tolerance(dtype))
    np.testing.assert_array_equal(out[-1], 0)


@settings(deadline=None, max_examples=60)
@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 2**16))
def test_images_of_any_size_are_deskewed(height, width, seed):
    images = make_images((height, width), "f8", n=2, seed=seed)
    out = np.full_like(flat(images), 9)
    deskew_images(flat(images), height, width, 1.0, np.zeros(5), out)
    expected = [naive.deskew(image, 1.0) for image in images]
    np.testing.assert_allclose(out.reshape(images.shape), expected, **tolerance("f8"))
    np.testing.assert_array_equal(out[-1], 0)


@DTYPES
def test_ink_is_found(dtype):
    image = np.zeros((5, 6), dtype)
    image[1, 4], image[3, 2], image[0, 0], image[4, 5] = 8, 4, 2, -9
    for threshold, expected in [(0.0, [0, 0, 4, 5]), (0.25, [1, 2, 3, 3]), (0.5, [1, 4, 1, 1])]:
        box = np.zeros(4, np.int64)
        find_ink(image.ravel(), 5, 6, threshold, box)
        np.testing.assert_array_equal(box, expected)
    find_ink(-abs(image).ravel(), 5, 6, 0.0, box)
    np.testing.assert_array_equal(box, 0)


@DTYPES
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 4), (10, 9), (20, 20)])
def test_shrinking_takes_means_over_areas(dtype, size):
    image = abs(make_images((9, 11), dtype)[0])
    sums, small = np.zeros(11), np.zeros(400)
    shrink_ink(image.ravel(), 11, np.array([2, 1, 5, 8]), *size, sums, small)
    repeated = np.kron(image[2:7, 1:9].astype(float), np.ones(size))
    expected = repeated.reshape(size[0], 5, size[1], 8).mean(axis=(1, 3))
    np.testing.assert_allclose(small[: expected.size].reshape(size), expected, rtol=1e-12)


@settings(deadline=None, max_examples=60)
@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    threshold=st.sampled_from([0.0, 0.3, 0.9]),
    sides=st.sampled_from([(20, 28), (1, 1), (5, 5), (7, 12)]),
    dtype=st.sampled_from(["f4", "f8"]),
    seed=st.integers(0, 99),
)
def test_centred_images_agree_with_twin(height, width, threshold, sides, dtype, seed):
    images = make_images((height, width), dtype, n=2, seed=seed)
    box_side, field_side = sides
    out = np.full((2, field_side**2), 9, dtype)
    scratch = np.zeros(5), np.zeros(4, np.int64), np.zeros(width), np.zeros(box_side**2)
    centre_images(flat(images), height, width, threshold, *sides, *scratch, out)
    expected = [naive.centre(image, threshold, *sides).ravel() for image in images]
    np.testing.assert_allclose(out, expected, **tolerance(dtype))


@pytest.mark.parametrize("turns", range(4))
def test_digit_that_is_heavy_at_one_side_stays_inside(turns):
    image, out = np.full((20, 20), 1e-3), np.full((1, 784), 9.0)
    image[0] = 1
    image = np.ascontiguousarray(np.rot90(image, turns))
    scratch = np.zeros(5), np.zeros(4, np.int64), np.zeros(20), np.zeros(400)
    centre_images(image.reshape(1, 400), 20, 20, 0.0, 20, 28, *scratch, out)
    np.testing.assert_allclose(out[0].reshape(28, 28), naive.centre(image, 0.0, 20, 28), atol=1e-15)
    np.testing.assert_allclose(out.sum(), image.sum())


@DTYPES
@SHAPES
@pytest.mark.parametrize(
    ("noise", "extreme", "threshold"), [(0.0, 0.0, 0.0), (1.0, 0.0, 0.1), (99.0, 0.0, 0.7), (1.0, 1e9, 0.1)]
)
def test_normalized_images_agree_with_twin(dtype, shape, noise, extreme, threshold):
    images, rng = make_images(shape, dtype), np.random.default_rng(1)
    levels, surfaces = rng.normal(size=4), 0.3 * rng.normal(size=(4, 6))
    out = np.full_like(flat(images), 9)
    extremes = np.array([0.0, extreme, 0.0, extreme])
    normalize_images(flat(images), *shape, levels, surfaces, np.full(4, noise), extremes, threshold, out)
    expected = [naive.normalize(images[i], levels[i], surfaces[i], noise, extremes[i], threshold) for i in range(4)]
    np.testing.assert_allclose(out.reshape(images.shape), expected, **tolerance(dtype))


def test_strokes_as_far_above_the_ground_as_below_it_are_not_inverted():
    out = np.full((1, 6), 9.0)
    image, flat_ground, none = np.array([[7.0, 9, 7, 5, 7, 7]]), np.zeros((1, 6)), np.zeros(1)
    normalize_images(image, 2, 3, np.full(1, 7.0), flat_ground, none, none, 0.1, out)
    np.testing.assert_array_equal(out, [[0, 1, 0, 0, 0, 0]])


@DTYPES
def test_blank_images_are_normalized_to_zeros(dtype):
    images = np.full((2, 6), 7, dtype)
    out = np.full_like(images, 9)
    images.flags.writeable = False
    normalize_images(images, 2, 3, np.full(2, 7.0), np.zeros((2, 6)), np.zeros(2), np.zeros(2), 0.1, out)
    np.testing.assert_array_equal(out, 0)
