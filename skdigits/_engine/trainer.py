"""Mini-batch training: epochs until the loss or a validation score stops improving."""

import time
from dataclasses import dataclass

import numpy as np


class TrainingHooks:
    """What a caller may do between epochs; the default does nothing.

    Subclass it and override what is needed. The trainer knows no progress bar, no scorer and no callback.
    """

    def epoch_begins(self):
        """Called before each epoch."""

    def draw_inputs(self, random_state):
        """Samples to train on in this epoch, as kernels read them; None for those of the epoch before."""

    def validate(self):
        """Look at held-out data after each epoch.

        Returns
        -------
        figures : dict
            ``validation_loss`` and ``validation_score``, of which higher is better; empty where nothing is held out.
        """
        return {}

    def epoch_ends(self, record):
        """Called with the TrainingRecord after each epoch; return True to stop."""
        return False

    def log(self, line):
        """Take a line for the log."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long to train, and what decides.

    Parameters
    ----------
    n_samples : int
    max_epochs : int
    shuffle : bool
    tol : float
    n_iter_no_change : int or inf
        Training stops after more than this many epochs that were not better than the best by `tol`.
    early_stopping : bool
        Whether the validation score decides, not the training loss.
    restore_best : bool, default=True
        Whether, with `early_stopping`, the parameters of the best epoch are kept, not those of the last one.
    deadline : float or None, default=None
        Of :func:`time.monotonic`; training ends with the first mini-batch behind it.
    draws_seeds : bool, default=False
        Whether each epoch needs a seed of its own, for dropout.
    """

    n_samples: int
    max_epochs: int
    shuffle: bool
    tol: float
    n_iter_no_change: float
    early_stopping: bool
    restore_best: bool = True
    deadline: float | None = None
    draws_seeds: bool = False

    @property
    def is_over(self):
        """Whether the time has run out."""
        return self.deadline is not None and time.monotonic() >= self.deadline


def train(runner, evaluated, optimizer, record, hooks, plan, random_state):
    """Train a network for at most so many epochs.

    Parameters
    ----------
    runner : EpochRunner
        Holds the samples, and the parameters that are trained.
    evaluated : ndarray of shape (n_parameters,)
        The parameters that predictions are made with: those that are trained, or their moving average. With
        `early_stopping` they end as those of the best epoch of this call.
    optimizer : Optimizer
    record : TrainingRecord
        Extended by each epoch.
    hooks : TrainingHooks
    plan : Plan
    random_state : numpy.random.RandomState
        Shuffles as scikit-learn does: every epoch shuffles the order of the one before.

    Returns
    -------
    outcome : {'converged', 'stopped', 'diverged', 'exhausted', 'interrupted', 'timed out'}
        Why training ended: no progress, a hook asked for it, a loss that is not a number, all epochs done, Ctrl-C, or
        the time that it was given.
    """
    best_parameters = None
    order = np.arange(plan.n_samples)
    record.n_iter = 0
    outcome = "exhausted"
    try:
        for _ in range(plan.max_epochs):
            hooks.epoch_begins()
            start = time.perf_counter()
            if plan.shuffle:
                permutation = np.arange(plan.n_samples)
                random_state.shuffle(permutation)
                order = order[permutation]
            is_best = _run_epoch(runner, order, optimizer, record, hooks, plan, random_state, start)
            if is_best and plan.restore_best:
                best_parameters = evaluated.copy()
            optimizer.end_epoch(record.n_samples_seen)
            asked_to_stop = hooks.epoch_ends(record)
            if _has_settled(record, optimizer, hooks, plan):
                outcome = "converged"
            elif asked_to_stop:
                outcome = "stopped"
            elif np.isnan(record.loss) and not plan.early_stopping:
                outcome = "diverged"  # a parameter that is not a number never becomes one again
            elif plan.is_over:
                outcome = "timed out"
            if outcome != "exhausted":
                break
    except KeyboardInterrupt:
        outcome = "interrupted"
    if best_parameters is not None:
        evaluated[:] = best_parameters
    return outcome


def _run_epoch(runner, order, optimizer, record, hooks, plan, random_state, start):
    """Train for one epoch, look what it has brought, and return whether it was the best by the validation score."""
    seed = int(random_state.randint(2**31)) if plan.draws_seeds else 0
    inputs = hooks.draw_inputs(random_state)
    if inputs is not None:
        runner.inputs = inputs
    totals = runner.train(optimizer, order, seed=seed, deadline=plan.deadline)
    record.add_epoch(totals)
    hooks.log(f"Iteration {record.n_iter}, loss = {record.loss:.8f}")
    validation, is_best = hooks.validate(), False
    if plan.early_stopping:
        score = validation["validation_score"]
        hooks.log(f"Validation score: {score:f}")
        record.validation_scores.append(score)
        is_best = record.judge_score(score, plan.tol)
    else:
        record.judge_loss(plan.tol)
    record.add_to_history(
        loss=totals.loss,
        accuracy=totals.accuracy,
        learning_rate=optimizer.learning_rate,
        seconds=time.perf_counter() - start,
        **validation,
    )
    return is_best


def _has_settled(record, optimizer, hooks, plan):
    """Whether training has stopped making progress and the optimizer has no lower learning rate to try."""
    if record.no_improvement_count <= plan.n_iter_no_change:
        return False
    what = "Validation score" if plan.early_stopping else "Training loss"
    stop, decision = optimizer.on_plateau()
    hooks.log(
        f"{what} did not improve more than tol={plan.tol:f} for {plan.n_iter_no_change} consecutive epochs. {decision}"
    )
    if not stop:
        record.no_improvement_count = 0
    return stop
