"""Digit data sets, fetched once and verified always."""

from skdigits.datasets._mnist import fetch_mnist

__all__ = ["fetch_mnist"]
