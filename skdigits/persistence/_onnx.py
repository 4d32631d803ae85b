"""Models as ONNX files, for programs that know neither Python nor scikit-learn."""

import copy
import functools
import json
import math
import os
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skdigits._networks import own_dtype
from skdigits._version import __version__
from skdigits.classifier import MLPDigitClassifier
from skdigits.persistence._onnx_check import check_results
from skdigits.persistence._steps import first_by_range, flat_steps, largest_pixel

# What all programs of the last years read.
_OPSETS = {"": 18, "ai.onnx.ml": 3}
_INPUT_DTYPES = ("float32", "float64", "uint8")


def to_onnx(estimator: Any, path: str | os.PathLike[str] | None = None, *, input_dtype: str = "float32") -> Any:
    """Convert a fitted classifier, or a pipeline that ends in one, to ONNX.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Fitted :class:`skdigits.MLPDigitClassifier`, or a :class:`sklearn.pipeline.Pipeline`, whose steps may be all
        transformers of :mod:`skdigits.preprocessing` (`DigitNormalizer` without a `stroke_width`) and what `skl2onnx`
        knows of scikit-learn, searches included.
    path : str, path-like or None, default=None
        File to write, whole or not at all. None writes none.
    input_dtype : {'float32', 'float64', 'uint8'}, default='float32'
        Type of the pixels that the graph is given. Their range is that of training, whatever the type.

    Returns
    -------
    model : onnx.ModelProto
        With an input ``X`` of shape (n_samples, n_features), or of (n_samples, height, width) for a pipeline that
        begins with `ImageFlattener`, for any number of samples, and behind ensembles of scikit-learn at least one. The
        outputs of a classifier are ``label``, as of `predict`, and ``probabilities``, as of `predict_proba`; labels
        of ensembles that are booleans or floats come as int64, and of classifiers of scikit-learn that have no
        `predict_proba` the second output holds scores.

    Raises
    ------
    ImportError
        If skl2onnx is not installed, or onnxruntime, where the graph is run: ``pip install "skdigits[export]"``.
    NotFittedError
        If the estimator is not fitted.
    OSError
        If the file cannot be written.
    ValueError
        If a step cannot be expressed in ONNX, which the error names, if the graph gives other results than the
        estimator, or if `input_dtype` is unknown.

    See Also
    --------
    skdigits.persistence.save : Writes a file from which the estimator itself is read again.

    Notes
    -----
    The graph has standard operators of opset 18; steps of scikit-learn may bring some of ``ai.onnx.ml``. It computes in
    the type of the network: in double precision for one of ``dtype='float64'``, else in single precision; images are
    prepared in double precision.

    Some estimators of scikit-learn `skl2onnx` converts to something else (`QuantileTransformer` and isotonic
    calibration among them). A graph with others than scalers is therefore run on made-up images first, if its
    steps take them, and refused where more than one in twenty results differs by a thousandth.

    ONNX Runtime adds up in another order than `predict_proba`. In double precision probabilities agree to 1e-12 for
    pixels of type float64; of others some steps of a pipeline compute in single precision, where the graph does not. In
    single precision they were seen to differ by up to 1.5e-6 for pixels in [0, 1], and by up to 5e-5 for networks that
    were given pixels up to 255 as they are: as far as either is from the exact result.

    Nothing checks what the graph is given: missing or infinite pixels, which `predict_proba` refuses, give
    probabilities without a meaning.

    Metadata of the model are ``skdigits_version`` and, in JSON, ``input_shape``, the shape of one sample; ``classes``;
    ``image_shape``, (height, width), where it is known or images are square; and ``largest_pixel``, the largest of
    training, where a `MinMaxScaler` or `MaxAbsScaler` begins the pipeline.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdigits import MLPDigitClassifier
    >>> from skdigits.persistence import to_onnx
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = MLPDigitClassifier(learning_rate_init=0.01, random_state=0).fit(X, y)
    >>> model = to_onnx(classifier)
    >>> [output.name for output in model.graph.output]
    ['label', 'probabilities']
    """
    if input_dtype not in _INPUT_DTYPES:
        raise ValueError(f"input_dtype must be one of {', '.join(_INPUT_DTYPES)}, got {input_dtype!r}")
    check_is_fitted(estimator)
    try:
        import onnx
        import skl2onnx  # noqa: F401
    except ImportError as error:
        raise ImportError('to_onnx needs onnx and skl2onnx: pip install "skdigits[export]"') from error
    _register_converters()
    steps = [(name, _as_skl2onnx_takes_it(step)) for name, step in flat_steps("", estimator)]
    if not steps:
        raise ValueError("expected a pipeline with a step that does something, got none")
    model = _convert(steps, np.dtype(input_dtype))
    model.producer_name, model.producer_version = "skdigits", __version__
    onnx.helper.set_model_props(model, _metadata(estimator, steps))
    try:
        onnx.checker.check_model(model, full_check=True)
        check_results(model, estimator, steps, _input_shape(steps[0]), np.dtype(input_dtype))
    except ImportError:
        raise
    except Exception as error:  # ONNX and its runtime have kinds of their own
        raise ValueError(f"the model cannot be expressed in ONNX: {_first_line(error)}") from error
    if path is not None:
        _write(model, path)
    return model


def _write(model, path):
    from pathlib import Path

    from skdigits.persistence._files import replaced_whole

    with replaced_whole(Path(path)) as stream:
        stream.write(model.SerializeToString())


@functools.cache
def _register_converters():
    """Tell skl2onnx about the estimators of this package."""
    from skl2onnx import update_registered_converter

    from skdigits.persistence import _onnx_classifier, _onnx_images, _onnx_lighting
    from skdigits.preprocessing import Deskewer, DigitCenterer, DigitNormalizer, ElasticDeformer, ImageFlattener

    update_registered_converter(
        MLPDigitClassifier,
        "SkdigitsMLPDigitClassifier",
        _onnx_classifier.find_classifier_types,
        _onnx_classifier.convert_classifier,
        options={
            "zipmap": [True, False, "columns"],
            "nocl": [True, False],  # skl2onnx sets it unasked; without class names there would be nothing to map
            "output_class_labels": [False, True],
            "raw_scores": [True, False],
            "is_last": [True, False],
        },
    )
    transformers = {
        Deskewer: _onnx_images.add_deskewer,
        DigitCenterer: _onnx_images.add_centerer,
        DigitNormalizer: _onnx_lighting.add_normalizer,
        ElasticDeformer: _onnx_images.add_identity,
        ImageFlattener: _onnx_images.add_identity,
    }
    for transformer, add_transformer in transformers.items():
        update_registered_converter(
            transformer,
            f"Skdigits{transformer.__name__}",
            _onnx_images.find_image_types,
            _onnx_images.make_converter(add_transformer),
        )


def _as_skl2onnx_takes_it(step):
    """A step, or a copy that skl2onnx does not refuse of a vote, or of a classifier that has been calibrated."""
    if isinstance(step, VotingClassifier):
        vote = copy.copy(step)
        vote.estimators_ = [_thawed(estimator) for estimator in vote.estimators_]
        vote.flatten_transform = False  # of `transform` alone, and skl2onnx takes no other
        vote.weights = None if vote.weights is None else np.asarray(vote.weights)
        return vote
    if isinstance(step, CalibratedClassifierCV):
        calibrated = copy.copy(step)
        calibrated.calibrated_classifiers_ = [copy.copy(one) for one in step.calibrated_classifiers_]
        for one in calibrated.calibrated_classifiers_:
            one.estimator = _thawed(one.estimator)
        return calibrated
    return step


def _thawed(estimator):
    """The estimator in a `FrozenEstimator`, which skl2onnx does not know."""
    return _thawed(estimator.estimator) if isinstance(estimator, FrozenEstimator) else estimator


def _convert(steps, dtype):
    """The graph of steps for pixels of a type."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    computing, shape = _computing_dtype(steps[0][1], dtype), _input_shape(steps[0])
    number = DoubleTensorType if computing == np.float64 else FloatTensorType
    pipeline = Pipeline(steps) if len(steps) > 1 else steps[0][1]
    try:
        model = _convert_by_skl2onnx(pipeline, number([None, *shape]))
    except Exception as error:  # of many kinds, about parameters as well as about types that are unknown
        for name, step in steps:
            _check_step(name, step, number)
        raise ValueError(f"the model cannot be expressed in ONNX: {_first_line(error)}") from error
    _set_input(model.graph, dtype, computing)
    return model


def _convert_by_skl2onnx(estimator, input_type):
    from skl2onnx import convert_sklearn

    from skdigits.persistence._onnx_sklearn import CONVERTERS, find_types

    last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    return convert_sklearn(
        estimator, name="skdigits", initial_types=[("X", input_type)], options=_options(last), target_opset=_OPSETS,
        custom_conversion_functions=CONVERTERS, custom_shape_calculators=dict.fromkeys(CONVERTERS, find_types),
    )  # fmt: skip


def _options(last):
    """What skl2onnx is told about estimators, by their identity, given the last step."""
    options = {}
    if is_classifier(last):
        options[id(last)] = {"zipmap": False}
    if isinstance(last, MLPDigitClassifier):
        options[id(last)]["is_last"] = True
    for calibrated in getattr(last, "calibrated_classifiers_", ()):
        *_, (_, network) = flat_steps("", calibrated.estimator)
        if isinstance(network, MLPDigitClassifier):
            # Calibration is of `decision_function`, which skl2onnx overlooks in a Pipeline.
            options[id(network)] = {"raw_scores": True}
    return options


def _check_step(name, step, number):
    """Raise an error that names a step if it cannot be converted on its own."""
    try:
        _convert_by_skl2onnx(step, number([None, getattr(step, "n_features_in_", None)]))
    except Exception as error:
        raise ValueError(f"{_describe(name, step)} cannot be expressed in ONNX: {_first_line(error)}") from error


def _describe(name, step):
    return f"step {name!r}, {type(step).__name__}," if name else type(step).__name__


def _first_line(error):
    """What skl2onnx has to say; its advice goes on for pages."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _computing_dtype(first, dtype):
    """The type to which a graph converts pixels: whole numbers as the first step does."""
    if dtype != np.uint8:
        return dtype
    if hasattr(first, "coefs_"):
        return own_dtype(first)
    is_ours = type(first).__module__.startswith("skdigits.")
    return np.dtype(np.float32 if is_ours else np.float64)


def _input_shape(step):
    """Shape of a sample."""
    from skdigits.preprocessing import ImageFlattener

    name, first = step
    if isinstance(first, ImageFlattener):
        return list(first.image_shape_)
    if not hasattr(first, "n_features_in_"):
        raise ValueError(
            f"{_describe(name, first)} has seen images of different sizes, which an ONNX graph cannot take: fit on "
            "images of one size"
        )
    return [int(first.n_features_in_)]


def _set_input(graph, dtype, computing):
    """Name the dimension of samples, and convert pixels of another type first."""
    from onnx import helper

    for value in [*graph.input, *graph.output]:
        if not value.type.tensor_type.shape.dim:
            raise ValueError(f"the model cannot be expressed in ONNX: its {value.name} would be no array")
        value.type.tensor_type.shape.dim[0].dim_param = "n_samples"
    if dtype == computing:
        return
    for node in graph.node:
        node.input[:] = ["X_cast" if name == "X" else name for name in node.input]
    cast = helper.make_node("Cast", ["X"], ["X_cast"], name="Cast_X", to=helper.np_dtype_to_tensor_dtype(computing))
    graph.node.insert(0, cast)
    graph.input[0].type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(dtype)


def _metadata(estimator, steps):
    """What a program wants to know that shows samples and results."""
    first, shape = steps[0][1], _input_shape(steps[0])
    metadata = {"skdigits_version": __version__, "input_shape": json.dumps(shape)}
    image_shape = _image_shape(first, math.prod(shape))
    if image_shape is not None:
        metadata["image_shape"] = json.dumps([int(length) for length in image_shape])
    white = largest_pixel(first_by_range(step for _, step in steps))
    if white is not None:
        metadata["largest_pixel"] = json.dumps(white)
    if is_classifier(estimator):
        metadata["classes"] = json.dumps(np.asarray(estimator.classes_).tolist())
    return metadata


def _image_shape(first, n_features):
    """Shape of images as the first step has it, else of square ones; None where they are not."""
    shape = getattr(first, "image_shape_", getattr(first, "image_shape", "auto"))
    if not isinstance(shape, str):
        return shape
    side = math.isqrt(n_features)
    return (side, side) if side * side == n_features else None
