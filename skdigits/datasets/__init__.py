"""Digit data sets, fetched once and verified always, and batches of digits from sources of any size."""

from skdigits.datasets._batches import iter_digit_batches
from skdigits.datasets._mnist import fetch_mnist

__all__ = ["fetch_mnist", "iter_digit_batches"]
