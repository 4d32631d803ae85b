"""Training on a stream of deformed digits: images a second and peak memory over the import, in fresh processes."""

import json
import subprocess
import sys
import tempfile
from functools import partial

import _harness
import _results

# Name, options of `skdigits train`, images in all and with --quick.
ROWS = [
    ("784-100-10, 1 million images", [], 1_000_000, 20_000),
    ("784-100-10, 8.1 million images, as many as MNIST8M has", [], 8_100_000, 40_000),
    ("recipe augmented (784-800-10), 1 million images", ["--recipe", "augmented"], 1_000_000, 20_000),
]
GOAL = 300
render = partial(
    _results.render_sides,
    warm_up="after a warm-up with fewer images",
    note="Seconds are of the training, each in a process of its own.",
)

# The libraries are imported before memory is measured: the first reading is of what is there without data and kernels.
PROGRAM = """
import contextlib, io, json, pathlib, re, resource, sys
import rich.progress, sklearn.metrics, sklearn.pipeline, sklearn.preprocessing
import skdigits, skdigits.datasets, skdigits.plotting, skdigits.preprocessing
from skdigits._cli import main
def peak():
    status = pathlib.Path("/proc/self/status")
    if status.exists():  # getrusage would count what the parent had before, too
        return int(re.search(r"VmHWM:\\s*(\\d+) kB", status.read_text())[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, out = peak(), io.StringIO()
with contextlib.redirect_stdout(out):
    status = main(["train", "--dataset", "mnist", "--stream", "--json", *sys.argv[1:]])
print(json.dumps({"status": status, "import_mib": before, "peak_mib": peak(), "result": out.getvalue()}))
"""


def train(options, n_samples, arguments):
    """Train in a process of its own; what `skdigits train` says, and how much memory the process took."""
    options = [*options, "--deformed", str(n_samples), "--jobs", str(arguments.threads)]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", PROGRAM, *options, "--output", f"{folder}/model.joblib"]
        process = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    measured = json.loads(process.stdout)
    if measured["status"]:
        raise SystemExit(f"skdigits train {' '.join(options)} ended with status {measured['status']}")
    return measured, json.loads(measured["result"])


def measure(options, n_samples, n_quick, arguments):
    """The row of one stream."""
    n_samples = n_quick if arguments.quick else n_samples
    train(options, n_quick // 2, arguments)  # what has to be compiled is on disk then
    seconds, memory = [], []
    for _ in range(arguments.repeats):
        measured, result = train(options, n_samples, arguments)
        seconds.append(result["train_seconds"])
        memory.append(measured["peak_mib"] - measured["import_mib"])
    row = _harness.make_row({_harness.OURS: seconds})
    side = row["sides"][_harness.OURS]
    rate = n_samples / side["median"]
    side |= {"accuracy": result["test_accuracy"], "samples_per_second": round(rate), "peak_mib": round(max(memory))}
    side["note"] = f"{rate:,.0f} images/s, {max(memory):.0f} MiB over the import (goal {GOAL})"
    return row


def main():
    arguments = _harness.parse(__doc__, repeats=1)
    rows = {name: partial(measure, *work, arguments) for name, *work in ROWS}
    _harness.report("stream", arguments, rows, title="Streams of deformed MNIST digits", render=render)


if __name__ == "__main__":
    main()
