"""The data sets that the commands know by name, each split into the same training and test samples every time."""

from typing import Any, TypeAlias

from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdigits._typing import ImageShape
from skdigits.datasets import fetch_mnist
from skdigits.preprocessing._image_shape import find_image_shape

_Split: TypeAlias = tuple[NDArray, NDArray, NDArray, NDArray]

# The split does not depend on --seed, so that `evaluate` never scores a model on samples that it was trained on.
_SPLIT_SEED = 0


def _load_embedded_digits() -> _Split:
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, test_size=0.25, stratify=y, random_state=_SPLIT_SEED)


def _load_mnist() -> _Split:
    X_train, y_train = fetch_mnist(subset="train", return_X_y=True)
    X_test, y_test = fetch_mnist(subset="test", return_X_y=True)
    return X_train, X_test, y_train, y_test


# Name: (features of a sample, function that returns X_train, X_test, y_train, y_test).
_LOADERS = {"digits": (64, _load_embedded_digits), "mnist": (784, _load_mnist)}


def load_split(name: str) -> _Split:
    """Training and test samples of a data set: ``X_train, X_test, y_train, y_test``."""
    return _LOADERS[name][1]()


def dataset_of(model: Any) -> str:
    """Name of the data set whose images have the size that a model expects."""
    for name, (n_features, _) in _LOADERS.items():
        if n_features == model.n_features_in_:
            return name
    sizes = ", ".join(f"{name} has {n_features}" for name, (n_features, _) in _LOADERS.items())
    raise ValueError(f"no data set fits a model for samples of {model.n_features_in_} pixels ({sizes})")


def check_shape(image_shape: ImageShape, n_pixels: int, option: str = "--report") -> None:
    """Raise an error where it is not known how the pixels of an image lie, for an option that needs it."""
    try:
        find_image_shape(image_shape, n_pixels)
    except ValueError as error:
        raise ValueError(
            f"{option} needs images, and of {n_pixels} pixels it is not known how they lie: give arrays of shape "
            "(n_images, height, width)"
        ) from error
