import pickle
import re

import naive
import numpy as np
import pandas
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

from skdigits.preprocessing import DigitCenterer, ImageFlattener

IMAGES = load_digits().images[:40]


def centred(X, **parameters):
    return DigitCenterer(**parameters).fit_transform(X)


def test_mnist_stays_as_it_is(mnist):
    X = mnist[1].astype(np.float32)
    changed = centred(X)
    assert (changed == X).all(axis=1).mean() > 0.999
    assert abs(changed - X).mean() / 255 < 1e-4


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_agrees_with_twin(dtype):
    X = IMAGES.reshape(40, 64).astype(dtype)
    out = centred(X, threshold=0.2)
    assert out.dtype == dtype
    expected = [naive.centre(image, 0.2, 20, 28).ravel() for image in IMAGES]
    np.testing.assert_allclose(out, expected, atol=1e-5)


def test_place_and_size_do_not_matter():
    expected = centred(IMAGES)
    larger = [np.pad(np.kron(image, np.ones((3, 3))), ((k, 9), (2 * k, 1))) for k, image in enumerate(IMAGES)]
    np.testing.assert_allclose(centred(larger), expected, atol=1e-9)


def test_all_forms_of_images_give_the_same():
    expected = centred(IMAGES.reshape(40, 64))
    for X in (IMAGES, list(IMAGES), IMAGES.tolist(), [image.astype(int) for image in IMAGES]):
        np.testing.assert_allclose(centred(X), expected, atol=1e-5)
    wide = IMAGES[:, :4].reshape(40, 32)
    np.testing.assert_array_equal(centred(wide, image_shape=(4, 8)), centred(IMAGES[:, :4]))


def test_types_of_lists():
    single, double = np.eye(3, dtype="f4"), np.eye(4)
    assert centred([double, double]).dtype == np.float64
    assert centred([double, single]).dtype == np.float32
    assert centred([double.astype(">f8"), double]).dtype == np.float64


def test_images_of_different_sizes_have_no_number_of_features():
    centerer = DigitCenterer().fit(IMAGES)
    assert centerer.n_features_in_ == 64
    centerer.fit([np.eye(3), np.eye(4)])
    assert not hasattr(centerer, "n_features_in_")
    assert centerer.transform(IMAGES).shape == (40, 784)
    assert centerer.get_feature_names_out()[-1] == "digitcenterer783"


def test_images_have_no_names_of_features():
    frame = pandas.DataFrame(IMAGES.reshape(40, 64)).add_prefix("pixel")
    centerer = DigitCenterer().fit(frame)
    assert hasattr(centerer, "feature_names_in_")
    assert not hasattr(centerer.fit(IMAGES), "feature_names_in_")


def test_rows_are_images_of_the_shape_in_fit():
    flat = IMAGES.reshape(40, 4, 16)
    centerer = DigitCenterer().fit(flat)
    assert centerer.image_shape_ == (4, 16)
    np.testing.assert_array_equal(centerer.transform(flat.reshape(40, 64)), centerer.transform(flat))


def test_rows_are_images_of_the_shape_that_is_given():
    centerer = DigitCenterer(image_shape=(8, 8)).fit(IMAGES.reshape(40, 4, 16))
    np.testing.assert_array_equal(centerer.transform(IMAGES.reshape(40, 64)), centred(IMAGES))


def test_images_of_different_shapes_have_no_shape_though_as_many_pixels():
    centerer = DigitCenterer().fit(IMAGES).fit([np.eye(8), np.ones((4, 16))])
    assert not hasattr(centerer, "n_features_in_")
    assert not hasattr(centerer, "image_shape_")
    assert centerer.transform(IMAGES.reshape(40, 64)).shape == (40, 784)


def test_fit_that_fails_changes_nothing():
    centerer = DigitCenterer().fit(IMAGES)
    before = dict(vars(centerer))
    with pytest.raises(ValueError, match="no square number"):
        centerer.fit(np.ones((2, 60)))
    assert vars(centerer) == before


def test_shape_that_was_changed_is_refused():
    centerer = DigitCenterer().fit(IMAGES)
    centerer.image_shape_ = (80, 80)
    with pytest.raises(ValueError, match=re.escape("image_shape_ is (80, 80), which does not go with 64 features")):
        centerer.transform(IMAGES.reshape(40, 64))


def test_images_of_other_libraries():
    class Tensor:
        ndim, shape = 3, IMAGES.shape

        def __array__(self, dtype=None, copy=None):
            return np.array(IMAGES, dtype)

    np.testing.assert_array_equal(centred(Tensor()), centred(IMAGES))
    np.testing.assert_array_equal(ImageFlattener().fit_transform(Tensor()), IMAGES.reshape(40, 64))


def test_fitted_on_one_size_takes_images_of_others_but_not_rows():
    centerer = DigitCenterer().fit(IMAGES)
    assert centerer.transform([np.ones((300, 5))]).shape == (1, 784)
    with pytest.raises(ValueError, match="36 features, but DigitCenterer is expecting 64"):
        centerer.transform(np.ones((2, 36)))


def test_blank_images_are_zeros():
    np.testing.assert_array_equal(centred(np.zeros((2, 784))), 0)
    np.testing.assert_array_equal(centred([np.full((3, 4), -1.0)]), 0)


def test_flat_strokes_stay_inside():
    image = np.zeros((50, 50))
    image[7], image[7, :3] = 1e-3, 1
    out = centred([image]).reshape(28, 28)
    np.testing.assert_allclose(out.sum(axis=1)[out.any(axis=1)], image.sum() * 20 / 50)


@pytest.mark.parametrize(
    ("X", "says"),
    [
        (np.ones((2, 60)), "X has 60 features, which is no square number; pass image_shape=(height, width)"),
        ([np.eye(3), np.ones(3)], "expected images of shape (height, width), both at least 1, got one of shape (3,)"),
        ([np.ones((0, 3))], "got one of shape (0, 3)"),
        (np.ones((2, 0, 3)), "got one of shape (0, 3)"),
        (np.ones((0, 3, 3)), "expected at least one image, got none"),
        ([], "expected at least one image, got none"),
        ([np.ones((3, 2, 3)), np.ones((1, 2, 3))], "expected images of shape (height, width)"),
        (np.array([np.eye(3), np.ones(4)], object), "both at least 1, got one of shape (4,)"),
        ([np.eye(3), np.full((2, 2), np.inf)], "Input X contains infinity"),
        (np.full((2, 3, 3), np.nan), "DigitCenterer does not accept missing values encoded as NaN"),
        ([np.full((2, 2), np.nan)], "DigitCenterer does not accept missing values encoded as NaN"),
    ],
)
def test_what_is_not_images_is_refused(X, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        DigitCenterer().fit(X)


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_pixels_too_large_for_the_type_of_the_others_are_refused():
    with pytest.raises(ValueError, match="Input X contains infinity or a value too large"):
        DigitCenterer().fit([np.eye(3, dtype="f4"), np.eye(3) * 1e39])


@pytest.mark.parametrize(("name", "value"), [("threshold", 1), ("threshold", -0.1), ("image_shape", "square")])
def test_nonsense_is_refused(name, value):
    with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter of DigitCenterer"):
        DigitCenterer(**{name: value}).fit(IMAGES)


def test_fit_clone_and_pickle():
    with pytest.raises(NotFittedError):
        DigitCenterer().transform(IMAGES)
    centerer = DigitCenterer(threshold=0.1).fit([np.eye(3), np.eye(4)])
    expected = centerer.transform(IMAGES)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(centerer)).transform(IMAGES), expected)
    np.testing.assert_array_equal(clone(centerer).fit_transform(IMAGES), expected)


def test_array_of_images_of_different_shapes():
    images = [np.eye(3), np.ones((2, 4))]
    array = np.empty(2, object)
    array[:] = images
    np.testing.assert_array_equal(DigitCenterer().fit_transform(array), DigitCenterer().fit_transform(images))


def test_data_frames():
    frame = DigitCenterer().set_output(transform="pandas").fit_transform(IMAGES)
    assert frame.shape == (40, 784)
    assert frame.columns[0] == "digitcenterer0"


def test_text_among_separate_images_is_refused():
    with pytest.raises(ValueError, match="Expected numbers as X, got values of type <U1"):
        DigitCenterer().fit_transform([np.ones((3, 3)), np.full((2, 2), "1")])
