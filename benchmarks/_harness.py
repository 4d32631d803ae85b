"""Measures several sides in one run: warmed up, interleaved, medians and spread, accuracy beside seconds."""

import json
import platform
import statistics
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import joblib

RESULTS = Path(__file__).parent / "results"


def measure(sides, repeats):
    """Time each side in turn, round after round.

    Parameters
    ----------
    sides : dict of str to callable
        Each does the whole work and returns what is to stand beside its seconds (accuracy, loss), as a dict.
    repeats : int
        Rounds that count; one more goes before to compile, to load and to fill caches.

    Returns
    -------
    results : dict of str to dict
        ``seconds`` (all of them), ``median``, ``least``, ``most``, and what the side returned last.
    """
    seconds, notes = {name: [] for name in sides}, {}
    for round_number in range(repeats + 1):
        for name, work in sides.items():
            start = time.perf_counter()
            notes[name] = work()
            if round_number:
                seconds[name].append(time.perf_counter() - start)
    return {
        name: {
            "seconds": [round(value, 4) for value in values],
            "median": round(statistics.median(values), 4),
            "least": round(min(values), 4),
            "most": round(max(values), 4),
            **notes[name],
        }
        for name, values in seconds.items()
    }


def ratio(results, rival, ours):
    """How many times faster we are: the median of the ratios of each round, and the least and the most of them."""
    ratios = [a / b for a, b in zip(results[rival]["seconds"], results[ours]["seconds"], strict=True)]
    return {
        "median": round(statistics.median(ratios), 2),
        "least": round(min(ratios), 2),
        "most": round(max(ratios), 2),
    }


def describe_machine(*packages):
    """What a figure depends on besides the code."""
    return {
        "processor": _processor(),
        "cores": joblib.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        **{package: _version(package) for package in packages},
    }


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


def save(name, content, table):
    """Write results as JSON, and as a table for people."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
    (RESULTS / f"{name}.md").write_text(table)
    print(table)
