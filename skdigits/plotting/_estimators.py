"""What displays look at: the network in a fitted estimator, the samples that it sees, and images."""

import math
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted

from skdigits._typing import ImageShape, MatrixLike


def fitted_network(estimator: Any, attribute: str = "coefs_") -> Any:
    """The network of a fitted estimator.

    Parameters
    ----------
    estimator : estimator
        A network, or a Pipeline whose last step is one.
    attribute : str, default='coefs_'
        Learned attribute that is needed.

    Returns
    -------
    network : estimator

    Raises
    ------
    NotFittedError
        If `fit` has not been called.
    TypeError
        If the last step is no network.
    """
    network = estimator
    while isinstance(network, Pipeline):
        network = network.steps[-1][1]
    if not hasattr(network, attribute):
        check_is_fitted(network)
        raise TypeError(
            f"expected an MLPDigitClassifier, or a Pipeline that ends with one, got a {type(network).__name__}, which "
            f"has no {attribute}"
        )
    return network


def network_inputs(estimator: Any, X: MatrixLike) -> NDArray:
    """Samples as the network sees them: behind the steps of a Pipeline that stand before it; a dense array."""
    while isinstance(estimator, Pipeline):
        if len(estimator) > 1:
            X = estimator[:-1].transform(X)
        estimator = estimator.steps[-1][1]
    return dense(X)


def dense(X: Any) -> NDArray:
    """Samples as a NumPy array."""
    return X.toarray() if sparse.issparse(X) else np.asarray(X)


def take(X: Any, indices: NDArray) -> NDArray:
    """Some samples, as a dense array."""
    return dense(_safe_indexing(X.tocsr() if sparse.issparse(X) else X, indices))


def as_images(rows: NDArray, image_shape: ImageShape) -> NDArray:
    """Rows of pixels as images.

    Parameters
    ----------
    rows : ndarray of shape (n_images, n_pixels)
    image_shape : 'auto' or tuple of (height, width)
        'auto' is for square images.

    Returns
    -------
    images : ndarray of shape (n_images, height, width)
    """
    n_pixels = rows.shape[1]
    if isinstance(image_shape, str) and image_shape == "auto":
        side = math.isqrt(n_pixels)
        if side * side != n_pixels:
            raise ValueError(
                f"image_shape='auto' is for square images, but there are {n_pixels} pixels, which is no square number; "
                "pass image_shape=(height, width)"
            )
        return rows.reshape(-1, side, side)
    shape = () if isinstance(image_shape, (str, Integral)) else tuple(image_shape)
    if len(shape) != 2 or not all(isinstance(length, Integral) and length > 0 for length in shape):
        raise ValueError(f"image_shape must be 'auto' or two positive integers, (height, width), got {image_shape!r}")
    if math.prod(shape) != n_pixels:
        raise ValueError(
            f"there are {n_pixels} pixels, but images of image_shape={image_shape!r} have {math.prod(shape)}"
        )
    return rows.reshape(-1, *shape)
