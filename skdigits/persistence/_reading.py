"""What reading has in common for all formats."""

import contextlib
import errno
import json

import numpy as np
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
    except (ImportError, MemoryError):
        raise
    except ModelFormatError as error:
        raise ModelFormatError(f"{path} cannot be loaded: {error}.") from error.__cause__
    # Libraries raise almost anything for files that were made to harm them.
    except Exception as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):  # that of a place that cannot be
            raise
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


def check_cost(text, file_size):
    """Raise ModelFormatError for JSON, as bytes, that takes more than a few times the size of its file in memory."""
    allowed = 5 * file_size + _FREE_BYTES
    if _cost({mark: text.count(mark) for mark in _BYTES_PER_MARK}) <= allowed:
        return
    # Text may be full of marks that mean nothing.
    plain = np.frombuffer(text.replace(b"\\\\", b"").replace(b'\\"', b""), np.uint8)
    is_structure = ~np.logical_xor.accumulate(plain == ord('"'))
    if _cost({mark: np.count_nonzero(is_structure & (plain == ord(mark))) for mark in _BYTES_PER_MARK}) > allowed:
        raise ModelFormatError("its description has too many values for a file of this size")


def _cost(counts):
    return sum(n_bytes * counts[mark] for mark, n_bytes in _BYTES_PER_MARK.items())


def parse_json(text, file_size):
    """The content of JSON, as bytes, whose cost has been looked at."""
    check_cost(text, file_size)
    return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name):
    raise ModelFormatError(f"its description has the number {name}")
