"""Prepares images of digits: size and place, slant, lighting and contrast.

N images of H x W pixels, x to the right and y downwards, as rows of H * W numbers. *Ink* is what is above 0: light
strokes on a dark ground. Whatever the type of the images, sums are taken in double precision.
"""

import numpy as np

from skdigits._kernels.codes import ROUNDING
from skdigits._kernels.jit import exact_kernel


@exact_kernel
def measure_moments(image, height, width, moments):
    """Write mass, centre and central moments of the ink.

    Parameters
    ----------
    image : array of shape (H * W,)
    height, width : int
    moments : float64 array of shape (5,)
        Total m, the centre x and y, the sums of dx dy and of dy dy times ink. All 0 where m is 0, or m or a sum that
        leads to the centre is not finite.
    """
    total, x_sum, y_sum = 0.0, 0.0, 0.0
    for row in range(height):
        for column in range(width):
            ink = max(np.float64(image[row * width + column]), 0.0)
            total += ink
            x_sum += ink * column
            y_sum += ink * row
    moments[:] = 0
    if not (0.0 < total < np.inf and x_sum < np.inf and y_sum < np.inf):
        return
    x_centre, y_centre, xy_sum, yy_sum = x_sum / total, y_sum / total, 0.0, 0.0
    for row in range(height):
        dy = row - y_centre
        for column in range(width):
            ink = max(np.float64(image[row * width + column]), 0.0)
            xy_sum += ink * (column - x_centre) * dy
            yy_sum += ink * dy * dy
    moments[0], moments[1], moments[2], moments[3], moments[4] = total, x_centre, y_centre, xy_sum, yy_sum


@exact_kernel
def shear_rows(image, height, width, slope, y_centre, out):
    """Move each row sideways: pixel (x, y) takes the value at (x + slope * (y - y_centre), y), zero outside.

    Parameters
    ----------
    image : array of shape (H * W,)
    height, width : int
    slope, y_centre : float
    out : array of shape (H * W,)
        Not the image itself.
    """
    number = out.dtype.type
    zero = number(0)
    for row in range(height):
        # Beyond the width nothing is left of a row.
        shift = min(max(slope * (row - y_centre), -width - 1.0), width + 1.0)
        whole = int(np.floor(shift))
        fraction, first = number(shift - whole), row * width
        for column in range(width):
            left = column + whole
            value = image[first + left] if 0 <= left < width else zero
            after = image[first + left + 1] if 0 <= left + 1 < width else zero
            out[first + column] = value + fraction * (after - value)


@exact_kernel
def deskew_images(images, height, width, max_slant, moments, out):
    """Write a copy of each image without its slant.

    Parameters
    ----------
    images : array of shape (N, H * W)
    height, width : int
    max_slant : float
        Steeper slants are taken for this one.
    moments : float64 array of shape (5,)
        Scratch.
    out : array of shape (N, H * W)
    """
    for i in range(images.shape[0]):
        measure_moments(images[i], height, width, moments)
        slope = 0.0
        if 0.0 < moments[4] < np.inf:
            slope = min(max(moments[3] / moments[4], -max_slant), max_slant)
        shear_rows(images[i], height, width, slope, moments[2], out[i])


@exact_kernel
def find_ink(image, height, width, threshold, box):
    """Write the smallest rectangle that holds all pixels above a share of the maximum.

    Parameters
    ----------
    image : array of shape (H * W,)
    height, width : int
    threshold : float
    box : int64 array of shape (4,)
        Top, left, and the height and the width, which are 0 where there is no ink.
    """
    largest = 0.0
    for p in range(height * width):
        largest = max(largest, np.float64(image[p]))
    limit = threshold * largest
    top, bottom, left, right = height, -1, width, -1
    for row in range(height):
        for column in range(width):
            if image[row * width + column] > limit:
                top, bottom = min(top, row), row
                left, right = min(left, column), max(right, column)
    box[0], box[1], box[2], box[3] = top, left, bottom - top + 1, right - left + 1
    if bottom < 0:
        box[:] = 0


@exact_kernel
def shrink_ink(image, width, box, n_rows, n_columns, sums, small):
    """Scale a rectangle of an image: each new pixel is the mean over the area that it covers.

    Parameters
    ----------
    image : array of shape (H * W,)
    width : int
    box : int64 array of shape (4,)
        As `find_ink` writes it.
    n_rows, n_columns : int
        The new size.
    sums : float64 array of at least box[3] numbers
        Scratch.
    small : float64 array of shape (B * B,)
        The first n_rows * n_columns numbers are written.
    """
    top, left, height, width_in = box[0], box[1], box[2], box[3]
    for row in range(n_rows):
        for c in range(width_in):
            sums[c] = 0.0
        # In units of 1 / n_rows of a pixel all of this is whole numbers.
        start, end = row * height, (row + 1) * height
        for r in range(start // n_rows, (end - 1) // n_rows + 1):
            weight = (min(end, (r + 1) * n_rows) - max(start, r * n_rows)) / height
            first = (top + r) * width + left
            for c in range(width_in):
                sums[c] += weight * max(np.float64(image[first + c]), 0.0)
        for column in range(n_columns):
            start, end, total = column * width_in, (column + 1) * width_in, 0.0
            for c in range(start // n_columns, (end - 1) // n_columns + 1):
                total += (min(end, (c + 1) * n_columns) - max(start, c * n_columns)) / width_in * sums[c]
            small[row * n_columns + column] = total


@exact_kernel
def centre_images(images, height, width, threshold, box_side, field_side, moments, box, sums, small, out):
    """Write each image scaled to a box, with its centre of mass in the middle of a field.

    Parameters
    ----------
    images : array of shape (N, H * W)
    height, width : int
    threshold : float
        As in `find_ink`.
    box_side, field_side : int
        B and F, B not above F.
    moments : float64 array of shape (5,)
    box : int64 array of shape (4,)
    sums : float64 array of shape (W,)
    small : float64 array of shape (B * B,)
        These four are scratch.
    out : array of shape (N, F * F)
    """
    for i in range(images.shape[0]):
        out[i, :] = 0
        find_ink(images[i], height, width, threshold, box)
        longest = max(box[2], box[3])
        if longest == 0:
            continue
        # Rounded to the nearest whole number, at least 1.
        n_rows = max((2 * box[2] * box_side + longest) // (2 * longest), 1)
        n_columns = max((2 * box[3] * box_side + longest) // (2 * longest), 1)
        shrink_ink(images[i], width, box, n_rows, n_columns, sums, small)
        measure_moments(small, n_rows, n_columns, moments)
        top = int(np.floor(field_side / 2 - moments[2] + ROUNDING))
        left = int(np.floor(field_side / 2 - moments[1] + ROUNDING))
        top = min(max(top, 0), field_side - n_rows)
        left = min(max(left, 0), field_side - n_columns)
        for row in range(n_rows):
            for column in range(n_columns):
                out[i, (top + row) * field_side + left + column] = small[row * n_columns + column]


@exact_kernel
def normalize_images(images, height, width, levels, surfaces, noise, extremes, threshold, out):
    """Write each image as light strokes on a ground of exactly 0, with a maximum of 1.

    Parameters
    ----------
    images : array of shape (N, H * W)
    height, width : int
    levels : float64 array of shape (N,)
        Subtracted first.
    surfaces : float64 array of shape (N, 6)
        Then 1, x, y, x x, x y, y y times these, x and y from -1 to 1 over the image.
    noise : float64 array of shape (N,)
        Differences from the ground that are not above it become 0, unless they are half of the maximum.
    extremes : float64 array of shape (N,)
        Where no difference is above it, all become 0.
    threshold : float
        Pixels that are not above this share of the maximum become 0, too.
    out : array of shape (N, H * W)
    """
    x_step, y_step = 2.0 / max(width - 1, 1), 2.0 / max(height - 1, 1)
    for i in range(images.shape[0]):
        level, surface = levels[i], surfaces[i]
        lowest, highest = 0.0, 0.0
        # Differences are not kept between the two passes: `out` may be less precise than they are.
        for turn in range(2):
            sign = 1.0 if highest >= -lowest else -1.0
            largest = max(highest, -lowest)
            limit = largest if largest <= extremes[i] else max(min(noise[i], 0.5 * largest), threshold * largest)
            for row in range(height):
                y = row * y_step - 1.0
                start = surface[0] + y * (surface[2] + y * surface[5])
                slope = surface[1] + y * surface[4]
                for column in range(width):
                    x = column * x_step - 1.0
                    ground = start + x * (slope + x * surface[3])
                    difference = (np.float64(images[i, row * width + column]) - level) - ground
                    if turn == 0:
                        lowest, highest = min(lowest, difference), max(highest, difference)
                    else:
                        ink = sign * difference
                        out[i, row * width + column] = ink / largest if ink > limit else 0.0
