import naive
import numpy as np
import pytest
from scipy.ndimage import affine_transform, gaussian_filter
from sklearn.datasets import load_digits
from sklearn.utils._param_validation import InvalidParameterError

from skdigits.preprocessing import Deskewer, DigitNormalizer

IMAGES = load_digits().images[:40]
# With room around, so that nothing is sheared out of the image.
PADDED = np.pad(IMAGES, ((0, 0), (4, 4), (8, 8)))


def slant(image):
    _, _, _, xy_sum, yy_sum = naive.moments(image)
    return xy_sum / yy_sum


def deskewed(images, **parameters):
    deskewer = Deskewer(image_shape=images.shape[1:], **parameters)
    return deskewer.fit_transform(images.reshape(len(images), -1)).reshape(images.shape)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_agrees_with_scipy(dtype):
    out = deskewed(PADDED.astype(dtype))
    assert out.dtype == dtype
    for image, upright in zip(PADDED, out, strict=True):
        k, y_centre = slant(image), naive.moments(image)[2]
        expected = affine_transform(image, [[1, 0], [k, 1]], [0, -k * y_centre], order=1, mode="grid-constant")
        np.testing.assert_allclose(upright, expected, atol=1e-4)


def test_slant_is_gone_and_the_centre_stays():
    out = deskewed(PADDED)
    for image, upright in zip(PADDED, out, strict=True):
        np.testing.assert_allclose(slant(upright), 0, atol=1e-9)
        np.testing.assert_allclose(naive.moments(upright)[:3], naive.moments(image)[:3], rtol=1e-9)
    assert np.mean([abs(slant(image)) for image in PADDED]) > 0.05


def test_sheared_copies_come_back_alike():
    image = gaussian_filter(np.pad(np.ones((12, 3)), 10), 1.5)
    for k in (-0.6, 0.3, 0.9):
        sheared = affine_transform(image, [[1, 0], [-k, 1]], [0, k * 15.5], order=3)
        np.testing.assert_allclose(deskewed(sheared[np.newaxis])[0], deskewed(image[np.newaxis])[0], atol=0.05)


def test_steep_slants_are_limited():
    line = np.zeros((1, 30, 60))
    for y in range(10, 20):
        line[0, y, 5 * (y - 9) : 5 * (y - 8)] = 1
    assert slant(line[0]) > 4
    np.testing.assert_allclose(slant(deskewed(line)[0]), slant(line[0]) - 1, atol=1e-9)
    np.testing.assert_array_equal(deskewed(line, max_slant=0), line)
    np.testing.assert_allclose(slant(deskewed(line, max_slant=9.0)[0]), 0, atol=0.5)


def test_blank_and_flat_images_stay():
    images = np.zeros((3, 5, 7))
    images[1] = -1
    images[2, 2, 1:5] = 1
    np.testing.assert_array_equal(deskewed(images), images)


def test_slant_is_the_same_at_any_size_of_numbers():
    np.testing.assert_allclose(deskewed(PADDED * 1e-200), deskewed(PADDED) * 1e-200, rtol=1e-9)


@pytest.mark.parametrize(("name", "value"), [("max_slant", -1), ("max_slant", "steep"), ("image_shape", None)])
def test_nonsense_is_refused(name, value):
    with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter of Deskewer"):
        Deskewer(**{name: value}).fit(IMAGES.reshape(40, 64))


@pytest.mark.parametrize("transformer", [Deskewer(), DigitNormalizer()], ids=str)
def test_names_of_pixels(transformer):
    transformer.set_output(transform="pandas")
    frame = transformer.fit_transform(IMAGES.reshape(40, 64))
    assert frame.columns.tolist() == transformer.get_feature_names_out().tolist() == [f"x{i}" for i in range(64)]
