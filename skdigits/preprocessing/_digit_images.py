"""Photographs and scans of digits, prepared for a network."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skdigits._engine import preparation
from skdigits._engine.preparation import FIELD_SIDE
from skdigits.preprocessing._digit_centerer import DigitCenterer
from skdigits.preprocessing._digit_normalizer import DigitNormalizer
from skdigits.preprocessing._pages import largest_digit, split_digits
from skdigits.preprocessing._photos import SUFFIXES, ImageSource, name_of, read_grey


def read_digit_image(source: ImageSource) -> NDArray[np.float32]:
    """Read a photograph or a scan of one digit, as MNIST would have it.

    Strokes may be dark or light, the light uneven, and the digit of any size and in any place; specks, and other
    digits with less ink, are left out. The digit is scaled and centred as by `DigitCenterer`.

    Parameters
    ----------
    source : str, path-like, binary file or PIL.Image.Image
        Of up to 50 million pixels; a file is PNG, JPEG, BMP or TIFF. ``PIL.Image.fromarray`` makes an image of an
        array.

    Returns
    -------
    image : ndarray of shape (28, 28), float32
        Light strokes on a ground of 0, with values in [0, 1]. Zeros where the image is of one colour, but for noise.

    Raises
    ------
    ImportError
        If Pillow is not installed: ``pip install "skdigits[plot]"``.
    OSError
        If the file cannot be opened.
    TypeError
        If `source` is something else.
    ValueError
        If it is no image, damaged, cut off or too large.

    See Also
    --------
    read_digit_images : Reads a folder, or a page with several digits.

    Notes
    -----
    Photographs are turned as their EXIF data say. Transparent images are put on white, or on black where
    they hold light strokes alone. A digit wants some paper around it: see `DigitNormalizer`, which finds out about
    paper and light.

    Examples
    --------
    >>> import io
    >>> from PIL import Image, ImageDraw
    >>> photo = Image.new("RGB", (400, 300), "ivory")
    >>> ImageDraw.Draw(photo).line([(220, 80), (190, 240)], fill="navy", width=20)
    >>> file = io.BytesIO()
    >>> photo.save(file, "JPEG")
    >>> from skdigits.preprocessing import read_digit_image
    >>> image = read_digit_image(file)
    >>> image.shape, image.dtype
    ((28, 28), dtype('float32'))
    >>> bool(image[14, 14] > 0.9), float(image[0, 0])
    (True, 0.0)
    """
    return read_one_of(source)[0]


def read_one_of(source: ImageSource) -> tuple[NDArray[np.float32], int]:
    """The digit of an image as `read_digit_image` gives it, and among how many it was chosen."""
    digit, n_digits = largest_digit(_normalize(read_grey(source)))
    return _centre([digit])[0], n_digits


def read_digit_images(path: ImageSource) -> NDArray[np.float32]:
    """Read the digits of a folder of images, or of one page.

    Parameters
    ----------
    path : str, path-like, binary file or PIL.Image.Image
        A folder: each image file in it, sorted by name, holds one digit, as in `read_digit_image`; hidden files, whose
        names begin with a dot, are left out. A file or an image: a page with digits in lines or in a grid, apart from
        each other. Parts of a digit may be as far apart as a tenth of its size; what is smaller than three tenths of a
        digit, than five pixels or than a 150th of the page is taken for a speck.

    Returns
    -------
    images : ndarray of shape (n_digits, 28, 28), float32
        As `read_digit_image` gives them. Of a page in reading order, lines from top to bottom and in each from left
        to right.

    Raises
    ------
    ImportError
        If Pillow is not installed: ``pip install "skdigits[plot]"``.
    OSError
        If a file cannot be opened.
    TypeError
        If `path` is something else.
    ValueError
        If a folder has no image files, a page no digits, or a file is no image, damaged, cut off or too large.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image, ImageDraw
    >>> page = Image.new("L", (300, 200), 255)
    >>> for x in (50, 120, 190):
    ...     ImageDraw.Draw(page).ellipse([x, 60, x + 40, 130], outline=0, width=8)
    >>> from skdigits.preprocessing import read_digit_images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page.save(Path(folder) / "zeros.png")
    ...     read_digit_images(Path(folder) / "zeros.png").shape
    (3, 28, 28)
    """
    if isinstance(path, (str, os.PathLike)) and os.path.isdir(path):
        return np.stack([read_digit_image(file) for file in find_image_files(path)])
    digits = read_page(path)
    if len(digits) == 0:
        raise ValueError(f"{name_of(path)}: no digits were found")
    return digits


def read_page(source: ImageSource) -> NDArray[np.float32]:
    """The digits of one page, of which there may be none."""
    digits = split_digits(_normalize(read_grey(source)))
    return _centre(digits) if digits else np.empty((0, FIELD_SIDE, FIELD_SIDE), np.float32)


def find_image_files(folder: str | os.PathLike[str]) -> list[Path]:
    """The image files of a folder by their suffixes, sorted, without hidden ones; an error where there are none."""
    files = sorted(
        file
        for file in Path(folder).iterdir()
        if file.suffix.lower() in SUFFIXES and file.is_file() and not file.name.startswith(".")
    )
    if not files:
        raise ValueError(f"{folder}: expected image files in this folder ({', '.join(SUFFIXES)}), found none")
    return files


def _normalize(grey: NDArray) -> NDArray:
    """As by `DigitNormalizer`; but of paper without a digit, whose noise that would make strokes, zeros."""
    threshold = DigitNormalizer().threshold
    return preparation.normalize(grey.reshape(1, -1), grey.shape, threshold, may_be_blank=True).reshape(grey.shape)


def _centre(digits: list[NDArray]) -> NDArray:
    return DigitCenterer().fit_transform(digits).reshape(-1, FIELD_SIDE, FIELD_SIDE)
