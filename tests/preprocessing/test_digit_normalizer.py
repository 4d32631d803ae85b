import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import grey_dilation, grey_erosion
from sklearn.datasets import load_digits
from sklearn.utils._param_validation import InvalidParameterError

from skdigits._engine.preparation import estimate_ground
from skdigits.preprocessing import DigitNormalizer

IMAGES = np.pad(np.kron(load_digits().images[:40], np.ones((3, 3))), ((0, 0), (4, 4), (4, 4)))  # 32 x 32


def normalized(images, **parameters):
    images = np.asarray(images)
    normalizer = DigitNormalizer(image_shape=images.shape[1:], **parameters)
    return normalizer.fit_transform(images.reshape(len(images), -1)).reshape(images.shape)


@pytest.mark.parametrize("dtype", ["f4", "f8", "u1"])
def test_clean_images_are_only_stretched(dtype):
    out = normalized(IMAGES.astype(dtype))
    assert out.dtype == ("f4" if dtype == "u1" else dtype)
    expected = IMAGES / IMAGES.max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(out, np.where(expected > 0.1, expected, 0), rtol=1e-6)
    np.testing.assert_allclose(normalized(IMAGES, threshold=0.0), expected)


def test_inverted_images_come_back_equal():
    for inverted in (255 - IMAGES, 16 - IMAGES, -IMAGES):
        np.testing.assert_array_equal(normalized(inverted), normalized(IMAGES))
    np.testing.assert_allclose(normalized(1 - IMAGES / 16), normalized(IMAGES / 16), atol=1e-12)


def test_mnist_and_its_inverse(mnist):
    images = mnist[1][:2000].reshape(-1, 28, 28)
    out = normalized(images)
    np.testing.assert_array_equal(normalized(255 - images), out)
    assert abs(out - images / 255).mean() < 0.002
    assert (out[images == 0] == 0).mean() > 0.999


@pytest.mark.parametrize("is_dark", [False, True])
def test_lighting_is_removed(is_dark):
    y, x = np.meshgrid(np.linspace(-1, 1, 32), np.linspace(-1, 1, 32), indexing="ij")
    light = 100 + 30 * x - 20 * y + 8 * x * y - 10 * x * x
    images = light - 6 * IMAGES if is_dark else light + 6 * IMAGES
    assert np.corrcoef(normalized(images).ravel(), IMAGES.ravel())[0, 1] > 0.999
    np.testing.assert_allclose(normalized(images), normalized(IMAGES), atol=0.01)


@pytest.mark.parametrize(("side", "is_looked_for"), [(11, False), (12, True)])
def test_lighting_of_small_images_is_left_alone(side, is_looked_for):
    light = np.add.outer(np.linspace(0, 10, side), np.linspace(0, 20, side))
    stroke = np.zeros((side, side))
    stroke[4:8, 5:7] = 100
    out = normalized([light + stroke])[0]
    assert (abs(out - normalized([stroke])[0]).max() < 1e-6) == is_looked_for


def test_noise_of_the_ground_becomes_zero():
    noise = np.random.default_rng(0).normal(size=IMAGES.shape)
    for images in (IMAGES * 10 + 3 * noise, np.maximum(IMAGES * 10 + 3 * noise, 0)):
        out = normalized(images)
        ground = IMAGES == 0
        assert (out[ground] == 0).mean() > 0.99
        assert abs(out - normalized(IMAGES))[~ground].mean() < 0.1


def test_strokes_at_the_edge_are_no_lighting():
    images = np.zeros((1, 28, 28))
    images[0, :, 11:15] = 200
    np.testing.assert_array_equal(normalized(images), images / 200)


def test_small_digits_that_reach_the_edges_are_not_inverted():
    images = load_digits().images
    out = normalized(images)
    assert min(np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(images, out, strict=True)) > 0.5


def test_strokes_get_one_width():
    """Thin, plain and thick: of a digit each, seven times as large as scikit-learn's."""
    digits = np.pad(np.kron(load_digits().images[:30] > 8, np.ones((7, 7))), ((0, 0), (8, 8), (8, 8)))
    pens = [grey_erosion(digits, (1, 3, 3)), digits, grey_dilation(digits, (1, 5, 5))]
    before, after = (
        np.array([[naive.stroke_width(i) / np.ptp(np.nonzero(i > 0.5)[0]) for i in normalized(pen, **parameters)]
                  for pen in pens])
        for parameters in ({}, {"stroke_width": 3.0})
    )  # fmt: skip
    assert np.ptp(after.mean(axis=1)) < 0.4 * np.ptp(before.mean(axis=1))
    np.testing.assert_allclose(after.mean(axis=1), 3.0 / 20, rtol=0.2)


def test_strokes_of_empty_images_stay_empty():
    np.testing.assert_array_equal(normalized(np.full((2, 9, 9), 7.0), stroke_width=2.0), 0)


def test_width_of_strokes_does_not_depend_on_the_ground(mnist):
    images = mnist[1][:300].reshape(-1, 28, 28)
    out = normalized(images, stroke_width=2.5)
    np.testing.assert_array_equal(normalized(255 - images, stroke_width=2.5), out)
    assert np.std([naive.stroke_width(i) for i in out]) < 0.6 * np.std([naive.stroke_width(i) for i in images])


def test_ground_agrees_with_least_squares():
    rng, basis = np.random.default_rng(0), np.random.default_rng(1).normal(size=(200, 6))
    basis[:, 0] = 1
    surface = np.array([2.0, 30, -20, 10, 5, -7])
    frames = (basis @ surface + rng.normal(size=200))[np.newaxis]
    levels, surfaces, noise = estimate_ground(frames, basis)
    assert levels[0] == np.median(frames)
    expected = np.linalg.lstsq(basis, frames[0] - levels[0])[0]
    np.testing.assert_allclose(surfaces[0], expected, atol=1e-6)
    assert 4.5 < noise[0] < 7.5  # standard deviations
    # Ink on a tenth of the edge is left out.
    frames[0, :20] += 200
    np.testing.assert_allclose(estimate_ground(frames, basis)[1][0][1:], surface[1:], atol=1)


@settings(deadline=None, max_examples=50)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    dtype=st.sampled_from(["f4", "f8"]),
    seed=st.integers(0, 99),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    stroke_width=st.sampled_from([None, 0.5, 3.0]),
)
def test_any_image_gives_numbers_from_0_to_1(height, width, dtype, seed, scale, stroke_width):
    images = (scale * np.random.default_rng(seed).normal(size=(3, height, width))).astype(dtype)
    images[2] = 5
    before = images.copy()
    out = normalized(images, stroke_width=stroke_width)
    np.testing.assert_array_equal(images, before)
    assert not ((out > 0) & (out <= 0.1)).any()
    assert out.min() >= 0
    assert out.max() <= 1
    np.testing.assert_array_equal(out[2], 0)


@pytest.mark.parametrize(
    ("name", "value"), [("threshold", 1), ("threshold", "low"), ("stroke_width", 0), ("image_shape", None)]
)
def test_nonsense_is_refused(name, value):
    with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter of DigitNormalizer"):
        DigitNormalizer(**{name: value}).fit(IMAGES[0])
