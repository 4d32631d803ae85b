"""Samples held out from training: where they come from, and how a network does on them."""

import copy
import inspect
from contextlib import contextmanager
from numbers import Real
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import expit
from sklearn.metrics import accuracy_score, check_scoring
from sklearn.utils.validation import _check_sample_weight, check_array, check_consistent_length, column_or_1d

from skdigits import _samples, _targets
from skdigits._engine.losses import mean_cross_entropy


class HeldOut:
    """Held-out samples, their targets, and a score.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Checked.
    targets : bool array of shape (n_samples, n_outputs)
    sample_weight : ndarray of shape (n_samples,) or None
    for_scorer : tuple of (estimator, X, y)
        What a scorer of scikit-learn is called with; `scoring` of the estimator is 'loss', a scorer, or None for
        accuracy.
    """

    def __init__(self, X, targets, sample_weight, *, for_scorer):
        self._X, self._targets, self._sample_weight = X, targets, sample_weight
        self._for_scorer = for_scorer
        self._labels = for_scorer[2]
        self._scoring = scoring = for_scorer[0].scoring
        self._scorer: Any = None if scoring in (None, "loss") else check_scoring(for_scorer[0], scoring)
        if sample_weight is not None and self._scorer is not None and not _takes_weights(self._scorer):
            raise ValueError(
                f"scoring={scoring!r} takes no sample_weight, and the held-out samples have weights. Choose a score "
                "that takes them, or pass X_val and y_val without sample_weight_val."
            )

    @property
    def arrays(self):
        """Samples, targets and weights, which may be None."""
        return self._X, self._targets, self._sample_weight

    def evaluate(self, network, binarizer, n_threads):
        """Mean cross-entropy, and the score; of a score higher is better, so that of a loss it is the negative."""
        is_normalized = network.out_activation == "logistic" and binarizer.y_type_ == "multiclass"
        # As in predict: logistic outputs may saturate in more than one class, logits do not.
        deciding = network.forward(self._X, n_threads, logits=is_normalized)
        outputs = expit(deciding) if is_normalized else deciding
        loss = mean_cross_entropy(
            outputs, self._targets, self._sample_weight, independent=network.out_activation == "logistic"
        )
        if self._scoring == "loss":
            score = -loss
        elif self._scorer is None:
            predicted = _targets.decode(binarizer, deciding)
            score = accuracy_score(self._labels, predicted, sample_weight=self._sample_weight)
        else:
            score = self._score()
            if np.isnan(score) and not np.isnan(loss):
                # It would never be the best, and early stopping would keep the last epoch in silence.
                raise ValueError(self._explain("gave nan"))
        return {"validation_loss": loss, "validation_score": float(score)}

    def _score(self):
        """What the scorer makes of the held-out samples."""
        weights = {} if self._sample_weight is None else {"sample_weight": self._sample_weight}
        try:
            score = self._scorer(*self._for_scorer, **weights)
        except ValueError as error:
            raise ValueError(self._explain(f"failed ({error})")) from error
        if np.ndim(score) == 0 and hasattr(score, "item"):
            score = score.item()  # of an array without dimensions, as in scikit-learn's searches
        if not isinstance(score, Real):
            raise TypeError(f"scoring={self._scoring!r} must return a number, got {type(score).__name__}.")
        return score

    def _explain(self, what):
        estimator, _, labels = self._for_scorer
        is_there = self._targets.any(axis=0) if labels.ndim == 2 else np.isin(estimator.classes_, labels)
        lacking = estimator.classes_[~is_there].tolist()
        way_out = f": they lack {lacking}. Hold out more samples, or choose another score" if lacking else ""
        return f"scoring={self._scoring!r} {what} on the {len(self._labels)} held-out samples{way_out}."


def _takes_weights(scorer):
    """Whether a scorer can be called with weights of the samples."""
    if hasattr(scorer, "_accept_sample_weight"):
        return scorer._accept_sample_weight()
    try:
        kinds = {name: parameter.kind for name, parameter in inspect.signature(scorer).parameters.items()}
    except (TypeError, ValueError):  # of a function in C nothing is known
        return True
    return "sample_weight" in kinds or inspect.Parameter.VAR_KEYWORD in kinds.values()


@contextmanager
def _naming(name):
    """Begin what scikit-learn's checks say with the name of the argument, which they do not know."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise (TypeError if isinstance(error, TypeError) else ValueError)(f"{name}: {error}") from None


def check_held_out(estimator, dtype, X_val, y_val, sample_weight_val):
    """Validation data that the user has brought, checked against the samples to train on; None where there are none."""
    if X_val is None and y_val is None:
        if sample_weight_val is not None:
            raise ValueError("sample_weight_val was given without X_val and y_val.")
        return None
    if X_val is None or y_val is None:
        given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
        raise ValueError(f"{given} was given without {missing}: validation needs both.")
    with _naming("X_val"):
        X = _samples.check_samples(estimator, X_val, dtype, finite=True)
    with _naming("y_val"):
        is_multilabel = estimator._label_binarizer.y_type_.startswith("multilabel")
        if is_multilabel:
            y = check_array(y_val, accept_sparse="csr", ensure_2d=False, dtype=None)
            if y.shape[1:] != estimator.classes_.shape:
                raise ValueError(f"expected {len(estimator.classes_)} columns, as y has, got shape {y.shape}.")
        else:
            y = y_val.toarray() if sparse.issparse(y_val) else np.asarray(y_val)
            if y.ndim == 2 and y.shape[1] > 1:
                raise ValueError(f"expected one label a sample, as y has, got shape {y.shape}.")
            y = column_or_1d(y)
        check_consistent_length(X, y)
        _targets.check_known_labels(y, estimator.classes_, complete=False)
        targets = _targets.encode(estimator._label_binarizer, y)
        if is_multilabel:  # of whatever two numbers y is made
            y = targets.astype(int)
    if sample_weight_val is not None:
        with _naming("sample_weight_val"):
            sample_weight_val = _check_sample_weight(sample_weight_val, X)
    return HeldOut(X, targets, sample_weight_val, for_scorer=(estimator, X_val, y))


def hold_out(estimator, X, targets, sample_weight, random_state):
    """Set samples aside; returns which are left to train on, and the others as `HeldOut`."""
    train, held_out = _targets.validation_split(
        targets, validation_fraction=estimator.validation_fraction, random_state=random_state
    )
    labels: Any = _targets.decode(estimator._label_binarizer, targets[held_out])
    if sparse.issparse(labels):  # as y was, which scores of probabilities do not take
        labels = labels.toarray()
    # The samples have lost their feature names in the checks, so the estimator that scores them does without, too.
    nameless = copy.copy(estimator)
    vars(nameless).pop("feature_names_in_", None)
    weights = None if sample_weight is None else sample_weight[held_out]
    if weights is not None and not weights.any():
        raise ValueError(
            f"all {len(held_out)} samples that were set aside for early stopping have sample_weight 0: nothing would "
            "count. Set more aside by validation_fraction, or pass X_val and y_val."
        )
    return train, HeldOut(X[held_out], targets[held_out], weights, for_scorer=(nameless, X[held_out], labels))
