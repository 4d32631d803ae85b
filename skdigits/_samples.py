"""Samples as scikit-learn checks them, but read in the type that they have: no dense copy in another one."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from scipy import sparse
from sklearn import config_context
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import validate_data

from skdigits._typing import MatrixLike

# What kernels read as it is. Anything else is converted to the type in which the network computes.
_READ_AS_THEY_ARE = (np.float32, np.float64, np.uint8)
# Kinds of types of NumPy and pandas.
_NUMBERS, _TEXT, _TIMES = set("biufc"), set("UST"), set("Mm")


def accepted_types(dtype: DTypeLike) -> list[type]:
    """Types of samples that need no conversion for a network that computes in `dtype`, which comes first."""
    first = np.dtype(dtype).type
    return [first, *(other for other in _READ_AS_THEY_ARE if other is not first)]


def check_samples(estimator: Any, X: MatrixLike, dtype: DTypeLike, *, finite: bool = False) -> Any:
    """Samples to predict, validated as scikit-learn does except that dense ones may hold infinity or NaN.

    The kernels look for these, while they have the samples at hand.

    Parameters
    ----------
    estimator : fitted estimator
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    dtype : numpy dtype
        Type in which the network computes.
    finite : bool, default=False
        Whether to look for infinity and NaN here.

    Returns
    -------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    """
    if not finite and _is_checked(estimator, X):
        return X
    refuse_what_is_no_number(X)
    checked = validate_data(
        estimator, X, accept_sparse="csr", dtype=accepted_types(dtype), order="C",
        ensure_all_finite=finite or sparse.issparse(X), reset=False,
    )  # fmt: skip
    if finite:
        refuse_too_large(estimator, checked, dtype)
    return checked


def refuse_what_is_no_number(X: MatrixLike) -> None:
    """Raise ValueError for text, dates and spans of time, which NumPy would convert to numbers."""
    found = [X.dtype] if hasattr(X, "dtype") else list(getattr(X, "dtypes", ()))  # frames have one for each column
    if found and all(getattr(dtype, "kind", "O") in _NUMBERS for dtype in found):
        return
    if not any(getattr(dtype, "kind", "O") in _TEXT | _TIMES for dtype in found):
        values = np.asarray(X)  # objects may be text, as the columns of frames are, and lists may hold it
        found = [values.dtype]
        if values.dtype.kind == "O":
            found += {type(value) for value in values.flat if isinstance(value, (str, bytes))}
    for kind in found:
        is_text = isinstance(kind, type) or kind.kind in _TEXT
        if is_text or kind.kind in _TIMES:
            way_out = "Make numbers of them first."
            if is_text:
                way_out = (
                    f"Convert them first: {'X.astype(float)' if hasattr(X, 'astype') else 'np.asarray(X, float)'}."
                )
            raise ValueError(f"Expected numbers as X, got values of type {getattr(kind, '__name__', kind)}. {way_out}")


def _is_checked(estimator: Any, X: MatrixLike) -> bool:
    """Whether scikit-learn's checks would find nothing: they take longer than recognising a few digits."""
    return (
        type(X) is np.ndarray
        and X.dtype.type in _READ_AS_THEY_ARE
        and X.ndim == 2
        and X.shape[0] > 0
        and X.shape[1] == estimator.n_features_in_
        and X.flags.c_contiguous
        and not hasattr(estimator, "feature_names_in_")
    )


def refuse_too_large(estimator: Any, X: Any, dtype: DTypeLike) -> None:
    """Raise scikit-learn's error for finite samples of which some are not in the type in which the network computes."""
    values = X.data if sparse.issparse(X) else X
    limit = np.finfo(dtype).max
    if values.dtype == np.float64 and values.size and not -limit <= values.min() <= values.max() <= limit:
        refuse_not_finite(estimator, X, dtype)


def refuse_not_finite(estimator: Any, X: MatrixLike, dtype: DTypeLike) -> None:
    """Raise scikit-learn's error for samples that are infinite or NaN in the type in which the network computes."""
    values: Any = X
    if sparse.issparse(X):
        values = values.data
    with np.errstate(over="ignore", invalid="ignore"), config_context(assume_finite=False):
        assert_all_finite(np.asarray(values, dtype), estimator_name=type(estimator).__name__, input_name="X")
