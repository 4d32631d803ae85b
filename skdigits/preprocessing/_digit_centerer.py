"""DigitCenterer: digits of any size and place, as MNIST has them."""

import math
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from skdigits._engine import preparation
from skdigits._samples import refuse_what_is_no_number
from skdigits._transaction import all_or_nothing
from skdigits._typing import ImageShape
from skdigits.preprocessing._image_shape import as_separate_images, check_fitted_shape, check_types, find_image_shape


class DigitCenterer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Scale digits into a box of 20 x 20 pixels and centre them by mass in a field of 28 x 28, as MNIST was made.

    The rectangle that holds the ink is cut out and scaled, with its proportions kept but for the rounding of the
    shorter side to whole pixels, until its longer side is 20 pixels: each new pixel is the mean of the image over the
    area that it covers, so that edges become grey. The result is moved by whole pixels until its centre of mass is at
    pixel (14, 14), counted from 0, and surrounded by zeros. That is the preparation of MNIST [1]_, whose own images it
    changes little.

    Parameters
    ----------
    threshold : float, default=0.0
        In [0, 1): ink is what is above this share of the brightest pixel of an image. By default all that is above 0.

    image_shape : 'auto' or tuple of (height, width), default='auto'
        Shape of images that come as rows of pixels; 'auto' is for square ones.

    Attributes
    ----------
    n_features_in_ : int
        Pixels of an image. Not set where `fit` is given images of different shapes.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names. Set only where X has names that are all strings.

    image_shape_ : tuple of (height, width)
        Shape of the images, which rows of pixels are taken to have. Not set where `fit` is given different ones, or
        images that are no rows together with an `image_shape`.

    See Also
    --------
    DigitNormalizer : Makes dark strokes light and the paper 0, which is wanted before.

    Notes
    -----
    Pixels below 0 are taken for 0. Images without ink give images of zeros.

    Moves are by whole pixels because MNIST's were: a move by a part of a pixel would interpolate, and blur strokes that
    the network has seen sharp. No digit is moved out of the field, however uneven its mass is.

    References
    ----------
    .. [1] LeCun, Y., Cortes, C., and Burges, C. J. C. The MNIST database of handwritten digits.

    Examples
    --------
    Scikit-learn's digits have 8 x 8 pixels:

    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skdigits.preprocessing import DigitCenterer
    >>> X, y = load_digits(return_X_y=True)
    >>> DigitCenterer().fit_transform(X).shape
    (1797, 784)

    Images of any sizes:

    >>> photos = [np.eye(300, 200), np.ones((40, 50), np.float32)]
    >>> DigitCenterer().fit_transform(photos).shape
    (2, 784)
    """

    _parameter_constraints: dict = {
        "threshold": [Interval(Real, 0, 1, closed="left")],
        "image_shape": [StrOptions({"auto"}), "array-like"],
    }

    def __init__(self, *, threshold: float = 0.0, image_shape: ImageShape = "auto") -> None:
        self.threshold = threshold
        self.image_shape = image_shape

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Check images; nothing is learnt from them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or of shape (n_samples, height, width), or list of arrays
            Images of any real type, finite: rows of pixels, or a list of two-dimensional images of any sizes.
        y : object, default=None
            Not used.

        Returns
        -------
        self : DigitCenterer

        Raises
        ------
        ValueError
            If X is not as described, or rows of pixels do not have the shape `image_shape`.
        """
        with all_or_nothing(self):
            self._check(X, reset=True)
            self._n_features_out = preparation.FIELD_SIDE**2
        return self

    def transform(self, X: ArrayLike) -> NDArray:
        """Scale and centre digits.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or of shape (n_samples, height, width), or list of arrays
            As in `fit`. Images that are not rows of pixels may have other sizes than there. Never written to.

        Returns
        -------
        X_centred : ndarray of shape (n_samples, 784)
            Of type float64 where all images are, else float32.

        Raises
        ------
        ValueError
            If X is not as described, or rows of pixels have another length than in `fit`.
        """
        check_is_fitted(self)
        batches = self._check(X, reset=False)
        centred = [preparation.centre(rows, shape, self.threshold) for rows, shape in batches]
        return centred[0] if len(centred) == 1 else np.concatenate(centred)

    def _check(self, X: Any, *, reset: bool) -> list[tuple[NDArray, tuple[int, ...]]]:
        """Batches of rows of pixels, each with the shape of its images."""
        images = as_separate_images(X)
        if images is not None and len(images) == 0:
            raise ValueError("expected at least one image, got none")
        if images is None:
            X = validate_data(self, X, dtype=check_types(X), order="C", reset=reset)
            if reset:
                self.image_shape_: tuple[int, ...] = self._find_image_shape(X.shape[1])
            elif not hasattr(self, "image_shape_"):  # fitted on images of different shapes, or by an older version
                return [(X, self._find_image_shape(X.shape[1]))]
            return [(X, check_fitted_shape(self.image_shape_, X.shape[1]))]
        if isinstance(images, np.ndarray) and images.size > 0:
            rows = check_array(
                images.reshape(len(images), -1), dtype=check_types(images), order="C", estimator=self, input_name="X"
            )
            batches = [(rows, images.shape[1:])]
        else:
            dtype = np.float64 if all(image.dtype.newbyteorder("=") == np.float64 for image in images) else np.float32
            for image in images:
                refuse_what_is_no_number(image)
            batches = [self._as_row(image, dtype) for image in images]
        if reset:
            self._learn_image_shape({shape for _, shape in batches})
        return batches

    def _learn_image_shape(self, shapes: set[tuple[int, ...]]) -> None:
        """That of images which are no rows; different ones have no number of features."""
        for name in ("n_features_in_", "feature_names_in_", "image_shape_"):
            self.__dict__.pop(name, None)
        if len(shapes) == 1:
            shape = tuple(map(int, shapes.pop()))
            self.n_features_in_ = math.prod(shape)
            if isinstance(self.image_shape, str):  # 'auto': what is given is for rows
                self.image_shape_ = shape

    def _as_row(self, image: NDArray, dtype: type) -> tuple[NDArray, tuple[int, ...]]:
        if image.ndim != 2 or 0 in image.shape:
            raise ValueError(
                f"expected images of shape (height, width), both at least 1, got one of shape {image.shape}"
            )
        row = check_array(image.reshape(1, -1), dtype=dtype, order="C", estimator=self, input_name="X")
        return row, image.shape

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_n_features_out")

    def _find_image_shape(self, n_features: int) -> tuple[int, int]:
        return find_image_shape(self.image_shape, n_features)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
