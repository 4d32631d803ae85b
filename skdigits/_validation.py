"""Samples held out from training: where they come from, and how a network does on them."""

import copy

import numpy as np
from sklearn.metrics import accuracy_score, check_scoring
from sklearn.utils.validation import _check_sample_weight, check_consistent_length, column_or_1d

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
        What a scorer of scikit-learn is called with.
    scoring : str, callable or None
        'loss', a scorer, or None for accuracy.
    """

    def __init__(self, X, targets, sample_weight, *, for_scorer, scoring):
        self._X, self._targets, self._sample_weight = X, targets, sample_weight
        self._for_scorer = for_scorer
        self._labels = for_scorer[2]
        self._scoring = scoring
        self._scorer = None if scoring in (None, "loss") else check_scoring(for_scorer[0], scoring)

    @property
    def arrays(self):
        """Samples, targets and weights, which may be None."""
        return self._X, self._targets, self._sample_weight

    def evaluate(self, network, binarizer, n_threads):
        """Mean cross-entropy, and the score; of a score higher is better, so that of a loss it is the negative."""
        outputs = network.forward(self._X, n_threads)
        loss = mean_cross_entropy(
            outputs, self._targets, self._sample_weight, independent=network.out_activation == "logistic"
        )
        if self._scoring == "loss":
            score = -loss
        elif self._scorer is None:
            score = accuracy_score(self._labels, _targets.decode(binarizer, outputs), sample_weight=self._sample_weight)
        else:
            weights = {} if self._sample_weight is None else {"sample_weight": self._sample_weight}
            score = self._scorer(*self._for_scorer, **weights)
            if np.isnan(score) and not np.isnan(loss):
                # It would never be the best, and early stopping would keep the last epoch in silence.
                raise ValueError(
                    f"scoring={self._scoring!r} gave nan on the {len(self._labels)} held-out samples: they may lack a "
                    "class that it needs. Hold out more samples, or choose another score."
                )
        return {"validation_loss": loss, "validation_score": float(score)}


def check_held_out(estimator, dtype, X_val, y_val, sample_weight_val):
    """Validation data that the user has brought, checked against the samples to train on; None where there are none."""
    if X_val is None and y_val is None:
        if sample_weight_val is not None:
            raise ValueError("sample_weight_val was given without X_val and y_val.")
        return None
    if X_val is None or y_val is None:
        given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
        raise ValueError(f"{given} was given without {missing}: validation needs both.")
    X = _samples.check_samples(estimator, X_val, dtype, finite=True)
    y = np.asarray(y_val)
    if y.ndim != 2 or y.shape[1] == 1:
        y = column_or_1d(y)
    check_consistent_length(X, y)
    try:
        _targets.check_known_labels(y, estimator.classes_, warm_start=False)
    except ValueError as error:
        raise ValueError(f"y_val: {error}") from None
    if sample_weight_val is not None:
        sample_weight_val = _check_sample_weight(sample_weight_val, X)
    targets = _targets.encode(estimator._label_binarizer, y)
    return HeldOut(X, targets, sample_weight_val, for_scorer=(estimator, X_val, y), scoring=estimator.scoring)


def hold_out(estimator, X, targets, sample_weight, random_state):
    """Set samples aside; returns which are left to train on, and the others as `HeldOut`."""
    train, held_out = _targets.validation_split(
        targets, validation_fraction=estimator.validation_fraction, random_state=random_state
    )
    labels = _targets.decode(estimator._label_binarizer, targets[held_out])
    # The samples have lost their feature names in the checks, so the estimator that scores them does without, too.
    nameless = copy.copy(estimator)
    vars(nameless).pop("feature_names_in_", None)
    weights = None if sample_weight is None else sample_weight[held_out]
    return train, HeldOut(
        X[held_out], targets[held_out], weights, for_scorer=(nameless, X[held_out], labels),
        scoring=estimator.scoring,
    )  # fmt: skip
