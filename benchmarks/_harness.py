"""Measures several sides in one run: warmed up, interleaved, medians and spread, accuracy beside seconds.

A *row* is one piece of work and a *side* is one way to do it; the last side of a row is ours. Every program parses its
arguments with `parse`, measures rows with `measure` and hands them to `report`, which prints the table and writes
JSON, table and chart.
"""

import argparse
import json
import math
import os
import platform
import statistics
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import _rivals
import joblib
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from skdigits.datasets import fetch_mnist

RESULTS = Path(__file__).parent / "results"
OURS = "skdigits"
# Threads of OpenBLAS were seen to spin for a tenth of a second after their work; the next side starts when they sleep.
_PAUSE = 0.3


def parse(description, *, repeats, quick_repeats=1, add_arguments=None):
    """Arguments that all programs share.

    Parameters
    ----------
    description : str
    repeats, quick_repeats : int
        Rounds that count, and with ``--quick``.
    add_arguments : callable or None
        Gets the parser, for arguments of one program.

    Returns
    -------
    arguments : argparse.Namespace
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a small part of the work, to see that the program runs")
    parser.add_argument("--rivals", nargs="*", choices=_rivals.NAMES, default=list(_rivals.NAMES), help="default: all")
    parser.add_argument("--repeats", type=int, help=f"rounds that count (default: {repeats}, quick: {quick_repeats})")
    parser.add_argument("--threads", type=int, default=2, help="threads of every side (default: 2)")
    parser.add_argument(
        "--only", nargs="*", help="only rows whose name contains one of these, or is one behind =; others are kept"
    )
    parser.add_argument("--output", type=Path, help="folder of the results (default: results; quick: results/quick)")
    if add_arguments is not None:
        add_arguments(parser)
    arguments = parser.parse_args()
    arguments.repeats = arguments.repeats or (quick_repeats if arguments.quick else repeats)
    arguments.output = arguments.output or (RESULTS / "quick" if arguments.quick else RESULTS)
    arguments.rivals = _rivals.installed(arguments.rivals)
    return arguments


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


def is_wanted(name, arguments):
    """Whether a row is asked for, by a part of its name or by all of it with ``=`` in front."""
    parts = arguments.only or [""]
    return any(name == part[1:] if part.startswith("=") else part in name for part in parts)


def measure(name, sides, repeats, *, goals=None, calls=1):
    """Time each side in turn, round after round.

    Parameters
    ----------
    name : str
        Of the row.
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
        ``work``; ``sides`` with ``seconds`` of each call, ``median``, ``least`` and ``most``; ``ratios`` by rival: the
        median, the least and the most of the ratios of each round; ``goals``.
    """
    seconds = {side: [] for side in sides}
    with _progress() as progress:
        task = progress.add_task(name, total=(repeats + 1) * len(sides))
        for round_number in range(repeats + 1):
            for side, work in sides.items():
                time.sleep(_PAUSE)
                start = time.perf_counter()
                for _ in range(calls):
                    work()
                if round_number:
                    seconds[side].append((time.perf_counter() - start) / calls)
                progress.advance(task)
    return make_row(name, seconds, goals=goals)


def make_row(name, seconds, *, goals=None):
    """A row from the seconds of each side."""
    *rivals, ours = seconds
    ratios = {
        rival: _summary([a / b for a, b in zip(seconds[rival], seconds[ours], strict=True)], digits=2)
        for rival in rivals
    }
    sides = {side: {"seconds": [_round(v) for v in values], **_summary(values)} for side, values in seconds.items()}
    return {"work": name, "sides": sides, "ratios": ratios, "goals": goals or {}}


def _summary(values, digits=None):
    summary = {"median": statistics.median(values), "least": min(values), "most": max(values)}
    return {key: _round(value) if digits is None else round(value, digits) for key, value in summary.items()}


def _round(value):
    return float(f"{value:.4g}")


def _progress():
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def report(name, arguments, rows, *, title):
    """Print the table, and write JSON, table and chart to the folder of the results."""
    settings = {"threads": arguments.threads, "repeats": arguments.repeats}
    print(render_sides(save(name, arguments, rows, title=title, settings=settings)))


def save(name, arguments, rows, *, settings, title=None, render=None, draw=None, order=None):
    """Write JSON, table and chart to the folder of the results.

    Rows measured before, which this run was not asked for, are kept.

    Parameters
    ----------
    name : str
        Of the files.
    arguments : argparse.Namespace
    rows : list of dict
        Each with ``work`` and ``ratios``.
    settings : dict
        What rows have in common.
    title : str or None
    render : callable or None
        Makes the table from all that is written; None: `render_sides`.
    draw : callable or None
        Draws the same on axes of matplotlib; None: `draw_sides`.
    order : sequence of str or None
        ``work`` of all rows, in the order in which to write them.

    Returns
    -------
    content : dict
        All that is written, which `render` makes the table from.

    Raises
    ------
    SystemExit
        If no row has been measured.
    """
    if not rows:
        raise SystemExit(f"Nothing was measured: no row has any of {arguments.only} in its name.")
    path = arguments.output / f"{name}.json"
    if arguments.only and path.exists():
        before = {row["work"]: row for row in json.loads(path.read_text())["rows"]}
        rows = list((before | {row["work"]: row for row in rows}).values())
    if order is not None:
        rows = sorted(rows, key=lambda row: order.index(row["work"]))
    content = {} if title is None else {"title": title}
    content |= {"machine": describe_machine(), "settings": settings, "rows": rows}
    arguments.output.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")
    path.with_suffix(".md").write_text((render or render_sides)(content))
    _save_chart(content, draw or draw_sides, path.with_suffix(".png"))
    return content


def _save_chart(content, draw, path):
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("matplotlib is not installed: no chart is drawn (pip install matplotlib)")
        return
    figure = Figure(figsize=(8, 5), layout="constrained")
    draw(content, figure.subplots())
    figure.savefig(path, dpi=110)


def render_sides(content):
    """The table of results, as Markdown."""
    sides = list(dict.fromkeys(side for row in content["rows"] for side in row["sides"]))
    rivals = [side for side in sides if any(side in row["ratios"] for row in content["rows"])]
    head = [content["title"], *sides, *(f"faster than {rival} (goal)" for rival in rivals)]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    for row in content["rows"]:
        cells = [row["work"]]
        cells += [_side_cell(row["sides"].get(side)) for side in sides]
        cells += [_ratio_cell(row["ratios"].get(rival), row["goals"].get(rival)) for rival in rivals]
        lines.append(f"| {' | '.join(cells)} |")
    machine, settings = content["machine"], content["settings"]
    lines += [
        "",
        f"Medians of {settings['repeats']} interleaved rounds after a warm-up, {settings['threads']} threads unless "
        f"a row says otherwise; behind the seconds the accuracy on the 10,000 test images where there is one; ratios "
        f"are medians of the ratios of each round, with the least and the most of them. {machine['processor']}, "
        f"{machine['cores']} cores, {versions(machine)}.",
    ]
    return "\n".join(lines) + "\n"


def _side_cell(side):
    if side is None:
        return ""
    note = f", {side['accuracy']:.4f}" if "accuracy" in side else ""
    note += f", {side['note']}" if "note" in side else ""
    return _duration(side["median"]) + note


def _duration(seconds):
    for unit, scale in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale or unit == "µs":
            number = seconds / scale
            return f"{number:.{max(0, 2 - int(math.log10(max(number, 1))))}f} {unit}"


def _ratio_cell(ratio, goal):
    if ratio is None:
        return ""
    return f"{ratio['median']} ({ratio['least']} to {ratio['most']})" + (f", goal {goal}" if goal else "")


def draw_sides(content, axes):
    """A chart of the seconds of every side and row, on a logarithmic scale."""
    rows = content["rows"]
    sides = list(dict.fromkeys(side for row in rows for side in row["sides"]))
    axes.figure.set_size_inches(9, 1.2 + 0.22 * len(rows) * (len(sides) + 1))
    for s, side in enumerate(sides):
        there = [(i + (s - (len(sides) - 1) / 2) * 0.8 / len(sides), row["sides"][side])
                 for i, row in enumerate(rows) if side in row["sides"]]  # fmt: skip
        medians = [values["median"] for _, values in there]
        spread = [[v["median"] - v["least"] for _, v in there], [v["most"] - v["median"] for _, v in there]]
        axes.barh([place for place, _ in there], medians, 0.75 / len(sides), xerr=spread, label=side, ecolor="grey")
    axes.set(xscale="log", xlabel="seconds, median with least and most (logarithmic)", title=content["title"])
    axes.set_yticks(range(len(rows)), [row["work"] for row in rows])
    axes.invert_yaxis()
    axes.legend()


def describe_machine():
    """What a figure depends on besides the code."""
    packages = ("skdigits", "scikit-learn", "numba", "numpy", "scipy", "torch")
    return {
        "processor": _processor(),
        "cores": joblib.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {package: _version(package) for package in packages},
        "environment": {name: os.environ[name] for name in sorted(os.environ) if name.endswith("_NUM_THREADS")},
    }


def versions(machine):
    """Python and packages of `describe_machine`, as text."""
    packages = [f"{name} {number}" for name, number in machine["packages"].items() if number]
    return ", ".join([f"Python {machine['python']}", *packages])


def _processor():
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None
