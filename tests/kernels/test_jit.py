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
    source = Path(skdigits.__file__).parent
    target = tmp_path / "skdigits" / "_kernels"
    shutil.copytree(source / "_kernels", target, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(source / "_interrupts.py", target.parent)
    (tmp_path / "skdigits" / "__init__.py").touch()
    return tmp_path


def cache_files(folder):
    return sorted(path.name for path in folder.rglob("*.kernel"))


def test_compiled_kernels_are_kept_on_disk(package):
    assert run(package) == "0.25"
    files = cache_files(package)
    assert len(files) == 1
    assert files[0].startswith("backward.finish_tile")


def test_kernel_that_only_kernels_call_is_no_machine_code(package):
    program = """
import numpy as np
from skdigits._kernels.losses import is_recognised
from skdigits._kernels.jit import kernel
outer = kernel(lambda probabilities, targets: is_recognised(probabilities, targets, True))
print(outer(np.ones(2), np.ones(2, np.uint8)), *(k.entry_point.n_compiled for k in (outer, is_recognised)),
      len(is_recognised.dispatcher.signatures))
"""
    assert run(package, program) == "True 1 0 1"
    assert cache_files(package) == []  # the source of a kernel from elsewhere is not watched


def test_kernel_is_not_copied_into_those_that_call_it(package):
    program = """
from numba import types
from skdigits._kernels.jit import kernel

@kernel
def inner(number):
    return number + 1

@kernel
def outer(number):
    return inner(number)

print(outer(2))
functions = list(outer.dispatcher.overloads[types.int64,].library._final_module.functions)
print([bool(function.is_declaration) for name in ("inner", "outer") for function in functions if name in function.name])
"""
    assert run(package, program).splitlines() == ["3", "[True, False]"]


def test_kernel_on_disk_is_called_without_numba(package):
    program = """
import sys
import numpy as np
from skdigits._kernels.entry import entry_point
print(entry_point("backward", "finish_tile")(np.ones(1), 0.0, 1.0, np.full(1, 0.5)), "numba" in sys.modules)
"""
    assert run(package, program) == "0.25 True"
    assert run(package, program) == "0.25 False"


def test_code_that_calls_what_a_process_may_not_have_is_refused(package):
    program = """
import numpy as np
from numba import types
from skdigits._kernels.jit import kernel
unknown = types.ExternalFunction("unknown_function", types.int32())
try:
    kernel(lambda x: unknown())(1)
except NotImplementedError as error:
    print(error)
"""
    assert run(package, program) == (
        "a kernel calls unknown_function: beside kernels it may call what is listed in skdigits._kernels.linking only"
    )


def test_cache_can_be_switched_off(package):
    assert run(package, SKDIGITS_KERNEL_CACHE="0") == "0.25"
    assert cache_files(package) == []


OTHER_VERSION = """
import importlib.metadata
installed = importlib.metadata.version
importlib.metadata.version = lambda name: "0.0" if name == "numba" else installed(name)
"""
OTHER_PROCESSOR = "import skdigits._kernels.machine_code as code\ncode.processor = lambda: 'another'\n"


@pytest.mark.parametrize("other", [OTHER_VERSION, OTHER_PROCESSOR], ids=["version of Numba", "processor"])
def test_code_for_something_else_is_kept_apart(package, other):
    for program in (PROGRAM, other + PROGRAM):
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
