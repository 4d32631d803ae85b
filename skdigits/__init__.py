"""Handwritten digits with multilayer perceptrons: scikit-learn's MLPClassifier, compiled."""

from skdigits._version import __version__
from skdigits._warm_up import warm_up
from skdigits.classifier import MLPDigitClassifier
from skdigits.pipeline import make_digit_pipeline

__all__ = ["MLPDigitClassifier", "__version__", "make_digit_pipeline", "warm_up"]
