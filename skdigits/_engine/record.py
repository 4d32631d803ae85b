"""What training has achieved so far, whether it still makes progress, and how scikit-learn names it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

# Fields, and the attributes of a fitted estimator under which scikit-learn's users find them.
_ATTRIBUTES = {
    "n_iter": "n_iter_",
    "n_samples_seen": "t_",
    "loss": "loss_",
    "loss_curve": "loss_curve_",
    "best_loss": "best_loss_",
    "validation_scores": "validation_scores_",
    "best_validation_score": "best_validation_score_",
    "no_improvement_count": "_no_improvement_count",
    "judged_by": "_judged_by",
    "history": "history_",
}
# Of the best epoch: they start anew where something else decides which one that is.
_OF_THE_BEST = ("best_loss", "validation_scores", "best_validation_score", "no_improvement_count", "judged_by")
_HISTORY = ("loss", "accuracy", "validation_loss", "validation_score", "learning_rate", "seconds")


def _append(history, values):
    """Add an epoch to a history, with NaN for what is not known of it."""
    for name, entries in history.items():
        entries.append(float(values.get(name, np.nan)))


def _copied(value):
    """A copy of a list or of a dict of lists; numbers as they are."""
    if isinstance(value, dict):
        return {name: list(entries) for name, entries in value.items()}
    return list(value) if isinstance(value, list) else value


def _known(entries):
    """A copy of a list of the history; None where nothing in it is known."""
    return None if np.isnan(entries).all() else list(entries)


@dataclass
class TrainingRecord:
    """Losses and scores of all epochs; survives warm starts.

    Parameters
    ----------
    n_iter : int
        Epochs of the present call.
    n_samples_seen : int
        Samples seen in all epochs.
    loss : float
    loss_curve : list of float
    best_loss : float or None
        None where a validation score decides.
    validation_scores : list of float or None
    best_validation_score : float or None
    no_improvement_count : int
        Epochs since the last one that was better by the tolerance.
    judged_by : str or None
        What decides which epoch is the best: the name of a validation score, or None for the training loss.
    history : dict of str to list
        What is known of each epoch, NaN where nothing is.
    """

    n_iter: int = 0
    n_samples_seen: int = 0
    loss: float | None = None
    loss_curve: list = field(default_factory=list)
    best_loss: Any = np.inf  # None where a score decides
    validation_scores: list | None = None
    best_validation_score: float | None = None
    no_improvement_count: int = 0
    judged_by: str | None = None
    history: dict = field(default_factory=lambda: {name: [] for name in _HISTORY})

    @classmethod
    def start(cls, *, judged_by):
        """An empty record."""
        if judged_by is None:
            return cls()
        return cls(best_loss=None, validation_scores=[], best_validation_score=-np.inf, judged_by=judged_by)

    @classmethod
    def of(cls, estimator, *, judged_by):
        """A copy of the record that was published on an estimator, to be continued.

        Where something else decided then, the best starts anew.
        """
        known = {
            name: _copied(vars(estimator)[attribute])
            for name, attribute in _ATTRIBUTES.items()
            if attribute in vars(estimator)
        }
        if "loss_curve" not in known:
            known.pop("history", None)  # of iterations of L-BFGS, not of epochs
        record = cls(**known)
        was_by_score = record.best_loss is None
        if was_by_score and record.judged_by is None:
            record.judged_by = judged_by  # files of older versions do not say by which score
        if judged_by != record.judged_by or (judged_by is not None) != was_by_score:
            anew = cls.start(judged_by=judged_by)
            for name in _OF_THE_BEST:
                setattr(record, name, getattr(anew, name))
        return record

    @staticmethod
    def withdraw(estimator):
        """Take away the learned attributes of another training, but for the number of samples seen."""
        for name, attribute in _ATTRIBUTES.items():
            if name != "n_samples_seen":
                vars(estimator).pop(attribute, None)

    def publish(self, estimator):
        """Set the learned attributes of an estimator."""
        for name, attribute in _ATTRIBUTES.items():
            if name != "loss" or self.loss is not None:
                setattr(estimator, attribute, getattr(self, name))
        estimator.validation_loss_curve_ = _known(self.history["validation_loss"])

    def as_dict(self):
        """A copy of all fields."""
        return {name: _copied(value) for name, value in vars(self).items()}

    def add_epoch(self, totals):
        """Take note of what an epoch has brought.

        Parameters
        ----------
        totals : EpochTotals
        """
        self.n_iter += 1
        self.n_samples_seen += totals.n_samples
        self.loss = totals.loss
        self.loss_curve.append(totals.loss)

    def add_to_history(self, **values):
        """Complete the history of the last epoch."""
        _append(self.history, values)

    def judge_loss(self, tol):
        """Compare the last loss with the best."""
        self.no_improvement_count = self.no_improvement_count + 1 if self.loss > self.best_loss - tol else 0
        self.best_loss = min(self.loss, self.best_loss) if self.loss == self.loss else self.best_loss

    def judge_score(self, score, tol):
        """Compare a validation score with the best; return whether it is a new best."""
        self.no_improvement_count = self.no_improvement_count + 1 if score < self.best_validation_score + tol else 0
        is_best = score > self.best_validation_score
        if is_best:
            self.best_validation_score = score
        return is_best


@dataclass
class FullBatchRecord:
    """The little that is known of L-BFGS between its iterations.

    Parameters
    ----------
    n_iter : int
    loss : float or None
    """

    n_iter: int = 0
    loss: float | None = None
    history: dict = field(default_factory=lambda: {name: [] for name in _HISTORY})

    def add_iteration(self, **values):
        """Take note of what an iteration has brought."""
        self.n_iter, self.loss = self.n_iter + 1, values["loss"]
        _append(self.history, values)

    def publish(self, estimator):
        """Set the learned attributes of an estimator."""
        estimator.n_iter_, estimator.history_ = self.n_iter, self.history
        if self.loss is not None:
            estimator.loss_ = self.loss
        estimator.validation_loss_curve_ = _known(self.history["validation_loss"])
