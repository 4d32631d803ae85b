"""Brings strokes to one width.

N images of H x W pixels in [0, 1], as rows of H * W numbers: light strokes on a ground of 0. Outside is ground.
"""

import numpy as np

from skdigits._kernels.jit import exact_kernel
from skdigits._kernels.preparation import find_ink

# The size of a digit is that of its pixels above this share of the maximum.
SOLID = 0.5


@exact_kernel
def measure_width(image, height, width):
    """The mean width of strokes in pixels: 2 * area / length of the outline; 0 where there is no ink.

    A stroke of width w and length l, far longer than wide, has the area w l and an outline of 2 l. The area is the sum
    of the pixels, and the outline the sum of the sizes of the gradient in each square between four pixels: by the
    coarea formula that is the length of the outlines at each level of grey, averaged over the levels.

    Parameters
    ----------
    image : array of shape (H * W,)
    height, width : int

    Returns
    -------
    stroke_width : float
    """
    area, outline = 0.0, 0.0
    for row in range(height + 1):
        above, below = (row - 1) * width, row * width
        a, c = 0.0, 0.0
        for column in range(width + 1):
            b = np.float64(image[above + column]) if row > 0 and column < width else 0.0
            d = np.float64(image[below + column]) if row < height and column < width else 0.0
            x_slope, y_slope = (b + d - a - c) / 2, (c + d - a - b) / 2
            outline += np.sqrt(x_slope * x_slope + y_slope * y_slope)
            area += d
            a, c = b, d
    return 2 * area / outline if outline > 0 else 0.0


@exact_kernel
def spread_level(image, height, width, level, radius, out):
    """Widen (level 1) or narrow (level 0) strokes on each side.

    Each pixel moves towards the level as far as the pixel around it does that is nearest to the level, with weights
    that are 1 up to `radius` and fall to 0 at `radius` + 1: a dilation by a disc, or an erosion, whose effect grows
    evenly with the radius.

    Parameters
    ----------
    image : array of shape (H * W,)
    height, width : int
    level : {0, 1}
    radius : float
        In pixels, not negative; it does nothing at 0.
    out : array of shape (H * W,)
        Not the image itself.
    """
    # What is farther away than the image is long is outside.
    number, reach = out.dtype.type, int(np.ceil(min(radius, np.float64(max(height, width)))))
    # In units in which the level is the largest value.
    sign, start = (number(1), number(0)) if level == 1 else (number(-1), number(1))
    for row in range(height):
        for column in range(width):
            p = row * width + column
            out[p] = start + sign * image[p]
            if level == 0:
                outside = min(min(row, height - 1 - row), min(column, width - 1 - column)) + 1
                out[p] = max(out[p], number(min(radius + 1 - outside, 1.0)))
    for r in range(-reach, reach + 1):
        for c in range(-reach, reach + 1):
            weight = number(min(radius + 1 - np.sqrt(np.float64(r * r + c * c)), 1.0))
            if weight <= 0 or (r == 0 and c == 0):
                continue
            for row in range(max(-r, 0), height - max(r, 0)):
                place, shift = row * width, r * width + c
                for p in range(place + max(-c, 0), place + width - max(c, 0)):
                    value = weight * (start + sign * image[p + shift])
                    out[p] = value if value > out[p] else out[p]
    for p in range(height * width):
        out[p] = start + sign * out[p]


@exact_kernel
def set_stroke_widths(images, height, width, target, box_side, box, out):
    """Write a copy of each image with strokes of one mean width, and the same maximum.

    Parameters
    ----------
    images : array of shape (N, H * W)
    height, width : int
    target : float
        In pixels of a digit whose longer side has `box_side` pixels.
    box_side : int
    box : int64 array of shape (4,)
        Scratch.
    out : array of shape (N, H * W)
        Not the images themselves.
    """
    number = out.dtype.type
    for i in range(images.shape[0]):
        find_ink(images[i], height, width, SOLID, box)
        longest = max(box[2], box[3])
        radius = (target * longest / box_side - measure_width(images[i], height, width)) / 2
        spread_level(images[i], height, width, 1 if radius > 0 else 0, abs(radius), out[i])
        before, after = 0.0, 0.0
        for p in range(height * width):
            before, after = max(before, np.float64(images[i, p])), max(after, np.float64(out[i, p]))
        # What would vanish stays as it is.
        for p in range(height * width):
            out[i, p] = number(out[i, p] * (before / after)) if after > 0 else images[i, p]
