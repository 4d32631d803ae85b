"""What reading has in common for all formats."""

import contextlib
import json

from sklearn.pipeline import Pipeline

from skdigits.classifier import MLPDigitClassifier
from skdigits.exceptions import ModelFormatError

# At most, in memory: an object of JSON, a list, and one more value in either. And what a small file may take.
_BYTES_PER_MARK = {b"{": 250, b"[": 90, b",": 60}
_FREE_BYTES = 2**20


@contextlib.contextmanager
def model_file(path):
    """Whatever goes wrong with the content of a file becomes a ModelFormatError that names it."""
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, PermissionError, ImportError):
        raise
    except ModelFormatError as error:
        raise ModelFormatError(f"{path} cannot be loaded: {error}.") from error.__cause__
    # Libraries raise almost anything for files that were made to harm them.
    except Exception as error:
        raise ModelFormatError(
            f"{path} cannot be loaded: it is corrupt, or of another kind ({type(error).__name__}: {error!s:.200})."
        ) from error


def classifier_of(estimator):
    """The classifier itself, or the one at the end of a pipeline."""
    last = estimator
    while isinstance(last, Pipeline) and last.steps:
        last = last.steps[-1][1]
    if not isinstance(last, MLPDigitClassifier):
        hint = ": save its best_estimator_" if hasattr(last, "best_estimator_") else ""
        raise ModelFormatError(
            f"expected an MLPDigitClassifier, or a Pipeline that ends in one, got {type(estimator).__name__}{hint}"
        )
    return last


def parse_json(text, file_size):
    """The content of JSON, as bytes, that takes no more than a few times the size of its file in memory."""
    if sum(cost * text.count(mark) for mark, cost in _BYTES_PER_MARK.items()) > 5 * file_size + _FREE_BYTES:
        raise ModelFormatError("its description has too many values for a file of this size")
    return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name):
    raise ModelFormatError(f"its description has the number {name}")
