"""`Binarizer`, which skl2onnx takes for another where pixels equal the threshold."""

import numpy as np


def find_binarizer_types(operator):
    """Set the type of what `Binarizer` gives, that of its input; a shape calculator of skl2onnx."""
    given = operator.inputs[0].type
    operator.outputs[0].type = type(given)([None, operator.raw_operator.n_features_in_])


def convert_binarizer(scope, operator, container):
    """Write `Binarizer`, which leaves what equals its threshold below it; a converter of skl2onnx."""
    from skl2onnx.common.data_types import guess_numpy_type

    from skdigits.persistence._onnx_nodes import GraphWriter

    add, dtype = GraphWriter(scope, container), guess_numpy_type(operator.inputs[0].type)
    threshold = operator.raw_operator.threshold
    # A scalar of NumPy decides about the type, a number of Python does not.
    compared = np.result_type(dtype, threshold)
    is_above = add("Greater", add.cast(operator.inputs[0].full_name, compared), compared.type(threshold))
    add("Where", is_above, dtype(1), dtype(0), outputs=[operator.outputs[0].full_name])
