"""Whether a graph computes what the estimator does: some estimators of scikit-learn `skl2onnx` converts to another."""

import warnings

import numpy as np
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.preprocessing import Binarizer, MaxAbsScaler, MinMaxScaler, Normalizer, StandardScaler

from skdigits.persistence._onnx_runtime import open_session
from skdigits.persistence._steps import first_by_range, largest_pixel

# What tests have compared for each of its parameters, besides everything in this package.
_KNOWN = (Binarizer, MaxAbsScaler, MinMaxScaler, Normalizer, StandardScaler)
_N_SAMPLES = 120
# Rounding may take a few samples across a threshold.
_LEAST_SHARE, _TOLERANCE = 0.95, 1e-3


def check_results(model, estimator, steps, shape, dtype):
    """Raise ValueError where graph and estimator differ on made-up images, unless all steps are known to agree.

    Parameters
    ----------
    model : onnx.ModelProto
    estimator : fitted estimator
    steps : list of (str, estimator)
        Of which it is made.
    shape : list of int
        Of a sample.
    dtype : numpy.dtype
        Of what the graph is given.
    """
    others = [step for _, step in steps if not _is_known(step)]
    if not others:
        return
    X = _make_images(largest_pixel(first_by_range(step for _, step in steps)), shape).astype(dtype)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about names that images have not
            expected = _results(estimator, X)
    except ValueError:  # a step that refuses such images
        return
    computed = open_session(model.SerializeToString()).run(None, {"X": X})
    agreements = [_rows_agree(*pair) for pair in zip(computed, expected, strict=False)]
    if len(expected) == 2 and expected[0].ndim == 1:
        agreements[0] |= _are_tied(computed[0], expected[0], estimator.classes_, expected[1])
    agrees = np.all(agreements, axis=0)
    if agrees.mean() < _LEAST_SHARE:
        raise ValueError(
            f"{', '.join(type(step).__name__ for step in others)}: what skl2onnx makes of it gives other results for "
            f"{np.sum(~agrees)} of {len(X)} samples"
        )


def _is_known(step):
    return type(step) in _KNOWN or type(step).__module__.startswith("skdigits.")


def _make_images(white, shape):
    """Strokes of noise on a ground of 0, in three ranges, or in that of a scaler; half of them whole numbers."""
    rng = np.random.default_rng(0)
    images = rng.random((_N_SAMPLES, *shape)) * (rng.random((_N_SAMPLES, *shape)) < 0.4)
    images *= np.resize([1, 16, 255] if white is None else white, _N_SAMPLES).reshape(-1, *(1 for _ in shape))
    images[::2] = np.round(images[::2])
    return images


def _results(estimator, X):
    """What the graph should give, output by output."""
    if not hasattr(estimator, "predict"):
        return [_dense(estimator.transform(X))]
    results = [_dense(estimator.predict(X))]
    if is_classifier(estimator) and hasattr(estimator, "predict_proba"):
        results.append(estimator.predict_proba(X))
    return results


def _are_tied(computed, expected, classes, probabilities):
    """Whether two labels are as probable, as where several outputs are saturated: rounding decides between them."""
    first, second = (
        probabilities.max(axis=1, initial=0, where=labels[:, np.newaxis] == classes) for labels in (computed, expected)
    )
    return np.abs(first - second) <= _TOLERANCE


def _dense(array):
    return array.toarray() if sparse.issparse(array) else array


def _rows_agree(computed, expected):
    computed, expected = (np.asarray(result).reshape(len(expected), -1) for result in (computed, expected))
    if expected.dtype.kind != "f":
        return (computed == expected).all(axis=1)
    return (np.abs(computed - expected) <= _TOLERANCE).all(axis=1)
