"""Nodes of an ONNX graph, written as calls: what the converters of `skl2onnx` share."""

import numpy as np


class GraphWriter:
    """Adds nodes to the graph that skl2onnx is making; values are names of results, or arrays for constants.

    Parameters
    ----------
    scope, container : objects of skl2onnx
        As converters are given them.
    """

    def __init__(self, scope, container):
        self._scope = scope
        self._container = container

    def __call__(self, operator, *values, outputs=None, **attributes):
        """Add a node; return the name of its first result.

        Parameters
        ----------
        operator : str
            Of ONNX's own operators.
        *values : str, number or ndarray
        outputs : list of str or None, default=None
            Names of the results; None makes a new one.
        **attributes : dict
        """
        outputs = [self._new_name(operator)] if outputs is None else outputs
        self._container.add_node(
            operator,
            [value if isinstance(value, str) else self.constant(value) for value in values],
            outputs,
            name=self._scope.get_unique_operator_name(operator),
            # Since 18 ELU and its like are defined by other operators, and run in double precision for that reason.
            op_version=self._container.target_opset,
            **attributes,
        )
        return outputs[0]

    def constant(self, values):
        """Add an array, of numbers, booleans or strings; return its name."""
        import onnx

        values = np.asarray(values)
        name = self._new_name("constant")
        if values.dtype.kind in "UO":
            texts = [str(text).encode() for text in values.ravel()]
            self._container.add_initializer(name, onnx.TensorProto.STRING, values.shape, texts)
        else:
            tensor = onnx.numpy_helper.from_array(np.ascontiguousarray(values).reshape(values.shape))
            self._container.add_initializer(name, tensor.data_type, values.shape, tensor)
        return name

    def cast(self, value, dtype, outputs=None):
        """Add a conversion to a type of NumPy."""
        import onnx

        return self("Cast", value, outputs=outputs, to=onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def kth_largest(self, values, k):
        """Add the search for the k-th largest number of each row, counted from 1: a column."""
        largest = self._new_name("TopK")
        self("TopK", values, np.array([k]), outputs=[largest, self._new_name("TopK")], axis=1)
        return self("Slice", largest, np.array([k - 1]), np.array([k]), np.array([1]))

    def polynomial(self, x, coefficients):
        """Add a polynomial of floats x; the coefficient of the highest power comes first."""
        value = self("Add", self("Mul", x, coefficients[0]), coefficients[1])
        for coefficient in coefficients[2:]:
            value = self("Add", self("Mul", value, x), coefficient)
        return value

    def _new_name(self, kind):
        return self._scope.get_unique_variable_name(kind.lower())
