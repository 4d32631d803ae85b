"""The numerical engine: parameters, optimizers and training on plain arrays. NumPy and SciPy only."""
