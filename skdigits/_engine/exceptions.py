"""Errors that the estimator turns into scikit-learn's or into those of the package, or lets pass."""


class NotFiniteError(ValueError):
    """Samples with a value that is infinite or NaN in the type in which the network computes."""


class ZeroWeightError(ZeroDivisionError):
    """A mini-batch whose sample weights sum to zero has no mean loss."""


class ProgressError(ValueError):
    """A state from which this training cannot go on."""
