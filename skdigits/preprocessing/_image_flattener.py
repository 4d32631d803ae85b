"""ImageFlattener: images to the rows of pixels that estimators take, and back."""

import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from skdigits._transaction import all_or_nothing
from skdigits._typing import MatrixLike
from skdigits.preprocessing._image_shape import as_separate_images, check_types, find_image_shape


class ImageFlattener(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Turn images into rows of pixels, so that a Pipeline may start from images.

    Parameters
    ----------
    image_shape : tuple of (height, width) or None, default=None
        Shape of the images; None takes it from the images that `fit` is given.

    Attributes
    ----------
    image_shape_ : tuple of (height, width)
        Shape of the images.

    n_features_in_ : int
        Pixels of an image.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names. Set only where X is a data frame of flat images.

    See Also
    --------
    DigitCenterer : Takes images of any sizes.

    Notes
    -----
    Images that are flat already pass as they are where `image_shape` is known. Without it an array of two dimensions
    could as well be a single image, and is refused.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdigits.preprocessing import ImageFlattener
    >>> images = load_digits().images
    >>> images.shape
    (1797, 8, 8)
    >>> flattener = ImageFlattener()
    >>> X = flattener.fit_transform(images)
    >>> X.shape
    (1797, 64)
    >>> flattener.inverse_transform(X).shape
    (1797, 8, 8)
    """

    _parameter_constraints: dict = {"image_shape": ["array-like", None]}

    def __init__(self, image_shape: Sequence[int] | None = None) -> None:
        self.image_shape = image_shape

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Learn the shape of the images.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width)
            Images of one shape, of any real type, finite: an array, or a list of two-dimensional ones.
        y : object, default=None
            Not used.

        Returns
        -------
        self : ImageFlattener

        Raises
        ------
        ValueError
            If X is not as described, or its images do not have the shape `image_shape`.
        """
        with all_or_nothing(self):
            self._flatten(X, reset=True)
        return self

    def transform(self, X: ArrayLike) -> NDArray:
        """Flatten images.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width)
            Images as in `fit`.

        Returns
        -------
        X_flat : ndarray of shape (n_samples, height * width)
            Their rows of pixels one after another, of type float64 where X is, else float32. No copy where the type
            stays and X is one array in C order.

        Raises
        ------
        ValueError
            If X is not as described, or its images have another shape than in `fit`.
        """
        check_is_fitted(self)
        return self._flatten(X, reset=False)

    def inverse_transform(self, X: MatrixLike) -> NDArray:
        """Turn rows of pixels into images.

        Parameters
        ----------
        X : array-like of shape (n_samples, height * width)
            Rows of pixels of any real type, finite.

        Returns
        -------
        images : ndarray of shape (n_samples, height, width)
            Of type float64 where X is, else float32.

        Raises
        ------
        ValueError
            If X is not as described.
        """
        check_is_fitted(self)
        X = check_array(X, dtype=check_types(X), order="C", input_name="X")
        if X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {X.shape[1]} features, but images of shape {self.image_shape_} have {self.n_features_in_}"
            )
        return X.reshape(-1, *self.image_shape_)

    def _flatten(self, X: Any, *, reset: bool) -> NDArray:
        images = as_separate_images(X)
        shape = None
        if images is not None:
            shape = _common_shape(images)
            expected = self.image_shape if reset else self.image_shape_
            if expected is not None and tuple(expected) != shape:
                raise ValueError(f"expected images of shape {tuple(expected)}, got images of shape {shape}")
            X = np.asarray(images).reshape(len(images), math.prod(shape))
        X = validate_data(self, X, dtype=check_types(X), order="C", reset=reset)
        if reset:
            self.image_shape_: tuple[int, ...] = self._find_image_shape(X.shape[1]) if shape is None else shape
        return X

    def _find_image_shape(self, n_features: int) -> tuple[int, int]:
        if self.image_shape is None:
            raise ValueError(
                f"expected images, (n_samples, height, width), got an array with {n_features} columns: wrap a single "
                "image as X[np.newaxis], or pass image_shape=(height, width) for images that are flat already"
            )
        return find_image_shape(self.image_shape, n_features)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _common_shape(images: Sequence[NDArray] | NDArray) -> tuple[int, ...]:
    shapes = sorted({np.shape(image) for image in images}) if len(images) else [np.shape(images)[1:]]
    if len(shapes) > 1:
        raise ValueError(
            f"images must all have one shape, got {shapes[0]} and {shapes[1]} among others; DigitCenterer takes images "
            "of any sizes"
        )
    if len(shapes[0]) != 2 or 0 in shapes[0]:
        raise ValueError(f"expected images of shape (height, width), both at least 1, got images of shape {shapes[0]}")
    return tuple(map(int, shapes[0]))
