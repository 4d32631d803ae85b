import contextlib
import io
import re
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFilter
from sklearn.datasets import load_digits

from skdigits.preprocessing import DigitCenterer, DigitNormalizer, read_digit_image, read_digit_images
from skdigits.preprocessing._pages import largest_digit, split_digits
from skdigits.preprocessing._photos import read_grey

DIGITS = load_digits().images
# A 4, with nothing symmetric about it, as dark ink on white paper with a margin.
INK = np.pad(np.kron(DIGITS[4], np.ones((8, 8))), 24) / 16
PAPER = (255 - 255 * INK).round().astype(np.uint8)
EXPECTED = DigitCenterer().fit_transform(DigitNormalizer().fit_transform(INK.reshape(1, -1))).reshape(28, 28)


def saved(image, form="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream


def assert_read(source, atol=0.02):
    image = read_digit_image(source)
    assert image.dtype == np.float32
    assert image.min() >= 0
    assert image.max() <= 1
    np.testing.assert_allclose(image, EXPECTED, atol=atol)


def transparent(level=0):
    """Ink of one level of grey on nothing."""
    return Image.fromarray(np.dstack([np.full((*INK.shape, 3), level, np.uint8), 255 - PAPER]))


def white_over_black():
    """White ink, and nothing that says black."""
    pixels = np.array(transparent(255))
    pixels[pixels[..., 3] == 0, :3] = 0
    return Image.fromarray(pixels)


GREY = Image.fromarray(PAPER)
FORMS = {
    "grey PNG": lambda: saved(GREY),
    "inverted": lambda: saved(Image.fromarray(255 - PAPER)),
    "colours": lambda: saved(GREY.convert("RGB")),
    "CMYK": lambda: saved(GREY.convert("CMYK"), "TIFF"),
    "palette": lambda: saved(GREY.convert("P")),
    "16 bits": lambda: saved(Image.fromarray(PAPER.astype(np.uint16) * 257)),
    "16 bits, TIFF": lambda: saved(Image.fromarray(PAPER.astype(np.uint16) * 257), "TIFF"),
    "numbers with a point": lambda: saved(Image.fromarray(PAPER.astype(np.float32)), "TIFF"),
    "transparent": lambda: saved(transparent()),
    "light on transparent": lambda: saved(transparent(255)),
    "light on transparent black": lambda: saved(white_over_black()),
    "grey and transparent": lambda: saved(transparent().convert("LA")),
    "BMP": lambda: saved(GREY, "BMP"),
    "TIFF": lambda: saved(GREY, "TIFF", compression="tiff_lzw"),
}


def test_greys_times_their_opacity():
    image = transparent().convert("LA")
    np.testing.assert_array_equal(read_digit_image(image.convert("La")), read_digit_image(image))


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_files(form):
    assert_read(FORMS[form]())


def test_jpeg():
    assert_read(saved(GREY, "JPEG", quality=90), atol=0.2)


def test_one_bit_a_pixel():
    image = read_digit_image(saved(Image.fromarray(PAPER < 230)))
    np.testing.assert_allclose(image.ravel(), DigitCenterer().fit_transform([PAPER < 230])[0], atol=1e-6)


# Orientation, and how the camera has stored the image: mirrored, then turned by so many quarters.
STORED = [(2, True, 0), (3, False, 2), (4, True, 2), (5, True, 1), (6, False, 1), (7, True, 3), (8, False, 3)]


@pytest.mark.parametrize(("orientation", "is_mirrored", "turns"), STORED)
def test_photographs_are_turned_as_exif_says(orientation, is_mirrored, turns):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.rot90(np.fliplr(PAPER) if is_mirrored else PAPER, turns)
    assert_read(saved(Image.fromarray(stored), exif=exif))


def test_light_paper_with_a_transparent_frame():
    opacity = np.full(PAPER.shape, 255, np.uint8)
    opacity[:10] = opacity[-10:] = 0
    assert_read(saved(Image.fromarray(np.dstack([PAPER] * 3 + [opacity]))))


def test_paths(tmp_path):
    GREY.save(tmp_path / "four.png")
    assert_read(tmp_path / "four.png")
    assert_read(str(tmp_path / "four.png"))
    with open(tmp_path / "four.png", "rb") as stream:
        assert_read(stream)


def test_uneven_light_noise_and_specks():
    rng, (y, x) = np.random.default_rng(0), np.indices(PAPER.shape)
    photo = 190 + 0.3 * x - 0.2 * y - 140 * INK + rng.normal(scale=2, size=PAPER.shape)
    photo[15:18, 15:18] = 40
    assert_read(saved(Image.fromarray(photo.clip(0, 255).astype(np.uint8))), atol=0.25)


def test_large_photographs_are_made_smaller():
    photo = Image.fromarray(np.kron(PAPER, np.ones((25, 25), np.uint8)))
    assert max(photo.size) > 2000
    assert_read(saved(photo), atol=0.1)


@pytest.mark.parametrize("shape", [(1, 2000), (2000, 1)])
def test_long_strips_become_lines(shape):
    strip = np.kron(np.arange(2000).reshape(shape) % 256, np.ones((30, 50) if shape[0] == 1 else (50, 30)))
    grey = read_grey(saved(Image.fromarray(strip.astype(np.uint8))))
    np.testing.assert_array_equal(grey, np.arange(2000).reshape(shape) % 256)


def test_blank_image():
    np.testing.assert_array_equal(read_digit_image(saved(Image.new("L", (30, 50), 200))), 0)
    assert read_digit_image(saved(Image.new("L", (1, 1), 200))).shape == (28, 28)


@pytest.mark.parametrize(("form", "size"), [("BMP", (28, 28)), ("BMP", (90, 120)), ("JPEG", (900, 1200))])
@pytest.mark.parametrize("blur", [0, 1])
def test_noise_of_paper_is_no_digit(form, size, blur):
    paper = np.clip(np.random.default_rng(0).normal(230, 4, size), 0, 255).astype(np.uint8)
    photo = Image.fromarray(paper).filter(ImageFilter.GaussianBlur(blur))
    np.testing.assert_array_equal(read_digit_image(saved(photo, form)), 0)
    with pytest.raises(ValueError, match="no digits were found"):
        read_digit_images(saved(photo, form))


@pytest.mark.parametrize("contrast", [40, 160])
def test_digit_that_fills_a_noisy_image_is_read(contrast):
    digit = np.kron(PAPER[PAPER.min(axis=1) < 128][:, PAPER.min(axis=0) < 128], np.ones((5, 5)))
    photo = 230 - contrast * (255 - digit) / 255 + np.random.default_rng(0).normal(0, 4, digit.shape)
    assert read_digit_image(Image.fromarray(photo.astype(np.uint8))).max() > 0.5


def png_header(width, height):
    data = b"IHDR" + struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + data + struct.pack(">II", zlib.crc32(data), 9) + b"IDAT"


GREY_PNG = saved(GREY).getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "expected an image, PNG, JPEG, BMP or TIFF"),
        (b"no image\n" * 100, "expected an image"),
        (GREY_PNG[: len(GREY_PNG) // 2], "damaged or cut off"),
        (GREY_PNG[:60], "damaged or cut off"),
        (saved(GREY, "JPEG").getvalue()[:-200], "damaged or cut off"),
        (saved(GREY, "TIFF").getvalue()[:2000], "damaged or cut off"),
        (saved(GREY, "BMP").getvalue()[:2000], "damaged or cut off"),
        (saved(GREY, "GIF").getvalue(), "expected an image, PNG"),
        (png_header(10_000, 5000), "damaged or cut off"),
        (png_header(5_000_001, 10), "expected at most 50,000,000 pixels, got 5000001 x 10"),
        (png_header(8000, 7000), "expected at most 50,000,000 pixels, got 8000 x 7000"),
        (png_header(2**31 - 1, 2**31 - 1), "expected at most 50,000,000 pixels, got far more"),
        (saved(Image.fromarray(np.full((9, 9), np.nan, np.float32)), "TIFF").getvalue(), "expected finite pixels"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_image_is_refused(tmp_path, content, says):
    path = tmp_path / "x.png"
    path.write_bytes(content)
    for source in (path, io.BytesIO(content)):
        with pytest.raises(ValueError, match=re.escape(says)):
            read_digit_image(source)


def test_a_photograph_of_fifty_megapixels(tmp_path):
    small = GREY
    large = small.resize((7071, 7071), Image.Resampling.NEAREST)
    large.save(tmp_path / "large.png", compress_level=1)
    medium = small.resize((700, 700), Image.Resampling.NEAREST)
    medium.save(tmp_path / "medium.png")
    seen, expected = (read_digit_image(tmp_path / name) for name in ("large.png", "medium.png"))
    assert np.corrcoef(seen.ravel(), expected.ravel())[0, 1] > 0.99


def test_changed_bytes_are_read_or_refused():
    rng = np.random.default_rng(0)
    for form in ("PNG", "JPEG", "BMP", "TIFF"):
        content = np.frombuffer(saved(GREY.resize((20, 20)), form).getvalue(), np.uint8)
        for _ in range(40):
            changed = content.copy()
            changed[rng.integers(0, len(content), 3)] = rng.integers(0, 256, 3)
            with contextlib.suppress(ValueError):
                assert read_digit_image(io.BytesIO(changed.tobytes())).shape == (28, 28)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_digit_image(tmp_path / "x.png")


def test_missing_pillow(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=re.escape('pip install "skdigits[plot]"')):
        read_digit_image("x.png")


def make_page(numbers, rng, spacing=60):
    """Digits of scikit-learn in a grid, of 40 pixels each and not quite in line."""
    rows, columns = np.shape(numbers)
    page = np.zeros((rows * spacing + 40, columns * spacing + 40))
    for (row, column), number in np.ndenumerate(numbers):
        top, left = 30 + row * spacing + rng.integers(-4, 5), 30 + column * spacing + rng.integers(-4, 5)
        page[top : top + 40, left : left + 40] = np.kron(DIGITS[number], np.ones((5, 5))) / 16
    return page


def test_digits_of_a_page_in_reading_order(tmp_path):
    numbers = np.arange(20).reshape(4, 5)
    page = make_page(numbers, np.random.default_rng(0))
    page[3:5, 100:103] = 1  # a speck
    Image.fromarray((255 - 255 * page).astype(np.uint8)).save(tmp_path / "page.png")
    images = read_digit_images(tmp_path / "page.png")
    assert images.shape == (20, 28, 28)
    assert images.dtype == np.float32
    alone = DigitCenterer().fit_transform(DIGITS[:20] / 16).reshape(-1, 28, 28)
    similar = np.corrcoef(images.reshape(20, -1), alone.reshape(20, -1))[:20, 20:]
    np.testing.assert_array_equal(similar.argmax(axis=1), np.arange(20))
    assert similar.diagonal().min() > 0.8


def test_page_that_is_no_file_of_a_folder(tmp_path):
    page = Image.fromarray((255 - 255 * make_page(np.arange(6).reshape(2, 3), np.random.default_rng(0))).astype("u1"))
    page.save(tmp_path / "page.png")
    expected = read_digit_images(tmp_path / "page.png")
    for source in (page, saved(page)):
        np.testing.assert_array_equal(read_digit_images(source), expected)


@pytest.mark.parametrize("source", [Image.new("L", (30, 30), 255), saved(Image.new("L", (30, 30), 255))])
def test_blank_page_that_is_no_file_of_a_folder(source):
    with pytest.raises(ValueError, match=r"^the (image|file): no digits were found"):
        read_digit_images(source)


def test_parts_of_a_digit_stay_together(tmp_path):
    page = np.full((100, 200), 255, np.uint8)
    page[30:70, 40:46] = 0
    page[30:36, 49:65] = 0  # three pixels apart from it
    page[30:70, 120:126] = 0
    Image.fromarray(page).save(tmp_path / "page.png")
    first, second = read_digit_images(tmp_path / "page.png")
    assert (first.any(axis=0).sum(), second.any(axis=0).sum()) == (13, 3)


def test_digit_within_the_bounds_of_another_is_left_out_of_it():
    page = np.zeros((40, 40))
    page[5:35, 5:7] = page[33:35, 5:35] = 1
    page[8:28, 24:26] = 1
    first, second = split_digits(page)
    assert (first.shape, first.sum()) == ((30, 30), page.sum() - 40)
    assert second.sum() == 40


def test_digit_with_most_ink_is_not_that_of_the_widest_bounds():
    page = np.zeros((60, 60))
    page[5:36, 5] = page[35, 5:36] = 1
    page[45:55, 45:55] = 1
    digit, n_digits = largest_digit(page)
    assert (digit.shape, n_digits) == ((10, 10), 2)


def test_specks_are_no_digits_however_many_there_are():
    page = np.zeros((60, 100))
    page[20:40, 20:40] = 1
    page[::10, 60::4] = 1
    assert len(split_digits(page)) == 1


def test_faint_grey_far_from_a_digit_is_no_edge_of_it():
    page = np.zeros((60, 100))
    page[20:40, 20:40] = 1
    page[20:40, 40] = page[30, 80] = 0.1
    (digit,) = split_digits(page)
    assert digit.shape == (20, 21)


def test_folder(tmp_path):
    for name, image in [("b.PNG", PAPER), ("a.jpg", np.rot90(PAPER, 2)), ("c.tiff", 255 - PAPER)]:
        Image.fromarray(image).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    images = read_digit_images(tmp_path)
    assert images.shape == (3, 28, 28)
    np.testing.assert_allclose(images[1:], [EXPECTED, EXPECTED], atol=0.02)
    assert abs(images[0] - EXPECTED).max() > 0.5


def test_nothing_to_read_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"expected image files in this folder \(.png, "):
        read_digit_images(tmp_path)
    Image.new("L", (30, 30), 255).save(tmp_path / "blank.png")
    with pytest.raises(ValueError, match="no digits were found"):
        read_digit_images(tmp_path / "blank.png")


@pytest.mark.parametrize("read", [read_digit_image, read_digit_images])
@pytest.mark.parametrize("source", [None, np.ones((9, 9)), io.StringIO("P")])
def test_what_is_no_file(read, source):
    with pytest.raises(TypeError, match="expected a path, a file opened in binary mode or an image of PIL, got"):
        read(source)


def test_arrays_are_told_how_to_become_images():
    with pytest.raises(TypeError, match=r"got ndarray; PIL.Image.fromarray"):
        read_digit_image(PAPER)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16"])
def test_image_of_pillow_is_read_as_its_file(mode):
    image = Image.fromarray(PAPER).convert(mode)
    np.testing.assert_array_equal(read_digit_image(image), read_digit_image(saved(image, "PNG")))
    image.getpixel((0, 0))  # it is still open


def test_image_of_pillow_without_pixels_is_refused():
    with pytest.raises(ValueError, match="the image: expected pixels, got none"):
        read_digit_image(Image.new("L", (0, 5)))


def test_image_of_pillow_that_is_too_large_is_refused():
    with pytest.raises(ValueError, match="the image: expected at most 50,000,000 pixels"):
        read_digit_image(Image.new("1", (10_000, 5_001)))


@pytest.mark.parametrize("kind", ["TIFF", "PNG"])
def test_file_of_several_images_is_refused(kind):
    images = saved(GREY, kind, save_all=True, append_images=[GREY.rotate(90)])
    with pytest.raises(ValueError, match="expected one image, got 2; save each in a file of its own"):
        read_digit_image(images)


def test_photo_with_a_preview_is_one_image():
    colours = GREY.convert("RGB")
    assert_read(saved(colours, "MPO", save_all=True, append_images=[colours], quality=95))
