"""Photographs and scans of digits, as a model takes them."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skdigits._cli.remarks import one_line, printable
from skdigits._console import tell
from skdigits._engine.preparation import FIELD_SIDE
from skdigits.persistence._steps import first_by_range, flat_steps, largest_pixel
from skdigits.preprocessing._digit_images import find_image_files, read_one_of, read_page
from skdigits.preprocessing._photos import SUFFIXES

_N_PIXELS = FIELD_SIDE**2
# From dark to light, a character for two pixels above one another.
_SHADES = " .:-=+*#%@"


def is_picture(path: str | Path) -> bool:
    """Whether a path is a folder or an image file, by its suffix."""
    path = Path(path)
    return path.is_dir() or path.suffix.lower() in SUFFIXES


def read_pictures(path: str, *, is_page: bool) -> tuple[list[str], NDArray, dict[str, str]]:
    """Read the digits of an image file or of the image files of a folder.

    Parameters
    ----------
    path : str
    is_page : bool
        Whether a file may hold several digits, or none.

    Returns
    -------
    names : list of str
        The file of each digit, with its number behind it where files are pages.
    images : ndarray of shape (n_digits, 28, 28)
        As `read_digit_image` gives them; zeros where there is no digit, and for a page without any.
    problems : dict of str to str
        Files that cannot be read, and why.
    """
    names: list[str] = []
    found, problems = [np.empty((0, FIELD_SIDE, FIELD_SIDE), np.float32)], {}
    try:
        files = _find_files(Path(path))
    except ValueError as error:
        files, problems = [], {path: str(error)}
    for file in files:
        try:
            page = read_page(file) if is_page else _read_one(file)[np.newaxis]
        except ImportError as error:
            raise ValueError(str(error)) from error
        except (ValueError, OSError) as error:
            problems[str(file)] = one_line(error)
            continue
        names += [f"{file}[{i}]" for i in range(len(page))] if is_page and len(page) else [str(file)]
        found.append(page if len(page) else np.zeros((1, *page.shape[1:]), page.dtype))
    return names, np.concatenate(found), problems


def _read_one(file: Path) -> NDArray:
    image, n_digits = read_one_of(file)
    if n_digits > 1:
        tell(f"skdigits: {printable(file)}: {n_digits} digits were found, and one of them is read; --page reads all")
    return image


def _find_files(path: Path) -> list[Path]:
    """The file, or the image files of a folder; the others in it are named."""
    if path.is_dir():
        files = find_image_files(path)
        _tell_left_out(path, files)
        return files
    if not path.is_file():
        raise ValueError(f"{path} is a pipe or a device, not a file" if path.exists() else f"there is no file {path}")
    return [path]


def _tell_left_out(folder: Path, files: list[Path]) -> None:
    taken = {file.name for file in files}
    others = sorted(
        path.name
        for path in folder.iterdir()
        if not path.is_dir() and path.name not in taken and not path.name.startswith(".")
    )
    if others:
        more = f" and {len(others) - 1} more" if others[1:] else ""
        tell(f"skdigits: {printable(folder)}: no image files, left out: {printable(others[0])}{more}")


def to_samples(images: NDArray, model: Any) -> NDArray:
    """Prepared images as rows, in the range of the pixels that a model was trained on."""
    if model.n_features_in_ != _N_PIXELS:
        raise ValueError(
            f"image files are prepared as samples of {_N_PIXELS} pixels, but the model was trained on samples of "
            f"{model.n_features_in_} pixels; skdigits train --dataset mnist makes one for image files"
        )
    return images.reshape(-1, _N_PIXELS) * np.float32(_largest_pixel(model))


def _largest_pixel(model: Any) -> float:
    """What white is for the scaler of a pipeline; anything else that looks at it first is given images in [0, 1]."""
    if hasattr(model, "largest_pixel_"):  # an ONNX file says it itself
        return model.largest_pixel_ or 1.0
    first = first_by_range(step for _, step in flat_steps("", model))
    white = largest_pixel(first)
    if white is not None:
        return white
    if np.max(getattr(first, "mean_", 0.0)) > 1:  # of StandardScaler and PCA, which do not tell what white is
        raise ValueError(
            f"the model was trained on pixels above 1, and its {type(first).__name__} does not tell which value is "
            "white: put MinMaxScaler first, or train on pixels from 0 to 1"
        )
    return 1.0


def network_images(samples: NDArray, model: Any) -> NDArray:
    """Samples as the network is given them, after the other steps of a pipeline, as images with values in [0, 1].

    Where these steps make something else than images of 28 x 28 pixels, and of ONNX files, which do not tell, the
    samples themselves.
    """
    from skdigits.plotting._estimators import dense

    seen = dense(model[:-1].transform(samples)) if hasattr(model, "named_steps") and len(model) > 1 else samples
    seen = seen if seen.shape == samples.shape else samples
    low, high = (limit(axis=1, keepdims=True) for limit in (seen.min, seen.max))
    return ((seen - low) / np.where(high > low, high - low, 1)).reshape(-1, FIELD_SIDE, FIELD_SIDE)


def draw(image: NDArray) -> str:
    """An image as 14 lines of 28 characters."""
    means = image.reshape(len(image) // 2, 2, -1).mean(axis=1)
    levels = np.rint(means * (len(_SHADES) - 1)).astype(int)
    return "\n".join("".join(_SHADES[level] for level in row).rstrip() for row in levels)
