"""`DigitNormalizer` in ONNX's operators: level, lighting and noise of the ground, and what is above them."""

import numpy as np

from skdigits._engine.preparation import CUT, frame_of, surface_terms
from skdigits.persistence._onnx_images import image_shape

_ZERO = np.float64(0)


def add_normalizer(add, images, transformer, dtype):
    """Add `DigitNormalizer`; see `make_converter` of the images."""
    if transformer.stroke_width is not None:
        raise ValueError(f"expected stroke_width=None, got {transformer.stroke_width}")
    height, width = image_shape(transformer)
    places, basis = frame_of(height, width)
    images = add.cast(images, np.float64)
    frames = add("Gather", images, places, axis=1)
    level = _add_median(add, frames, len(places))
    surface, spread = _add_ground(add, add("Sub", frames, level), basis)
    terms = surface_terms(height, width, np.arange(height * width)).T
    difference = add("Sub", add("Sub", images, level), add("MatMul", surface, terms))
    highest = add("Relu", add("ReduceMax", difference, np.array([1]), keepdims=1))
    depth = add("Relu", add("Neg", add("ReduceMin", difference, np.array([1]), keepdims=1)))
    sign = add("Where", add("GreaterOrEqual", highest, depth), np.float64(1), np.float64(-1))
    largest = add("Max", highest, depth)
    noise = add("Min", add("Mul", spread, np.float64(CUT)), add("Mul", largest, np.float64(0.5)))
    limit = add("Max", noise, add("Mul", largest, np.float64(transformer.threshold)))
    ink = add("Mul", sign, difference)
    is_ink = add("Greater", ink, limit)
    divisor = add("Where", add("Greater", largest, _ZERO), largest, np.float64(1))
    return add.cast(add("Where", is_ink, add("Div", ink, divisor), _ZERO), dtype)


def _add_ground(add, differences, basis):
    """Coefficients of the lighting [N, 6] and the spread of what is left [N, 1], as `estimate_ground` finds them."""
    spread = best = _add_spread(add, differences, len(basis))
    residuals, surfaces = differences, None
    for _ in range(2):
        is_ground = add("LessOrEqual", add("Abs", residuals), add("Mul", best, np.float64(CUT)))
        fitted = _add_fit(add, differences, add.cast(is_ground, np.float64), basis)
        left = add("Sub", differences, add("MatMul", fitted, basis.T))
        achieved = _add_spread(add, left, len(basis))
        is_better = add("Less", achieved, add("Min", best, add("Mul", spread, np.float64(0.5))))
        surfaces = add("Where", is_better, fitted, _ZERO if surfaces is None else surfaces)
        residuals = add("Where", is_better, left, residuals)
        best = add("Where", is_better, achieved, best)
    return surfaces, best


def _add_fit(add, values, weights, basis):
    """Least squares of each row of values, by the pixels that count: Gauss and Jordan's elimination, unrolled."""
    n_pixels, n_terms = basis.shape
    products = (basis[:, :, np.newaxis] * basis[:, np.newaxis]).reshape(n_pixels, -1)
    matrices = add("Reshape", add("MatMul", weights, products), np.array([-1, n_terms, n_terms]))
    matrices = add("Add", matrices, 1e-9 * n_pixels * np.eye(n_terms))
    right = add("MatMul", add("Mul", weights, values), basis)
    system = add("Concat", matrices, add("Unsqueeze", right, np.array([2])), axis=2)
    # The matrices are positive definite, so that no pivot is 0.
    for k in range(n_terms):
        row, column = (_add_slice(add, system, k, axis) for axis in (1, 2))
        row = add("Div", row, _add_slice(add, row, k, 2))
        system = add("Sub", system, add("Mul", add("Sub", column, np.eye(n_terms)[:, k : k + 1]), row))
    return add("Squeeze", _add_slice(add, system, n_terms, 2), np.array([2]))


def _add_slice(add, values, k, axis):
    return add("Slice", values, np.array([k]), np.array([k + 1]), np.array([axis]))


def _add_median(add, values, n_values):
    middle = add.kth_largest(values, n_values // 2 + 1)
    if n_values % 2:
        return middle
    return add("Mul", add("Add", middle, add.kth_largest(values, n_values // 2)), np.float64(0.5))


def _add_spread(add, differences, n_values):
    """The third quartile of sizes."""
    return add.kth_largest(add("Abs", differences), n_values - 3 * n_values // 4)
