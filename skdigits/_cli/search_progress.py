"""Progress of a search: scikit-learn callbacks of the search and of each of its fits, drawn by one display."""

import threading

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from skdigits._cli.search_results import name_candidate
from skdigits._cli.search_store import read_records
from skdigits._console import ErrorConsole

# Names of tasks that have fits, and whether several of them follow one another.
_ROUNDS = {"search": False, "halving-iteration": True}


class SearchStoppedError(Exception):
    """Ends the fits of other threads after Ctrl-C, which reaches the main thread only."""


class SearchDisplay:
    """A bar for all fits, and on a terminal one for each that runs; each finished fit is a line.

    Its methods are called by many threads. A copy that has been sent to another process shows nothing.

    Parameters
    ----------
    folder : Path
        Of the finished fits.
    names : list of str
        Parameters of the search that a candidate is told by.
    console : rich.console.Console or None, default=None
        None: standard error.
    """

    def __init__(self, folder, names, console=None):
        self._folder, self._names = folder, names
        self._console = ErrorConsole() if console is None else console
        self._lock = threading.RLock()
        self._known = set(read_records(folder))
        self._tasks = {}
        self._is_stopped = False
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            console=self._console, disable=not self._console.is_terminal, transient=True,
        )  # fmt: skip

    def __reduce__(self):
        return _SilentDisplay, ()

    def __enter__(self):
        self._n_done, self._n_fits, self._n_of_rounds = 0, 0, 0
        self._all = self._bar.add_task("All fits", total=None)
        self._bar.start()
        return self

    def __exit__(self, kind, error, trace):
        self.stop()

    def stop(self):
        """End the fits that run after their present epoch, and the bars."""
        self._is_stopped = True
        self._bar.stop()

    def expect(self, n_fits, *, is_round):
        """Say how many fits there are; where several rounds follow one another, of all rounds so far."""
        with self._lock:
            # Not those done: of fits on other machines that is known later.
            self._n_of_rounds += n_fits if is_round else 0
            self._n_fits = self._n_of_rounds or n_fits
            self._bar.update(self._all, total=self._n_fits)

    def end_round(self):
        """Count fits that others have made, and those that had been made before."""
        self.tell_finished()
        with self._lock:
            self._n_done = self._n_fits
            self._bar.update(self._all, completed=self._n_done)

    def advance_fit(self, fit, parameters, epoch, n_epochs):
        """Show the epochs of a fit; raise `SearchStoppedError` after Ctrl-C."""
        if self._is_stopped:
            raise SearchStoppedError
        with self._lock:
            if fit not in self._tasks:
                self._tasks[fit] = self._bar.add_task(self._name(parameters), total=n_epochs)
            self._bar.update(self._tasks[fit], completed=epoch)

    def end_fit(self, fit):
        """Take the bar of a fit away."""
        with self._lock:
            if fit in self._tasks:
                self._bar.remove_task(self._tasks.pop(fit))

    def end_evaluation(self):
        """Count a fit that has been scored, and tell what has been written down."""
        with self._lock:
            self._n_done += 1
            self._bar.update(self._all, completed=self._n_done)
            # One at a time, so that the number in front of it counts: another thread may have written, and not ended.
            for name, record in list(read_records(self._folder, self._known).items())[:1]:
                self._tell(name, record)

    def tell_finished(self):
        """Tell all fits that have been written down since, by other processes."""
        with self._lock:
            for name, record in read_records(self._folder, self._known).items():
                self._n_done += 1
                self._bar.update(self._all, completed=self._n_done)
                self._tell(name, record)

    def _tell(self, name, record):
        self._known.add(name)
        line = f"{self._n_done}/{self._n_fits}  {self._describe(record)}"
        self._console.print(line, soft_wrap=True, markup=False, highlight=False)

    def _name(self, parameters):
        """Parameters of a classifier as text."""
        return name_candidate({name: parameters[name.rpartition("__")[2]] for name in self._names}, self._names)

    def _describe(self, record):
        candidate = name_candidate(record["candidate"], self._names)
        if "error" in record:
            return f"{candidate}  failed: {' '.join(record['error'].split()).partition('. ')[0].rstrip('.')}"
        return f"{candidate}  accuracy {record['score']:.4f}  {record['fit_seconds']:.2f} s"


class _SilentDisplay:
    """In another process, where nobody looks."""

    def _ignore(self, *_, **__):
        """Show nothing."""

    expect = end_round = advance_fit = end_fit = end_evaluation = _ignore


class SearchCallback:
    """Of the search: counts its fits.

    Parameters
    ----------
    display : SearchDisplay
    """

    def __init__(self, display):
        self._display = display

    def setup(self, estimator, context):
        """Nothing: how many fits there are is known with the candidates."""

    def on_fit_task_begin(self, estimator, context):
        """Say how many fits a round has: a grid is one round, successive halving has several."""
        if context.task_name in _ROUNDS:
            self._display.expect(context.max_subtasks, is_round=_ROUNDS[context.task_name])

    def on_fit_task_end(self, estimator, context):
        """Count a fit, or all of a round."""
        if context.task_name == "candidate-split-evaluation":
            self._display.end_evaluation()
        elif context.task_name in _ROUNDS:
            self._display.end_round()

    def teardown(self, estimator, context):
        """Nothing."""


class EpochCallback:
    """Of the classifier of each fit: shows its epochs.

    Parameters
    ----------
    display : SearchDisplay
    """

    def __init__(self, display):
        self._display = display

    def setup(self, estimator, context):
        """Nothing."""

    def on_fit_task_begin(self, estimator, context):
        """Nothing: epochs are counted at their end."""

    def on_fit_task_end(self, estimator, context):
        """Advance by an epoch."""
        if context.task_name == "epoch":
            self._display.advance_fit(id(estimator), estimator.get_params(), estimator.n_iter_, estimator.max_iter)

    def teardown(self, estimator, context):
        """Take the bar away."""
        self._display.end_fit(id(estimator))
