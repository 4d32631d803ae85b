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
from functools import cached_property, partial
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


def measure_first_predictions(paths, arguments):
    """Whole processes, round after round; the first round fills the caches of files and of compiled kernels."""
    wanted = [side for side in FIRST_PREDICTION if not arguments.quick or side in QUICK]
    seconds = {side: [] for side in wanted}
    for round_number in range(arguments.repeats + 1):
        for side in wanted:
            begin = time.perf_counter()
            start(FIRST_PREDICTION[side], paths[side], arguments.threads)
            if round_number:
                seconds[side].append(time.perf_counter() - begin)
    return _harness.make_row(seconds)


class Saved:
    """One network in all formats, saved when it is first asked for."""

    def __init__(self, network, folder, arguments):
        self.network, self.arguments = network, arguments
        self.paths = {side: str(Path(folder) / f"{network}{suffix}") for side, (suffix, *_) in FORMATS.items()}

    @cached_property
    def model(self):
        model = train(HIDDEN[self.network])
        for side, (_, save, _) in FORMATS.items():
            save(model, self.paths[side])
        return model

    def save(self):
        """The row of saving, which says how large the files are."""
        works = {side: partial(save, self.model, self.paths[side]) for side, (_, save, _) in FORMATS.items()}
        row = self._finish(_harness.measure(works, self.arguments.repeats))
        for values in row["sides"].values():
            values["note"] = f"{values['bytes'] / 1e6:.2f} MB"
        return row

    def load(self):
        """The row of loading."""
        works = {side: partial(load, self.paths[side]) for side, (*_, load) in FORMATS.items()}
        _ = self.model
        return self._finish(_harness.measure(works, self.arguments.repeats))

    def predict_first(self):
        """The row of a service that has just been started."""
        _ = self.model
        return self._finish(measure_first_predictions(self.paths, self.arguments))

    def _finish(self, row):
        for side, values in row["sides"].items():
            values["bytes"] = os.path.getsize(self.paths[side])
        return row | {"ratios": {}}  # formats are not rivals


def main():
    arguments = _harness.parse(__doc__, repeats=5, needs=["safetensors", "skops", "onnx", "skl2onnx", "onnxruntime"])
    with tempfile.TemporaryDirectory() as folder:
        rows = {}
        for network, hidden in HIDDEN.items():
            saved = Saved(network, folder, arguments)
            rows |= {f"{network}: save": saved.save, f"{network}: load": saved.load}
            if not (arguments.quick and len(hidden) > 1):
                rows[f"{network}: first prediction of a process"] = saved.predict_first
        _harness.report("persistence", arguments, rows, title="Saved models")


if __name__ == "__main__":
    main()
