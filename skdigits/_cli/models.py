"""Models on disk."""

from pathlib import Path
from typing import Any

import joblib

from skdigits.persistence._files import check_folder, replaced_whole


def check_output(path: Path) -> None:
    """Raise an error where a model could not be saved: before hours of training, not after."""
    if path.is_dir():
        raise ValueError(f"--output {path} is a folder")
    check_folder(path.parent, f"--output {path}")


def save_model(model: Any, path: Path) -> None:
    """Save a model with joblib; a file of this name is replaced whole or not at all."""
    with replaced_whole(path) as stream:
        joblib.dump(model, stream)


def load_model(path: str | Path) -> Any:
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
