"""Models on disk: the format is that of the suffix, and a file that can run code is read only where it is trusted."""

import argparse
import importlib.util
import io
import itertools
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from skdigits._cli.converters import FILE_NAME

# Formats from which no code is run, by suffix, with the names of what writes and what reads them.
_SAFE = {
    ".npz": ("save_weights", "load_weights"),
    ".safetensors": ("save_weights", "load_weights"),
    ".skops": ("save", "load"),
}
# Of the file beside a model that holds the state of its training.
STATE_SUFFIX = ".checkpoint.npz"
_PACKAGES = {".safetensors": "safetensors", ".skops": "skops"}
_WAY_OUT = 'To have it: pip install "skdigits[export]"'
_WRITTEN = (".joblib", *_SAFE)
_PICKLES = (".joblib", ".pickle", ".pkl")
_ONNX = ".onnx"
# By `skdigits export`, and what can be exported; of an ONNX graph no model is made again.
EXPORTED = (_ONNX, *_SAFE)
EXPORTABLE = (*_SAFE, *_PICKLES)
READ = (*EXPORTABLE, _ONNX)


def add_model(parser: argparse.ArgumentParser, suffixes: Sequence[str] = READ) -> None:
    """Add the argument MODEL, of which the suffixes are listed, and what it takes to read one that can run code."""
    parser.add_argument("model", type=FILE_NAME, metavar="MODEL", help=f"file of a model: {', '.join(suffixes)}")
    parser.add_argument(
        "--trust",
        action="store_true",
        help="also read joblib and pickle files, which can run code: only your own, or of somebody you trust",
    )


def default_output(dataset: str) -> tuple[Path, str | None]:
    """Where a model goes when nobody has said where, and what to say about it, or None.

    Without skops, which is no dependency, it is the other safe format for a scaler and a network.
    """
    if is_missing(".skops"):
        remark = f"skops is not installed, so that the model is saved as .npz. {_WAY_OUT}"
        return Path(f"skdigits-{dataset}.npz"), remark
    return Path(f"skdigits-{dataset}.skops"), None


def is_missing(suffix: str) -> bool:
    """Whether the package of a format is not installed."""
    return suffix in _PACKAGES and importlib.util.find_spec(_PACKAGES[suffix]) is None


def check_output(path: Path, option: str = "--output", suffixes: tuple[str, ...] = _WRITTEN) -> None:
    """Raise an error where a model could not be saved: before hours of training, not after."""
    from skdigits.persistence._files import check_folder

    if path.is_dir():
        raise ValueError(f"{option} {path} is a folder")
    if path.exists() and not path.is_file():
        raise ValueError(f"{option} {path} is a device or a pipe, not a file")
    if path.suffix not in suffixes:
        raise ValueError(f"{option} {path}: expected a name that ends in one of {', '.join(suffixes)}")
    if is_missing(path.suffix):
        raise ValueError(f"{option} {path} needs {_PACKAGES[path.suffix]}. {_WAY_OUT}")
    if path.name.endswith(STATE_SUFFIX):
        model = path.name.removesuffix(STATE_SUFFIX)
        raise ValueError(f"{option} {path}: this is where the state of the training of {model} is saved; give another")
    check_folder(Path(os.path.realpath(path)).parent, f"{option} {path}")


def free_name(path: Path) -> Path:
    """The path, or where there is something the first of NAME-2, NAME-3 ... that is free: that may hold more."""
    candidates = (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2))
    return path if not os.path.lexists(path) else next(name for name in candidates if not os.path.lexists(name))


def save_model(model: Any, path: Path) -> None:
    """Save a model in the format of the suffix; a file of this name is replaced whole or not at all."""
    if path.suffix in _SAFE:
        from skdigits import persistence

        getattr(persistence, _SAFE[path.suffix][0])(model, path)
        return
    import joblib

    from skdigits.persistence._files import replaced_whole

    # In memory first: Python 3.12.1 was seen to crash some time after a disk was full in the middle of pickling.
    content = io.BytesIO()
    joblib.dump(model, content)
    with replaced_whole(path) as stream:
        stream.write(content.getbuffer())


def save_somewhere(model: Any, path: Path) -> Path:
    """Save a model as `save_model`, or where that fails, as on a full disk, in a new folder for temporary files.

    Returns
    -------
    path : Path
        Of the file that holds the model.
    """
    try:
        save_model(model, path)
        return path
    except OSError as error:
        folder = None
        try:
            folder = Path(tempfile.mkdtemp(prefix="skdigits-"))
            other = folder / f"{path.stem[:50]}{path.suffix}"  # the name may have been too long
            save_model(model, other)
        except OSError:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            raise OSError(f"{error}; the model could not be saved there, nor in a folder for temporary files") from None
        return other


def load_model(path: str | Path, *, trust: bool) -> Any:
    """Load a classifier from a file of any format.

    Parameters
    ----------
    path : str
    trust : bool
        Whether to read files that can run code.

    Returns
    -------
    model : estimator
        Fitted, with ``predict_proba``.
    """
    if not os.path.isfile(path):
        raise ValueError(f"{path} is no file" if os.path.exists(path) else f"there is no model file {path}")
    path = Path(path)
    model = _read_safe(path) if path.suffix in (*_SAFE, _ONNX) else _read_pickle(path, trust)
    while getattr(model, "steps", [])[1:] and model.steps[0][1] in (None, "passthrough"):
        model = model[1:]  # a pipeline does not tell how many features pass through its first step
    if not all(hasattr(model, name) for name in ("predict_proba", "classes_", "n_features_in_")):
        raise ValueError(f"{path} holds a {type(model).__name__}, not a fitted classifier")
    return model


def load_single_label(path: str | Path, *, trust: bool) -> Any:
    """Load a classifier that predicts one label a sample."""
    import numpy as np

    model = load_model(path, trust=trust)
    if np.ndim(model.predict(np.zeros((1, model.n_features_in_)))) != 1:
        raise ValueError(f"{path} predicts several labels a sample; expected a model of single digits")
    return model


def _read_safe(path: Path) -> Any:
    from skdigits import persistence

    try:
        if path.suffix == _ONNX:
            from skdigits.persistence._onnx_runtime import OnnxClassifier

            return OnnxClassifier(path)
        return persistence.load(path) if path.suffix == ".skops" else _read_arrays(path)
    except ImportError as error:
        raise ValueError(str(error)) from error


def _read_arrays(path: Path) -> Any:
    from skdigits.persistence._weights import read_content

    model, progress = read_content(path)
    if progress is not None:
        raise ValueError(
            f"{path} holds the state of a training that has not ended, and the network without what prepares its "
            "images: `skdigits train --resume` goes on with it"
        )
    return model


def _read_pickle(path: Path, trust: bool) -> Any:
    if not trust and path.suffix not in (*_PICKLES, ""):
        raise ValueError(
            f"{path} is no model by its name: expected one that ends in {', '.join((*_SAFE, _ONNX, *_PICKLES))}. The "
            "model comes before any other file"
        )
    if not trust:
        raise ValueError(
            f"{path} is none of {', '.join((*_SAFE, _ONNX))}, and a joblib or pickle file can run code when it is "
            "read: --trust reads it, if you trust where it comes from"
        )
    import joblib

    try:
        return joblib.load(path)
    except Exception as error:
        raise ValueError(f"{path} cannot be read as a model ({type(error).__name__}: {error})") from error
