"""Handwritten digits with multilayer perceptrons: scikit-learn's MLPClassifier, compiled."""

import threading
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
_LOCK = threading.RLock()  # of two threads that import at once, one could find half a module


if not TYPE_CHECKING:  # type checkers would take any name for one that there is

    def __getattr__(name: str) -> Any:
        if name not in _PLACES and name not in _MODULES:
            raise AttributeError(f"module 'skdigits' has no attribute {name!r}")
        with _LOCK:
            if name in _MODULES:
                return import_module(f"skdigits.{name}")
            globals()[name] = value = getattr(import_module(_PLACES[name]), name)
            return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES, *_MODULES})
