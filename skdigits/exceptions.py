"""Errors of the package that have no better name in Python, NumPy or scikit-learn."""


class DataFileError(ValueError):
    """A file of images or labels is not what it should be: corrupt, truncated, or of another kind."""


class DownloadError(OSError):
    """No mirror gave a data set, or the machine is offline."""


class ModelFormatError(ValueError):
    """A file holds no model that can be loaded: corrupt, of another or a newer format, or with what is not allowed."""
