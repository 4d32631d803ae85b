import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation, binary_erosion

from skdigits._kernels.preparation import find_ink
from skdigits._kernels.strokes import measure_width, set_stroke_widths, spread_level

DTYPES = pytest.mark.parametrize("dtype", ["f4", "f8"])
SHAPES = pytest.mark.parametrize("shape", [(1, 1), (1, 6), (7, 1), (9, 4), (16, 16)])


def make_images(shape, dtype, n=3, seed=0):
    """Blots of a maximum of 1, and a blank image at last."""
    images = np.random.default_rng(seed).random((n, *shape))
    images = np.where(images > 0.6, images / images.max(axis=(1, 2), keepdims=True), 0)
    images[-1] = 0
    images = images.astype(dtype)
    images.flags.writeable = False
    return images


def tolerance(dtype):
    return {"rtol": 0, "atol": 1e-6 if dtype == "f4" else 1e-12}


def draw_stroke(width, angle, side=80, length=60):
    """An anti-aliased stroke through the middle."""
    y, x = np.indices((side, side)) - (side - 1) / 2
    across, along = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    distance = np.maximum(abs(across) - width / 2, abs(along) - length / 2)
    return np.clip(0.5 - distance, 0, 1)


@DTYPES
@SHAPES
def test_width_agrees_with_twin(dtype, shape):
    for image in make_images(shape, dtype):
        assert measure_width(image.ravel(), *shape) == pytest.approx(naive.stroke_width(image), abs=1e-9)


@pytest.mark.parametrize("width", [2.0, 3.5, 6.0])
@pytest.mark.parametrize("angle", [0.0, 0.3, np.pi / 4, 2.0])
def test_width_of_a_stroke(width, angle):
    measured = measure_width(draw_stroke(width, angle).ravel(), 80, 80)
    assert measured == pytest.approx(expected_width(width, 60), rel=0.1)


def expected_width(width, length):
    """The ends belong to the outline, too."""
    return width * length / (width + length)


@DTYPES
@SHAPES
@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("radius", [0.0, 0.3, 1.0, 2.6])
def test_spreading_agrees_with_twin(dtype, shape, level, radius):
    for image in make_images(shape, dtype):
        out = np.full(image.size, 9, dtype)
        spread_level(image.ravel(), *shape, level, radius, out)
        expected = naive.spread_level(image, level, radius)
        np.testing.assert_allclose(out.reshape(shape), expected, **tolerance(dtype))
        if radius == 0:
            np.testing.assert_array_equal(expected, image)


@pytest.mark.parametrize("level", [0, 1])
def test_radius_far_beyond_the_image_takes_no_longer(level):
    (image, _) = make_images((9, 4), "f8", n=2)
    out = np.empty(image.size)
    spread_level(image.ravel(), 9, 4, level, 1e9, out)
    np.testing.assert_array_equal(out, level * image.max())


@pytest.mark.parametrize("radius", [1, 2, 3])
def test_solid_part_of_the_disc_is_scipys(radius):
    image = np.zeros((40, 40))
    image[5:34, 8:18] = image[25:33, 8:30] = 1
    disc, out = np.hypot(*np.indices((7, 7)) - 3) <= radius, np.empty(1600)
    spread_level(image.ravel(), 40, 40, 1, radius, out)
    np.testing.assert_array_equal(out.reshape(40, 40) > 0.999, binary_dilation(image, disc))
    spread_level(image.ravel(), 40, 40, 0, radius, out)
    np.testing.assert_array_equal(out.reshape(40, 40) > 0.001, binary_erosion(image, disc))


@settings(deadline=None, max_examples=40)
@given(
    height=st.integers(1, 24),
    width=st.integers(1, 24),
    target=st.floats(0.1, 6.0),
    dtype=st.sampled_from(["f4", "f8"]),
    seed=st.integers(0, 99),
)
def test_images_of_any_size_agree_with_twin(height, width, target, dtype, seed):
    images = make_images((height, width), dtype, seed=seed)
    out = np.full((3, height * width), 9, dtype)
    set_stroke_widths(images.reshape(3, -1), height, width, target, 20, np.zeros(4, np.int64), out)
    expected = [naive.set_stroke_width(image, target, 20).ravel() for image in images]
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-5 if dtype == "f4" else 1e-11)
    np.testing.assert_array_equal(out[-1], 0)
    assert 0 <= out.min() <= out.max() <= 1 + 1e-6


def test_strokes_that_would_vanish_stay():
    image = np.indices((8, 8)).sum(axis=0) % 2.0  # hardly an outline, and each pixel beside the ground
    assert not naive.spread_level(image, 0, 1).any()
    out = np.full((1, 64), 9.0)
    set_stroke_widths(image.reshape(1, 64), 8, 8, 0.1, 20, np.zeros(4, np.int64), out)
    np.testing.assert_array_equal(out[0], image.ravel())


def test_size_of_a_digit_is_that_of_its_pixels_above_one_half():
    image, out = np.zeros((20, 20)), np.empty((1, 400))
    image[10, 2:18], image[10, 8:12] = 0.45, 1
    set_stroke_widths(image.reshape(1, 400), 20, 20, 6.0, 20, np.zeros(4, np.int64), out)
    np.testing.assert_allclose(out[0], naive.set_stroke_width(image, 6.0, 20).ravel(), atol=1e-12)


@pytest.mark.parametrize("angle", [0.0, 0.5])
@pytest.mark.parametrize("width", [2.0, 4.0, 7.0, 12.0])
def test_pens_of_any_width_draw_the_same(width, angle):
    images, out, box = draw_stroke(width, angle).reshape(1, -1), np.empty((1, 6400)), np.zeros(4, np.int64)
    images.flags.writeable = False
    find_ink(images[0], 80, 80, 0.5, box)
    set_stroke_widths(images, 80, 80, 5 * 20 / max(box[2:]), 20, box, out)
    change = 5 - expected_width(width, 60)
    assert measure_width(out[0], 80, 80) == pytest.approx(expected_width(width + change, 60 + change), rel=0.1)
