"""Estimators as JSON and arrays, and back: parameters and learned attributes of a fixed list of types.

JSON has fewer types than Python, so that an object with one key stands for each other type: ``{"tuple": [...]}``.
"""

import math
from numbers import Real

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import LabelBinarizer, MaxAbsScaler, MinMaxScaler, Normalizer, StandardScaler

from skdigits.classifier import MLPDigitClassifier
from skdigits.exceptions import ModelFormatError
from skdigits.persistence._archives import NUMBER_TYPES
from skdigits.persistence._states import check_state, fill_in
from skdigits.preprocessing import Deskewer, DigitCenterer, DigitNormalizer, ElasticDeformer, ImageFlattener

TRANSFORMERS = (Deskewer, DigitCenterer, DigitNormalizer, ElasticDeformer, ImageFlattener)
_SCALERS = (MaxAbsScaler, MinMaxScaler, Normalizer, StandardScaler)
_TYPES = {kind.__name__: kind for kind in (MLPDigitClassifier, Pipeline, LabelBinarizer, *_SCALERS, *TRANSFORMERS)}
_NOT_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}

# More than any model has: a Pipeline, its steps, a step, a classifier, an augmenter, its parameters.
_MAX_DEPTH = 40

# Characters of all labels, each with as much room as the longest.
_MAX_TEXT = 2**18
_FREE_BYTES = 2**19


class Arrays(dict):
    """The arrays of a file by name, and the memory that labels take, which stand in its description.

    Parameters
    ----------
    arrays : dict of str to ndarray, default={}
    file_size : int or float, default=inf
        Of the file that is read.
    """

    def __init__(self, arrays=(), file_size=math.inf):
        super().__init__(arrays)
        self._n_bytes, self._file_size = 0, file_size

    def add_text(self, n_bytes):
        """Count labels in."""
        self._n_bytes += n_bytes
        self.check_text(self._file_size)

    def check_text(self, file_size):
        """Raise ModelFormatError where labels take more than some times the size of the file."""
        if self._n_bytes > 4 * file_size + _FREE_BYTES:
            raise ModelFormatError("its labels have more room than a file of this size can fill")


def encode(value, where, arrays, left_out):
    """A value as JSON knows it.

    Parameters
    ----------
    value : object
    where : str
        Its name, for arrays and for errors.
    arrays : Arrays
        Arrays are added to it.
    left_out : collection of str
        Attributes of estimators that are not stored.

    Returns
    -------
    node : object

    Raises
    ------
    ModelFormatError
        If there is no way to store it.
    """
    if isinstance(value, np.generic):
        return _encode_scalar(value, where)
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, np.ndarray):
        return _encode_array(value, where, arrays)
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        if type(value) is list and value and all(type(entry) is float for entry in value):
            arrays[where] = np.array(value)
            return {"floats": where}
        nodes = [encode(entry, f"{where}.{index}", arrays, left_out) for index, entry in enumerate(value)]
        return nodes if type(value) is list else {"tuple": nodes}
    if isinstance(value, dict):
        return {"dict": [
            [encode(key, where, arrays, left_out), encode(entry, f"{where}.{key}", arrays, left_out)]
            for key, entry in value.items()
        ]}  # fmt: skip
    if type(value) is _TYPES.get(type(value).__name__):
        prefix = f"{where}." if where else ""
        state = {name: entry for name, entry in vars(value).items() if name not in left_out}
        check_state(type(value), state)
        entries = {name: encode(entry, prefix + name, arrays, left_out) for name, entry in state.items()}
        return {"type": type(value).__name__, "state": entries}
    raise ModelFormatError(f"{where or 'the model'} is of type {type(value).__qualname__}, {_way_out(value)}")


def _way_out(value):
    if isinstance(value, np.random.RandomState):
        return "whose state is not stored: a whole number can be"
    if callable(value):
        return "which is code: pass a name where there is one"
    return f"and these files hold {', '.join(sorted(_TYPES))} alone: skdigits.persistence.save may hold it"


def _encode_scalar(value, where):
    if isinstance(value, np.str_):
        return {"scalar": ["str", str(value)]}
    if value.dtype.name not in NUMBER_TYPES:
        raise ModelFormatError(f"{where} is of type {value.dtype}, which is not stored")
    return {"scalar": [value.dtype.name, encode(value.item(), where, {}, ())]}


def _encode_array(value, where, arrays):
    if value.dtype.kind == "U":
        if value.ndim != 1 or value.nbytes > 4 * _MAX_TEXT:
            _refuse_array(value, where)
        arrays.add_text(value.nbytes)
        return {"text": [value.dtype.itemsize // 4, value.tolist()]}
    if value.dtype == object:
        if value.ndim != 1 or not all(type(entry) in (str, int, float, bool) for entry in value):
            _refuse_array(value, where)
        return {"objects": [encode(entry, where, {}, ()) for entry in value]}
    if value.dtype.name not in NUMBER_TYPES or not value.dtype.isnative:
        _refuse_array(value, where)
    arrays[where] = value
    return {"array": where}


def _refuse_array(value, where):
    raise ModelFormatError(f"{where} is an array of shape {value.shape} and type {value.dtype}, which is not stored")


def decode(node, arrays, depth=0):
    """The value that `encode` was given.

    Parameters
    ----------
    node : object
        From JSON.
    arrays : Arrays
        Those that are used are taken out of it.
    depth : int
        Of the node.

    Returns
    -------
    value : object

    Raises
    ------
    ModelFormatError
        If `encode` cannot have written it.
    """
    if depth > _MAX_DEPTH:
        raise ModelFormatError("its description is nested too deeply")
    if isinstance(node, list):
        return [decode(entry, arrays, depth + 1) for entry in node]
    if isinstance(node, float) and not math.isfinite(node):
        raise ModelFormatError("its description has a number that is too large")
    if not isinstance(node, dict):
        return node
    if set(node) == {"type", "state"}:
        return _build(node["type"], node["state"], arrays, depth)
    if len(node) == 1:
        ((tag, content),) = node.items()
        if tag in _DECODERS:
            return _DECODERS[tag](content, arrays, depth)
    raise ModelFormatError(f"its description has an entry with unknown keys: {', '.join(sorted(node))[:80]}")


def _build(name, nodes, arrays, depth):
    if not isinstance(name, str) or name not in _TYPES:
        raise ModelFormatError(f"it holds a {name!r:.80}, and may hold {', '.join(sorted(_TYPES))} alone")
    if not isinstance(nodes, dict):
        raise ModelFormatError(f"the state of {name} is not given by name")
    kind = _TYPES[name]
    state = {attribute: decode(node, arrays, depth + 2) for attribute, node in nodes.items()}
    fill_in(kind, state)
    check_state(kind, state)
    estimator = kind.__new__(kind)
    vars(estimator).update(state)
    return estimator


def _take(name, arrays):
    if not isinstance(name, str) or name not in arrays:
        raise ModelFormatError(f"it lacks the array {name!r:.80}")
    return arrays.pop(name)


def _decode_floats(content, arrays, depth):
    values = _take(content, arrays)
    if values.ndim != 1 or values.dtype != np.float64:
        raise ModelFormatError(f"{content} is not a list of numbers")
    return values.tolist()


def _decode_dict(content, arrays, depth):
    pairs = [entry for entry in content if isinstance(entry, list) and len(entry) == 2]
    if len(pairs) != len(content):
        raise ModelFormatError("its description has a dict that is none")
    return {_hashable(decode(key, arrays, depth + 2)): decode(value, arrays, depth + 2) for key, value in pairs}


def _hashable(key):
    if not isinstance(key, (str, bool, Real, np.generic, type(None))):
        raise ModelFormatError(f"its description has a dict with a key of type {type(key).__name__}")
    return key


def _decode_scalar(content, arrays, depth):
    name, value = content
    value = decode(value, arrays, depth + 1)
    if name == "str" and isinstance(value, str):
        return np.str_(value)
    if name not in NUMBER_TYPES or not isinstance(value, (bool, int, float)):
        raise ModelFormatError(f"its description has a number of type {name!r:.80}")
    return np.dtype(name).type(value)


def _decode_text(content, arrays, depth):
    length, values = content
    values = _plain_entries(values, (str,))
    if type(length) is not int or not length >= 1 or length * len(values) > _MAX_TEXT:
        raise ModelFormatError(f"its description has text with room for {length!r:.80} characters")
    arrays.add_text(4 * length * len(values))
    return np.array(values, f"U{length}")


def _decode_objects(content, arrays, depth):
    content = [decode(entry, arrays, depth + 1) for entry in content]
    array = np.empty(len(content), object)
    array[:] = _plain_entries(content, (str, int, float, bool))
    return array


def _plain_entries(values, kinds):
    if not isinstance(values, list) or not all(type(value) in kinds for value in values):
        raise ModelFormatError("its description has a list of other things than labels")
    return values


_DECODERS = {
    "array": lambda content, arrays, depth: _take(content, arrays).copy(),
    "dict": _decode_dict,
    "float": lambda content, arrays, depth: _NOT_FINITE[content],
    "floats": _decode_floats,
    "objects": _decode_objects,
    "scalar": _decode_scalar,
    "text": _decode_text,
    "tuple": lambda content, arrays, depth: tuple(decode(entry, arrays, depth + 1) for entry in content),
}
