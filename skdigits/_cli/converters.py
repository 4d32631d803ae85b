"""Converters of what stands on the command line, for argparse."""

import argparse
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def converter(kind: Callable[[str], Any], is_allowed: Callable[[Any], bool], expected: str) -> Callable[[str], Any]:
    """A converter for argparse that says what it expected, in the words of the command line."""

    def convert(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not is_allowed(value):
            raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")
        return value

    return convert


def _count(text: str) -> int:
    value = int(text)
    if value >= 2**63:  # more than anything can count
        raise argparse.ArgumentTypeError(f"expected a whole number below 2**63, got one of {len(text)} digits")
    return value


COUNT = converter(_count, lambda value: value >= 1, "a whole number of at least 1")


def layers(text: str) -> tuple[int, ...]:
    """Units of hidden layers, separated by commas."""
    try:
        return tuple(COUNT(part) for part in text.split(","))
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"expected whole numbers of at least 1, as in 64 or 64,32, got {text!r}"
        ) from None


RATE = converter(float, lambda value: 0 < value < math.inf, "a number above 0")
SHARE = converter(float, lambda value: 0 < value < 1, "a number above 0 and below 1")
SEED = converter(int, lambda value: 0 <= value < 2**32, "a whole number from 0 to 4294967295")
SECONDS = converter(float, lambda value: 0 <= value < math.inf, "a number of at least 0")
JOBS = converter(int, lambda value: value != 0, "a whole number other than 0")


# Not empty, as a variable of the shell is that nobody has set: that would be the current folder.
NAME = converter(str, bool, "the name of a file or folder")
# Where a slash at the end would be lost, and with it that a folder is meant.
FILE_NAME = converter(str, lambda text: text and not text.endswith(("/", os.sep)), "the name of a file")


def file_path(text: str) -> Path:
    """The path of the name of a file."""
    return Path(FILE_NAME(text))


def path(text: str) -> Path:
    """The path of a name."""
    return Path(NAME(text))
