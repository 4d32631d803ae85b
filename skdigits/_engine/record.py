"""What training has achieved so far, and whether it still makes progress."""

from dataclasses import dataclass, field

import numpy as np


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
    """

    n_iter: int = 0
    n_samples_seen: int = 0
    loss: float | None = None
    loss_curve: list = field(default_factory=list)
    best_loss: float | None = np.inf
    validation_scores: list | None = None
    best_validation_score: float | None = None
    no_improvement_count: int = 0

    @classmethod
    def start(cls, *, early_stopping):
        """An empty record, judged by the validation score with `early_stopping`, else by the training loss."""
        if early_stopping:
            return cls(best_loss=None, validation_scores=[], best_validation_score=-np.inf)
        return cls()

    def add_loss(self, loss, n_samples):
        """Take note of an epoch's loss."""
        self.n_iter += 1
        self.n_samples_seen += n_samples
        self.loss = loss
        self.loss_curve.append(loss)

    def judge_loss(self, tol):
        """Compare the last loss with the best."""
        self.no_improvement_count = self.no_improvement_count + 1 if self.loss > self.best_loss - tol else 0
        self.best_loss = min(self.loss, self.best_loss) if self.loss == self.loss else self.best_loss

    def judge_score(self, score, tol):
        """Compare a validation score with the best; return whether it is a new best."""
        self.validation_scores.append(score)
        self.no_improvement_count = self.no_improvement_count + 1 if score < self.best_validation_score + tol else 0
        is_best = score > self.best_validation_score
        if is_best:
            self.best_validation_score = score
        return is_best
