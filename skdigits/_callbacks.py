"""From the hooks of the engine to scikit-learn's callbacks, verbose lines, validation and augmentation."""

from typing import Any

import numpy as np

from skdigits._engine.inputs import as_read_only, refer_to_inputs
from skdigits._engine.progress import restored_start
from skdigits._engine.trainer import TrainingHooks
from skdigits._threads import with_threads_of


class EstimatorHooks(TrainingHooks):
    """What `MLPDigitClassifier` does between two epochs or L-BFGS iterations.

    Parameters
    ----------
    estimator : MLPDigitClassifier
    context : sklearn.callback.CallbackContext
        Root context of the fit.
    task : dict
        ``X``, ``y`` and ``metadata`` as the user gave them: callbacks that score get these.
    snapshot : callable
        Returns a dict of the attributes that make a copy of the estimator ready to predict.

    Notes
    -----
    A callback may keep the progress of training for another process, which scikit-learn's protocol has no hook for, by
    two methods more: ``keep_progress(estimator, capture)`` is called after each whole epoch with a function that
    returns the progress, or None where a training cannot go on from one, and ``kept_progress(estimator, samples)``
    before the first epoch, with a description of the samples; it returns a progress to go on from, or None.
    """

    def __init__(self, estimator, context, task, snapshot):
        self._estimator = estimator
        self._keepers = [
            callback for callback in vars(estimator).get("_skl_callbacks", ()) if hasattr(callback, "keep_progress")
        ]
        self._origin = None
        self._context = context
        self._task = task
        self._snapshot = snapshot
        self._epoch_context: Any = None
        self._evaluate = None
        self._draw_inputs = None

    def epoch_begins(self):
        """Open a task for the callbacks."""
        self._epoch_context = self._context.subcontext(task_name="epoch")
        self._epoch_context.call_on_fit_task_begin(
            estimator=self._estimator, reconstruction_attributes=self._snapshot, **self._task
        )

    def epoch_ends(self, record, capture=None, *, is_whole=True):
        """Publish the record on the estimator and close the task; True where a callback asks to stop."""
        record.publish(self._estimator)
        asked_to_stop = self._epoch_context.call_on_fit_task_end(
            estimator=self._estimator, reconstruction_attributes=self._snapshot, **self._task
        )
        can_resume = capture is not None and self._origin is not None
        if can_resume and not is_whole:
            return asked_to_stop  # what was kept after the last whole epoch is what can be gone on from
        for keeper in self._keepers:
            keeper.keep_progress(self._estimator, (lambda: self._origin | capture()) if can_resume else None)
        return asked_to_stop

    def resume(self, describe_samples, random_state, n_repeated):
        """Go on from the progress that a callback has kept, where there is one.

        Parameters
        ----------
        describe_samples : callable
            Returns a string that differs for other samples.
        random_state : numpy.random.RandomState
            As it is before anything is drawn that training depends on beside the first parameters.
        n_repeated : int
            Samples that earlier calls have seen with such a state.

        Returns
        -------
        captured : dict or None
            What training goes on from.
        random_state : numpy.random.RandomState
            The one given, or one that draws the same as it did then.
        n_repeated : int
            The one given, or that of then.
        """
        if not self._keepers:
            return None, random_state, n_repeated
        samples = describe_samples()
        kept = (keeper.kept_progress(self._estimator, samples) for keeper in self._keepers)
        captured = next((progress for progress in kept if progress is not None), None)
        if captured is not None:
            random_state, n_repeated = restored_start(captured)
        first = random_state.get_state(legacy=False)
        self._origin = {"samples": samples, "first_random_state": first, "n_repeated": n_repeated}
        return captured, random_state, n_repeated

    def log(self, line):
        """Print a line where the user has asked for it."""
        if self._estimator.verbose:
            print(line)

    def watch(self, held_out, network, n_threads):
        """Look at samples held out from training after each epoch.

        Parameters
        ----------
        held_out : HeldOut
        network : Network
            Predicts with the parameters of the moment.
        n_threads : int
        """
        binarizer = self._estimator._label_binarizer
        self._evaluate = lambda: held_out.evaluate(network, binarizer, n_threads)

    def validate(self):
        """Loss and score on the samples held out, where there are some."""
        return self._evaluate() if self._evaluate is not None else {}

    def augment(self, X, dtype):
        """Deform the samples anew before each epoch.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
        dtype : numpy dtype
            Type in which the network computes, and of the deformed samples.
        """
        X = as_read_only(np.ascontiguousarray(X, dtype))  # it may be the user's
        augmenter, out = with_threads_of(self._estimator.n_jobs, self._estimator.augmenter), np.empty_like(X)

        def draw_inputs(random_state, progress):
            augmented = augmenter.augment(X, random_state, out=out, progress=progress)
            if not isinstance(augmented, np.ndarray) or augmented.shape != X.shape or augmented.dtype != dtype:
                found = type(augmented).__name__
                if isinstance(augmented, np.ndarray):
                    found = f"{augmented.shape} {augmented.dtype}"
                raise ValueError(
                    f"{type(augmenter).__name__}.augment must return an array of shape {X.shape} and type {dtype}, as "
                    f"it was given; got {found}."
                )
            return refer_to_inputs(augmented, dtype, in_squares=True)

        self._draw_inputs = draw_inputs

    def draw_inputs(self, random_state, progress):
        """The samples, deformed, where there is an augmenter."""
        return self._draw_inputs(random_state, progress) if self._draw_inputs is not None else None
