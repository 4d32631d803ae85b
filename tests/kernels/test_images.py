import naive
import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from skdigits._kernels.arrays import Frame, Scratch
from skdigits._kernels.images import (
    add_elastic_field,
    deform_images,
    place_affinely,
    sample_image,
    split_coordinates,
    sum_quarters,
)
from skdigits._kernels.sizes import BORDER, TILE, lanes

DTYPES = pytest.mark.parametrize("dtype", ["f4", "f8"])
SHAPES = pytest.mark.parametrize("shape", [(1, 1), (3, 5), (7, 4), (5, 17), (2, 70)])
IDENTITY = np.array([1.0, 0, 0, 0, 1, 0])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def read_only(array):
    array.flags.writeable = False
    return array


def make_frame(shape, dtype, rng, row_rank=0, column_rank=0):
    """A frame whose factors hold anything; row_factor and column_factor as matrices beside it."""
    height, width = shape
    stride = -(-width // lanes(dtype)) * lanes(dtype)
    row_factor = rng.normal(size=(height, row_rank)).astype(dtype)
    column_factor = np.zeros((column_rank, stride), dtype)
    column_factor[:, :width] = rng.normal(size=(column_rank, width))
    rows, columns = np.indices((height, stride)).astype(dtype)
    positions = np.arange(max(height, row_rank, column_rank), dtype=np.int32).view(np.float32)
    arrays = [columns.ravel(), rows.ravel(), row_factor.ravel(), column_factor.ravel(), positions]
    columns, rows, left, right, positions = map(read_only, arrays)
    frame = Frame(height, width, columns, rows, left, right, row_rank, column_rank, positions)
    return frame, row_factor, column_factor[:, :width]


def make_scratch(frame, dtype):
    n_places = frame.columns.size
    return Scratch(
        np.zeros((frame.height + BORDER) * (frame.width + BORDER), dtype),
        np.zeros(n_places, dtype),
        np.zeros(n_places, dtype),
        np.zeros(n_places, np.uint32),
        np.zeros(n_places // frame.height * frame.row_rank, dtype),
    )


def unpad(values, frame):
    return values.reshape(frame.height, -1)[:, : frame.width]


def tolerance(dtype):
    return {"rtol": 0, "atol": 1e-5 if dtype == "f4" else 1e-12}


def test_noise_agrees_with_twin_and_is_nearly_normal():
    words = np.random.default_rng(0).integers(0, 2**64, 100_000, np.uint64)
    words[:2] = 0, 2**64 - 1
    noise = np.zeros(len(words), np.float32)
    sum_quarters(words, noise)
    np.testing.assert_array_equal(noise, naive.sum_quarters(words))
    assert noise[0] == -noise[1] == 2**-15 - 2
    # Moments of half the sum of four uniform numbers, within four standard errors or so; 3 / 9 would be normal.
    assert abs(noise.mean()) < 0.008
    assert abs((noise**2).mean() - 1 / 3) < 0.006
    assert abs((noise**4).mean() - 2.7 / 9) < 0.012


@DTYPES
@SHAPES
def test_affine_coordinates_agree_with_twin(dtype, shape, rng):
    frame, _, _ = make_frame(shape, dtype, rng)
    scratch, affine_map = make_scratch(frame, dtype), rng.normal(size=6).astype(dtype)
    place_affinely(affine_map, frame, scratch.x, scratch.y)
    x, y = naive.coordinates(affine_map, np.zeros(shape), np.zeros(shape))
    np.testing.assert_allclose(unpad(scratch.x, frame), x, **tolerance(dtype))
    np.testing.assert_allclose(unpad(scratch.y, frame), y, **tolerance(dtype))


@DTYPES
@SHAPES
@pytest.mark.parametrize("ranks", [(TILE, TILE), (TILE, 2 * TILE), (3 * TILE, TILE)])
def test_elastic_field_agrees_with_twin(dtype, shape, ranks, rng):
    frame, row_factor, column_factor = make_frame(shape, dtype, rng, *ranks)
    scratch, size = make_scratch(frame, dtype), ranks[0] * ranks[1]
    noise = rng.normal(size=3 * size).astype(np.float32)
    scratch.x[:] = 1
    scratch.products[:] = 99  # left by the image before
    add_elastic_field(noise, size, frame, scratch.products, scratch.x)
    expected = 1 + naive.elastic_field(row_factor, noise[size : 2 * size].reshape(ranks), column_factor)
    np.testing.assert_allclose(unpad(scratch.x, frame), expected, rtol=0, atol=3e-5 if dtype == "f4" else 1e-12)


@DTYPES
def test_coordinates_are_split_or_moved_to_the_border(dtype):
    x = np.array([0, 2.25, -0.5, -1, -7, 4, 4.75, 1e30, np.inf, -np.inf, np.nan], dtype)
    y = np.zeros_like(x)
    places = np.zeros(len(x), np.uint32)
    with np.errstate(invalid="ignore"):
        split_coordinates(3, 4, x, y, places)
    row = 4 + BORDER
    np.testing.assert_array_equal(places - row, [1, 3, 0, 0, 0, 5, 5, 5, 5, 0, 0])
    np.testing.assert_array_equal(x, [0, 0.25, 0.5, 0, 0, 0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(y, 0)


@DTYPES
@SHAPES
def test_sampling_agrees_with_scipy(dtype, shape, rng):
    frame, _, _ = make_frame(shape, dtype, rng)
    scratch = make_scratch(frame, dtype)
    image, out = rng.random(shape).astype(dtype), np.zeros(shape[0] * shape[1], dtype)
    for _ in range(3):
        scratch.x[:] = rng.uniform(-2, shape[1] + 1, scratch.x.size)
        scratch.y[:] = rng.uniform(-2, shape[0] + 1, scratch.y.size)
        x, y = unpad(scratch.x, frame).astype(float), unpad(scratch.y, frame).astype(float)
        sample_image(read_only(image.ravel()), frame, scratch, out)
        # SciPy's "constant" jumps to the constant where the image ends; "grid-constant" interpolates with pixels of
        # that value outside, as we do.
        expected = map_coordinates(image.astype(float), [y, x], order=1, mode="grid-constant", cval=0)
        np.testing.assert_allclose(out.reshape(shape), expected, **tolerance(dtype))
        np.testing.assert_allclose(naive.sample_bilinearly(image, x, y), expected, rtol=0, atol=1e-12)


@DTYPES
@SHAPES
def test_deformed_images_agree_with_twin(dtype, shape, rng):
    frame, row_factor, column_factor = make_frame(shape, dtype, rng, TILE, 2 * TILE)
    images = rng.random((4, shape[0] * shape[1])).astype(dtype)
    affine_maps = (IDENTITY + 0.3 * rng.normal(size=(4, 6))).astype(dtype)
    noise = 0.1 * rng.normal(size=(4, 2, TILE, 2 * TILE)).astype(np.float32)
    out = np.zeros_like(images)
    deform_images(read_only(images), affine_maps, noise.ravel(), frame, make_scratch(frame, dtype), out)
    for i in range(4):
        fields = [naive.elastic_field(row_factor, noise[i, j], column_factor) for j in (0, 1)]
        expected = naive.sample_bilinearly(images[i].reshape(shape), *naive.coordinates(affine_maps[i], *fields))
        np.testing.assert_allclose(out[i].reshape(shape), expected, **tolerance(dtype))


@DTYPES
def test_identity_keeps_every_bit_and_images_may_be_written_over(dtype, rng):
    frame, _, _ = make_frame((5, 6), dtype, rng)
    images = (rng.normal(size=(3, 30)) * 10.0 ** rng.integers(-30, 30, (3, 30))).astype(dtype)
    before, maps = images.copy(), np.tile(IDENTITY, (3, 1)).astype(dtype)
    view = read_only(images.view())
    deform_images(view, maps, np.zeros(0, np.float32), frame, make_scratch(frame, dtype), images)
    np.testing.assert_array_equal(images, before)
    maps[:, 2] = 1  # the next pixel on the right
    deform_images(view, maps, np.zeros(0, np.float32), frame, make_scratch(frame, dtype), images)
    expected = np.zeros((3, 5, 6), dtype)
    expected[:, :, :-1] = before.reshape(3, 5, 6)[:, :, 1:]
    np.testing.assert_array_equal(images, expected.reshape(3, 30))
