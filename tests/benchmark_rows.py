"""Rows and arguments for the tests of the programs under benchmarks/."""

import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def make_row(seconds=1.0):
    side = {"seconds": [seconds], "median": seconds, "least": seconds, "most": seconds}
    return {"sides": {"skdigits": side}, "ratios": {}, "goals": {}}


def written(folder):
    """Names and seconds of the rows on disk."""
    rows = json.loads((folder / "test.json").read_text())["rows"]
    return {row["work"]: row["sides"]["skdigits"]["median"] for row in rows}


def never():
    pytest.fail("a row was measured")


def parse(modules, monkeypatch, *options, **keywords):
    monkeypatch.setattr(sys, "argv", ["bench_test.py", *map(str, options)])
    return modules.harness.parse("", **{"repeats": 5, **keywords})
