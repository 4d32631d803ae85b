"""Models on disk: size, seconds to save and to load, and from a fresh process to its first prediction, by format.

Every format gets the same network after an epoch of Adam, whose state is twice as large as the weights: pickle, joblib
and skops store it, .npz and .safetensors do unless told otherwise, and ONNX has no place for it.
"""

import os
import pickle
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import _harness
import joblib
import numpy as np

from skdigits import MLPDigitClassifier, persistence
from skdigits.persistence._onnx_runtime import OnnxClassifier

HIDDEN = {"784-100-10": (100,), "784-1024-1024-10": (1024, 1024)}
WEIGHTS_ALONE = "npz, weights alone"


def save_pickle(model, path):
    with open(path, "wb") as stream:
        pickle.dump(model, stream, protocol=5)


def load_pickle(path):
    with open(path, "rb") as stream:
        return pickle.load(stream)


# Suffix, and what saves and loads.
FORMATS = {
    "pickle": (".pickle", save_pickle, load_pickle),
    "joblib": (".joblib", joblib.dump, joblib.load),
    "npz": (".npz", persistence.save_weights, persistence.load_weights),
    WEIGHTS_ALONE: (
        ".alone.npz",
        lambda model, path: persistence.save_weights(model, path, include_optimizer=False),
        persistence.load_weights,
    ),
    "safetensors": (".safetensors", persistence.save_weights, persistence.load_weights),
    "skops": (".skops", persistence.save, persistence.load),
    "onnx": (".onnx", persistence.to_onnx, OnnxClassifier),
}

# What a service that has just been started does, with no more imports than it needs.
FIRST_PREDICTION = {
    "pickle": "import pickle; model = pickle.load(open(path, 'rb'))",
    "joblib": "import joblib; model = joblib.load(path)",
    "npz": "from skdigits.persistence import load_weights; model = load_weights(path)",
    "safetensors": "from skdigits.persistence import load_weights; model = load_weights(path)",
    "skops": "from skdigits.persistence import load; model = load(path)",
    "onnx": """
import onnxruntime
session = onnxruntime.InferenceSession(path)
class model:
    predict = lambda X: session.run(["label"], {"X": X})
""",
}
QUICK = ("pickle", "onnx")
PROGRAM = "import sys; path = sys.argv[1]\n{load}\nimport numpy as np\nmodel.predict(np.zeros((1, 784), np.float32))"


def train(hidden_layer_sizes):
    random = np.random.default_rng(0)
    X, y = random.random((1000, 784), dtype=np.float32), np.arange(1000) % 10
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MLPDigitClassifier(hidden_layer_sizes, max_iter=1, random_state=0).fit(X, y)


def start(load, path, threads):
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, str(threads))
    subprocess.run([sys.executable, "-c", PROGRAM.format(load=load), path], env=environment, check=True)


def measure_first_predictions(name, paths, arguments):
    """Whole processes, round after round; the first round fills the caches of files and of compiled kernels."""
    wanted = [side for side in FIRST_PREDICTION if not arguments.quick or side in QUICK]
    seconds = {side: [] for side in wanted}
    for round_number in range(arguments.repeats + 1):
        for side in wanted:
            begin = time.perf_counter()
            start(FIRST_PREDICTION[side], paths[side], arguments.threads)
            if round_number:
                seconds[side].append(time.perf_counter() - begin)
    return _harness.make_row(name, seconds)


def measure_network(network, hidden_layer_sizes, folder, arguments):
    """The rows of one network."""
    model = train(hidden_layer_sizes)
    paths = {side: str(Path(folder) / f"{network}{suffix}") for side, (suffix, *_) in FORMATS.items()}
    save = {side: lambda s=s, p=paths[side]: s(model, p) for side, (_, s, _) in FORMATS.items()}
    load = {side: lambda r=r, p=paths[side]: r(p) for side, (*_, r) in FORMATS.items()}
    for work in save.values():
        work()
    rows = []
    for kind, works in (("save", save), ("load", load)):
        if _harness.is_wanted(f"{network}: {kind}", arguments):
            rows.append(_harness.measure(f"{network}: {kind}", works, arguments.repeats))
    first = f"{network}: first prediction of a process"
    if _harness.is_wanted(first, arguments) and not (arguments.quick and len(hidden_layer_sizes) > 1):
        rows.append(measure_first_predictions(first, paths, arguments))
    for row in rows:
        row["ratios"] = {}  # formats are not rivals
        for side, values in row["sides"].items():
            values["bytes"] = os.path.getsize(paths[side])
            if row["work"].endswith("save"):
                values["note"] = f"{values['bytes'] / 1e6:.2f} MB"
    return rows


def main():
    arguments = _harness.parse(__doc__, repeats=5)
    with tempfile.TemporaryDirectory() as folder:
        rows = [row for network in HIDDEN.items() for row in measure_network(*network, folder, arguments)]
    _harness.report("persistence", arguments, rows, title="Saved models")


if __name__ == "__main__":
    main()
