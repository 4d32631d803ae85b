"""Weights, parameters and learned attributes as plain arrays and JSON: .npz and .safetensors."""

import json
import os
from pathlib import Path
from typing import Any

from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from skdigits._engine import parameters
from skdigits._version import __version__
from skdigits.exceptions import ModelFormatError
from skdigits.persistence import _values
from skdigits.persistence._archives import ARCHIVES, limited
from skdigits.persistence._files import replaced_whole
from skdigits.persistence._reading import check_cost, classifier_of, model_file, parse_json
from skdigits.persistence._states import TRANSIENT

# It rises when an older version could not read a new file rightly.
_FORMAT = 1
TRAINING_STATE = ("_optimizer", "_unaveraged")


def save_weights(estimator: Any, path: str | os.PathLike[str], *, include_optimizer: bool = True) -> None:
    """Save a fitted classifier, or a pipeline that ends in one, as arrays that any program can read.

    The file holds weights and biases: ``coefs_.0`` of shape (n_inputs, n_units), ``intercepts_.0``, ``coefs_.1`` and so
    on, of a pipeline with the number of the step in front, as in ``steps.1.1.coefs_.0``. It also holds parameters and
    other learned attributes. A file of this name is replaced whole or not at all. Callbacks and requests of metadata
    (``set_fit_request`` and the like) are not stored.

    Parameters
    ----------
    estimator : MLPDigitClassifier or Pipeline
        Fitted. The steps of a pipeline may be the transformers of :mod:`skdigits.preprocessing` and scikit-learn's
        `MinMaxScaler`, `MaxAbsScaler`, `StandardScaler` and `Normalizer`.
    path : str or path-like
        Its suffix says in which format: '.npz' of NumPy or '.safetensors', which needs safetensors.
    include_optimizer : bool, default=True
        Whether to store the state of the optimizer, with which `partial_fit` goes on as if it had never been
        interrupted. It is as large as the weights, or with Adam twice as large.

    Raises
    ------
    ValueError
        If the suffix is another, or if something cannot be stored: a scorer that is a function, a `random_state` that
        is not a number, a step of another type, weights that are not finite.
    NotFittedError
        If the estimator is not fitted.
    OSError
        If the file cannot be written.
    ImportError
        If safetensors is needed and missing.

    See Also
    --------
    load_weights : Reads the file.
    save : Stores pipelines of more steps.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_digits
    >>> from skdigits import MLPDigitClassifier
    >>> from skdigits.persistence import load_weights, save_weights
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPDigitClassifier(learning_rate_init=0.01, max_iter=300, random_state=0).fit(X / 16, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights(model, Path(folder) / "digits.npz")
    ...     restored = load_weights(Path(folder) / "digits.npz")
    >>> bool((restored.predict_proba(X / 16) == model.predict_proba(X / 16)).all())
    True
    """
    check_is_fitted(classifier_of(estimator))
    write_content(estimator, Path(path), left_out=() if include_optimizer else TRAINING_STATE)


def load_weights(path: str | os.PathLike[str]) -> Any:
    """Load what `save_weights` has written. No code in the file is run, and nothing in it is trusted.

    Parameters
    ----------
    path : str or path-like
        A file that ends in '.npz' or '.safetensors'.

    Returns
    -------
    estimator : MLPDigitClassifier or Pipeline
        With the same predictions to the last bit.

    Raises
    ------
    ModelFormatError
        If the file is corrupt, of another kind, or of a newer format.
    ValueError
        If the suffix is another.
    OSError
        If the file cannot be read; FileNotFoundError if there is none.
    ImportError
        If safetensors is needed and missing.

    See Also
    --------
    save_weights : Writes the file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_digits
    >>> from skdigits import MLPDigitClassifier
    >>> from skdigits.persistence import load_weights, save_weights
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPDigitClassifier(learning_rate_init=0.01, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights(model, Path(folder) / "digits.npz", include_optimizer=False)
    ...     load_weights(Path(folder) / "digits.npz").n_iter_ == model.n_iter_
    True
    """
    return read_content(Path(path))[0]


def write_content(estimator, path, *, left_out=(), progress=None):
    """Write an estimator without some attributes, and beside it the progress of its training, where there is one."""
    write, _ = ARCHIVES[check_suffix(path)]
    arrays = _values.Arrays()
    try:
        content = {"format": _FORMAT, "skdigits": __version__}
        content["model"] = _values.encode(estimator, "", arrays, (*TRANSIENT, *left_out))
        if progress is not None:
            content["progress"] = _values.encode(progress, "progress", arrays, ())
        description = limited(json.dumps(content).encode())
        with replaced_whole(path) as stream:
            write(stream, description, arrays)
            check_cost(description, stream.tell())
            arrays.check_text(stream.tell())
    except ModelFormatError as error:
        raise ValueError(f"The model cannot be saved as {path}: {error}.") from None


def read_content(path):
    """Returns the estimator, and the progress of its training or None: plain values that nobody has looked at."""
    _, read = ARCHIVES[check_suffix(path)]
    with model_file(path):
        description, contents = read(path)
        size = path.stat().st_size
        content, arrays = parse_json(description, size), _values.Arrays(contents, size)
        _check_format(content)
        estimator = _values.decode(content.get("model"), arrays)
        progress = _values.decode(content.get("progress"), arrays)
        if arrays:
            raise ModelFormatError(f"nothing refers to its array {min(arrays)}")
        classifier = classifier_of(estimator)
        if not hasattr(classifier, "coefs_"):
            raise ModelFormatError("it holds a classifier that is not fitted")
        classifier.coefs_, classifier.intercepts_ = parameters.rejoin(classifier.coefs_, classifier.intercepts_)
        if hasattr(classifier, "_optimizer"):
            classifier._optimizer = Bunch(**classifier._optimizer)
    return estimator, progress


def check_suffix(path):
    """The suffix of a path, where it is one of those known."""
    if path.suffix not in ARCHIVES:
        way_out = ": load and save are for .skops" if path.suffix == ".skops" else ""
        raise ValueError(f"expected a file name that ends in {' or '.join(ARCHIVES)}, got {path}{way_out}")
    return path.suffix


def _check_format(content):
    if not isinstance(content, dict) or type(content.get("format")) is not int:
        raise ModelFormatError("its description does not say of which format it is")
    if not 1 <= content["format"] <= _FORMAT:
        raise ModelFormatError(
            f"it is of format {str(content['format'])[:20]}, and this version of skdigits reads formats up to "
            f"{_FORMAT}: update skdigits to load it"
        )
