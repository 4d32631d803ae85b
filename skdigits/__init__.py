"""Handwritten digits with multilayer perceptrons: scikit-learn's MLPClassifier, compiled."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from skdigits._version import __version__

if TYPE_CHECKING:
    from skdigits._warm_up import warm_up
    from skdigits.classifier import MLPDigitClassifier
    from skdigits.pipeline import make_digit_pipeline

__all__ = ["MLPDigitClassifier", "__version__", "make_digit_pipeline", "warm_up"]

# Imported when first asked for: scikit-learn takes a second or two, in which the command line could not say anything
# about a Ctrl-C.
_PLACES = {
    "MLPDigitClassifier": "skdigits.classifier",
    "make_digit_pipeline": "skdigits.pipeline",
    "warm_up": "skdigits._warm_up",
}
_MODULES = ("classifier", "datasets", "exceptions", "persistence", "pipeline", "plotting", "preprocessing", "recipes")


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        globals()[name] = value = getattr(import_module(_PLACES[name]), name)
        return value
    if name in _MODULES:
        return import_module(f"skdigits.{name}")
    raise AttributeError(f"module 'skdigits' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES, *_MODULES})
