"""scikit-learn's own checks of a transformer, none left out.

Most of them give samples of two, three or ten features, which are no square image. The classes under test take such
samples for images of one row, and are those of the package in everything else.
"""

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdigits.preprocessing import Deskewer, DigitCenterer, DigitNormalizer, ElasticDeformer, ImageFlattener


class _AnyShape:
    """Takes what is no square for one row of pixels: most checks bring 2, 3 or 10 features."""

    def _find_image_shape(self, n_features):
        try:
            return super()._find_image_shape(n_features)
        except ValueError:
            return 1, n_features


class AnyShapeDeformer(_AnyShape, ElasticDeformer):
    pass


class StillDeformer(AnyShapeDeformer):
    """Deforms nothing, so that the checks that compare `fit_transform` with `transform` do not skip themselves."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = False
        return tags


class AnyShapeFlattener(_AnyShape, ImageFlattener):
    pass


class AnyShapeCenterer(_AnyShape, DigitCenterer):
    pass


class AnyShapeDeskewer(_AnyShape, Deskewer):
    pass


class AnyShapeNormalizer(_AnyShape, DigitNormalizer):
    pass


@parametrize_with_checks(
    [
        AnyShapeDeformer(),
        StillDeformer(rotation=0, scale=0, shear=0, shift=0, alpha=0),
        AnyShapeFlattener(),
        AnyShapeCenterer(),
        AnyShapeDeskewer(),
        AnyShapeNormalizer(),
        AnyShapeNormalizer(stroke_width=2.5),
    ]
)
def test_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "transformer", [Deskewer(), DigitNormalizer(), ElasticDeformer(), ImageFlattener((8, 8))], ids=str
)
def test_fit_that_fails_leaves_what_was_learnt(transformer):
    transformer.fit(np.ones((2, 64)))
    with pytest.raises(ValueError, match="50 features"):
        transformer.fit(np.ones((2, 50)))
    assert transformer.transform(np.ones((2, 64))).shape == (2, 64)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "transformer",
    [Deskewer(), DigitCenterer(), DigitNormalizer(), ElasticDeformer(random_state=0), ImageFlattener((8, 8))],
    ids=lambda transformer: type(transformer).__name__,
)
def test_other_byte_order(transformer, dtype):
    X = np.random.default_rng(0).random((3, 64)).astype(dtype)
    expected = transformer.fit_transform(X)
    transformed = transformer.fit_transform(X.astype(X.dtype.newbyteorder()))
    assert transformed.dtype == dtype
    np.testing.assert_array_equal(transformed, expected)


@pytest.mark.parametrize("dtype", ["Float32", "Float64"])
@pytest.mark.parametrize(
    "transformer", [Deskewer(), DigitNormalizer()], ids=lambda transformer: type(transformer).__name__
)
def test_columns_that_may_lack_values_keep_their_precision(transformer, dtype):
    frame = pd.DataFrame(np.random.default_rng(0).random((3, 64))).astype(dtype)
    assert transformer.fit_transform(frame).dtype == dtype.lower()


@pytest.mark.parametrize(
    "form", [lambda X: X.astype(str), lambda X: X.astype(str).astype(object), lambda X: X.view("m8[s]")]
)
@pytest.mark.parametrize(
    "transformer",
    [Deskewer(), DigitCenterer(), DigitNormalizer(), ElasticDeformer(), ImageFlattener((8, 8))],
    ids=lambda transformer: type(transformer).__name__,
)
def test_what_is_no_number_is_refused(transformer, form):
    X = np.ones((3, 64))
    for method in (transformer.fit, transformer.fit_transform, transformer.fit(X).transform):
        with pytest.raises(ValueError, match="Expected numbers as X"):
            method(form(X))
