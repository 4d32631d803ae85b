"""The modules that the programs under benchmarks/ share, and their arguments."""

import argparse
import importlib
import sys

import pytest
from benchmark_rows import BENCHMARKS


@pytest.fixture
def modules(monkeypatch):
    """The modules that the programs share."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    names = ("_arithmetic", "_rivals", "_results", "_harness", "render_tables")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield argparse.Namespace(**{name.strip("_"): importlib.import_module(name) for name in names})
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def arguments(tmp_path):
    """What `parse` returns where nothing is asked for."""
    return argparse.Namespace(only=None, output=tmp_path, threads=2, repeats=1, left_out={})
