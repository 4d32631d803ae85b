"""Digits found on an image that holds several."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# Strokes are brighter than this; their grey edges, down to 0, belong to the stroke that they touch.
_STROKE = 0.3
# In units of the size of a digit: parts that are no farther apart are one digit, and smaller things are specks.
_NEAR, _SPECK = 0.1, 0.3
# Noise of paper without a digit makes specks, too: no digit has so few pixels, unless it is one of a tiny image, and no
# more fit beside one another.
_SMALLEST, _TINY, _MOST_IN_A_ROW = 5, 20, 150
# Digits whose middles differ by more than this, in units of their height, stand in different lines.
_NEW_LINE = 0.5
# Grey edges are at most so wide, in units of the largest digit.
_EDGE = 0.15


def split_digits(image: NDArray) -> list[NDArray]:
    """Cut an image into its digits.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        Light strokes on a ground of 0, with a maximum of 1.

    Returns
    -------
    digits : list of ndarray
        Cut out, without what belongs to other digits, in reading order.
    """
    strokes = image > _STROKE
    labels = _label_digits(strokes)
    boxes = ndimage.find_objects(labels)
    if not boxes:
        return []
    # Grey edges go to the digit that is nearest.
    distances, nearest = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    is_edge = (image > 0) & ~strokes & (distances <= _EDGE * _sizes(labels).max())
    labels[is_edge] = labels[tuple(nearest)][is_edge]
    boxes = ndimage.find_objects(labels)
    digits = [np.where(labels[box] == i + 1, image[box], 0) for i, box in enumerate(boxes)]
    return [digits[i] for i in _reading_order(boxes)]


def largest_digit(image: NDArray) -> tuple[NDArray, int]:
    """The digit with most ink of an image, everything else left out, and how many have at least half as much.

    Zeros where nothing is found.
    """
    digits = split_digits(image)
    inks = np.array([digit.sum() for digit in digits])
    if not digits:
        return np.zeros_like(image), 0
    return digits[int(inks.argmax())], int(np.count_nonzero(inks >= inks.max() / 2))


def _label_digits(strokes: NDArray) -> NDArray:
    """Number the pixels of each digit from 1, with 0 for the ground and for specks."""
    everything = np.ones((3, 3), int)
    parts, n_parts = ndimage.label(strokes, everything)
    if n_parts == 0:
        return parts
    # Half of the ink belongs to parts of at least this size: many specks do not make it smaller.
    sizes, areas = _sizes(parts), np.bincount(parts.ravel())[1:]
    order = np.argsort(-sizes, kind="stable")
    size = sizes[order[np.searchsorted(np.cumsum(areas[order]), areas.sum() / 2)]]
    # Two parts are joined where their surroundings, half of the distance wide, touch.
    surroundings = ndimage.distance_transform_edt(~strokes) <= max(_NEAR * size / 2, 1)
    groups, _ = ndimage.label(surroundings, everything)
    groups[~strokes] = 0
    smallest = max(_SMALLEST, max(strokes.shape) / _MOST_IN_A_ROW) if min(strokes.shape) > _TINY else 0
    kept = np.concatenate([[False], _sizes(groups) >= max(_SPECK * size, smallest)])
    numbers = np.cumsum(kept) * kept
    return numbers[groups]


def _sizes(labels: NDArray) -> NDArray:
    """The longer side of each label."""
    return np.array([max(part.stop - part.start for part in box) for box in ndimage.find_objects(labels)])


def _reading_order(boxes: list[tuple[slice, ...]]) -> NDArray:
    """Lines from top to bottom, in each from left to right."""
    middles = np.array([[(part.start + part.stop) / 2 for part in box] for box in boxes])
    height = np.median([box[0].stop - box[0].start for box in boxes])
    by_row = np.argsort(middles[:, 0], kind="stable")
    lines = np.zeros(len(boxes), int)
    lines[by_row[1:]] = np.cumsum(np.diff(middles[by_row, 0]) > _NEW_LINE * height)
    return np.lexsort([middles[:, 1], lines])
