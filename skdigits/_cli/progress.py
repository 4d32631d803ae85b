"""Progress of training: a scikit-learn callback that draws a bar on a terminal and writes lines elsewhere."""

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from skdigits._console import ErrorConsole

_PLAIN_LINES = 10


class TrainingProgress:
    """Shows epoch, loss and time left on standard error.

    Parameters
    ----------
    console : rich.console.Console or None, default=None
        None: standard error.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = ErrorConsole() if console is None else console

    def setup(self, estimator: Any, context: Any) -> None:
        """Start the bar."""
        self._n_epochs = context.max_subtasks
        self._start = time.perf_counter()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[loss]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        # Compiling takes some seconds the first time; the bar stands at zero meanwhile.
        self._task = self._bar.add_task("Getting ready", total=self._n_epochs, loss="")
        self._bar.start()

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Nothing: epochs are counted at their end."""

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Advance by an epoch."""
        if context.task_name != "epoch":
            return
        loss = f"loss {estimator.loss_:.4f}"
        if getattr(estimator, "validation_scores_", None):
            loss += f"  validation accuracy {estimator.validation_scores_[-1]:.4f}"
        self._bar.update(self._task, description="Training", completed=estimator.n_iter_, loss=loss)
        if not self._console.is_terminal and self._is_due(estimator.n_iter_):
            seconds = time.perf_counter() - self._start
            self._console.print(f"epoch {estimator.n_iter_}/{self._n_epochs}  {loss}  {seconds:.1f} s", soft_wrap=True)

    def teardown(self, estimator: Any, context: Any) -> None:
        """Leave the bar as it stands."""
        self._bar.stop()

    def _is_due(self, epoch: int) -> bool:
        """Whether a line is written for this epoch, for about ten lines in all."""
        return epoch * _PLAIN_LINES // self._n_epochs > (epoch - 1) * _PLAIN_LINES // self._n_epochs
