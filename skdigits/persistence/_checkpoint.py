"""A callback that saves the model while it is trained, and with it what another process needs to go on."""

import copy
import json
import os
import time
import warnings
from collections.abc import Callable
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from skdigits.classifier import MLPDigitClassifier
from skdigits.exceptions import ModelFormatError
from skdigits.persistence import _values
from skdigits.persistence._archives import import_safetensors
from skdigits.persistence._files import check_folder
from skdigits.persistence._weights import TRAINING_STATE, check_suffix, read_content, write_content

# They change neither a weight nor a loss.
_MAY_DIFFER = frozenset({"max_time", "n_jobs", "verbose"})


class Checkpoint:
    """Save a classifier while it is trained, so that no crash loses more than a few epochs.

    A callback of scikit-learn, for ``MLPDigitClassifier.set_callbacks``. The file is replaced whole or not at all: a
    process that is killed at any moment leaves a sound one. :func:`load_weights` reads the model in it.

    Parameters
    ----------
    path : str or path-like
        File, one for each fit; its suffix is '.npz' or '.safetensors', as for :func:`save_weights`.
    which : {'last', 'best'}, default='last'
        Whether every epoch at which the file is due is saved, or only one that is better than all epochs before: by
        its validation score where there is one, else by its training loss. With 'best', an epoch is saved if it is both
        the best and due: ``every=1`` and ``seconds=0`` miss none.
    every : int, default=1
        The file is due when at least so many epochs have passed since it was last looked at, at least 1. Calls of
        `partial_fit` that go on from one another count together.
    seconds : float, default=0.0
        And at least so many seconds, from 0 on.
    resume : bool, default=False
        Whether `fit` goes on from the file, where there is one, and ends in the same weights to the last bit as if it
        had never been interrupted. It must be called with the same data, and on an estimator with the same parameters
        (`n_jobs`, `verbose` and `max_time` may differ) and, with `warm_start`, the same weights to begin with: a second
        `fit` is another training, and takes another file. Otherwise an existing file is replaced.

    Raises
    ------
    ValueError
        In `fit`, if a parameter is not as described, if the folder is missing or cannot be written to, if the estimator
        cannot be stored (as by `save_weights`), or with `resume` if the file was written for other data or other
        parameters, by another solver than a mini-batch one, or by `partial_fit`.
    ModelFormatError
        In `fit`, if the file to go on from is corrupt or of another kind.
    ImportError
        In `fit`, if safetensors is needed and missing.

    See Also
    --------
    load_weights : Reads the model in the file.
    save_weights : Saves a classifier between two calls of `partial_fit`, with all that the next one needs.

    Notes
    -----
    'lbfgs' is saved after each iteration, but SciPy gives no way to go on from one: `resume` is refused. Nothing is
    saved of an epoch whose weights are not finite or, in `fit`, that `max_time` has cut short. Other callbacks are not
    restored, nor is an augmenter with a memory of its own. A fit that was at the end of its epochs, or had settled,
    ends at once. Where the file cannot be written, as on a full disk, or cannot hold the labels, a warning says so, and
    training goes on.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_digits
    >>> from skdigits import MLPDigitClassifier
    >>> from skdigits.persistence import Checkpoint, load_weights
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPDigitClassifier(learning_rate_init=0.01, max_iter=300, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "digits.npz"
    ...     _ = model.set_callbacks(Checkpoint(path, every=5, resume=True)).fit(X / 16, y)
    ...     saved = load_weights(path)
    >>> model.n_iter_ - saved.n_iter_ < 5
    True
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        which: str = "last",
        every: int = 1,
        seconds: float = 0.0,
        resume: bool = False,
    ) -> None:
        self.path = path
        self.which = which
        self.every = every
        self.seconds = seconds
        self.resume = resume

    def setup(self, estimator: Any, context: Any) -> None:
        """Check before an hour of training what would fail after its first epoch. Called by scikit-learn.

        Parameters
        ----------
        estimator : MLPDigitClassifier
            To be trained.
        context : object
            scikit-learn's context of the fit; tells whether it is one of `fit` or of `partial_fit`.

        Raises
        ------
        ValueError
            As described for the class.
        ImportError
            If safetensors is needed and missing.
        """
        if not isinstance(estimator, MLPDigitClassifier):
            raise ValueError(f"Checkpoint is for MLPDigitClassifier, got {type(estimator).__name__}.")
        self._check_parameters()
        path = Path(os.path.realpath(self.path))
        check_folder(path.parent, f"The checkpoint {self.path}")
        if path.exists() and not path.is_file():
            raise ValueError(f"The checkpoint {self.path} cannot be written: there is something that is no file.")
        if self.resume and context.task_name == "partial_fit":
            raise ValueError(
                "Checkpoint(resume=True) is not for partial_fit, which save_weights and load_weights go on with."
            )
        if self.resume and estimator.solver == "lbfgs":
            raise ValueError(
                "Checkpoint(resume=True) is not for solver='lbfgs', which SciPy cannot go on with. Pass resume=False, "
                "or train with another solver."
            )
        _stored_parameters(estimator)
        goes_on = context.task_name == "partial_fit" and hasattr(estimator, "coefs_") and hasattr(self, "_n_epochs")
        if not goes_on:
            self._n_epochs, self._saved_at = 0, time.monotonic()

    def _check_parameters(self):
        if check_suffix(Path(self.path)) == ".safetensors":
            import_safetensors()
        if self.which not in ("last", "best"):
            raise ValueError(f"Checkpoint: which must be 'last' or 'best', got {self.which!r}.")
        if isinstance(self.every, bool) or not isinstance(self.every, (int, np.integer)) or self.every < 1:
            raise ValueError(f"Checkpoint: every must be a whole number of at least 1, got {self.every!r}.")
        if not isinstance(self.seconds, Real) or not 0 <= self.seconds < np.inf:
            raise ValueError(f"Checkpoint: seconds must be a number from 0 on, got {self.seconds!r}.")

    def teardown(self, estimator: Any, context: Any) -> None:
        """Nothing: the file stays."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Nothing: epochs are saved at their end."""

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Nothing: `keep_progress` is called after it."""

    def keep_progress(self, estimator: Any, capture: Callable[[], dict[str, Any]] | None) -> None:
        """Save the model after an epoch, where the file is due. Called by the estimator.

        Parameters
        ----------
        estimator : MLPDigitClassifier
            With the weights and the history of the epoch.
        capture : callable or None
            Returns what a fit needs to go on; None where it could not, as with 'lbfgs'.
        """
        self._n_epochs += 1
        n_seconds = time.monotonic() - self._saved_at  # below 0 where it was kept in a file, by another clock
        if self._n_epochs < self.every or 0 <= n_seconds < self.seconds:
            return
        self._n_epochs, self._saved_at = 0, time.monotonic()
        layers = (*estimator.coefs_, *estimator.intercepts_)
        if (self.which == "last" or _is_best(estimator.history_)) and all(np.isfinite(layer).all() for layer in layers):
            # The state of the optimizer is part of the progress; an attribute of it would be of a call before.
            progress = None if capture is None else capture()
            try:
                write_content(estimator, Path(self.path), left_out=TRAINING_STATE, progress=progress)
            # A disk that is full now need not be when training ends, and labels that no file holds make no worse model.
            except (OSError, ValueError) as error:
                warnings.warn(f"A checkpoint could not be written, and training goes on without it: {error}")

    def kept_progress(self, estimator: Any, samples: str) -> dict[str, Any] | None:
        """Read what a fit needs to go on. Called by the estimator before its first epoch.

        Parameters
        ----------
        estimator : MLPDigitClassifier
            To be trained; its parameters are compared with those in the file.
        samples : str
            Describes the samples; compared with the description in the file.

        Returns
        -------
        progress : dict or None
            None without `resume`, and where there is no file.

        Raises
        ------
        ValueError
            If the file is of other parameters, of other samples, or of no fit to go on with.
        ModelFormatError
            If it is corrupt.
        """
        if not self.resume or not Path(self.path).exists():
            return None
        try:
            saved, progress = read_content(Path(self.path))
        except ModelFormatError as error:
            raise ModelFormatError(f"{error} Remove it to train from the start.") from error
        if not isinstance(progress, dict) or not isinstance(saved, MLPDigitClassifier):
            raise ValueError(
                f"{self.path} holds a model, but no training to go on with: it was not written by Checkpoint in the "
                "fit of a mini-batch solver."
            )
        before, now = _stored_parameters(saved), _stored_parameters(estimator)
        differ = [name for name in now if name not in _MAY_DIFFER and before[name] != now[name]]
        if differ:
            changes = ", ".join(
                f"{name}={getattr(estimator, name)!r:.60} (was {getattr(saved, name)!r:.60})" for name in differ
            )
            raise ValueError(
                f"{self.path} was written with other parameters, and training cannot go on with {changes}. Set them as "
                "they were, or remove the file to train from the start."
            )
        if progress.get("samples") != samples:
            raise ValueError(
                f"{self.path} was written for other data or, with warm_start, other weights to begin with: "
                f"{progress.get('samples')!s:.120}; got {samples}. Pass the same, or remove the file to begin anew."
            )
        return progress


def _is_best(history):
    """Whether the last epoch is better than all before it."""
    scores = np.array(history["validation_score"])
    if np.isnan(scores).all():
        scores = -np.array(history["loss"])
    return len(scores) == 1 or bool(scores[-1] > np.nanmax(scores[:-1], initial=-np.inf))


def _plain(value):
    """The same value for equal parameters of different types: numbers, sequences and orders of a dict."""
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, dict):
        return {key: _plain(value[key]) for key in sorted(value, key=repr)}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _stored_parameters(estimator):
    """Parameters by name, as a file holds them, to be compared."""
    stored = {}
    for name, value in estimator.get_params(deep=False).items():
        if name == "augmenter" and hasattr(value, "n_jobs"):
            value = copy.copy(value)
            value.n_jobs = None  # which makes no difference to what it does
        arrays = _values.Arrays()
        try:
            node = _values.encode(_plain(value), name, arrays, ())
        except ModelFormatError as error:
            raise ValueError(f"Checkpoint cannot store the estimator: {error}.") from None
        stored[name] = json.dumps([node, {key: array.tolist() for key, array in arrays.items()}])
    return stored
