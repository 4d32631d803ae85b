"""The transformers of images in ONNX's operators.

Images are [N, H * W], or [N, H, W] where rows and columns count. As in the kernels, sums are taken in double precision;
what those do for one image after another is done here for all at once, with the same decisions.
"""

import numpy as np

from skdigits._engine.preparation import BOX_SIDE, FIELD_SIDE
from skdigits._kernels.codes import ROUNDING
from skdigits.preprocessing._image_shape import find_image_shape

_ZERO, _ONE = np.float64(0), np.float64(1)


def image_shape(transformer):
    """Shape of the images that a transformer takes."""
    if hasattr(transformer, "image_shape_"):
        return transformer.image_shape_
    return find_image_shape(transformer.image_shape, transformer.n_features_in_)


def find_image_types(operator):
    """Set the type and the shape of transformed images; a shape calculator of skl2onnx."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    transformer = operator.raw_operator
    n_pixels = getattr(transformer, "_n_features_out", transformer.n_features_in_)
    is_double = isinstance(operator.inputs[0].type, DoubleTensorType)
    operator.outputs[0].type = (DoubleTensorType if is_double else FloatTensorType)([None, n_pixels])


def make_converter(add_transformer):
    """A converter of skl2onnx, of a function that adds a transformer to the graph.

    Parameters
    ----------
    add_transformer : callable
        Is given the writer, the name of images of shape [N, H * W], the transformer and the type in which images come
        and go; returns the name of the transformed images, of any shape of N rows.
    """

    def convert(scope, operator, container):
        from skl2onnx.common.data_types import DoubleTensorType

        from skdigits.persistence._onnx_nodes import GraphWriter

        add, transformer = GraphWriter(scope, container), operator.raw_operator
        dtype = np.dtype(np.float64 if isinstance(operator.outputs[0].type, DoubleTensorType) else np.float32)
        images = add("Reshape", operator.inputs[0].full_name, np.array([-1, transformer.n_features_in_]))
        images = add_transformer(add, add.cast(images, dtype), transformer, dtype)
        rows = np.array([-1, operator.outputs[0].type.shape[1]])
        add("Reshape", images, rows, outputs=[operator.outputs[0].full_name])

    return convert


def add_identity(add, images, transformer, dtype):
    """Add what leaves pixels as they are."""
    return images


def add_deskewer(add, images, transformer, dtype):
    """Add `Deskewer`."""
    height, width = image_shape(transformer)
    rows, columns = np.arange(height, dtype=np.float64), np.arange(width)
    doubles = add("Reshape", add.cast(images, np.float64), np.array([-1, height, width]))
    is_inky, (_, y_centre), (dx, dy, ink) = _add_moments(add, doubles, height, width)
    yy_sum = _add_sum(add, add("Mul", ink, add("Mul", dy, dy)))
    is_inky = add("And", is_inky, add("And", add("Greater", yy_sum, _ZERO), add("Less", yy_sum, np.float64(np.inf))))
    slope = add("Div", _add_sum(add, add("Mul", ink, add("Mul", dx, dy))), add("Where", is_inky, yy_sum, _ONE))
    slope = add("Clip", slope, np.float64(-transformer.max_slant), np.float64(transformer.max_slant))
    slope = add("Where", is_inky, slope, _ZERO)
    # Beyond the width nothing is left of a row.
    shift = add("Mul", slope, add("Sub", rows.reshape(1, height, 1), y_centre))
    shift = add("Clip", shift, np.float64(-width - 1), np.float64(width + 1))
    whole = add("Floor", shift)
    fraction = add.cast(add("Sub", shift, whole), dtype)
    padded = add("Reshape", images, np.array([-1, height, width]))
    padded = add("Pad", padded, np.array([0, 0, 1, 0, 0, 1]), dtype.type(0))
    places = add("Add", add.cast(whole, np.int64), columns.reshape(1, 1, width))
    value, after = (
        add("GatherElements", padded, add("Clip", add("Add", places, n), np.int64(0), np.int64(width + 1)), axis=2)
        for n in np.array([1, 2])
    )
    return add("Add", value, add("Mul", fraction, add("Sub", after, value)))


def add_centerer(add, images, transformer, dtype):
    """Add `DigitCenterer`."""
    height, width = image_shape(transformer)
    images = add("Reshape", add.cast(images, np.float64), np.array([-1, height, width]))
    largest = add("ReduceMax", add("Relu", images), np.array([1, 2]), keepdims=1)
    is_ink = add.cast(add("Greater", images, add("Mul", largest, np.float64(transformer.threshold))), np.int32)
    top, n_rows_in = _add_extent(add, is_ink, axis=1)
    left, n_columns_in = _add_extent(add, is_ink, axis=2)
    longest = add("Max", add("Max", n_rows_in, n_columns_in), np.int64(1))
    n_rows, n_columns = (_add_new_length(add, n, longest) for n in (n_rows_in, n_columns_in))
    by_row = _add_shares(add, top, n_rows_in, n_rows, height, axis=1)
    by_column = _add_shares(add, left, n_columns_in, n_columns, width, axis=2)
    small = add("MatMul", add("MatMul", by_row, add("Relu", images)), by_column)
    _, (x_centre, y_centre), _ = _add_moments(add, small, BOX_SIDE, BOX_SIDE)
    rows = _add_places(add, y_centre, n_rows, axis=1)
    columns = _add_places(add, x_centre, n_columns, axis=2)
    return add.cast(add("MatMul", add("MatMul", rows, small), columns), dtype)


def _add_sum(add, values):
    """Sums over images [N, H, W], of shape [N, 1, 1]."""
    return add("ReduceSum", values, np.array([1, 2]), keepdims=1)


def _add_moments(add, images, height, width):
    """Whether there is ink, its centre (x, y), and of each pixel the distances (x, y) to it and the ink."""
    columns = np.arange(width, dtype=np.float64).reshape(1, 1, width)
    rows = np.arange(height, dtype=np.float64).reshape(1, height, 1)
    ink = add("Relu", images)
    total = _add_sum(add, ink)
    is_inky = add("And", add("Greater", total, _ZERO), add("Less", total, np.float64(np.inf)))
    divisor = add("Where", is_inky, total, _ONE)
    centre = [
        add("Where", is_inky, add("Div", _add_sum(add, add("Mul", ink, places)), divisor), _ZERO)
        for places in (columns, rows)
    ]
    return is_inky, centre, (add("Sub", columns, centre[0]), add("Sub", rows, centre[1]), ink)


def _add_extent(add, is_ink, axis):
    """First row or column with ink, and how many there are from it to the last: [N, 1, 1], the latter 0 without ink."""
    lines = add("ReduceMax", is_ink, np.array([3 - axis]), keepdims=1)
    first, last = (add("ArgMax", lines, axis=axis, keepdims=1, select_last_index=is_last) for is_last in (0, 1))
    length = add("Add", add("Sub", last, first), np.int64(1))
    any_ink = add.cast(add("ReduceMax", lines, np.array([axis]), keepdims=1), np.int64)
    return first, add("Mul", length, any_ink)


def _add_new_length(add, length, longest):
    """The length of a scaled side, rounded to the nearest whole number, at least 1."""
    twice = add("Add", add("Mul", length, np.int64(2 * BOX_SIDE)), longest)
    return add("Max", add("Div", twice, add("Mul", longest, np.int64(2))), np.int64(1))


def _count_along(axis, n):
    """The numbers from 0 to n - 1 along one axis of three."""
    return np.arange(n).reshape([n if number == axis else 1 for number in range(3)])


# Matrices are made the way round in which products take them: ONNX Runtime 1.23 makes one operator of a
# transposition and a product, and has it in single precision only.
def _add_shares(add, start, n_in, n_out, length, axis):
    """Share of each of `length` pixels in each new one, which are counted along `axis`; those too many have none."""
    # In units of 1 / n_out of a pixel all of this is whole numbers.
    new = _count_along(axis, BOX_SIDE)
    old = add("Mul", add("Sub", _count_along(3 - axis, length), start), n_out)
    new_start = add("Mul", new, n_in)
    ends = add("Min", add("Add", new_start, n_in), add("Add", old, n_out))
    overlap = add("Max", add("Sub", ends, add("Max", new_start, old)), np.int64(0))
    overlap = add("Where", add("Less", new, n_out), overlap, np.int64(0))
    n_in = add("Max", n_in, np.int64(1))
    return add("Div", add.cast(overlap, np.float64), add.cast(n_in, np.float64))


def _add_places(add, centre, n_out, axis):
    """Where rows or columns go in the field, whose own are counted along `axis`: zeros and ones."""
    first = add("Floor", add("Add", add("Sub", np.float64(FIELD_SIDE / 2), centre), np.float64(ROUNDING)))
    first = add("Max", add.cast(first, np.int64), np.int64(0))
    first = add("Min", first, add("Sub", np.int64(FIELD_SIDE), n_out))
    targets = add("Add", first, _count_along(3 - axis, BOX_SIDE))
    return add.cast(add("Equal", targets, _count_along(axis, FIELD_SIDE)), np.float64)
