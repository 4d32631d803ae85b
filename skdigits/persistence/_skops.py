"""Whole pipelines, in the format of skops: a zip file of arrays and of JSON that names the type of each object.

What skops trusts by default is every estimator of scikit-learn. Here it is a short list, looked at before skops builds
anything, and what was built is looked at once more.
"""

import copy
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from skdigits._engine.progress import is_drawable
from skdigits.classifier import MLPDigitClassifier
from skdigits.exceptions import ModelFormatError
from skdigits.persistence._archives import ARCHIVES, NUMBER_TYPES, opened_zip, parse_npy
from skdigits.persistence._files import replaced_whole
from skdigits.persistence._reading import model_file, parse_json
from skdigits.persistence._states import TRANSIENT, check_state, fill_in, has_checks
from skdigits.persistence._values import TRANSFORMERS

# The types of ours, which skops is told to trust.
TRUSTED = tuple(f"{kind.__module__}.{kind.__qualname__}" for kind in (MLPDigitClassifier, *TRANSFORMERS))

# Of scikit-learn, all in Python: there is no code in C that an array of wrong numbers could lead astray.
_ESTIMATORS = frozenset({
    *TRUSTED,
    "sklearn.decomposition._pca.PCA",
    "sklearn.decomposition._truncated_svd.TruncatedSVD",
    "sklearn.ensemble._bagging.BaggingClassifier",
    "sklearn.feature_selection._variance_threshold.VarianceThreshold",
    "sklearn.multiclass.OneVsRestClassifier",
    "sklearn.pipeline.FeatureUnion",
    "sklearn.pipeline.Pipeline",
    "sklearn.preprocessing._data.Binarizer",
    "sklearn.preprocessing._data.MaxAbsScaler",
    "sklearn.preprocessing._data.MinMaxScaler",
    "sklearn.preprocessing._data.Normalizer",
    "sklearn.preprocessing._data.PowerTransformer",
    "sklearn.preprocessing._data.QuantileTransformer",
    "sklearn.preprocessing._data.RobustScaler",
    "sklearn.preprocessing._data.StandardScaler",
    "sklearn.preprocessing._label.LabelBinarizer",
    "sklearn.preprocessing._label.LabelEncoder",
})  # fmt: skip
_NUMBERS = frozenset(f"numpy.{name}" for name in NUMBER_TYPES - {"bool"})

# What may stand behind each of the ways in which skops stores an object. Keys of a dict that are bool come back wrong.
_ALLOWED = {
    "DictNode": {"builtins.dict"},
    "JsonNode": {"builtins.str"},
    "ListNode": {"builtins.list"},
    "NdArrayNode": {"numpy.ndarray", "numpy.bool", "numpy.bool_", "numpy.str_", *_NUMBERS},
    "ObjectNode": _ESTIMATORS,
    "RandomStateNode": {"numpy.random.mtrand.RandomState"},
    "TupleNode": {"builtins.tuple"},
    "TypeNode": {"builtins.float", "builtins.int", "builtins.str", *_NUMBERS},
}
_SCHEMA = "schema.json"
_MAX_DEPTH = 60

# What an entry of the schema takes in memory, at most (skops keeps a list of types beside each), and what a small file
# may take.
_BYTES_PER_OBJECT, _BYTES_PER_NODE = 4000, 1100
_FREE_BYTES = 2**20


def save(model: Any, path: str | os.PathLike[str]) -> None:
    """Save a fitted estimator, or a whole pipeline, in a file from which no code is run.

    A file of this name is replaced whole or not at all. Callbacks and requests of metadata (``set_fit_request`` and
    the like) are not stored.

    Parameters
    ----------
    model : estimator
        `MLPDigitClassifier`, a transformer of :mod:`skdigits.preprocessing`, or one of scikit-learn's `Pipeline`,
        `FeatureUnion`, `BaggingClassifier`, `OneVsRestClassifier`, `PCA`, `TruncatedSVD`, `VarianceThreshold`,
        `Binarizer`, `Normalizer`, `PowerTransformer`, `QuantileTransformer` and scalers, made of these. Of a search,
        save its ``best_estimator_``.
    path : str or path-like
        A file name that ends in '.skops'.

    Raises
    ------
    ValueError
        If the suffix is another, or if there is something in the model that `load` would refuse.
    NotFittedError
        If the estimator is not fitted.
    OSError
        If the file cannot be written.
    ImportError
        If skops is missing.

    See Also
    --------
    load : Reads the file.
    save_weights : Stores pipelines of fewer steps, in formats that any program can read, and without skops.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import MinMaxScaler
    >>> from skdigits import MLPDigitClassifier
    >>> from skdigits.persistence import load, save
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = MLPDigitClassifier(learning_rate_init=0.01, max_iter=300, random_state=0)
    >>> model = make_pipeline(MinMaxScaler(), classifier).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, Path(folder) / "digits.skops")
    ...     restored = load(Path(folder) / "digits.skops")
    >>> bool((restored.predict_proba(X) == model.predict_proba(X)).all())
    True
    """
    target = _check_suffix(path)
    skops_io = import_skops()
    check_is_fitted(model)
    model = _as_stored(model)
    try:
        content = _without_blanks(skops_io.dumps(model))
        _check_file(io.BytesIO(content))
        _check_objects(model)
    except Exception as error:  # skops raises errors of several kinds for what it cannot store
        raise ValueError(
            f"The model cannot be saved as {target}: {error}. {_way_out(model)}joblib.dump saves any estimator, in a "
            "file that can run code."
        ) from error
    with replaced_whole(target) as stream:
        stream.write(content)


def _way_out(model):
    return "Save its best_estimator_, or: " if hasattr(model, "best_estimator_") else ""


def load(path: str | os.PathLike[str]) -> Any:
    """Load what `save` has written.

    The file may hold estimators of the types that `save` names, arrays, numbers, text and plain containers. All of it
    is checked before anything is built, and no code in the file is run.

    Parameters
    ----------
    path : str or path-like
        A file that ends in '.skops'.

    Returns
    -------
    model : estimator
        With the same predictions to the last bit.

    Raises
    ------
    ModelFormatError
        If the file is corrupt, of another kind, of a newer format, or holds a type that is not allowed.
    ValueError
        If the suffix is another.
    OSError
        If the file cannot be read; FileNotFoundError if there is none.
    ImportError
        If skops is missing.

    See Also
    --------
    save : Writes the file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_digits
    >>> from skdigits import MLPDigitClassifier
    >>> from skdigits.persistence import load, save
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPDigitClassifier(learning_rate_init=0.01, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, Path(folder) / "digits.skops")
    ...     load(Path(folder) / "digits.skops").n_iter_ == model.n_iter_
    True
    """
    path = _check_suffix(path)
    skops_io = import_skops()
    with model_file(path), open(path, "rb") as stream:
        _check_file(stream)
        model = skops_io.load(stream, trusted=list(TRUSTED))
        _check_objects(model)
    return model


def import_skops():
    """The module that reads and writes."""
    try:
        import skops.io
    except ImportError:
        raise ImportError('Files that end in .skops need skops: pip install "skdigits[export]"') from None
    return skops.io


def _check_suffix(path):
    path = Path(path)
    if path.suffix != ".skops":
        way_out = f": load_weights and save_weights are for {path.suffix}" if path.suffix in ARCHIVES else ""
        raise ValueError(f"expected a file name that ends in .skops, got {path}{way_out}")
    return path


def _without_blanks(content):
    """The same file with a schema that is not indented: a small model is half as large."""
    compact = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(compact, "w") as target:
        for member in source.infolist():
            content = source.read(member)
            if member.filename == _SCHEMA:
                content = json.dumps(json.loads(content), separators=(",", ":")).encode()
            target.writestr(member, content)
    return compact.getvalue()


def _as_stored(value):
    """The same estimator without what belongs to a training run, memory maps and pandas; arrays are shared."""
    if isinstance(value, BaseEstimator):
        twin = object.__new__(type(value))
        state = vars(value).items()
        vars(twin).update({name: _as_stored(entry) for name, entry in state if name not in TRANSIENT})
        return twin
    if type(value) in (list, tuple):
        return type(value)(_as_stored(entry) for entry in value)
    if type(value) in (dict, Bunch):  # one that estimators share would be written once, and pointed to
        stored = {_as_stored_key(key): _as_stored(entry) for key, entry in value.items()}
        return Bunch(**stored) if type(value) is Bunch else stored
    if isinstance(value, np.random.RandomState):  # one that estimators share skops writes twice as one
        return copy.deepcopy(value)
    if isinstance(value, np.memmap):  # of a model that joblib has mapped, as it does for its workers
        return np.asarray(value)
    if type(value).__name__ == "Index" and hasattr(value, "to_numpy"):  # names that a FeatureUnion has from pandas
        return np.array(value, object)  # a copy: skops cannot write an array twice
    return value


def _as_stored_key(key):
    """An equal key of a type that skops reads: of booleans it would read False as True."""
    if isinstance(key, np.str_):
        return str(key)
    return int(key) if isinstance(key, (bool, np.bool_)) else key


def _check_file(stream):
    """Raise ModelFormatError where a file holds anything that `save` does not write."""
    with opened_zip(stream) as archive:
        size = sum(member.file_size for member in archive.infolist())
        if _SCHEMA not in archive.namelist():
            raise ModelFormatError(f"it has no {_SCHEMA}, so that save has not written it")
        schema = parse_json(archive.read(_SCHEMA), size)
        checked = _Schema(10 * size + _FREE_BYTES)
        checked.visit(schema, 0)
        if schema["__loader__"] != "ObjectNode":
            raise ModelFormatError("it holds no estimator")
        if {_SCHEMA, *checked.files} != set(archive.namelist()):
            raise ModelFormatError("its arrays are not those of which its schema speaks")
        for name in checked.files:
            parse_npy(archive.read(name), name, with_text=True)
    stream.seek(0)


class _Schema:
    """The entries of a schema that have been looked at.

    Parameters
    ----------
    n_bytes : int
        That all may take in memory together.
    """

    def __init__(self, n_bytes):
        self._left = n_bytes
        self._nodes = {}
        self.files = {}

    def visit(self, node, depth):
        """Look at an entry and at all below it."""
        loader, name, identity = node["__loader__"], f"{node['__module__']}.{node['__class__']}", node["__id__"]
        self._left -= _BYTES_PER_OBJECT if loader == "ObjectNode" else _BYTES_PER_NODE
        if self._left < 0 or depth > _MAX_DEPTH:
            raise ModelFormatError("its schema is too large or nested too deeply")
        if loader not in _ALLOWED or name not in _ALLOWED[loader]:
            raise ModelFormatError(f"it holds {name:.200} (as {loader:.40}), which is not allowed")
        # skops builds entries of one number once, so that a second one would not be what it seems.
        if type(identity) is not int or identity <= 0 or self._nodes.setdefault(identity, node) != node:
            raise ModelFormatError("its schema has two entries of one number")
        for child in self._children(node, loader):
            self.visit(child, depth + 1)

    def _children(self, node, loader):
        content = node.get("content")
        if loader == "DictNode":
            return [node["key_types"], *content.values()]
        if loader in ("ListNode", "TupleNode"):
            return list(content)
        if loader in ("ObjectNode", "RandomStateNode"):
            return [content]
        if loader == "NdArrayNode" and node["type"] == "json":
            return [*content, node["shape"]]
        if loader == "NdArrayNode":
            if self.files.setdefault(node["file"], node["__id__"]) != node["__id__"]:
                raise ModelFormatError("its schema has one array twice")
        elif loader == "JsonNode" and (type(content) is not str or content[:1] in ("[", "{", " ")):
            raise ModelFormatError("its schema has a value that is no number and no text")
        return []


def _check_objects(model):
    """Raise ModelFormatError where an estimator could not work with its state."""
    seen, waiting = set(), [("the model", model)]
    while waiting:
        where, value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, BaseEstimator):
            state = vars(value)
            if has_checks(type(value)):
                fill_in(type(value), state)
                check_state(type(value), state)
            waiting.extend((f"{name} of {type(value).__name__}", entry) for name, entry in state.items())
        elif isinstance(value, dict):
            waiting.extend((where, entry) for entry in value.values())
        elif isinstance(value, (list, tuple)):
            waiting.extend((where, entry) for entry in value)
        elif isinstance(value, np.ndarray) and value.dtype.kind == "f" and not np.isfinite(value).all():
            raise ModelFormatError(f"{where} has numbers that are not finite")
        elif isinstance(value, np.random.RandomState):
            state = value.get_state(legacy=False)
            if state["bit_generator"] != "MT19937" or not is_drawable(state):
                raise ModelFormatError(f"{where} is no state of an MT19937, the generator of RandomState(seed)")
