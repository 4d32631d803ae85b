"""What the transformers share whose images keep their shape, which is all that is learnt."""

from typing import Any, Self

from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.utils.validation import check_is_fitted, validate_data

from skdigits._transaction import all_or_nothing
from skdigits._typing import MatrixLike
from skdigits.preprocessing._image_shape import check_fitted_shape, check_types, find_image_shape


class PixelTransformer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Base class: a child has the parameter `image_shape`, and `_transform_images(X, shape)` or its own `transform`."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: MatrixLike, y: object = None) -> Self:
        """Learn the shape of the images.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Images of any real type, finite.
        y : object, default=None
            Not used.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If X is not as described, or its images do not have the shape `image_shape`.
        """
        self._fit(X)
        return self

    def transform(self, X: MatrixLike) -> NDArray:
        """Transform each image on its own.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Images of any real type, finite. Never written to.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_features)
            Of type float64 where X is, else float32.

        Raises
        ------
        ValueError
            If X is not as described, or has other features than in `fit`.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=check_types(X), order="C", reset=False)
        return self._transform_images(X, check_fitted_shape(self.image_shape_, X.shape[1]))

    def _fit(self, X: MatrixLike) -> NDArray:
        with all_or_nothing(self):
            X = validate_data(self, X, dtype=check_types(X))
            self.image_shape_ = self._find_image_shape(X.shape[1])
        return X

    def _find_image_shape(self, n_features: int) -> tuple[int, int]:
        return find_image_shape(self.image_shape, n_features)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
