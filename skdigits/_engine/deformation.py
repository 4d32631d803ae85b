"""Random deformations of images: what is drawn for each, and the work of all threads."""

import threading
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from skdigits._engine.inputs import as_read_only
from skdigits._engine.memory import aligned_zeros
from skdigits._engine.team import share_work, useful_threads
from skdigits._engine.workspace import ceil_divide
from skdigits._kernels.arrays import Frame, Scratch
from skdigits._kernels.codes import CONTROL_SIZE, STOP_REQUESTED
from skdigits._kernels.entry_points import deform_images, sum_quarters
from skdigits._kernels.sizes import BORDER, TILE, lanes

# Images that draw from one generator; a few hundred make up for what Python does for each chunk, which threads wait
# for one another to do. Any number of threads gives the same result because this does not change.
_CHUNK = 512
# Parts of the elastic field that are this much smaller than its largest one are left out.
_SMALLEST_PART = 1e-3
# SciPy's filter ends at so many standard deviations.
_TRUNCATION = 4.0
# What the work on one pixel amounts to.
_MULTIPLICATIONS_A_PIXEL = 240
_N_AFFINE = 6


class DeformationSettings(NamedTuple):
    """How strong deformations are, in the units of `ElasticDeformer`."""

    rotation: float
    scale: float
    shear: float
    shift: float
    alpha: float
    sigma: float


def deform(images, shape, settings, seed, n_threads, out):
    """Write a randomly deformed copy of each image.

    Parameters
    ----------
    images : C-ordered array of shape (n_images, height * width), float32 or float64
    shape : tuple of (height, width)
    settings : DeformationSettings
    seed : int
        Below 2 ** 64. It determines the result, together with the position of an image and the number of images.
    n_threads : int
        Most threads; few images are deformed in one.
    out : C-ordered array of the shape and the type of `images`
        May be `images` itself.
    """
    dtype, n_images = images.dtype, len(images)
    images = as_read_only(np.asarray(images))
    frame = _make_frame(*shape, float(settings.alpha), float(settings.sigma), dtype)
    chunks, lock = iter(range(ceil_divide(n_images, _CHUNK))), threading.Lock()
    control = np.zeros(CONTROL_SIZE, np.int64)

    def take_chunk():
        with lock:
            return None if control[STOP_REQUESTED] else next(chunks, None)

    def work(_):
        scratch = _allocate_scratch(frame, dtype)
        n_random = 2 * frame.row_rank * frame.column_rank
        noise = np.empty(min(_CHUNK, n_images) * n_random, np.float32)
        for chunk in iter(take_chunk, None):
            rows = slice(_CHUNK * chunk, min(_CHUNK * (chunk + 1), n_images))
            n_now = rows.stop - rows.start
            affine_maps = draw_chunk(seed, chunk, n_now, shape, settings, noise[: n_now * n_random])
            deform_images(images[rows], affine_maps.astype(dtype), noise, frame, scratch, out[rows])

    n_threads = useful_threads(n_threads, _MULTIPLICATIONS_A_PIXEL * images.size, "new")
    share_work(work, n_threads, control)


def draw_chunk(seed, chunk, n_images, shape, settings, noise):
    """Draw all that is random about the images of a chunk.

    Parameters
    ----------
    seed, chunk : int
        What is drawn is determined by the two.
    n_images : int
    shape : tuple of (height, width)
    settings : DeformationSettings
    noise : float32 array
        Filled with numbers that are nearly normal, of mean 0 and variance 1/3. Images of all types get the same ones.

    Returns
    -------
    affine_maps : float64 array of shape (n_images, 6)
        As `place_affinely` takes them.
    """
    # NumPy's fastest generator, and no normal numbers: these would be a third of all the work.
    generator = np.random.Generator(np.random.SFC64(np.random.SeedSequence(int(seed), spawn_key=(chunk,))))
    uniform = generator.uniform(-1.0, 1.0, (_N_AFFINE, n_images))
    sum_quarters(generator.integers(0, 2**64, len(noise), np.uint64), noise)
    angle = np.radians(settings.rotation) * uniform[0]
    scale_x, scale_y = 1 + settings.scale * uniform[1:3]
    shear = settings.shear * uniform[3]
    shift_x, shift_y = settings.shift * uniform[4:6]
    cosine, sine = np.cos(angle), np.sin(angle)
    xx, xy = cosine * scale_x, (cosine * shear - sine) * scale_y
    yx, yy = sine * scale_x, (sine * shear + cosine) * scale_y
    centre_y, centre_x = (shape[0] - 1) / 2, (shape[1] - 1) / 2
    x_start = centre_x + shift_x - xx * centre_x - xy * centre_y
    y_start = centre_y + shift_y - yx * centre_x - yy * centre_y
    return np.stack([xx, xy, x_start, yx, yy, y_start], axis=1)


@lru_cache(maxsize=32)
def factor_gaussian_filter(n, sigma):
    """Factor of the covariance of white noise after a Gaussian filter.

    The filter of n numbers, zeros outside, is a matrix G = U S V'. White Gaussian noise z has the same distribution
    as V' z, so that U S z, with the few columns of U S that are not negligible, is distributed as the filtered noise
    G z is.

    Parameters
    ----------
    n : int
    sigma : float
        Standard deviation of the filter, which ends at four of them as SciPy's does.

    Returns
    -------
    factor : float64 array of shape (n, rank), read-only
        U S, with columns of zeros up to a whole number of tiles.
    """
    radius = int(_TRUNCATION * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(radius + 1) / sigma) ** 2)
    weights /= 2 * weights.sum() - weights[0]
    distances = np.abs(np.arange(n)[:, np.newaxis] - np.arange(n))
    matrix = np.where(distances <= radius, weights[np.minimum(distances, radius)], 0)
    left, sizes, _ = np.linalg.svd(matrix)
    # LAPACK leaves signs open: settled here, so that a seed means the same on other machines.
    left *= np.where(left[0] < 0, -1, 1)
    rank = ceil_divide(int(np.sum(sizes > _SMALLEST_PART * sizes[0])), TILE) * TILE
    factor = np.zeros((n, rank))
    factor[:, :n] = (left * sizes)[:, :rank]
    return as_read_only(factor)


@lru_cache(maxsize=8)
def _make_frame(height, width, alpha, sigma, dtype):
    stride = ceil_divide(width, lanes(dtype)) * lanes(dtype)
    by_row, by_column = np.zeros((height, 0)), np.zeros((width, 0))
    if alpha:
        by_row = alpha * factor_gaussian_filter(height, sigma)
        by_column = factor_gaussian_filter(width, sigma)
    column_factor = np.zeros((by_column.shape[1], stride))
    column_factor[:, :width] = by_column.T
    rows, columns = np.indices((height, stride))

    def flat(values):
        out = aligned_zeros(values.size, dtype)
        out[:] = values.ravel()
        return as_read_only(out)

    return Frame(
        height=height,
        width=width,
        columns=flat(columns),
        rows=flat(rows),
        row_factor=flat(by_row),
        column_factor=flat(column_factor),
        row_rank=by_row.shape[1],
        column_rank=by_column.shape[1],
        every_position=as_read_only(np.arange(max(height, width) + TILE, dtype=np.int32).view(np.float32)),
    )


def _allocate_scratch(frame, dtype):
    n_places = frame.columns.size
    return Scratch(
        padded=np.zeros((frame.height + BORDER) * (frame.width + BORDER), dtype),
        x=aligned_zeros(n_places, dtype),
        y=aligned_zeros(n_places, dtype),
        places=np.zeros(n_places, np.uint32),
        products=aligned_zeros(n_places // frame.height * frame.row_rank, dtype),
    )
