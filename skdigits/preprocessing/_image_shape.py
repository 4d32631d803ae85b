"""What rows of pixels are as images."""

import math
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdigits._samples import refuse_what_is_no_number
from skdigits._typing import ImageShape

# Types that images keep.
_DTYPES = [np.float32, np.float64]


def check_types(X: Any) -> Any:
    """For scikit-learn's checks: the types that images keep; other numbers are converted to the first.

    What is no number is refused. Of double precision in the other byte order, which is no type of the list, it is
    double precision in that of the machine.
    """
    refuse_what_is_no_number(X)
    is_double = isinstance(getattr(X, "dtype", None), np.dtype) and X.dtype == np.dtype(np.float64).newbyteorder()
    # Columns of pandas that may lack values, which scikit-learn would convert to the first type of a list.
    is_double |= any(str(dtype) == "Float64" for dtype in np.ravel(getattr(X, "dtypes", [])))
    return np.float64 if is_double else _DTYPES


def find_image_shape(image_shape: ImageShape, n_features: int) -> tuple[int, int]:
    """Shape of images of so many pixels.

    Parameters
    ----------
    image_shape : 'auto' or tuple of (height, width)
        'auto' is for square images.
    n_features : int

    Returns
    -------
    shape : tuple of (height, width)

    Raises
    ------
    ValueError
        If `image_shape` is no shape, or has another number of pixels.
    """
    if isinstance(image_shape, str) and image_shape == "auto":
        side = math.isqrt(n_features)
        if side * side != n_features:
            raise ValueError(
                f"image_shape='auto' is for square images, but X has {n_features} features, which is no square "
                "number; pass image_shape=(height, width)"
            )
        return side, side
    try:
        shape = tuple(image_shape)
    except TypeError:  # of a single number
        shape = ()
    if len(shape) != 2 or not all(map(_is_length, shape)):
        raise ValueError(f"image_shape must be 'auto' or two positive integers, (height, width), got {image_shape!r}")
    if math.prod(shape) != n_features:
        raise ValueError(
            f"X has {n_features} features, but images of image_shape={image_shape!r} have {math.prod(shape)}"
        )
    return int(shape[0]), int(shape[1])


def _is_length(number: Any) -> bool:
    return isinstance(number, Integral) and not isinstance(number, bool) and int(number) > 0


def check_fitted_shape(image_shape: tuple[int, ...], n_features: int) -> tuple[int, ...]:
    """The shape that a fit has learnt; an error if it has been changed since: kernels would read beside X."""
    if math.prod(image_shape) != n_features:
        raise ValueError(f"image_shape_ is {image_shape}, which does not go with {n_features} features.")
    return image_shape


def as_separate_images(X: ArrayLike) -> list[NDArray] | NDArray | None:
    """The images of a three-dimensional array, or of a list of two-dimensional ones; None for anything else.

    Raises
    ------
    ValueError
        If X is an empty list.
    """
    if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1:
        X = list(X)
    if isinstance(X, (list, tuple)):
        if len(X) == 0:
            raise ValueError("expected at least one image, got none")
        return list(map(np.asarray, X)) if np.ndim(X[0]) >= 2 else None  # three where they have colours
    images = np.asarray(X) if getattr(X, "ndim", None) == 3 else np.zeros(0)
    return images if images.ndim == 3 else None  # also of a sparse array, which stays one
