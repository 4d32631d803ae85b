"""The network in ONNX's operators."""

import math

import numpy as np

from skdigits._kernels.codes import ERF, ERFC, LEAK
from skdigits._networks import own_dtype


def find_classifier_types(operator):
    """Set the types and the shapes of labels and probabilities; a shape calculator of skl2onnx."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    classifier = operator.raw_operator
    label_type, _ = _labels(classifier)
    labels, probabilities = operator.outputs
    labels.type = label_type([None, classifier.n_outputs_] if _is_multilabel(classifier) else [None])
    number = DoubleTensorType if _output_dtype(operator) == np.float64 else FloatTensorType
    probabilities.type = number([None, max(classifier.n_outputs_, 2)])


def convert_classifier(scope, operator, container):
    """Write a network as nodes; a converter of skl2onnx."""
    from skdigits.persistence._onnx_nodes import GraphWriter

    classifier, add = operator.raw_operator, GraphWriter(scope, container)
    labels, probabilities = (variable.full_name for variable in operator.outputs)
    dtype = own_dtype(classifier)
    values = add.cast(operator.inputs[0].full_name, dtype)
    activate = _ACTIVATIONS[classifier.activation]
    *hidden, last = [
        (np.asarray(coef, dtype), np.asarray(intercept, dtype))
        for coef, intercept in zip(classifier.coefs_, classifier.intercepts_, strict=True)
    ]
    for coef, intercept in hidden:
        values = activate(add, add("Gemm", values, coef, intercept), dtype)
    logits = add("Gemm", values, *last)
    scores = _add_outputs(add, classifier, logits, labels)
    if scope.get_options(classifier, {"raw_scores": False})["raw_scores"]:
        scores = add("Concat", add("Neg", logits), logits, axis=1) if classifier.n_outputs_ == 1 else logits
    add.cast(scores, _output_dtype(operator), outputs=[probabilities])


def _output_dtype(operator):
    """The type of probabilities: the network's; inside other estimators that of their input, as they expect."""
    from skl2onnx.common.data_types import DoubleTensorType

    classifier = operator.raw_operator
    if operator.scope_inst.get_options(classifier, {"is_last": False})["is_last"]:
        return own_dtype(classifier)
    return np.dtype(np.float64 if isinstance(operator.inputs[0].type, DoubleTensorType) else np.float32)


def _add_outputs(add, classifier, logits, labels):
    """Add what `predict` and `predict_proba` make of logits; return the name of the latter."""
    one, half = own_dtype(classifier).type(1), own_dtype(classifier).type(0.5)
    _, classes = _labels(classifier)
    if classifier.n_outputs_ == 1:
        positive = add("Sigmoid", logits)
        is_positive = add("Squeeze", add("Greater", positive, half), np.array([1]))
        # Where all targets were of one class there is no other to choose.
        add("Gather", np.resize(classes, 2), add.cast(is_positive, np.int64), outputs=[labels])
        return add("Concat", add("Sub", one, positive), positive, axis=1)
    if _is_multilabel(classifier):
        probabilities = add("Sigmoid", logits)
        add.cast(add("Greater", probabilities, half), np.int64, outputs=[labels])
        return probabilities
    # Logistic outputs may saturate in more than one class, logits do not.
    add("Gather", classes, add("ArgMax", logits, axis=1, keepdims=0), outputs=[labels])
    # Independent outputs of classes that exclude one another are divided by their sum.
    scores = _log_logistic(add, logits, one) if classifier.out_activation_ == "logistic" else logits
    return add("Softmax", scores, axis=1)


def _log_logistic(add, logits, one):
    """Logarithm of the logistic function, without an overflow for any logit."""
    beyond = add("Log", add("Add", add("Exp", add("Neg", add("Abs", logits))), one))
    return add("Sub", add("Min", logits, one - one), beyond)


def _is_multilabel(classifier):
    return classifier._label_binarizer.y_type_.startswith("multilabel")


def _labels(classifier):
    """The type of labels in skl2onnx's terms, and the classes as an array of it."""
    from skl2onnx.common import data_types

    classes = np.asarray(classifier.classes_)
    if classes.dtype.kind in "iu" and classes.max() > np.iinfo(np.int64).max:
        raise ValueError(f"labels cannot be expressed in ONNX: expected at most {np.iinfo(np.int64).max}")
    if _is_multilabel(classifier) or classes.dtype.kind in "iu":
        return data_types.Int64TensorType, classes.astype(np.int64)
    if classes.dtype.kind == "b":
        return data_types.BooleanTensorType, classes
    if classes.dtype.kind == "f" and classes.dtype.itemsize <= 8:
        return data_types.DoubleTensorType, classes.astype(np.float64)
    if all(isinstance(label, str) for label in classes):
        return data_types.StringTensorType, classes
    raise ValueError(f"labels of type {classes.dtype} cannot be expressed in ONNX: expected numbers or strings")


def _leaky_relu(add, logits, dtype):
    # ONNX's own operator knows the leak in single precision only.
    return add("Max", logits, add("Mul", logits, dtype.type(LEAK)))


def _gelu(add, logits, dtype):
    half, root = dtype.type(0.5), dtype.type(math.sqrt(0.5))
    scaled = add("Mul", logits, root)
    erf = add("Erf", scaled) if dtype == np.float32 else _erf(add, scaled)
    return add("Mul", add("Mul", logits, half), add("Add", erf, dtype.type(1)))


def _erf(add, x):
    """Add the error function in double precision, for which ONNX Runtime has no operator of its own."""
    square, magnitude = add("Mul", x, x), add("Abs", x)
    near = add("Mul", x, _fraction(add, square, ERF))
    # erfc has come to nothing there.
    bounded = add("Min", magnitude, np.float64(27))
    far = add("Mul", _fraction(add, bounded, ERFC), add("Exp", add("Neg", square)))
    far = add("Mul", add("Sign", x), add("Sub", np.float64(1), far))
    return add("Where", add("Less", magnitude, np.float64(1)), near, far)


def _silu(add, logits, dtype):
    if dtype == np.float32:
        return add("Mul", logits, add("Sigmoid", logits))
    # ONNX Runtime up to 1.29 takes that product for an operator that it has in single precision only.
    return add("Div", logits, add("Add", add("Exp", add("Neg", logits)), dtype.type(1)))


def _fraction(add, x, polynomials):
    numerator, denominator = (add.polynomial(x, np.array(coefficients)) for coefficients in polynomials)
    return add("Div", numerator, denominator)


# By name: what adds an activation to the graph, given the writer, the logits and their type.
_ACTIVATIONS = {
    "identity": lambda add, logits, dtype: logits,
    "logistic": lambda add, logits, dtype: add("Sigmoid", logits),
    "tanh": lambda add, logits, dtype: add("Tanh", logits),
    "relu": lambda add, logits, dtype: add("Relu", logits),
    "leaky_relu": _leaky_relu,
    "elu": lambda add, logits, dtype: add("Elu", logits),
    "gelu": _gelu,
    "silu": _silu,
}
