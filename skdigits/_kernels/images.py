"""Deforms images: where each pixel comes from, and what stands there.

N images of H x W pixels, x to the right and y downwards, as rows of H * W numbers. Coordinates stand in rows of S
numbers, W rounded up to whole vectors; P = H * S. The elastic displacements have ranks R by row and Q by column,
multiples of a tile, or 0 where there are none.
"""

import numpy as np

from skdigits._kernels.jit import exact_kernel
from skdigits._kernels.products import add_products
from skdigits._kernels.sizes import BORDER, HALF_BYTES


@exact_kernel
def sum_quarters(words, noise):
    """Turn each random word of 64 bits into a number that is nearly normal, with mean 0 and variance 1/3.

    Its quarters are four numbers that are uniform in (-1, 1), with variance 1/3 each; half their sum is written.

    Parameters
    ----------
    words : uint64 array of shape (n,)
    noise : float32 array of shape (n,)
    """
    bits, two_quarters, three_quarters, mask = np.uint64(16), np.uint64(32), np.uint64(48), np.uint64(0xFFFF)
    number = noise.dtype.type
    # A quarter q stands for (2 q + 1) / 2**16 - 1, so that the distribution is symmetric; all of this is exact.
    offset, unit = number(2), number(2.0**-16)
    for i in range(words.shape[0]):
        word = words[i]
        total = (word & mask) + ((word >> bits) & mask) + ((word >> two_quarters) & mask) + (word >> three_quarters)
        noise[i] = (number(np.int32(total)) + offset) * unit - offset


@exact_kernel
def place_affinely(affine_map, frame, x, y):
    """Write where the affine map takes each pixel.

    Parameters
    ----------
    affine_map : array of shape (6,)
        The map (x, y) -> (m0 x + m1 y + m2, m3 x + m4 y + m5).
    frame : Frame
    x, y : arrays of shape (P,)
    """
    xx, xy, x_start = affine_map[0], affine_map[1], affine_map[2]
    yx, yy, y_start = affine_map[3], affine_map[4], affine_map[5]
    for p in range(x.shape[0]):
        x[p] = xx * frame.columns[p] + xy * frame.rows[p] + x_start
        y[p] = yx * frame.columns[p] + yy * frame.rows[p] + y_start


@exact_kernel
def add_elastic_field(noise, start, frame, products, out):
    """Add the field L Z M to `out`: Z of shape (R, Q) is drawn, L and M are the factors by row and by column.

    Parameters
    ----------
    noise : float32 array, flat
        Z stands in it from `start` on.
    start : int
    frame : Frame
    products : array of shape (R * S,)
        Scratch for Z M.
    out : array of shape (P,)
    """
    rank, stride = frame.row_rank, out.shape[0] // frame.height
    n_half_vectors = stride // (HALF_BYTES // out.itemsize)
    for p in range(products.shape[0]):
        products[p] = 0
    add_products(
        rank, frame.column_rank, n_half_vectors, frame.every_position, noise, start, frame.column_rank,
        frame.column_factor, 0, stride, products, 0, stride,
    )  # fmt: skip
    add_products(
        frame.height, rank, n_half_vectors, frame.every_position, frame.row_factor, 0, rank, products, 0, stride,
        out, 0, stride,
    )  # fmt: skip


@exact_kernel
def split_coordinates(height, width, x, y, places):
    """Split coordinates into the place of a pixel of the padded image and the fractions of the way to the next.

    Parameters
    ----------
    height, width : int
    x, y : arrays of shape (P,)
        Coordinates; replaced by the fractions, in [0, 1).
    places : uint32 array of shape (P,)
        The pixel above and to the left.
    """
    number = x.dtype.type
    zero, one, x_last, y_last = number(0), number(1), number(width + 1), number(height + 1)
    length = np.int32(width + BORDER)
    for p in range(x.shape[0]):
        # Whatever is farther outside is as zero as the border is. NaN, from displacements that have become infinite,
        # is not greater than 0 and goes to the border, too.
        across, down = x[p] + one, y[p] + one
        across = across if across > zero else zero
        across = across if across < x_last else x_last
        down = down if down > zero else zero
        down = down if down < y_last else y_last
        left, top = np.int32(across), np.int32(down)
        x[p], y[p] = across - number(left), down - number(top)
        places[p] = top * length + left


@exact_kernel
def sample_image(image, frame, scratch, out):
    """Write the bilinear interpolation of an image, zero outside, at the coordinates in the scratch arrays.

    Parameters
    ----------
    image : array of shape (H * W,)
    frame : Frame
    scratch : Scratch
        x and y hold the coordinates; they are replaced.
    out : array of shape (H * W,)
        May be the image itself.
    """
    padded, places, x, y = scratch.padded, scratch.places, scratch.x, scratch.y
    # Unsigned, because an index that could be negative is looked at before it is used.
    unsigned = np.uintp
    one, height, width = unsigned(1), unsigned(frame.height), unsigned(frame.width)
    stride, length = unsigned(x.shape[0]) // height, unsigned(frame.width + BORDER)
    for row in range(height):
        first, first_padded = row * width, (row + one) * length + one
        for column in range(width):
            padded[first_padded + column] = image[first + column]
    split_coordinates(frame.height, frame.width, x, y, places)
    for row in range(height):
        first, first_place = row * width, row * stride
        for column in range(width):
            across, down = x[first_place + column], y[first_place + column]
            left = unsigned(places[first_place + column])
            right = left + one
            upper, lower = padded[left], padded[left + length]
            # In this form a fraction of 0 gives the pixel itself, and equal neighbours their own value.
            upper += across * (padded[right] - upper)
            lower += across * (padded[right + length] - lower)
            out[first + column] = upper + down * (lower - upper)


@exact_kernel
def deform_images(images, affine_maps, noise, frame, scratch, out):
    """Write a deformed copy of each image.

    Pixel (x, y) of a copy takes the value of the image at m(x, y) + (e_x(x, y), e_y(x, y)), where m is the affine map
    and e_x and e_y are the two elastic fields.

    Parameters
    ----------
    images : array of shape (N, H * W)
    affine_maps : array of shape (N, 6)
        As `place_affinely` takes them.
    noise : float32 array of shape (N * 2 * R * Q,)
        Of each image the drawn numbers of the field in x, then those of the field in y.
    frame : Frame
    scratch : Scratch
    out : array of shape (N, H * W)
        May be `images` itself.
    """
    size = frame.row_rank * frame.column_rank
    for i in range(images.shape[0]):
        place_affinely(affine_maps[i], frame, scratch.x, scratch.y)
        if size > 0:
            add_elastic_field(noise, 2 * i * size, frame, scratch.products, scratch.x)
            add_elastic_field(noise, (2 * i + 1) * size, frame, scratch.products, scratch.y)
        sample_image(images[i], frame, scratch, out[i])
