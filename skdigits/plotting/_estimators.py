"""What displays look at: the network in a fitted estimator, the samples that it sees, and images."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted

from skdigits._typing import ImageShape, MatrixLike
from skdigits.preprocessing._image_shape import find_image_shape


def fitted_network(estimator: Any, attribute: str = "coefs_") -> Any:
    """The network of a fitted estimator.

    Parameters
    ----------
    estimator : estimator
        A network, a Pipeline whose last step is one, or a search that has chosen one of these.
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
        If what stands at the end is no network.
    """
    _, network = _split(estimator)
    if not hasattr(network, attribute):
        check_is_fitted(network)
        if hasattr(network, "cv_results_"):
            raise TypeError(f"this {type(network).__name__} keeps no network: search with refit=True")
        raise TypeError(
            "expected an MLPDigitClassifier, or a Pipeline or a search that ends with one, got a "
            f"{type(network).__name__}, which has no {attribute}"
        )
    return network


def network_inputs(estimator: Any, X: MatrixLike) -> NDArray:
    """Samples as the network sees them: behind the steps that stand before it; a dense array."""
    steps, _ = _split(estimator)
    for step in steps:
        X = step.transform(X)
    return dense(X)


def _split(estimator: Any) -> tuple[list[Pipeline], Any]:
    """The steps before the last estimator of a Pipeline, or of what a search has chosen, and that estimator."""
    steps = []
    while True:
        if isinstance(estimator, Pipeline):
            if len(estimator) > 1:
                steps.append(estimator[:-1])
            estimator = estimator.steps[-1][1]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            return steps, estimator


def dense(X: Any) -> NDArray:
    """Samples as a NumPy array of numbers."""
    X = X.toarray() if sparse.issparse(X) else np.asarray(X)
    return X.astype(float) if X.dtype == object else X


def take(X: Any, indices: NDArray) -> NDArray:
    """Some samples, as a dense array."""
    X = np.asarray(X) if isinstance(X, (list, tuple)) else X  # none of a list would have no shape
    return dense(_safe_indexing(X.tocsr() if sparse.issparse(X) else X, indices))


def as_images(pixels: NDArray, image_shape: ImageShape) -> NDArray:
    """Rows of pixels as images.

    Parameters
    ----------
    pixels : ndarray of shape (n_images, n_pixels) or (n_images, height, width)
        Of three dimensions it comes back as it is.
    image_shape : 'auto' or tuple of (height, width)
        'auto' is for square images.

    Returns
    -------
    images : ndarray of shape (n_images, height, width)

    Raises
    ------
    ValueError
        If `pixels` has another number of dimensions, as colours have, or `image_shape` is another.
    """
    if pixels.ndim not in (2, 3):
        raise ValueError(
            f"expected X of shape (n_samples, n_features) or (n_samples, height, width), got {pixels.shape}"
        )
    if pixels.ndim == 2:
        return pixels.reshape(-1, *find_image_shape(image_shape, pixels.shape[1]))
    is_auto = isinstance(image_shape, str) and image_shape == "auto"
    if not is_auto and find_image_shape(image_shape, math.prod(pixels.shape[1:])) != pixels.shape[1:]:
        raise ValueError(f"image_shape={image_shape!r}, but X has images of shape {pixels.shape[1:]}")
    return pixels
