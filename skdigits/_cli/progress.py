"""Progress of training: a bar on a terminal, lines elsewhere, and the scikit-learn callback that feeds them."""

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from skdigits._console import ErrorConsole

_PLAIN_LINES = 10
# Narrower, there is room for the bar, what is done and what it has brought.
_COLUMNS_FOR_TIMES = 80


class TrainingBar:
    """A bar on a terminal, about ten lines elsewhere.

    Parameters
    ----------
    total : int
        What there is to do.
    console : rich.console.Console or None, default=None
        None: standard error.
    """

    def __init__(self, total: int, console: Console | None = None) -> None:
        self._console = ErrorConsole() if console is None else console
        self._total, self._n_done, self._start = total, 0, time.perf_counter()
        times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[state]}"),
            *(times if self._console.width >= _COLUMNS_FOR_TIMES else ()),
            console=self._console, disable=not self._console.is_terminal,
        )  # fmt: skip
        # Compiling takes some seconds the first time; the bar stands at zero meanwhile.
        self._task = self._bar.add_task("Getting ready", total=total, state="")
        self._bar.start()

    def close(self) -> None:
        """Leave the bar as it stands."""
        self._bar.stop()

    @property
    def seconds(self) -> float:
        """Since the bar was made."""
        return time.perf_counter() - self._start

    def advance(self, n_done: int, state: str, line: str) -> None:
        """Show that so much is done in all: a state behind the bar, or from time to time a whole line."""
        before, self._n_done = self._n_done, n_done
        self._bar.update(self._task, description="Training", completed=n_done, state=state)
        is_due = n_done * _PLAIN_LINES // self._total > before * _PLAIN_LINES // self._total
        if is_due and not self._console.is_terminal:
            self._console.print(f"{line}  {state}  {self.seconds:.1f} s", soft_wrap=True, highlight=False)


class TrainingProgress:
    """A callback that shows epoch, loss and time left on standard error.

    Parameters
    ----------
    console : rich.console.Console or None, default=None
        None: standard error.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console

    def setup(self, estimator: Any, context: Any) -> None:
        """Start the bar."""
        self._n_epochs = context.max_subtasks
        self._bar = TrainingBar(self._n_epochs, self._console)

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Nothing: epochs are counted at their end."""

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Advance by an epoch."""
        if context.task_name != "epoch":
            return
        state = f"loss {estimator.loss_:.4f}"
        if getattr(estimator, "validation_scores_", None):
            state += f"  validation accuracy {estimator.validation_scores_[-1]:.4f}"
        self._bar.advance(estimator.n_iter_, state, f"epoch {estimator.n_iter_}/{self._n_epochs}")

    def teardown(self, estimator: Any, context: Any) -> None:
        """Leave the bar as it stands."""
        self._bar.close()
