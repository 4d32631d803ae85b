"""Digits made alike: size and place, slant, lighting, contrast, pens. The buffers, and what is a batch of NumPy."""

from functools import lru_cache

import numpy as np

from skdigits._engine.inputs import as_read_only
from skdigits._kernels.entry_points import centre_images, deskew_images, normalize_images, set_stroke_widths

# The sides of the box into which MNIST's digits were scaled, and of its images.
BOX_SIDE, FIELD_SIDE = 20, 28

# The ground is looked for in so thick a frame of the shorter side: two pixels of 28.
_FRAME_SHARE = 14
# A smaller image has too few pixels in its frame to tell lighting from ink.
_SMALLEST_LIT = 12
# In a smaller image strokes are too thin to tell noise from them.
_SMALLEST_BLANK = 20
# Farther apart noise is independent, also in compressed photographs, whose squares are so large.
_LARGEST_STEP = 8
# Pixels of frames that are looked at together.
_LARGEST_FRAMES = 1_000_000
# Pixels of images whose frames are kept for the next call.
_LARGEST_KNOWN = 10_000
# Noise ends at so many third quartiles of its size: 5.8 standard deviations, 3.4 of noise of which half is cut off.
CUT = 5.0


def centre(images, shape, threshold):
    """Scale each image into a box and move its centre of mass to the middle of a field.

    Parameters
    ----------
    images : C-ordered array of shape (n_images, height * width), float32 or float64
    shape : tuple of (height, width)
    threshold : float
        Ink is what is above this share of the maximum.

    Returns
    -------
    centred : ndarray of shape (n_images, FIELD_SIDE ** 2)
        Of the type of `images`.
    """
    out = np.empty((len(images), FIELD_SIDE**2), images.dtype)
    moments, box, sums, small = np.zeros(5), np.zeros(4, np.int64), np.zeros(shape[1]), np.zeros(BOX_SIDE**2)
    centre_images(
        as_read_only(np.asarray(images)), *shape, float(threshold), BOX_SIDE, FIELD_SIDE, moments, box, sums, small, out
    )
    return out


def deskew(images, shape, max_slant):
    """Remove the slant of each image.

    Parameters
    ----------
    images : C-ordered array of shape (n_images, height * width), float32 or float64
    shape : tuple of (height, width)
    max_slant : float

    Returns
    -------
    deskewed : ndarray of the shape and the type of `images`
    """
    out = np.empty_like(images)
    deskew_images(as_read_only(np.asarray(images)), *shape, float(max_slant), np.zeros(5), out)
    return out


def normalize(images, shape, threshold, *, may_be_blank=False):
    """Turn each image into light strokes on a ground of exactly 0, with a maximum of 1.

    Parameters
    ----------
    images : C-ordered array of shape (n_images, height * width), float32 or float64
    shape : tuple of (height, width)
    threshold : float
        Pixels that are not above this share of the maximum become 0.
    may_be_blank : bool, default=False
        Whether an image may hold no digit: one that differs from its ground by no more than noise does becomes 0.

    Returns
    -------
    normalized : ndarray of the shape and the type of `images`
    """
    out = np.empty_like(images)
    places, basis = frame_of(*shape)
    chunk = max(1, _LARGEST_FRAMES // len(places))
    for start in range(0, len(images), chunk):
        rows = slice(start, start + chunk)
        frames = images[rows, places].astype(np.float64)
        levels, surfaces, noise = estimate_ground(frames, basis)
        extremes = np.zeros(len(frames))
        if may_be_blank:
            differences = frames - levels[:, np.newaxis] - surfaces @ basis.T
            extremes = np.minimum(_extreme_noise(differences), _extreme_steps(images[rows].reshape(-1, *shape)))
        ground = map(as_read_only, (levels, surfaces, noise, extremes))
        normalize_images(as_read_only(images[rows]), *shape, *ground, float(threshold), out[rows])
    return out


def _extreme_noise(differences):
    """What noise does not exceed in millions of pixels: 3.5 times what it exceeds in one of twenty.

    That is 6.9 standard deviations, and 5.8 of noise of which half is cut off.
    """
    return 3.5 * np.quantile(abs(differences), 0.95, axis=1)


def _extreme_steps(images):
    """The same from pixels that are less than a stroke apart: 5.7 standard deviations of normal noise.

    Where digits reach the edges these differ from the ground as much as all ink does, but few steps are as large: most
    are from ground to ground, or from ink to ink.
    """
    distance = min(_LARGEST_STEP, max(1, min(images.shape[1:]) // FIELD_SIDE))
    if min(images.shape[1:]) < _SMALLEST_BLANK:
        return np.zeros(len(images))
    some = images[:, :: max(1, images[0].size // _LARGEST_FRAMES)].astype(np.float64)
    steps = abs(some[:, :, distance:] - some[:, :, :-distance]).reshape(len(images), -1)
    return 6.0 * np.median(steps, axis=1)


def set_widths(images, shape, stroke_width):
    """Bring the strokes of each image to one mean width.

    Parameters
    ----------
    images : C-ordered array of shape (n_images, height * width), float32 or float64
        Light strokes on a ground of 0, with a maximum of 1.
    shape : tuple of (height, width)
    stroke_width : float
        In pixels of a digit that fills MNIST's box.

    Returns
    -------
    changed : ndarray of the shape and the type of `images`
    """
    out = np.empty_like(images)
    set_stroke_widths(as_read_only(images), *shape, float(stroke_width), BOX_SIDE, np.zeros(4, np.int64), out)
    return out


def estimate_ground(frames, basis):
    """Level, unevenness and noise of the ground, from the pixels at the edges of images.

    Parameters
    ----------
    frames : float64 array of shape (n_images, n_pixels)
    basis : float64 array of shape (n_pixels, 6)
        The terms of a quadratic surface there, or zeros where images are too small for one.

    Returns
    -------
    levels : float64 array of shape (n_images,)
        Medians.
    surfaces : float64 array of shape (n_images, 6)
        Coefficients of a quadratic surface for the differences from the level. Zeros, unless it fits them twice as
        well as a constant does: strokes that reach the edge are no lighting.
    noise : float64 array of shape (n_images,)
        Differences from both that are not above it are no ink.
    """
    levels = np.median(frames, axis=1)
    differences = frames - levels[:, np.newaxis]
    spread = _spread(differences)
    surfaces, best = np.zeros((len(frames), basis.shape[1])), spread.copy()
    # The second time, with what was found to be ink left out.
    for _ in range(2):
        uneven = np.flatnonzero(best > 0)
        residuals = differences[uneven] - surfaces[uneven] @ basis.T
        fitted = _fit_surfaces(differences[uneven], abs(residuals) <= CUT * best[uneven, np.newaxis], basis)
        achieved = _spread(differences[uneven] - fitted @ basis.T)
        is_better = achieved < np.minimum(best[uneven], 0.5 * spread[uneven])
        surfaces[uneven[is_better]], best[uneven[is_better]] = fitted[is_better], achieved[is_better]
    return levels, surfaces, CUT * best


def _fit_surfaces(values, weights, basis):
    """Least squares of each row of values, by the pixels that count."""
    n_pixels, n_terms = basis.shape
    products = (basis[:, :, np.newaxis] * basis[:, np.newaxis]).reshape(n_pixels, -1)
    matrices = (weights.astype(np.float64) @ products).reshape(-1, n_terms, n_terms)
    # Solvable for any pixels, and far below what a fit is worth.
    matrices += 1e-9 * n_pixels * np.eye(n_terms)
    return np.linalg.solve(matrices, ((weights * values) @ basis)[:, :, np.newaxis])[:, :, 0]


def _spread(differences):
    """The third quartile of sizes: not 0 where noise was cut off at one side, as it is at black and at white."""
    place = 3 * differences.shape[1] // 4
    return np.partition(abs(differences), place, axis=1)[:, place]


def surface_terms(height, width, places):
    """The terms of a quadratic surface, 1, x, y, x x, x y, y y, at pixels of an image, x and y from -1 to 1."""
    x, y = (2 * v / max(n - 1, 1) - 1 for v, n in ((places % width, width), (places // width, height)))
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)


def frame_of(height, width):
    """Pixels at the edges of an image, and the terms of a quadratic surface there."""
    # Those of photographs take tens of megabytes.
    return (_known_frame_of if height * width <= _LARGEST_KNOWN else _make_frame)(height, width)


def _make_frame(height, width):
    depth = max(1, min(height, width) // _FRAME_SHARE)
    rows, columns = np.indices((height, width)).reshape(2, -1)
    is_edge = np.minimum(rows, height - 1 - rows) < depth
    is_edge |= np.minimum(columns, width - 1 - columns) < depth
    places = np.flatnonzero(is_edge)
    basis = surface_terms(height, width, places)
    if min(height, width) < _SMALLEST_LIT:
        basis[:] = 0
    return as_read_only(places), as_read_only(basis)


_known_frame_of = lru_cache(maxsize=8)(_make_frame)
