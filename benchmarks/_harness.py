"""Measures several sides in one run: warmed up, interleaved, medians and spread, accuracy beside seconds.

A *row* is one piece of work and a *side* is one way to do it; the last side of a row is ours. Every program parses its
arguments with `parse` and hands `report` a callable for each row, which measures it, most often with `measure`.
"""

import argparse
import contextlib
import importlib.util
import shlex
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path

import _rivals
import numpy as np
from _results import Results, describe_moment
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from skdigits.datasets import fetch_mnist

RESULTS = Path(__file__).parent / "results"
OURS = "skdigits"
# Threads of OpenBLAS were seen to spin for a tenth of a second after their work; the next side starts when they sleep.
_PAUSE = 0.3
# How scikit-learn's fits and ours begin to warn that they took Ctrl-C for their end.
_INTERRUPTED = "Training interrupted by user"
_STATUS_INTERRUPTED = 130


def parse(description, *, repeats=None, rivals=(), has_epochs=False, needs=()):
    """Arguments that programs share. What a program has no use for it does not take.

    Parameters
    ----------
    description : str
    repeats : int or None
        Rounds that count; with ``--quick`` there is one. None where there are no rounds.
    rivals : sequence of str
        Those of `_rivals.NAMES` that the program has a side for.
    has_epochs : bool
        Whether to take ``--epochs``, too: 10, and 1 with ``--quick``.
    needs : sequence of str
        Modules that the program imports where it needs them, and that may be missing.

    Returns
    -------
    arguments : argparse.Namespace
        ``left_out`` says how far the run is from a full one: ``quick``, and the ``rivals`` where they are not all.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a small part of the work, to see that the program runs")
    if rivals:
        parser.add_argument("--rivals", nargs="*", choices=rivals, default=rivals, help="default: all")
    if repeats:
        parser.add_argument("--repeats", type=_positive, help=f"rounds that count (default: {repeats}, quick: 1)")
    parser.add_argument("--threads", type=_positive, default=2, help="threads of every side (default: 2)")
    if has_epochs:
        parser.add_argument("--epochs", type=_positive, help="default: 10, quick: 1")
    parser.add_argument(
        "--only", nargs="+", help="only rows whose name contains one of these, or is one behind =; others are kept"
    )
    parser.add_argument("--output", type=Path, help="folder of the results (default: results; quick: results/quick)")
    arguments = parser.parse_args()
    missing = [module for module in needs if importlib.util.find_spec(module) is None]
    if missing:
        parser.error(f'{", ".join(missing)} cannot be imported: python -m pip install ".[bench]"')
    if repeats:
        arguments.repeats = arguments.repeats or (1 if arguments.quick else repeats)
    if has_epochs:
        arguments.epochs = arguments.epochs or (1 if arguments.quick else 10)
    arguments.output = arguments.output or (RESULTS / "quick" if arguments.quick else RESULTS)
    try:  # before hours of measuring, not after
        arguments.output.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=arguments.output).close()
    except OSError as error:
        parser.error(f"no results can be written to {arguments.output}: {error.strerror}")
    arguments.left_out = {"quick": True} if arguments.quick else {}
    if rivals:
        arguments.rivals = _rivals.importable([rival for rival in rivals if rival in arguments.rivals])
        if len(arguments.rivals) < len(rivals):
            arguments.left_out["rivals"] = arguments.rivals
    return arguments


def _positive(text):
    """A whole number from 1 on."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def load_mnist(n_samples=60_000, *, n_test=10_000, scale=True):
    """The first training and test images of MNIST, and their labels.

    Parameters
    ----------
    n_samples, n_test : int
    scale : bool
        Pixels as float32 from 0 to 1 instead of bytes.

    Returns
    -------
    X, y, X_test, y_test : ndarray
    """
    X, y = (array[:n_samples] for array in fetch_mnist(subset="train", return_X_y=True))
    X_test, y_test = (array[:n_test] for array in fetch_mnist(subset="test", return_X_y=True))
    if scale:
        X, X_test = (pixels / np.float32(255) for pixels in (X, X_test))
    return X, y, X_test, y_test


def measure(sides, repeats, *, goals=None, calls=1):
    """Time each side in turn, round after round.

    Parameters
    ----------
    sides : dict of str to callable
        Each does the whole work.
    repeats : int
        Rounds that count; one more goes before, to compile, to load and to fill caches.
    goals : dict of str to float or None
        How many times faster than a rival we want to be.
    calls : int
        Calls of a side in a round, for work of some milliseconds and less.

    Returns
    -------
    row : dict
        ``sides`` with ``seconds`` of each call, ``median``, ``least`` and ``most``; ``ratios`` by rival: the median,
        the least and the most of the ratios of each round; ``goals``.
    """
    seconds = {side: [] for side in sides}
    with progress() as bar:
        task = bar.add_task("", total=(repeats + 1) * len(sides))
        for round_number in range(repeats + 1):
            for side, work in sides.items():
                bar.update(task, description=side)
                time.sleep(_PAUSE)
                start = time.perf_counter()
                for _ in range(calls):
                    work()
                if round_number:
                    seconds[side].append((time.perf_counter() - start) / calls)
                bar.advance(task)
    return make_row(seconds, goals=goals)


def progress():
    """A bar for the rounds of a row."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def make_row(seconds, *, goals=None):
    """A row from the seconds of each side."""
    *rivals, ours = seconds
    ratios = {
        rival: _summary([a / b for a, b in zip(seconds[rival], seconds[ours], strict=True)], digits=2)
        for rival in rivals
    }
    sides = {side: {"seconds": [_round(v) for v in values], **_summary(values)} for side, values in seconds.items()}
    return {"sides": sides, "ratios": ratios, "goals": goals or {}}


def _summary(values, digits=None):
    summary = {"median": statistics.median(values), "least": min(values), "most": max(values)}
    return {key: _round(value) if digits is None else round(value, digits) for key, value in summary.items()}


def _round(value):
    return float(f"{value:.4g}")


def report(name, arguments, rows, *, title, settings=None, render=None, draw=None):
    """Measure the rows that were asked for, write the results after each of them, and print the table.

    Ctrl-C ends the program; rows that were finished before are in the results.

    Parameters
    ----------
    name : str
        Of the files.
    arguments : argparse.Namespace
    rows : dict of str to callable
        By name, in the order of the table; returns a row, or None where there is nothing to say.
    title : str
    settings : dict or None
        What rows have in common besides the machine; None: threads and repeats.
    render, draw : callable or None
        As in `Results`.

    Raises
    ------
    SystemExit
        If no row is asked for or measured, if results cannot be kept or written, or after Ctrl-C.
    """
    wanted = [row for row in rows if _is_wanted(row, arguments)]
    if not wanted:
        raise SystemExit(f"No row has any of {arguments.only} in its name. The rows are: {'; '.join(rows)}")
    settings = settings or {"threads": arguments.threads, "repeats": arguments.repeats}
    results = Results(
        arguments.output / f"{name}.json", title=title, names=rows, keeps_others=bool(arguments.only),
        settings=settings | arguments.left_out, render=render, draw=draw,
    )  # fmt: skip
    to_do, is_interrupted = list(wanted), False
    try:
        with _interrupts_raised():
            while to_do:
                print(f"{to_do[0]} ...", file=sys.stderr, flush=True)
                row = rows[to_do[0]]()
                row_name = to_do.pop(0)
                if row is not None:
                    results.add({"work": row_name} | row | {"measured": describe_moment()})
    except KeyboardInterrupt:
        is_interrupted = True
    if results.has_new:
        results.write()  # the interrupt may have come while it was being written
        print(results.table())
        results.draw()
    if is_interrupted:
        others = shlex.join(["--only", *(f"={row_name}" for row_name in to_do)])
        print(
            f"Interrupted after {len(wanted) - len(to_do)} of {len(wanted)} rows. The others: {others}", file=sys.stderr
        )
        raise SystemExit(_STATUS_INTERRUPTED)
    if not results.has_new:
        raise SystemExit("There is nothing to write.")


def _is_wanted(name, arguments):
    """Whether a row is asked for, by a part of its name or by all of it with ``=`` in front."""
    parts = arguments.only or [""]
    return any(name == part[1:] if part.startswith("=") else part in name for part in parts)


@contextlib.contextmanager
def _interrupts_raised():
    """Raise KeyboardInterrupt for a Ctrl-C that came during a fit, too: half a fit is no measurement."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=_INTERRUPTED)
        try:
            yield
        except UserWarning as warning:
            if not str(warning).startswith(_INTERRUPTED):
                raise
            raise KeyboardInterrupt from None
