"""Mini-batch training: epochs until the loss or a validation score stops improving."""

import numpy as np


class TrainingHooks:
    """What a caller may do between epochs; the default does nothing.

    Subclass it and override what is needed. The trainer knows no progress bar, no scorer and no callback.
    """

    def epoch_begins(self):
        """Called before each epoch."""

    def validation_score(self):
        """Score on held-out data after each epoch, higher is better; only asked for with early stopping."""
        raise NotImplementedError

    def epoch_ends(self, record):
        """Called with the TrainingRecord after each epoch; return True to stop."""
        return False

    def log(self, line):
        """Take a line for the log."""


def train(runner, network, optimizer, record, hooks, *, random_state, n_samples, shuffle, max_epochs, tol,
          n_iter_no_change, early_stopping):  # fmt: skip
    """Train a network for at most so many epochs.

    Parameters
    ----------
    runner : EpochRunner
        Holds the samples.
    network : Network
        Its parameters are written; with `early_stopping` they end as those of the best epoch of this call.
    optimizer : SGD or Adam
    record : TrainingRecord
        Extended by each epoch.
    hooks : TrainingHooks
    random_state : numpy.random.RandomState
        Shuffles as scikit-learn does: every epoch shuffles the order of the one before.
    n_samples : int
    shuffle : bool
    max_epochs : int
    tol : float
    n_iter_no_change : int or inf
        Training stops after more than this many epochs that were not better than the best by `tol`.
    early_stopping : bool
        Whether the validation score decides, not the training loss.

    Returns
    -------
    outcome : {'converged', 'stopped', 'diverged', 'exhausted', 'interrupted'}
        Why training ended: no progress, a hook asked for it, a loss that is not a number, all epochs done, Ctrl-C.
    """
    best_parameters = None
    order = np.arange(n_samples)
    record.n_iter = 0
    outcome = "exhausted"
    try:
        for _ in range(max_epochs):
            hooks.epoch_begins()
            if shuffle:
                permutation = np.arange(n_samples)
                random_state.shuffle(permutation)
                order = order[permutation]
            record.add_loss(runner.train(optimizer, order), n_samples)
            hooks.log(f"Iteration {record.n_iter}, loss = {record.loss:.8f}")
            if early_stopping:
                score = hooks.validation_score()
                hooks.log(f"Validation score: {score:f}")
                if record.judge_score(score, tol):
                    best_parameters = network.parameters.copy()
            else:
                record.judge_loss(tol)
            optimizer.end_epoch(record.n_samples_seen)
            asked_to_stop = hooks.epoch_ends(record)
            if _has_settled(record, optimizer, hooks, tol, n_iter_no_change, early_stopping):
                outcome = "converged"
                break
            if asked_to_stop:
                outcome = "stopped"
                break
            if np.isnan(record.loss) and not early_stopping:
                outcome = "diverged"  # a parameter that is not a number never becomes one again
                break
    except KeyboardInterrupt:
        outcome = "interrupted"
    if best_parameters is not None:
        network.parameters[:] = best_parameters
    return outcome


def _has_settled(record, optimizer, hooks, tol, n_iter_no_change, early_stopping):
    """Whether training has stopped making progress and the optimizer has no lower learning rate to try."""
    if record.no_improvement_count <= n_iter_no_change:
        return False
    what = "Validation score" if early_stopping else "Training loss"
    stop, decision = optimizer.on_plateau()
    hooks.log(f"{what} did not improve more than tol={tol:f} for {n_iter_no_change} consecutive epochs. {decision}")
    if not stop:
        record.no_improvement_count = 0
    return stop
