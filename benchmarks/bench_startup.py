"""Cold starts, each in a fresh process: importing, and the first fit with and without compiled kernels."""

import json
import os
import subprocess
import sys
import tempfile
from functools import partial

import _harness
import _results
import _rivals

IMPORT = """
import time
start = time.perf_counter()
import {module}
seconds = time.perf_counter() - start
"""
FIRST_FIT = """
import time, warnings
import numpy as np
import sklearn.neural_network
from {module} import {name} as Classifier
warnings.simplefilter("ignore")
X = np.random.default_rng(0).random((2000, 784), dtype=np.float32)
X[X < 0.85] = 0
y = np.arange(2000) % 10
def fit():
    start = time.perf_counter()
    Classifier(max_iter=1).fit(X, y)
    return time.perf_counter() - start
first = fit()
seconds = first - min(fit() for _ in range(3)) if {less_later} else first
"""
# Name, program, what it is given, whether kernels are compiled, goal in seconds.
ROWS = {
    "import": [
        ("sklearn", IMPORT, {"module": "sklearn.neural_network"}, True),
        ("torch", IMPORT, {"module": "torch"}, True),
        (_harness.OURS, IMPORT, {"module": "sklearn.neural_network, skdigits.classifier"}, True),
    ],
    "first fit, nothing compiled": [
        (_harness.OURS, FIRST_FIT, {"module": "skdigits", "name": "MLPDigitClassifier", "less_later": False}, False),
    ],
    "first fit, kernels on disk": [
        (
            "sklearn",
            FIRST_FIT,
            {"module": "sklearn.neural_network", "name": "MLPClassifier", "less_later": False},
            True,
        ),
        (_harness.OURS, FIRST_FIT, {"module": "skdigits", "name": "MLPDigitClassifier", "less_later": False}, True),
    ],
    "first fit over later ones, kernels on disk": [
        ("sklearn", FIRST_FIT, {"module": "sklearn.neural_network", "name": "MLPClassifier", "less_later": True}, True),
        (_harness.OURS, FIRST_FIT, {"module": "skdigits", "name": "MLPDigitClassifier", "less_later": True}, True),
    ],
}
GOALS = {
    "import": "goal 0.15 s over sklearn",
    "first fit, nothing compiled": "goal 8 s",
    "first fit over later ones, kernels on disk": "goal 0.5 s",
}

render = partial(
    _results.render_sides,
    warm_up="after a warm-up (none where nothing is compiled)",
    note="Each start is a process of its own.",
)


def run(program, values, cache, threads):
    """Seconds that a program reports from a process of its own."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
    environment |= {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    code = program.format(**values) + "\nimport json; print(json.dumps(seconds))"
    process = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    if process.returncode:
        raise SystemExit(f"{values['module']}: status {process.returncode}\n{process.stderr}")
    return json.loads(process.stdout.splitlines()[-1])


def measure(name, warm, arguments):
    """The row of one kind of start; `warm` is a folder for compiled kernels that is kept from start to start."""
    sides = [side for side in ROWS[name] if side[0] in (*arguments.rivals, _harness.OURS)]
    seconds = {side: [] for side, *_ in sides}
    with _harness.progress() as bar:
        task = bar.add_task(name, total=(arguments.repeats + 1) * len(sides))
        for round_number in range(arguments.repeats + 1):
            for side, program, values, is_warm in sides:
                if is_warm or round_number:  # what is cold needs no warm-up
                    with tempfile.TemporaryDirectory() as cold:
                        measured = run(program, values, warm if is_warm else cold, arguments.threads)
                if round_number:
                    seconds[side].append(max(measured, 1e-6))
                bar.advance(task)
    row = _harness.make_row(seconds) | {"ratios": {}}  # being faster than a rival is not the point here
    if name in GOALS:
        row["sides"][_harness.OURS]["note"] = GOALS[name]
    return row


def main():
    arguments = _harness.parse(__doc__, repeats=5, rivals=_rivals.NAMES)
    with tempfile.TemporaryDirectory() as warm:
        rows = {name: partial(measure, name, warm, arguments) for name in ROWS}
        _harness.report("startup", arguments, rows, title="Cold starts", render=render)


if __name__ == "__main__":
    main()
