"""Transformers of scikit-learn that skl2onnx takes for others: converters of its kind that do as they do."""

import numpy as np
from sklearn.preprocessing import Binarizer, MaxAbsScaler, Normalizer


def find_types(operator):
    """Set the type of what a transformer gives, that of its input if that is of floats; for skl2onnx."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    given = operator.inputs[0].type
    kind = DoubleTensorType if isinstance(given, DoubleTensorType) else FloatTensorType
    operator.outputs[0].type = kind([None, given.shape[1]])


def convert_binarizer(scope, operator, container):
    """Write `Binarizer`, which leaves what equals its threshold below it."""
    add, x, dtype = _read(scope, operator, container)
    threshold = operator.raw_operator.threshold
    # A scalar of NumPy decides about the type, a number of Python does not.
    compared = np.result_type(dtype, threshold)
    is_above = add("Greater", add.cast(x, compared), compared.type(threshold))
    add("Where", is_above, dtype(1), dtype(0), outputs=[operator.outputs[0].full_name])


def convert_max_abs_scaler(scope, operator, container):
    """Write `MaxAbsScaler`, which may clip."""
    add, x, dtype = _read(scope, operator, container)
    scaled = add("Div", x, operator.raw_operator.scale_.astype(dtype))
    # A Clip without limits leaves numbers as they are.
    limits = (dtype(-1), dtype(1)) if operator.raw_operator.clip else ()
    add("Clip", scaled, *limits, outputs=[operator.outputs[0].full_name])


def convert_normalizer(scope, operator, container):
    """Write `Normalizer`, which takes magnitudes, and leaves samples of next to nothing as they are."""
    add, x, dtype = _read(scope, operator, container)
    reduction = {"l1": "ReduceL1", "l2": "ReduceL2", "max": "ReduceMax"}[operator.raw_operator.norm]
    norms = add(reduction, add("Abs", x), np.array([1]), keepdims=1)
    is_nothing = add("Less", norms, dtype(10 * np.finfo(dtype).eps))
    add("Div", x, add("Where", is_nothing, dtype(1), norms), outputs=[operator.outputs[0].full_name])


CONVERTERS = {Binarizer: convert_binarizer, MaxAbsScaler: convert_max_abs_scaler, Normalizer: convert_normalizer}


def _read(scope, operator, container):
    """A writer of nodes, the name of the input as floats, and their type."""
    from skl2onnx.common.data_types import guess_numpy_type

    from skdigits.persistence._onnx_nodes import GraphWriter

    add, x, dtype = (
        GraphWriter(scope, container),
        operator.inputs[0].full_name,
        guess_numpy_type(operator.inputs[0].type),
    )
    if not np.issubdtype(dtype, np.floating):  # of steps that give whole numbers
        return add, add.cast(x, np.float32), np.float32
    return add, x, dtype
