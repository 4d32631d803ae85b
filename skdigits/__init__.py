"""Handwritten digits with multilayer perceptrons: scikit-learn's MLPClassifier, compiled."""

from skdigits._version import __version__
from skdigits._warm_up import warm_up
from skdigits.classifier import MLPDigitClassifier

__all__ = ["MLPDigitClassifier", "__version__", "warm_up"]
