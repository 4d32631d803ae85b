"""The decorator, in processes of their own: what it does is decided at import."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import skdigits

PROGRAM = """
import numpy as np
from skdigits._kernels.backward import finish_tile
print(finish_tile(np.ones(1), 0.0, 1.0, np.full(1, 0.5)))
"""


def run(folder, program=PROGRAM, **environment):
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", **environment}
    environment.pop("NUMBA_DISABLE_JIT", None)
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], env=environment, cwd=folder, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


@pytest.fixture
def package(tmp_path):
    """A copy of the kernels alone, so that their files may be edited."""
    source = Path(skdigits.__file__).parent / "_kernels"
    target = tmp_path / "skdigits" / "_kernels"
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "skdigits" / "__init__.py").touch()
    return tmp_path


def cache_files(folder):
    return sorted(path.name for path in folder.rglob("*.nbi"))


def test_compiled_kernels_are_kept_on_disk(package):
    assert run(package) == "0.25"
    files = cache_files(package)
    assert len(files) == 1
    assert files[0].startswith("backward.finish_tile")


def test_kernels_are_compiled_for_python_only_where_python_calls_them(package):
    program = """
import numpy as np
from skdigits._kernels.losses import is_recognised
from skdigits._kernels.jit import kernel
outer = kernel(lambda probabilities, targets: is_recognised(probabilities, targets, True))
print(outer(np.ones(2), np.ones(2, np.uint8)), len(outer.signatures), len(is_recognised.signatures),
      len(is_recognised.inner.signatures))
"""
    assert run(package, program) == "True 1 0 1"


def test_cache_can_be_switched_off(package):
    assert run(package, SKDIGITS_KERNEL_CACHE="0") == "0.25"
    assert cache_files(package) == []


def test_import_survives_without_a_writable_cache_folder(package):
    # Only a locator that needs an IPython session is left: Numba then finds no folder for its cache.
    environment = {"NUMBA_CACHE_LOCATOR_CLASSES": "IPythonCacheLocator"}
    assert run(package, **environment) == "0.25"
    assert cache_files(package) == []


def test_versions_of_numba_keep_their_code_apart(package):
    other_version = "import numba\nnumba.__version__ = '0.0'\n"
    for program in (PROGRAM, other_version + PROGRAM):
        run(package, program)
    assert len(cache_files(package)) == 2


def test_editing_another_file_of_the_folder_brings_no_stale_code(package):
    program = PROGRAM + "from skdigits._kernels.activations import activation_forward\n"
    run(package, program)
    path = package / "skdigits" / "_kernels" / "activations.py"
    path.write_text(path.read_text() + "\n# A change elsewhere.\n")
    run(package, program)
    assert len(cache_files(package)) == 2


def test_importing_the_package_compiles_nothing():
    program = """
from numba.core import event
compiled = []
class Listener(event.Listener):
    def on_start(self, e): compiled.append(e)
    def on_end(self, e): pass
with event.install_listener("numba:compile", Listener()):
    import skdigits, skdigits._kernels.epoch
print(len(compiled))
"""
    assert run(Path(skdigits.__file__).parents[1], program) == "0"


BITS = """
import hashlib, sys, warnings
from sklearn.datasets import load_digits
from skdigits import MLPDigitClassifier

warnings.simplefilter("ignore")
X, y = load_digits(return_X_y=True)
if sys.argv[1:] == ["others first"]:
    MLPDigitClassifier((30,), activation="tanh", max_iter=1).fit(X, y).predict(X)
for solver in ("sgd", "adam"):
    model = MLPDigitClassifier((100,), solver=solver, max_iter=20, dtype="float32", random_state=0).fit(X / 16, y)
    print(hashlib.sha256(model.coefs_[0].tobytes()).hexdigest()[:8])
"""


def test_bits_do_not_depend_on_what_has_been_compiled_or_loaded_before(tmp_path):
    root, cache = Path(skdigits.__file__).parents[1], {"NUMBA_CACHE_DIR": str(tmp_path)}
    compiling = run(root, BITS, **cache)
    assert run(root, BITS, **cache) == compiling
    assert run(root, "import sys; sys.argv[1:] = ['others first']\n" + BITS, **cache) == compiling
