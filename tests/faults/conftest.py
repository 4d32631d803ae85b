"""Processes whose disk, memory or rights are limited."""

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import skdigits

SOURCE = Path(skdigits.__file__).parent
# Root may write anywhere, unless it gives up this right.
_WITHOUT_RIGHTS = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-dac_override")


@contextlib.contextmanager
def limited(what, n_bytes):
    """A soft limit of this process, as the shell's ulimit sets it."""
    resource = pytest.importorskip("resource", reason="no limits on this system")
    kind = getattr(resource, what)
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


class KernelPackage:
    """A copy of the kernels alone, whose first compilation takes a second and not twenty."""

    program = """
import sys, warnings
import numpy as np
from skdigits._kernels.backward import finish_tile
out = finish_tile(np.ones(1, sys.argv[1]), 0.0, 1.0, np.full(1, 0.5, sys.argv[1]))
print(out, finish_tile.entry_point.n_loaded, finish_tile.entry_point.n_compiled)
"""

    def __init__(self, folder):
        self.folder = folder
        target = folder / "skdigits" / "_kernels"
        shutil.copytree(SOURCE / "_kernels", target, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(SOURCE / "_interrupts.py", target.parent)
        (folder / "skdigits" / "__init__.py").touch()

    def make_read_only(self):
        """Nobody may write to the package and beside it, except for a process that has all rights of root."""
        for path in (self.folder / "skdigits").rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
        (self.folder / "skdigits").chmod(0o555)
        self.folder.chmod(0o555)

    def start(self, dtype="float64", *, prefix="", warnings="error", unprivileged=False, **environment):
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1", **environment}
        for name in ("NUMBA_DISABLE_JIT", "SKDIGITS_KERNEL_CACHE"):
            environment.pop(name, None)
        environment = {name: value for name, value in environment.items() if value is not None}
        command = [sys.executable, "-W", warnings, "-c", prefix + self.program, dtype]
        if unprivileged and os.getuid() == 0:
            if shutil.which("setpriv") is None:
                pytest.skip("root without setpriv: nothing is read-only")
            command = [*_WITHOUT_RIGHTS, *command]
        return subprocess.Popen(
            command, env=environment, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    @staticmethod
    def finish(process):
        """Result, kernels loaded and kernels compiled, and what was written to standard error."""
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        value, n_loaded, n_compiled = out.split()
        assert float(value) == 0.25
        return int(n_loaded), int(n_compiled), err

    def run(self, *arguments, **options):
        return self.finish(self.start(*arguments, **options))

    def cache_files(self):
        return [path for path in self.kept_files() if path.suffix == ".kernel"]

    def kept_files(self):
        """Those of the cache, and half-written ones."""
        return sorted(self.folder.rglob("*.kernel*"))


@pytest.fixture
def kernels(tmp_path):
    yield KernelPackage(tmp_path)
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o755)
