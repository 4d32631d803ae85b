"""From the parameters of `MLPDigitClassifier` to a run of the engine, and back to its learned attributes."""

import re
import warnings
import zlib
from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch
from sklearn.utils.optimize import _check_optimize_result

from skdigits import _samples, _validation
from skdigits._engine import lbfgs, trainer
from skdigits._engine.exceptions import NotFiniteError
from skdigits._engine.inputs import compress_inputs
from skdigits._engine.optimizers import OPTIMIZERS
from skdigits._engine.record import FullBatchRecord, TrainingRecord
from skdigits._engine.runner import EpochRunner
from skdigits._engine.schedules import SCHEDULES
from skdigits._interrupts import held_interrupts
from skdigits._threads import one_blas_thread
from skdigits.exceptions import TrainingInterruptedWarning


def compress(estimator, X, dtype, n_threads):
    """Samples as the kernels read them, where no augmenter makes new ones in each epoch."""
    if estimator.augmenter is not None:
        _samples.refuse_too_large(estimator, X, dtype)
        return None
    try:
        return compress_inputs(X, dtype, n_threads, with_background=estimator.input_dropout == 0)
    except NotFiniteError:
        _samples.refuse_not_finite(estimator, X, dtype)
        raise


class Data:
    """Samples that have been checked, and what belongs to them.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
    inputs : Inputs or None
        X as kernels read it; None where an augmenter makes new ones in each epoch.
    targets : bool array of shape (n_samples, n_outputs)
    sample_weight : ndarray of shape (n_samples,) or None
        In the objective.
    plain_weight : ndarray of shape (n_samples,) or None
        As the user gave them, without class weights: for validation.
    held_out : HeldOut or None
        Validation data that the user has brought, or what `set_aside` holds out.

    Attributes
    ----------
    samples : int array or None
        Those to train on, where `inputs` has the others, too; None for all.
    """

    def __init__(self, X, inputs, targets, sample_weight, plain_weight, held_out):
        self.X, self.inputs, self.targets = X, inputs, targets
        self.sample_weight, self.plain_weight, self.held_out = sample_weight, plain_weight, held_out
        self.samples = None

    def set_aside(self, estimator, random_state):
        """Hold samples out for validation where the user has brought none."""
        samples, self.held_out = _validation.hold_out(estimator, self.X, self.targets, self.plain_weight, random_state)
        if self.inputs is not None:
            self.samples = samples
        else:  # an augmenter is not to deform what is held out
            self.X, self.targets = self.X[samples], self.targets[samples]
            self.sample_weight = None if self.sample_weight is None else self.sample_weight[samples]

    def describe(self, learnt):
        """What tells these samples from others, for people and for a comparison; and parameters learnt before."""
        held_out = () if self.held_out is None else self.held_out.arrays
        checksum = 0
        for array in (self.X, self.targets, self.sample_weight, *held_out, learnt):
            if array is not None:
                parts = (array.data, array.indices, array.indptr) if sparse.issparse(array) else (array,)
                for part in parts:
                    checksum = zlib.crc32(np.ascontiguousarray(part).view(np.uint8).data, checksum)
        n_samples, n_features = self.X.shape
        going_on = "" if learnt is None else ", going on from what was learnt before"
        return f"{n_samples} samples of {n_features} features{going_on}, checksum {checksum:08x}"

    @property
    def n_samples(self):
        """How many there are to train on."""
        return len(self.targets) if self.samples is None else len(self.samples)


def judged_by(estimator):
    """What decides which epoch is the best: the name of a validation score, or None for the training loss."""
    if not estimator.early_stopping:
        return None
    scoring = "accuracy" if estimator.scoring is None else estimator.scoring
    # Without addresses in memory, which are others in every process.
    return scoring if isinstance(scoring, str) else re.sub(r" at 0x[0-9a-fA-F]+", "", repr(scoring))


def runner_options(estimator, drop_rates=(), *, alpha):
    """What the objective depends on besides network, samples and targets."""
    return {
        "alpha": alpha,
        "label_smoothing": estimator.label_smoothing,
        "max_norm": estimator.max_grad_norm,
        "drop_rates": drop_rates,
        "is_single_label": estimator._label_binarizer.y_type_ == "multiclass",
    }


def fit_stochastic(estimator, network, data, hooks, random_state, *, drop_rates, incremental, n_threads, deadline):
    """Train on mini-batches, and set the learned attributes.

    Parameters
    ----------
    estimator : MLPDigitClassifier
        With the attributes of a network that may have learnt nothing yet.
    network : Network
        Of the parameters to be trained.
    data : Data
    hooks : EstimatorHooks
    random_state : numpy.random.RandomState
    drop_rates : tuple of float
    incremental : bool
        Whether this is one epoch of `partial_fit`.
    n_threads : int
    deadline : float or None

    Raises
    ------
    ValueError
        If loss or weights are no numbers any more.
    ZeroDivisionError
        If the weights of a mini-batch sum to 0.
    ProgressError
        If a callback has kept the progress of another training.
    """
    _check_size(estimator, network)
    evaluated = _follow_average(estimator, network)
    optimizer = _optimizer_for(estimator, network)
    record = TrainingRecord.of(estimator, judged_by=judged_by(estimator))
    record.publish(estimator)
    captured, n_repeated = None, record.n_samples_seen if isinstance(estimator.random_state, Integral) else 0
    if not incremental:
        # Of a network that has learnt nothing yet the first parameters are drawn: the same again, or any.
        learnt = None if record.loss is None else network.parameters
        captured, random_state, n_repeated = hooks.resume(lambda: data.describe(learnt), random_state, n_repeated)
    if estimator.early_stopping and data.held_out is None:
        data.set_aside(estimator, random_state)
    if data.held_out is not None:
        hooks.watch(data.held_out, evaluated, n_threads)
    if estimator.augmenter is not None:
        hooks.augment(data.X, network.parameters.dtype)
    runner = EpochRunner(
        network, data.inputs, data.targets, data.sample_weight, samples=data.samples,
        batch_size=_clipped_batch_size(estimator, data.n_samples), n_threads=n_threads,
        average=None if evaluated is network else evaluated.parameters,
        # Decoupled from the objective in AdamW, which partial_fit goes on with whatever `solver` has become.
        **runner_options(estimator, drop_rates, alpha=0.0 if optimizer.name == "adamw" else estimator.alpha),
    )  # fmt: skip
    ends_by_schedule = estimator.learning_rate in SCHEDULES and not estimator.early_stopping
    plan = trainer.Plan(
        shuffle=estimator.shuffle, max_epochs=1 if incremental else int(estimator.max_iter), tol=float(estimator.tol),
        n_iter_no_change=np.inf if ends_by_schedule else estimator.n_iter_no_change,
        early_stopping=estimator.early_stopping, restore_best=estimator.restore_best_weights, deadline=deadline,
        n_repeated=n_repeated,
    )  # fmt: skip
    with held_interrupts() as interrupts:
        try:
            with runner:
                outcome = trainer.train(runner, optimizer, record, hooks, plan, random_state, captured)
        finally:
            record.publish(estimator)
            estimator._optimizer = Bunch(name=optimizer.name, **vars(optimizer))
        if not (np.isfinite(network.parameters).all() and np.isfinite(optimizer.moments).all()):
            forget_state(estimator)  # what is kept is the best epoch, not one that could be gone on from
        outcome = "interrupted" if _was_interrupted(interrupts) else outcome
    _warn(outcome, estimator, incremental)
    _refuse_divergence(estimator, is_loss_nan=outcome == "diverged")


def _was_interrupted(interrupts):
    """Whether a Ctrl-C has come that ends nothing any more: what has been learnt is kept. Other errors are raised."""
    error = interrupts.take()
    if error is not None and not isinstance(error, KeyboardInterrupt):
        raise error
    return error is not None


def _warn(outcome, estimator, incremental):
    if outcome == "interrupted":
        warnings.warn("Training interrupted by user.", TrainingInterruptedWarning)
    elif outcome == "exhausted" and not incremental and estimator.learning_rate not in SCHEDULES:
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the optimization hasn't "
            "converged yet.",
            ConvergenceWarning,
        )


def fit_lbfgs(estimator, network, data, hooks, *, n_threads, deadline):
    """Train on all samples at once, and set the learned attributes; all as in `fit_stochastic`."""
    record = FullBatchRecord()
    TrainingRecord.withdraw(estimator)  # of another solver in a call before
    record.publish(estimator)
    if data.held_out is not None:
        hooks.watch(data.held_out, network, n_threads)
    runner = EpochRunner(
        network, data.inputs, data.targets, data.sample_weight, batch_size=len(data.targets), n_threads=n_threads,
        **runner_options(estimator, alpha=estimator.alpha),
    )  # fmt: skip
    with held_interrupts() as interrupts:
        with one_blas_thread():
            result = lbfgs.train(
                runner, record, trainer.Interruptible(hooks, interrupts), max_iter=estimator.max_iter,
                max_fun=estimator.max_fun, tol=estimator.tol, deadline=deadline,
            )  # fmt: skip
        record.publish(estimator)
        if _was_interrupted(interrupts) or result is None:
            _warn("interrupted", estimator, incremental=False)
    if result is None:
        _refuse_divergence(estimator)
        return
    estimator.loss_ = float(result.fun)
    if result.status != lbfgs.STOPPED_BY_CALLBACK:
        estimator.n_iter_ = _check_optimize_result("lbfgs", result, estimator.max_iter)
    _refuse_divergence(estimator, is_loss_nan=np.isnan(estimator.loss_))


def _refuse_divergence(estimator, *, is_loss_nan=False):
    is_finite = all(np.isfinite(layer).all() for layer in (*estimator.coefs_, *estimator.intercepts_))
    if is_finite and not is_loss_nan:
        return
    augmenter = estimator.augmenter
    samples = "The input data" if augmenter is None else f"What {type(augmenter).__name__} returned"
    other = "" if estimator.solver == "lbfgs" else f", or lower learning_rate_init={estimator.learning_rate_init}"
    raise ValueError(
        f"Solver produced {'a loss of NaN' if is_finite else 'non-finite parameter weights'}. {samples} may contain "
        f"large values and need to be preprocessed: scale it, with MinMaxScaler for example{other}."
    )


def _clipped_batch_size(estimator, n_samples):
    if estimator.batch_size == "auto":
        return min(200, n_samples)
    if estimator.batch_size > n_samples:
        warnings.warn("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped")
    return min(int(estimator.batch_size), n_samples)


def forget_state(estimator):
    """Remove what the next `partial_fit` would go on with."""
    for attribute in ("_optimizer", "_unaveraged"):
        vars(estimator).pop(attribute, None)


def _check_size(estimator, network):
    """Raise ValueError where what the last `partial_fit` has left belongs to a network of another size."""
    n_parameters = network.parameters.shape[0]
    moments = vars(estimator).get("_optimizer", {}).get("moments", network.parameters)
    unaveraged = vars(estimator).get("_unaveraged", network.parameters)
    sizes = {len(unaveraged), np.shape(moments)[-1]}
    if sizes != {n_parameters}:
        raise ValueError(
            f"coefs_ and intercepts_ have been replaced by others of {n_parameters} numbers, which partial_fit cannot "
            "go on with. fit with warm_start=True can: its optimizer starts anew."
        )


def _follow_average(estimator, network):
    """The network that predictions are made with: the one that is trained, or one of the averaged parameters.

    The averaged parameters stand in the learned attributes, so that everybody predicts with them; those that are
    trained stay aside for the next `partial_fit`.
    """
    if estimator.weight_averaging is None:
        vars(estimator).pop("_unaveraged", None)
        return network
    evaluated = network.copy()
    if hasattr(estimator, "_unaveraged"):
        network.parameters[:] = estimator._unaveraged
    estimator._unaveraged = network.parameters
    estimator.coefs_, estimator.intercepts_ = evaluated.coefs, evaluated.intercepts
    return evaluated


def _optimizer_for(estimator, network):
    """The optimizer of the call of `partial_fit` before, or a new one."""
    dtype = network.parameters.dtype
    if hasattr(estimator, "_optimizer"):
        state = dict(estimator._optimizer)
        optimizer = OPTIMIZERS[state.pop("name")]
        # Whether there is an average is for each call to say: it stands in the learned attributes.
        state |= {"moments": np.array(state["moments"], dtype), "average_decay": estimator.weight_averaging}
        return optimizer(**state)
    optimizer = OPTIMIZERS[estimator.solver]
    settings = {
        "sgd": {"momentum": "momentum", "nesterov": "nesterovs_momentum", "power_t": "power_t"},
        "adam": {"beta_1": "beta_1", "beta_2": "beta_2", "epsilon": "epsilon"},
        "adamw": {"beta_1": "beta_1", "beta_2": "beta_2", "epsilon": "epsilon", "alpha": "alpha"},
    }[estimator.solver]
    return optimizer(
        learning_rate_init=estimator.learning_rate_init,
        lr_schedule=estimator.learning_rate,
        n_epochs=int(estimator.max_iter),  # products of NumPy's small integers overflow
        average_decay=estimator.weight_averaging,
        moments=np.zeros((optimizer.n_moments, network.parameters.shape[0]), dtype),
        **{name: getattr(estimator, parameter) for name, parameter in settings.items()},
    )
