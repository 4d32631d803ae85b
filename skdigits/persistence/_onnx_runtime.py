"""Predictions of ONNX files that `to_onnx` has written, by ONNX Runtime."""

import json
import math
import os
from pathlib import Path

import numpy as np
from sklearn.utils import check_array

from skdigits._threads import allowed_threads
from skdigits.exceptions import ModelFormatError
from skdigits.persistence._reading import model_file

_DTYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(uint8)": np.uint8}
_ROUNDING = 1e-5
_MOST_PIXELS = 50_000_000


class OnnxClassifier:
    """What the command line asks of a classifier, of a file.

    Parameters
    ----------
    path : str or path-like

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
    largest_pixel_ : float or None
        Of training, where the file says it.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ImportError
        If ONNX Runtime is not installed.
    ModelFormatError
        If the file is corrupt, or no classifier that `to_onnx` has written.
    """

    def __init__(self, path):
        self._path = Path(path)
        content = self._path.read_bytes()
        with model_file(self._path):
            self._session = open_session(content)
            metadata = self._session.get_modelmeta().custom_metadata_map
            (pixels,) = self._session.get_inputs()
            outputs = [output.name for output in self._session.get_outputs()]
            if not {"input_shape", "classes"} <= metadata.keys() or outputs != ["label", "probabilities"]:
                raise ModelFormatError("it is no classifier that skdigits has written as ONNX")
            self._dtype = _DTYPES[pixels.type]
            self._shape = _read_shape(json.loads(metadata["input_shape"]))
            self.n_features_in_ = math.prod(self._shape)
            self.classes_ = _read_classes(json.loads(metadata["classes"]))
            self.largest_pixel_ = _read_pixel(json.loads(metadata.get("largest_pixel", "null")))

    def predict(self, X):
        """Predict labels of samples of shape (n_samples, n_features)."""
        return self._run("label", X)

    def predict_proba(self, X):
        """Predict the probability of each class for samples of shape (n_samples, n_features)."""
        return self._run("probabilities", X)

    def _run(self, output, X):
        X = check_array(X)
        if X.shape[1] != self.n_features_in_:
            raise ValueError(f"X has {X.shape[1]} features, but the model expects {self.n_features_in_}")
        if self._dtype == np.uint8:
            # Of photographs and scans, that are prepared with the mean of some pixels.
            X = np.rint(X)
            if X.min() < 0 or X.max() > 255:
                raise ValueError(f"the model takes pixels in [0, 255], got some in [{X.min():g}, {X.max():g}]")
        with np.errstate(over="ignore"):
            X = check_array(X, dtype=self._dtype, input_name="X").reshape(-1, *self._shape)
        with model_file(self._path):
            labels, probabilities = self._session.run(
                ["label", "probabilities"], {self._session.get_inputs()[0].name: X}
            )
            # A damaged graph may be one that runs.
            is_sound = labels.shape[:1] == probabilities.shape[:1] == X.shape[:1] and probabilities.ndim == 2
            # Of a single class there may be two probabilities.
            n_classes = len(self.classes_)
            is_sound = is_sound and probabilities.shape[1] in (n_classes, max(2, n_classes))
            if not is_sound or not ((probabilities >= 0) & (probabilities <= 1 + _ROUNDING)).all():
                raise ModelFormatError("it predicts what are no probabilities")
        return labels if output == "label" else probabilities


def _read_classes(classes):
    """An array of the classes that a file names, which are numbers or names, each once."""
    is_list = isinstance(classes, list) and bool(classes)
    if is_list and (all(isinstance(label, str) for label in classes) or all(map(_is_finite, classes))):
        array = np.array(classes)
        if array.dtype != object and len(np.unique(array)) == len(array):
            return array
    raise ModelFormatError(f"expected a list of different classes, numbers or names, got {classes!r:.60}")


def _read_shape(shape):
    """The shape of a sample: whole numbers of at least 1."""
    if not isinstance(shape, list) or not all(isinstance(n, int) and 1 <= n <= _MOST_PIXELS for n in shape):
        raise ModelFormatError(f"expected whole numbers as the shape of a sample, got {shape!r:.60}")
    if not 1 <= math.prod(shape) <= _MOST_PIXELS:
        raise ModelFormatError(f"expected samples of at most {_MOST_PIXELS:,} pixels, got {shape!r:.60}")
    return shape


def _read_pixel(white):
    """The largest pixel of training, or None."""
    if white is not None and not _is_finite(white):
        raise ModelFormatError(f"expected a number as the largest pixel, got {white!r:.60}")
    return white


def _is_finite(value):
    return isinstance(value, (int, float)) and -np.inf < value < np.inf


def open_session(content):
    """A session of ONNX Runtime for the bytes of a graph."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError('ONNX files are read with onnxruntime: pip install "skdigits[export]"') from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = allowed_threads(None)
    options.log_severity_level = 4  # what is wrong is told by errors
    # Weights are in the file itself; where it points to others, they shall not be looked for where the process runs.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    # Where a file is damaged, falling back would be to print about it and to try the same again.
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"], enable_fallback=0)
