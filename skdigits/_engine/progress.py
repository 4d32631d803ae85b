"""Everything that training depends on between two epochs, so that another process can go on from there."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from skdigits._engine.exceptions import ProgressError
from skdigits._engine.record import TrainingRecord

_MT19937_WORDS = 624
_PHILOX_WORDS = 4
_BIT_GENERATORS = {
    kind.__name__: kind
    for kind in (np.random.MT19937, np.random.PCG64, np.random.PCG64DXSM, np.random.Philox, np.random.SFC64)
}


@dataclass(kw_only=True)
class Progress:
    """What the loop over epochs works on, and all of what it hands from one epoch to the next.

    Parameters
    ----------
    runner : EpochRunner
    optimizer : Optimizer
    record : TrainingRecord
    random_state : numpy.random.RandomState
    order : int array
        Of the samples in the last epoch: the next one shuffles it.
    best_parameters : ndarray of shape (n_parameters,) or None, default=None
        Those of the epoch with the best validation score.
    has_settled : bool, default=False
        Whether training is over because it makes no progress.
    """

    runner: Any
    optimizer: Any
    record: TrainingRecord
    random_state: np.random.RandomState
    order: np.ndarray
    best_parameters: np.ndarray | None = None
    has_settled: bool = False

    def capture(self):
        """A copy as a dict of arrays, numbers, strings, lists of numbers, and such dicts."""
        self.runner.store_moments()
        return {
            "parameters": self.runner.parameters.copy(),
            "evaluated": None if self.runner.average is None else self.runner.average.copy(),
            "best_parameters": None if self.best_parameters is None else self.best_parameters.copy(),
            "order": self.order.copy(),
            "has_settled": bool(self.has_settled),
            "moments": self.optimizer.moments.copy(),
            "n_steps": int(self.optimizer.t),
            "learning_rate": float(self.optimizer.learning_rate),
            "record": self.record.as_dict(),
            "random_state": self.random_state.get_state(legacy=False),
        }

    def restore(self, captured):
        """Go on from what `capture` returned, perhaps in another process, before the first epoch.

        Raises
        ------
        ProgressError
            If it is not of such a training, or damaged. Nothing is then changed.
        """
        try:
            self._check(captured)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise ProgressError(
                f"The checkpoint is damaged, or of another training ({type(error).__name__}: {error}). Remove it to "
                "train from the start."
            ) from error
        self.runner.parameters[:] = captured["parameters"]
        if captured["evaluated"] is not None:
            self.runner.average[:] = captured["evaluated"]
        self.best_parameters, self.order = captured["best_parameters"], captured["order"].copy()
        self.has_settled = captured["has_settled"]
        self.optimizer.moments[:] = captured["moments"]
        self.optimizer.t, self.optimizer.learning_rate = captured["n_steps"], captured["learning_rate"]
        vars(self.record).update(captured["record"])
        self.random_state.set_state(captured["random_state"])

    def _check(self, captured):
        """Look at everything that comes from a file: kernels trust what they are given."""
        _check_like("parameters", captured["parameters"], self.runner.parameters)
        if (captured["evaluated"] is None) != (self.runner.average is None):
            raise ValueError("averaged parameters")
        for name in ("evaluated", "best_parameters"):
            if captured[name] is not None:
                _check_like(name, captured[name], self.runner.parameters)
        _check_like("moments", captured["moments"], self.optimizer.moments)
        _check_like("order", captured["order"], self.order)
        if not np.array_equal(np.sort(captured["order"]), np.arange(len(self.order))):
            raise ValueError("order")
        _check_number("has_settled", captured["has_settled"], bool)
        _check_number("n_steps", captured["n_steps"], int)
        _check_number("learning_rate", captured["learning_rate"], float)
        _check_record(captured["record"], self.record)
        restored_random_state(captured["random_state"])


def _check_like(name, array, expected):
    if not isinstance(array, np.ndarray) or array.shape != expected.shape or array.dtype != expected.dtype:
        raise ValueError(f"{name}: expected {expected.dtype} of shape {expected.shape}")


def _check_number(name, value, kind):
    is_number = isinstance(value, (int, float)) if kind is float else type(value) is kind
    if not is_number or (kind is int and not 0 <= value < 2**63):
        raise ValueError(f"{name}: {value!r}")


def _check_floats(name, values):
    if not isinstance(values, list) or not all(isinstance(value, (int, float)) for value in values):
        raise ValueError(f"{name}: expected a list of numbers")


def _check_record(record, present):
    record.setdefault("judged_by", None)  # which files of older versions lack
    if set(record) != {field.name for field in fields(TrainingRecord)}:
        raise ValueError("record")
    for name in ("n_iter", "n_samples_seen", "no_improvement_count"):
        _check_number(name, record[name], int)
    _check_number("loss", record["loss"], float)
    if not isinstance(record["judged_by"], str | None):
        raise ValueError("judged_by")
    for name in ("best_loss", "best_validation_score", "validation_scores"):
        if (record[name] is None) != (getattr(present, name) is None):
            raise ValueError(f"{name}: {record[name]!r:.80}")
    for name in ("best_loss", "best_validation_score"):
        if record[name] is not None:
            _check_number(name, record[name], float)
    _check_floats("loss_curve", record["loss_curve"])
    if record["validation_scores"] is not None:
        _check_floats("validation_scores", record["validation_scores"])
    if set(record["history"]) != set(TrainingRecord().history):
        raise ValueError("history")
    for name, entries in record["history"].items():
        _check_floats(name, entries)
    if len({len(entries) for entries in record["history"].values()}) != 1:
        raise ValueError("history: lists of different lengths")


def restored_start(captured):
    """What a call began with: a RandomState, and the number of samples that calls before it had seen with such a one.

    Raises
    ------
    ProgressError
        If `captured` does not hold them.
    """
    n_repeated = captured.get("n_repeated", 0)  # which files of older versions lack
    if type(n_repeated) is not int or n_repeated < 0:
        raise ProgressError(f"The checkpoint is damaged: n_repeated is {n_repeated!r}.")
    return restored_random_state(captured.get("first_random_state")), n_repeated


def restored_random_state(state):
    """A RandomState that draws what the one did of which this is ``get_state(legacy=False)``.

    Raises
    ------
    ProgressError
        If it is no such state.
    """
    try:
        name = state["bit_generator"]
        if not is_drawable(state):
            raise ValueError("position")
        random_state = np.random.RandomState(_BIT_GENERATORS[name]())
        random_state.set_state(state)
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise ProgressError(f"The checkpoint holds no state of a random generator ({error}).") from error
    return random_state


def is_drawable(state):
    """Whether the position in ``get_state(legacy=False)`` is one: NumPy believes it, and reads where it points."""
    if state["bit_generator"] == "Philox":
        return 0 <= int(state["buffer_pos"]) <= _PHILOX_WORDS
    return state["bit_generator"] != "MT19937" or 0 <= int(state["state"]["pos"]) <= _MT19937_WORDS
