"""Targets: their checks, their encoding as rows of zeros and ones, and the split for early stopping."""

import math
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from scipy import sparse
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import compute_sample_weight
from sklearn.utils.multiclass import type_of_target, unique_labels


def fit_binarizer(y: ArrayLike, classes: ArrayLike | None = None) -> LabelBinarizer:
    """Learn the classes of y, or take the given ones where y is not a multi-label indicator.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_classes)
    classes : array-like of shape (n_classes,) or None

    Returns
    -------
    binarizer : LabelBinarizer
    """
    is_multilabel = type_of_target(y).startswith("multilabel")
    if is_multilabel and classes is not None and np.shape(y)[1] != (n_classes := len(np.unique(classes))):
        raise ValueError(f"y: expected a column for each of the {n_classes} classes, got {np.shape(y)[1]}.")
    return LabelBinarizer().fit(y if classes is None or is_multilabel else classes)


def check_known_labels(y: ArrayLike, known: NDArray, *, complete: bool) -> None:
    """Raise ValueError where y has other classes than those learnt before.

    Parameters
    ----------
    y : array-like
    known : ndarray of shape (n_classes,)
    complete : bool
        Whether all known classes must be there.
    """
    classes = unique_labels(y)
    if complete:
        if set(classes) != set(known):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {known}, `y` has {classes}"
            )
    elif len(np.setdiff1d(classes, known, assume_unique=True)):
        raise ValueError(f"`y` has classes not in `self.classes_`. `self.classes_` has {known}. 'y' has {classes}.")


def encode(binarizer: LabelBinarizer, y: ArrayLike) -> NDArray[np.bool]:
    """Rows of booleans, one column an output of the network: one for binary labels, else one a class.

    Raises
    ------
    ValueError
        If y is a multi-label indicator of two numbers neither of which is 0: there would be nothing to learn.
    """
    targets = binarizer.transform(y)
    least, most = np.min(targets), np.max(targets)
    if least != most and least != 0 and most != 0:
        raise ValueError(f"Expected zeros and ones as several labels a sample, got {least} and {most}.")
    targets = targets.astype(bool)
    return targets.reshape(-1, 1) if targets.ndim == 1 else targets


def decode(binarizer: LabelBinarizer, probabilities: NDArray) -> NDArray:
    """Labels for the outputs of the network."""
    if binarizer.y_type_ == "multiclass":  # the binarizer's own checks take longer than recognising a digit
        return binarizer.classes_[probabilities.argmax(axis=1)]
    if probabilities.shape[1] == 1:
        probabilities = probabilities.ravel()
    return binarizer.inverse_transform(probabilities)


def validation_split(
    targets: NDArray, *, validation_fraction: float, random_state: np.random.RandomState
) -> tuple[NDArray, NDArray]:
    """Set samples aside for early stopping, drawn as scikit-learn draws them.

    The split is stratified for a single output, that is for binary labels.

    Returns
    -------
    train, validation : int arrays
        Which samples.
    """
    train, validation = train_test_split(
        np.arange(len(targets)),
        random_state=random_state,
        test_size=validation_fraction,
        stratify=targets if targets.shape[1] == 1 else None,
    )
    if len(validation) < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    return train, validation


def _weigh_labels(class_weight: dict, classes: NDArray) -> NDArray:
    """The weight of each class, 1 where a dict has none.

    As scikit-learn's compute_class_weight, which takes labels such as "3" for numbers: weights of classes that there
    are not are a mistake, unless all others have theirs.
    """
    labels = classes.tolist()
    strangers = [label for label in class_weight if label not in labels]
    if strangers and not set(labels) <= class_weight.keys():
        raise ValueError(f"class_weight has weights for {strangers}, and the classes are {labels}.")
    by_class = [class_weight.get(label, 1.0) for label in labels]
    if not all(map(_is_finite_number, by_class)):
        raise ValueError(f"class_weight must be finite numbers, got {class_weight}.")
    return np.array(by_class, np.float64)


def _is_finite_number(weight: Any) -> bool:
    try:
        return isinstance(weight, Real) and math.isfinite(weight)
    except OverflowError:  # of an integer beyond floats
        return False


def weigh_classes(class_weight: Any, y: Any, sample_weight: NDArray | None, classes: NDArray) -> NDArray | None:
    """Weights of the samples times those of their classes, of which y need not have all that are known."""
    if class_weight is None:
        return sample_weight
    if isinstance(class_weight, dict) and y.ndim == 1:
        class_weights = _weigh_labels(class_weight, classes)[np.searchsorted(classes, y)]
    elif isinstance(class_weight, list) and y.ndim == 1:
        raise ValueError(f"class_weight as a list is for several labels a sample, got {class_weight!r} for one.")
    elif isinstance(class_weight, list) and not all(isinstance(weights, dict) for weights in class_weight):
        raise ValueError(f"class_weight as a list has a dict for each column of y, got {class_weight!r}.")
    elif isinstance(class_weight, list) and y.ndim == 2 and y.shape[1] == len(class_weight):
        is_present = (y.toarray() if sparse.issparse(y) else y).astype(bool)
        class_weights = np.prod(
            [
                _weigh_labels(weights, np.array([0, 1]))[column]
                for weights, column in zip(class_weight, is_present.T.astype(int), strict=True)
            ],
            axis=0,
        )
    else:
        class_weights = compute_sample_weight(class_weight, y)
    if not np.isfinite(class_weights).all():
        raise ValueError(f"class_weight must be finite numbers, got {class_weight}.")
    return class_weights if sample_weight is None else sample_weight * class_weights


def refuse_extreme_weights(weights: NDArray, dtype: DTypeLike) -> None:
    """Raise ValueError for weights all of which, or whose sums, would be 0 or infinite where the network computes."""
    limits, largest = np.finfo(dtype), np.max(np.abs(weights))
    least, most = limits.tiny * 1e8, limits.max / 1e8
    if largest != 0 and not least <= largest <= most:
        way_out = "" if limits.dtype == np.float64 else ", or set dtype='float64'"
        raise ValueError(
            f"sample_weight: expected weights (times class_weight) of which the largest is between {least:.2g} and "
            f"{most:.2g} in {limits.dtype}, got {largest:.2g}. Scale all of them{way_out}."
        )
