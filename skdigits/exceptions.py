"""Errors and warnings of the package that have no better name in Python, NumPy or scikit-learn."""

__all__ = ["DataFileError", "DownloadError", "ModelFormatError", "TrainingInterruptedWarning"]


class DataFileError(ValueError):
    """A file of images or labels is not what it should be: corrupt, truncated, or of another kind.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skdigits.datasets import fetch_mnist
    >>> from skdigits.exceptions import DataFileError
    >>> with tempfile.TemporaryDirectory() as data_home:
    ...     folder = Path(data_home) / "mnist"
    ...     folder.mkdir()
    ...     _ = (folder / "train-images-idx3-ubyte").write_bytes(b"not an image")
    ...     try:
    ...         fetch_mnist(subset="train", data_home=data_home)
    ...     except DataFileError:
    ...         print("refused")
    refused
    """


class DownloadError(OSError):
    """No mirror gave a data set, or the machine is offline.

    Examples
    --------
    >>> import tempfile
    >>> from skdigits.datasets import fetch_mnist
    >>> from skdigits.exceptions import DownloadError
    >>> with tempfile.TemporaryDirectory() as data_home:
    ...     try:
    ...         fetch_mnist(data_home=data_home, download_if_missing=False)
    ...     except DownloadError:
    ...         print("MNIST is not here")
    MNIST is not here
    """


class ModelFormatError(ValueError):
    """A file holds no model that can be loaded: corrupt, of another or a newer format, or with what is not allowed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skdigits.exceptions import ModelFormatError
    >>> from skdigits.persistence import load_weights
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "digits.npz"
    ...     _ = path.write_bytes(b"no weights")
    ...     try:
    ...         load_weights(path)
    ...     except ModelFormatError:
    ...         print("refused")
    refused
    """


class TrainingInterruptedWarning(UserWarning):
    """Ctrl-C has ended a training, and what was learnt until then is kept.

    Examples
    --------
    Whoever repeats trainings in a loop, and wants Ctrl-C to end the loop, has it raised. As after any error, the
    estimator is then as it was before the call:

    >>> import warnings
    >>> from skdigits.exceptions import TrainingInterruptedWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", TrainingInterruptedWarning)
    ...     # for ...: model.fit(X, y)
    """
