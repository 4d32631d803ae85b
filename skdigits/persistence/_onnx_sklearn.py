"""Estimators of scikit-learn that `skl2onnx` gives a graph which computes something else."""

_BY_DECISION_FUNCTION = "predicts by decision_function, which is not in its graph"
# By name; a graph that is wrong for some samples is worse than none.
_INEXACT = {
    "OneVsOneClassifier": _BY_DECISION_FUNCTION,
    "OneVsRestClassifier": _BY_DECISION_FUNCTION,
    "QuantileTransformer": "interpolates, and its graph does so otherwise",
}


def check_exact(estimator):
    """Raise ValueError where a graph would give other results than an estimator, or one that it is made of."""
    for part in [estimator, *estimator.get_params().values()]:
        kind = type(part)
        if not kind.__module__.startswith("sklearn."):
            continue
        if kind.__name__ in _INEXACT:
            raise ValueError(f"{kind.__name__} {_INEXACT[kind.__name__]}")
        if kind.__name__ == "CalibratedClassifierCV" and part.method != "sigmoid":
            raise ValueError(f"expected method='sigmoid', got {part.method!r}, whose graph would be another")


def find_binarizer_types(operator):
    """Set the type of what `Binarizer` gives, that of its input; a shape calculator of skl2onnx."""
    given = operator.inputs[0].type
    operator.outputs[0].type = type(given)([None, operator.raw_operator.n_features_in_])


def convert_binarizer(scope, operator, container):
    """Write `Binarizer`, which leaves what equals its threshold below it; a converter of skl2onnx."""
    from skl2onnx.common.data_types import guess_numpy_type

    from skdigits.persistence._onnx_nodes import GraphWriter

    add, dtype = GraphWriter(scope, container), guess_numpy_type(operator.inputs[0].type)
    is_above = add("Greater", operator.inputs[0].full_name, dtype(operator.raw_operator.threshold))
    add("Where", is_above, dtype(1), dtype(0), outputs=[operator.outputs[0].full_name])
