"""Fits and saved models where memory, disk or surroundings fall short: a clear error or a right result."""

import _thread
import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from skdigits import MLPDigitClassifier
from skdigits._cli.models import load_model, save_model
from skdigits._engine import runner
from skdigits.persistence import Checkpoint, load, load_weights, save, save_weights, to_onnx

from .conftest import limited

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
X, Y = X[:150] / 16, Y[:150]

LITTLE_MEMORY = """
import resource, warnings
import numpy as np
from skdigits import MLPDigitClassifier
warnings.simplefilter("ignore")
X, y = np.random.default_rng(0).random((300, 64), np.float32), np.arange(300) % 10
small = MLPDigitClassifier((20,), max_iter=2, random_state=0, n_jobs=1)
expected = small.fit(X, y).predict_proba(X)
with open("/proc/self/statm") as statistics:
    used = int(statistics.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 200 * 2**20,) * 2)
large = MLPDigitClassifier((5000, 5000), max_iter=1, n_jobs=1)
try:
    large.fit(X, y)
except MemoryError:
    print("MemoryError", [name for name in vars(large) if name.endswith("_")])
print((small.fit(X, y).predict_proba(X) == expected).all())
"""

SURROUNDINGS = """
import warnings
from sklearn.datasets import load_digits
from skdigits import MLPDigitClassifier
warnings.simplefilter("ignore")
X, y = load_digits(return_X_y=True)
model = MLPDigitClassifier((16, 9), max_iter=2, random_state=0).fit(X[:150] / 16, y[:150])
print(repr(float(model.loss_)))
"""


LATE = """
import atexit, sys, threading, time, warnings
from sklearn.datasets import load_digits
from skdigits import MLPDigitClassifier
from skdigits._engine import runner
runner._LONG_EPOCH = 0  # so that one thread, too, is another one
warnings.simplefilter("ignore")
X, y = load_digits(return_X_y=True)
X /= 16
when, n_jobs = sys.argv[1:]
model = MLPDigitClassifier((400,), max_iter=2, random_state=0, n_jobs=int(n_jobs))

def train():
    if when == "thread":
        threading.main_thread().join()
    model.fit(X, y)
    print(repr(float(model.loss_)), model.predict(X).sum())

if when == "thread":
    threading.Thread(target=train).start()
else:
    atexit.register(train)
"""


def run(program, *arguments, **environment):
    environment = {name: value for name, value in {**os.environ, **environment}.items() if value is not None}
    process = subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environment, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.split("\n")[:-1]


def make(**parameters):
    return MLPDigitClassifier(**{"hidden_layer_sizes": (16, 9), "max_iter": 2, "random_state": 0, **parameters})


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux")
def test_memory_limit_is_an_error_and_the_next_fit_works():
    assert run(LITTLE_MEMORY) == ["MemoryError []", "True"]


@pytest.mark.parametrize("environment", [
    {"HOME": None, "XDG_CACHE_HOME": None},
    {"HOME": "/dev/null/home", "XDG_CACHE_HOME": "/dev/null/cache"},
    {"TMPDIR": "/dev/null/folder"},
    {"LC_ALL": "C", "LANG": None},
], ids=str)  # fmt: skip
def test_surroundings_change_no_bit(environment):
    assert run(SURROUNDINGS, **environment) == [repr(float(make().fit(X, Y).loss_))]


@pytest.mark.parametrize("environment", [{"NUMBA_CPU_NAME": "generic"}, {"NUMBA_ENABLE_AVX": "0"}], ids=str)
def test_numba_may_be_told_to_use_less_of_the_processor(environment):
    (loss,) = run(SURROUNDINGS, **environment)
    assert float(loss) == pytest.approx(make().fit(X, Y).loss_, rel=1e-5)


@pytest.mark.parametrize("n_jobs", ["1", "2"])
@pytest.mark.parametrize("when", ["thread", "atexit"])
def test_training_goes_on_when_the_main_thread_has_ended(when, n_jobs):
    digits, labels = load_digits(return_X_y=True)
    model = make(hidden_layer_sizes=(400,)).fit(digits / 16, labels)
    assert run(LATE, when, n_jobs) == [f"{float(model.loss_)!r} {model.predict(digits / 16).sum()}"]


@pytest.mark.parametrize("long_epoch", [0, 10**9])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_refused_threads_change_no_bit(monkeypatch, n_jobs, long_epoch):
    monkeypatch.setattr(runner, "_LONG_EPOCH", long_epoch)

    def refuse(function, arguments):
        raise RuntimeError("can't start new thread")

    digits, labels = load_digits(return_X_y=True)
    model = make(hidden_layer_sizes=(400,), batch_size=64, dropout=0.1, n_jobs=n_jobs)
    expected = model.fit(digits, labels).predict_proba(digits)
    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    np.testing.assert_array_equal(model.fit(digits, labels).predict_proba(digits), expected)


def save_checkpoint(model, path):
    make(max_iter=1).set_callbacks(Checkpoint(path)).fit(X, Y)


def load_trusted(path):
    return load_model(path, trust=True)


WAYS = {
    "npz": (save_weights, load_weights, ".npz"),
    "safetensors": (save_weights, load_weights, ".safetensors"),
    "skops": (save, load, ".skops"),
    "checkpoint": (save_checkpoint, load_weights, ".npz"),
    "joblib": (save_model, load_trusted, ".joblib"),
    "onnx": (to_onnx, load_trusted, ".onnx"),
}


@pytest.mark.parametrize("way", WAYS)
def test_full_disk_leaves_the_old_file(tmp_path, way):
    write, read, suffix = WAYS[way]
    for package in {"safetensors": [way], "skops": [way], "onnx": ["skl2onnx", "onnxruntime"]}.get(way, []):
        pytest.importorskip(package)
    path, model = tmp_path / f"model{suffix}", make(max_iter=1).fit(X, Y)
    write(model, path)
    before = path.read_bytes()
    # A checkpoint is not worth the training: of it there is a warning, which is an error here.
    refusal = UserWarning if way == "checkpoint" else OSError
    with limited("RLIMIT_FSIZE", 2000), pytest.raises(refusal, match="File too large"):
        write(make(max_iter=1, random_state=5).fit(X, Y), path)
    assert path.read_bytes() == before
    assert [part.name for part in tmp_path.iterdir()] == [path.name]
    tolerance = 1e-6 if way == "onnx" else 0
    np.testing.assert_allclose(read(path).predict_proba(X), model.predict_proba(X), rtol=0, atol=tolerance)
    write(model, path)
