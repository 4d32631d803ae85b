"""Images as arrays of grey values, by Pillow."""

import contextlib
import io
import os
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

ImageSource: TypeAlias = "str | os.PathLike[str] | BinaryIO | Image.Image"
# Suffixes by which the image files of a folder are found, and Pillow's names of their formats.
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
_FORMATS = ("PNG", "JPEG", "BMP", "TIFF")
_MOST_PIXELS = 50_000_000
# Digits on a scanned page have some thirty pixels then, and more than a network looks at.
_LONGEST_SIDE = 2000
# One number a pixel, of more than eight bits.
_DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")


def read_grey(source: ImageSource) -> NDArray[np.float32]:
    """Decode an image.

    Parameters
    ----------
    source : str, path-like, binary file or PIL.Image.Image
        A file is PNG, JPEG, BMP or TIFF.

    Returns
    -------
    grey : ndarray of shape (height, width), float32
        As the file has them, upright, and made smaller by a whole number where a side is longer than 2,000 pixels.
        What is transparent is put on white, or on black where the file holds light strokes alone.

    Raises
    ------
    ImportError
        If Pillow is not installed.
    OSError
        If the file cannot be opened.
    TypeError
        If `source` is something else.
    ValueError
        If it is no image, cannot be decoded to its end, or has more than 50 million pixels.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise ImportError('image files are read with Pillow: pip install "skdigits[plot]"') from error
    if isinstance(source, Image.Image):
        return _decode(lambda: contextlib.nullcontext(source), name_of(source), Image, ImageOps)
    if isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as stream:
            return _decode(lambda: Image.open(stream, formats=_FORMATS), name_of(source), Image, ImageOps)
    if not hasattr(source, "read") or isinstance(source, io.TextIOBase):
        way_out = "; PIL.Image.fromarray makes an image of an array" if isinstance(source, np.ndarray) else ""
        raise TypeError(
            f"expected a path, a file opened in binary mode or an image of PIL, got {type(source).__name__}{way_out}"
        )
    return _decode(lambda: Image.open(source, formats=_FORMATS), name_of(source), Image, ImageOps)


def name_of(source: ImageSource) -> str:
    """What an error calls the source of an image."""
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    return str(getattr(source, "name", "the file")) if hasattr(source, "read") else "the image"


def _decode(open_image: Callable[[], Any], name: str, Image: Any, ImageOps: Any) -> NDArray[np.float32]:
    try:
        with warnings.catch_warnings():
            # About damaged notes beside the pixels, and sizes, which are looked at below.
            warnings.simplefilter("ignore")
            with open_image() as image:
                _check_image(image, name)
                image.load()
                grey = _shrink(_make_grey(ImageOps.exif_transpose(image), Image))
    except Image.DecompressionBombError as error:
        raise ValueError(f"{name}: expected at most {_MOST_PIXELS:,} pixels, got far more") from error
    except Image.UnidentifiedImageError as error:
        raise ValueError(f"{name}: expected an image, PNG, JPEG, BMP or TIFF") from error
    except (_RefusedError, MemoryError):
        raise
    except Exception as error:  # the decoders raise nearly anything about files that are cut or damaged
        raise ValueError(f"{name}: the image is damaged or cut off ({error})") from error
    if not np.isfinite(grey).all():
        raise ValueError(f"{name}: expected finite pixels, got {grey[~np.isfinite(grey)][0]}")
    return grey


class _RefusedError(ValueError):
    """Tells a refusal from what a decoder raises."""


def _check_image(image: Any, name: str) -> None:
    # Not JPEG: telephones put a map of the brightness, or a smaller copy, behind a photograph.
    if image.format in ("TIFF", "PNG") and image.n_frames > 1:
        raise _RefusedError(f"{name}: expected one image, got {image.n_frames}; save each in a file of its own")
    if image.width * image.height == 0:
        raise _RefusedError(f"{name}: expected pixels, got none")
    if image.width * image.height > _MOST_PIXELS:
        raise _RefusedError(
            f"{name}: expected at most {_MOST_PIXELS:,} pixels, got {image.width} x {image.height}; make it smaller"
        )


def _make_grey(image: Any, Image: Any) -> NDArray[np.float32]:
    if image.mode in _DEEP_MODES:
        return np.asarray(image).astype(np.float32)
    if image.mode == "La":  # LA with its greys times their opacity, which Pillow converts to nothing else
        image = image.convert("LA")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, _ground_color(image)), image)
    # Colours that a palette or another model stands for.
    return np.asarray(image.convert("RGB").convert("L") if image.mode != "L" else image).astype(np.float32)


def _ground_color(image: Any) -> str:
    """What to put an RGBA image on: white, or black where it is little more than light strokes."""
    opacity = np.asarray(image.getchannel("A"), np.float32)
    ink = opacity.mean() / 255
    if not 0 < ink < 0.5:
        return "white"
    return "black" if np.average(np.asarray(image.convert("L")), weights=opacity) > 127.5 else "white"


def _shrink(grey: NDArray) -> NDArray:
    """Means of squares, as few as needed; what does not fill a square at the right and at the bottom is left out."""
    side = -(-max(grey.shape) // _LONGEST_SIDE)
    if side == 1:
        return grey
    # A strip that is thinner than a square becomes a line.
    tall, wide = (min(side, n) for n in grey.shape)
    height, width = grey.shape[0] // tall, grey.shape[1] // wide
    squares = grey[: height * tall, : width * wide].reshape(height, tall, width, wide)
    return squares.mean(axis=(1, 3))
