import re

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skdigits.preprocessing import ImageFlattener


@given(
    n=st.integers(1, 4), height=st.integers(1, 9), width=st.integers(1, 9), dtype=st.sampled_from(["f4", "f8", "u1"])
)
def test_there_and_back(n, height, width, dtype):
    images = np.random.default_rng(0).integers(0, 200, (n, height, width)).astype(dtype)
    flattener = ImageFlattener()
    flat = flattener.fit_transform(images)
    assert flat.dtype == ("f4" if dtype == "u1" else dtype)
    np.testing.assert_array_equal(flat, [image.ravel() for image in images])
    assert flattener.image_shape_ == (height, width)
    assert flattener.n_features_in_ == height * width
    assert np.shares_memory(flat, images) == (dtype != "u1")
    np.testing.assert_array_equal(flattener.inverse_transform(flat), images)
    np.testing.assert_array_equal(flattener.transform(list(images)), flat)
    np.testing.assert_array_equal(ImageFlattener((height, width)).fit_transform(flat), flat)


def test_images_of_several_shapes_are_refused_with_the_way_out():
    with pytest.raises(ValueError, match=re.escape("(3, 4) and (4, 4) among others; DigitCenterer takes images")):
        ImageFlattener().fit([np.zeros((4, 4)), np.zeros((3, 4))])


@pytest.mark.parametrize(
    ("image_shape", "X", "says"),
    [
        (None, np.zeros((5, 6)), "wrap a single image as X[np.newaxis]"),
        ((3, 4), np.zeros((2, 3, 5)), "expected images of shape (3, 4), got images of shape (3, 5)"),
        (None, [np.zeros((3, 4)), np.zeros(3)], "must all have one shape"),
        (None, np.zeros((2, 0, 4)), "got images of shape (0, 4)"),
        (None, [], "expected at least one image, got none"),
        (None, np.full((2, 3, 4), np.nan), "Input X contains NaN"),
    ],
)
def test_what_is_not_images_is_refused(image_shape, X, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        ImageFlattener(image_shape).fit(X)


def test_transform_wants_the_shape_of_fit():
    with pytest.raises(NotFittedError):
        ImageFlattener().transform(np.zeros((1, 2, 3)))
    flattener = ImageFlattener().fit(np.zeros((1, 2, 3)))
    with pytest.raises(ValueError, match=re.escape("expected images of shape (2, 3), got images of shape (3, 2)")):
        flattener.transform(np.zeros((1, 3, 2)))
    with pytest.raises(ValueError, match=re.escape("X has 5 features, but images of shape (2, 3) have 6")):
        flattener.inverse_transform(np.zeros((1, 5)))


def test_pipeline_from_images():
    digits = load_digits()
    model = make_pipeline(ImageFlattener(), LogisticRegression(max_iter=5000))
    model.fit(digits.images[:300] / 16, digits.target[:300])
    expected = LogisticRegression(max_iter=5000).fit(digits.data[:300] / 16, digits.target[:300])
    np.testing.assert_array_equal(model.predict(digits.images / 16), expected.predict(digits.data / 16))


def test_data_frames():
    flattener = ImageFlattener().set_output(transform="pandas")
    frame = flattener.fit_transform(np.arange(12.0).reshape(2, 2, 3))
    assert frame.columns.tolist() == flattener.get_feature_names_out().tolist() == [f"x{i}" for i in range(6)]
    named = pandas.DataFrame(np.zeros((2, 6)), columns=list("abcdef"))
    assert ImageFlattener((2, 3)).fit(named).get_feature_names_out().tolist() == list("abcdef")


def test_no_images():
    with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\) \(shape=\(0, 6\)\)"):
        ImageFlattener().fit(np.zeros((0, 2, 3)))
