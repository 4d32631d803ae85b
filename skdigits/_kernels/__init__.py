"""Numba kernels: arrays and scalars in, named output arrays written. Knows NumPy and Numba only."""
