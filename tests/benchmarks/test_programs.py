"""Single programs under benchmarks/; what they measure is not tested here."""

import argparse
import runpy
import sys

import numpy as np
import pytest
import threadpoolctl
from benchmark_rows import BENCHMARKS, make_row, never
from sklearn.neural_network import MLPClassifier

PROGRAMS = sorted(BENCHMARKS.glob("bench_*.py"))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_every_program_looks_at_only_before_it_does_anything(modules, monkeypatch, tmp_path, path):
    monkeypatch.setattr(modules.harness, "load_mnist", lambda *args, **keywords: never())
    monkeypatch.setattr(modules.rivals, "importable", list)
    monkeypatch.setattr(sys, "argv", [str(path), "--only", "nosuchrow", "--output", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"No row has any of \['nosuchrow'\]"):
        runpy.run_path(str(path), run_name="__main__")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("program", "module"), [("bench_robustness", "PIL"), ("bench_persistence", "onnx")])
def test_missing_package_is_told_in_one_line(modules, monkeypatch, tmp_path, capsys, program, module):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(sys, "argv", [program, "--output", str(tmp_path)])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(BENCHMARKS / f"{program}.py"), run_name="__main__")
    assert caught.value.code == 2
    assert f'error: {module} cannot be imported: python -m pip install ".[bench]"' in capsys.readouterr().err


def test_predictions_keep_blas_to_the_threads_that_are_asked_for(modules, arguments, monkeypatch):
    def measure(*args, **keywords):
        assert {library["num_threads"] for library in threadpoolctl.threadpool_info()} == {1}
        return make_row()

    arguments.threads, arguments.quick = 1, True
    monkeypatch.setattr(modules.harness, "measure", measure)
    models = argparse.Namespace(X_test=np.zeros((1, 784)), make_sides=lambda images: {}, score=dict)
    runpy.run_path(str(BENCHMARKS / "bench_predict.py"))["measure"](lambda: models, 1, 1, {}, arguments)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_write_ups_warm_up_all_sides_and_have_a_seed_a_round(modules, arguments, monkeypatch):
    def make_sklearn(**parameters):
        seeds.append(parameters["random_state"])
        return MLPClassifier(**parameters)

    X, y, seeds = np.eye(10, 784, dtype=np.float32), np.arange(10), []
    monkeypatch.setattr(modules.harness, "load_mnist", lambda *args, **keywords: (X, y, X, y))
    monkeypatch.setattr(modules.harness, "_PAUSE", 0)
    monkeypatch.setattr(modules.rivals, "make_sklearn", make_sklearn)
    arguments.quick, arguments.rivals, arguments.repeats = True, ["sklearn"], 2
    program = runpy.run_path(str(BENCHMARKS / "bench_writeups.py"))
    row = program["measure"]("name", "divided", {"hidden_layer_sizes": (2,)}, {}, None, None, arguments)
    assert seeds == [0, 0, 1]
    assert [len(side["scores"]) for side in row["sides"].values()] == [2, 2]
