"""Mini-batch training: epochs until the loss or a validation score stops improving."""

import copy
import time
from dataclasses import dataclass

import numpy as np

from skdigits._engine.progress import Progress
from skdigits._interrupts import held_interrupts


class TrainingHooks:
    """What a caller may do between epochs; the default does nothing.

    Subclass it and override what is needed. The trainer knows no progress bar, no scorer and no callback.
    """

    def epoch_begins(self):
        """Called before each epoch."""

    def draw_inputs(self, random_state, progress):
        """Samples to train on in this epoch, as kernels read them; None for those of the epoch before.

        Parameters
        ----------
        random_state : numpy.random.RandomState
        progress : float
            Share of all epochs that is done, in [0, 1].
        """

    def validate(self):
        """Look at held-out data after each epoch.

        Returns
        -------
        figures : dict
            ``validation_loss`` and ``validation_score``, of which higher is better; empty where nothing is held out.
        """
        return {}

    def epoch_ends(self, record, capture, *, is_whole):
        """Called after each epoch; return True to stop.

        Parameters
        ----------
        record : TrainingRecord
        capture : callable
            Returns the state from which training could go on after this epoch, as `train` takes it.
        is_whole : bool
            Whether all samples were seen, and the time had not run out before. To go on from an epoch that was cut
            short would leave the others out.
        """
        return False

    def log(self, line):
        """Take a line for the log."""


class Interruptible:
    """Hooks that a Ctrl-C may interrupt, because they may take any time, where all else waits for its end."""

    def __init__(self, hooks, interrupts):
        self._hooks, self._interrupts = hooks, interrupts

    def __getattr__(self, name):
        def call(*arguments, **options):
            with self._interrupts.let_through():
                return getattr(self._hooks, name)(*arguments, **options)

        return call


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long to train, and what decides.

    Parameters
    ----------
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
        Of :func:`time.monotonic`; training ends with the first mini-batch after it.
    n_repeated : int, default=0
        Samples that earlier calls have seen whose `random_state` began as that of this one. If there are any, what an
        epoch draws beside its order depends on how many have been seen, lest every call draw the same.
    """

    max_epochs: int
    shuffle: bool
    tol: float
    n_iter_no_change: float
    early_stopping: bool
    restore_best: bool = True
    deadline: float | None = None
    n_repeated: int = 0

    @property
    def is_over(self):
        """Whether the time has run out."""
        return self.deadline is not None and time.monotonic() >= self.deadline


def train(runner, optimizer, record, hooks, plan, random_state, captured=None):
    """Train a network for at most so many epochs.

    Parameters
    ----------
    runner : EpochRunner
        Holds the samples, the parameters that are trained, and those that predictions are made with. With
        `early_stopping` both end as those of the best epoch of this call.
    optimizer : Optimizer
    record : TrainingRecord
        Extended by each epoch.
    hooks : TrainingHooks
    plan : Plan
    random_state : numpy.random.RandomState
        Shuffles as scikit-learn does: every epoch shuffles the order of the one before.
    captured : dict or None, default=None
        State of an earlier call with the same arguments, from which this one goes on.

    Returns
    -------
    outcome : {'converged', 'stopped', 'diverged', 'exhausted', 'interrupted', 'timed out'}
        Why training ended: no progress, a hook asked for it, a loss that is not a number, all epochs done, Ctrl-C, or
        the time that it was given.
    """
    progress = Progress(
        runner=runner, optimizer=optimizer, record=record, random_state=random_state,
        order=np.arange(runner.n_samples),
    )  # fmt: skip
    record.n_iter = 0
    if captured is not None:
        progress.restore(captured)
    outcome = "converged" if progress.has_settled else "exhausted"
    with held_interrupts() as interrupts:
        hooks = Interruptible(hooks, interrupts)
        try:
            while outcome == "exhausted" and record.n_iter < plan.max_epochs:
                outcome = _train_epoch(progress, hooks, plan)
        except KeyboardInterrupt:
            outcome = "interrupted"
        if progress.best_parameters is not None:
            # Both, so that a later call does not train weights of one epoch and average them with those of another.
            runner.evaluated[:] = runner.parameters[:] = progress.best_parameters
    return outcome


def _train_epoch(progress, hooks, plan):
    """Train for one epoch, and return why training ends with it; 'exhausted' where it need not.

    A Ctrl-C ends it where the hooks are called, which may take any time, or after a mini-batch. All that is recorded
    belongs together; of an epoch that is cut short what was learnt is kept, and nothing recorded, as in scikit-learn.
    """
    record = progress.record
    hooks.epoch_begins()
    start = time.perf_counter()
    if plan.shuffle:
        progress.random_state.shuffle(progress.order)
    n_seen_before = record.n_samples_seen
    _run_epoch(progress, hooks, plan, start)
    progress.optimizer.end_epoch(record.n_samples_seen)
    # Before the hooks, which may keep the state for another process: nothing is then left to decide in it.
    progress.has_settled = _has_settled(record, progress.optimizer, hooks, plan)
    is_whole = record.n_samples_seen - n_seen_before == len(progress.order)
    asked_to_stop = hooks.epoch_ends(record, progress.capture, is_whole=is_whole)
    if progress.has_settled:
        return "converged"
    if np.isnan(record.loss) and not plan.early_stopping:
        return "diverged"  # a parameter that is not a number never becomes one again
    if asked_to_stop:
        return "stopped"
    return "timed out" if plan.is_over else "exhausted"


def _run_epoch(progress, hooks, plan, start):
    """Look at all samples once, and at what that has brought."""
    runner, optimizer, record = progress.runner, progress.optimizer, progress.record
    random_state = _random_state_beside_the_order(progress, plan)
    seed = int(random_state.randint(2**31)) if runner.draws_keys else 0
    inputs = hooks.draw_inputs(random_state, optimizer.share_done(runner.n_steps))
    if inputs is not None:
        runner.inputs = inputs
    totals = runner.train(optimizer, progress.order, seed=seed, deadline=plan.deadline)
    record.add_epoch(totals)
    known = {"loss": totals.loss, "accuracy": totals.accuracy, "learning_rate": optimizer.learning_rate}
    try:
        hooks.log(f"Iteration {record.n_iter}, loss = {record.loss:.8f}")
        known |= hooks.validate()
        if plan.early_stopping:
            score = known["validation_score"]
            record.validation_scores.append(score)
            if record.judge_score(score, plan.tol) and plan.restore_best:
                progress.best_parameters = runner.evaluated.copy()
            hooks.log(f"Validation score: {score:f}")
        else:
            record.judge_loss(plan.tol)
    finally:  # with what is known when a Ctrl-C comes, or an error
        record.add_to_history(**known, seconds=time.perf_counter() - start)


def _random_state_beside_the_order(progress, plan):
    """What dropout and an augmenter draw from; where calls repeat, another one that leaves the order as it is."""
    if not plan.n_repeated:
        return progress.random_state
    drawn = copy.deepcopy(progress.random_state).randint(2**31)
    seed = np.random.SeedSequence([int(drawn), progress.record.n_samples_seen])
    return np.random.RandomState(np.random.MT19937(seed))


def _has_settled(record, optimizer, hooks, plan):
    """Whether training has stopped making progress and the optimizer has no lower learning rate to try."""
    if record.no_improvement_count <= plan.n_iter_no_change:
        return False
    what = "Validation score" if plan.early_stopping else "Training loss"
    stop, decision = optimizer.on_plateau()
    if not stop:
        record.no_improvement_count = 0
    hooks.log(
        f"{what} did not improve more than tol={plan.tol:f} for {plan.n_iter_no_change} consecutive epochs. {decision}"
    )
    return stop
