"""Results on disk: JSON with every single measurement, a table and a chart, written anew after each row.

A file holds the rows of one machine, measured in one way: its last line says which.
"""

import json
import math
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import joblib

import skdigits
from skdigits.persistence._files import replaced_whole


class Results:
    """The rows that one program has measured, those of earlier runs among them.

    Parameters
    ----------
    path : Path
        Of the JSON; table and chart lie beside it.
    title : str
    settings : dict
        What rows have in common.
    names : sequence of str
        Of all rows, in the order in which to write them.
    keeps_others : bool
        Whether rows that the file has already stay there until they are measured anew.
    render, draw : callable or None
        Make the table from all that is written, and draw the same on axes of matplotlib; None: `render_sides` and
        `draw_sides`.

    Raises
    ------
    SystemExit
        If rows are to stay that nobody can read, or that were measured in another way: one table would have two.
    """

    def __init__(self, path, *, title, settings, names, keeps_others=False, render=None, draw=None):
        self.path, self.names, self.has_new = path, list(names), False
        self._render, self._draw = render or render_sides, draw or draw_sides
        self._head = {"title": title, "machine": describe_machine(), "settings": settings}
        self._rows = self._read() if keeps_others and path.exists() else {}

    @property
    def content(self):
        """All that is written."""
        return self._head | {"rows": sorted(self._rows.values(), key=self._place)}

    def _place(self, row):
        """Where a row stands; one that the program has no more comes last."""
        return self.names.index(row["work"]) if row["work"] in self.names else len(self.names)

    def _read(self):
        way_out = "give another folder with --output"
        try:
            before = json.loads(self.path.read_text())
            rows, there = {row["work"]: row for row in before["rows"]}, _flat(before)
        except (ValueError, KeyError, TypeError) as error:
            raise SystemExit(f"{self.path} holds no results ({error!r}): delete it, or {way_out}") from None
        now = _flat(self._head)
        differences = [f"{key} {_said(there, key)} there, {_said(now, key)} now"
                       for key in sorted(there | now) if there.get(key) != now.get(key)]  # fmt: skip
        if differences:
            raise SystemExit(
                f"{self.path} was measured in another way, and --only would mix its rows with new ones: "
                f"{'; '.join(differences)}. Measure all rows, or {way_out}"
            )
        return rows

    def add(self, row):
        """Write a row, in the place of one of its name."""
        self._rows[row["work"]], self.has_new = row, True
        self.write()

    def write(self):
        """Write JSON and table."""
        self._write(".json", json.dumps(self.content, indent=1) + "\n")
        self._write(".md", self.table())

    def table(self):
        """The table of results, as Markdown."""
        content = self.content
        note = "\nMeasured with --quick: a small part of the work.\n" if content["settings"].get("quick") else ""
        return self._render(content) + note

    def _write(self, suffix, text):
        path = self.path.with_suffix(suffix)
        try:
            with replaced_whole(path) as stream:
                stream.write(text.encode())
        except OSError as error:
            print(self.table())
            raise SystemExit(f"{path} cannot be written ({error}): what has been measured stands above") from None

    def draw(self):
        """Draw the chart."""
        try:
            from matplotlib.figure import Figure
        except ImportError:
            print("matplotlib is not installed: no chart is drawn (pip install matplotlib)")
            return
        figure = Figure(figsize=(8, 5), layout="constrained")
        self._draw(self.content, figure.subplots())
        path = self.path.with_suffix(".png")
        try:
            with replaced_whole(path) as stream:
                figure.savefig(stream, dpi=110, format="png")
        except OSError as error:
            raise SystemExit(f"{path} cannot be drawn ({error}); JSON and table are written") from None


def _flat(content):
    """Machine and settings as one dictionary."""
    machine = dict(content["machine"])
    packages, environment = machine.pop("packages"), machine.pop("environment")
    return machine | packages | environment | content["settings"]


def _said(settings, key):
    return repr(settings[key]) if key in settings else "not set"


def render_sides(content, *, warm_up="after a warm-up", note=""):
    """The table of results, as Markdown.

    Parameters
    ----------
    content : dict
        Of a file of results.
    warm_up : str
        What went before the rounds.
    note : str
        What else is to be known, in sentences.
    """
    sides = list(dict.fromkeys(side for row in content["rows"] for side in row["sides"]))
    rivals = [side for side in sides if any(side in row["ratios"] for row in content["rows"])]
    head = [content["title"], *sides, *(f"faster than {rival} (goal)" for rival in rivals)]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    for row in content["rows"]:
        cells = [row["work"]]
        cells += [_side_cell(row["sides"].get(side)) for side in sides]
        cells += [_ratio_cell(row["ratios"].get(rival), row["goals"].get(rival)) for rival in rivals]
        lines.append(f"| {' | '.join(cells)} |")
    machine = content["machine"]
    where = f"{machine['processor']}, {machine['cores']} cores, {versions(machine)}."
    lines += ["", " ".join(filter(None, [_how_measured(content, warm_up), note, where]))]
    return "\n".join(lines) + "\n"


def _how_measured(content, warm_up):
    """A sentence about the numbers that are in the table, and no others."""
    rows, n_rounds, n_threads = content["rows"], content["settings"]["repeats"], content["settings"]["threads"]
    is_interleaved = any(len(row["sides"]) > 1 for row in rows)
    rounds = f"Medians of {n_rounds}{' interleaved' if is_interleaved else ''} rounds" if n_rounds > 1 else "One round"
    parts = [f"{rounds} {warm_up}, {n_threads} thread{'s' if n_threads > 1 else ''} unless a row says otherwise"]
    if any("accuracy" in side for row in rows for side in row["sides"].values()):
        parts.append("after the seconds the accuracy on the 10,000 test images where there is one")
    if any(row["ratios"] for row in rows):
        parts.append("ratios are medians of the ratios of each round, with the least and the most of them")
    return "; ".join(parts) + "."


def _side_cell(side):
    if side is None:
        return ""
    note = f", {side['accuracy']:.4f}" if "accuracy" in side else ""
    note += f", {side['note']}" if "note" in side else ""
    return duration(side["median"]) + note


def duration(seconds):
    """Seconds with three digits, in the unit that suits them."""
    for unit, scale in (("s", 1), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)):
        if seconds >= scale or unit == "ns":
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


def describe_moment():
    """The day, and the last commit of the package where it lies in a repository, as a row's version says too little."""
    moment = {"date": datetime.now(UTC).date().isoformat()}
    commit = _git("log", "-1", "--format=%h", "--", ".")
    return moment | ({"commit": commit, "is_changed": bool(_git("status", "--porcelain", "."))} if commit else {})


def _git(*arguments):
    """What git says about the folder of the package; nothing where there is no git, or no repository."""
    folder = Path(skdigits.__file__).parent
    try:
        return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


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
