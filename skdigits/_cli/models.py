"""Models on disk."""

import contextlib
import os
import tempfile
from pathlib import Path

import joblib


def check_output(path):
    """Raise an error where a model could not be saved: before hours of training, not after."""
    folder = path.parent
    if path.is_dir() or not folder.is_dir():
        what = "is a folder" if path.is_dir() else f"cannot be written: there is no folder {folder}"
        raise ValueError(f"--output {path} {what}")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"--output {path} cannot be written: no permission to write to {folder.resolve()}")


def save_model(model, path):
    """Save a model with joblib; a file of this name is replaced whole or not at all."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with open(handle, "wb") as stream:
            joblib.dump(model, stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def load_model(path):
    """Load a model that `save_model` has written. Like every pickle, the file can run code: load only your own."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no model file {path}")
    try:
        model = joblib.load(path)
    except Exception as error:
        raise ValueError(
            f"{path} cannot be read as a model saved by `skdigits train` ({type(error).__name__}: {error})"
        ) from error
    if not all(hasattr(model, name) for name in ("predict_proba", "classes_", "n_features_in_")):
        raise ValueError(f"{path} holds a {type(model).__name__}, not a fitted classifier")
    return model
