"""What the programs under benchmarks/ do with their arguments and their files; what they measure is not tested here."""

import argparse
import errno
import importlib
import json
import runpy
import subprocess
import sys
import warnings
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl
from sklearn.neural_network import MLPClassifier

from skdigits import MLPDigitClassifier

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SAMPLES = [[0.0], [1.0]] * 4, [0, 1] * 4
PROGRAMS = sorted(BENCHMARKS.glob("bench_*.py"))
RESULTS = sorted((BENCHMARKS / "results").glob("*.json"))


@pytest.fixture
def modules(monkeypatch):
    """The modules that the programs share."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    names = ("_rivals", "_results", "_harness", "render_tables")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield argparse.Namespace(**{name.strip("_"): importlib.import_module(name) for name in names})
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def arguments(tmp_path):
    """What `parse` returns where nothing is asked for."""
    return argparse.Namespace(only=None, output=tmp_path, threads=2, repeats=1, left_out={})


def make_row(seconds=1.0):
    side = {"seconds": [seconds], "median": seconds, "least": seconds, "most": seconds}
    return {"sides": {"skdigits": side}, "ratios": {}, "goals": {}}


def written(folder):
    """Names and seconds of the rows on disk."""
    rows = json.loads((folder / "test.json").read_text())["rows"]
    return {row["work"]: row["sides"]["skdigits"]["median"] for row in rows}


def never():
    pytest.fail("a row was measured")


def test_rows_are_on_disk_after_each(modules, arguments, tmp_path):
    seen = []

    def look():
        seen.append(written(tmp_path))
        assert "| first |" in (tmp_path / "test.md").read_text()
        return make_row(2.0)

    modules.harness.report("test", arguments, {"first": make_row, "second": look}, title="Title")
    assert seen == [{"first": 1.0}]
    assert written(tmp_path) == {"first": 1.0, "second": 2.0}


class Interrupter:
    """An augmenter of which Ctrl-C makes an end."""

    def augment(self, X, random_state, out, progress):
        raise KeyboardInterrupt


class InterruptedMLPClassifier(MLPClassifier):
    def _update_no_improvement_count(self, *args):
        raise KeyboardInterrupt


def interrupt():
    raise KeyboardInterrupt


def interrupt_our_fit():
    MLPDigitClassifier((2,), max_iter=2, augmenter=Interrupter()).fit(*SAMPLES)
    return make_row()


def interrupt_the_fit_of_sklearn():
    InterruptedMLPClassifier((2,), max_iter=2).fit(*SAMPLES)
    return make_row()


@pytest.mark.parametrize("interrupted", [interrupt, interrupt_our_fit, interrupt_the_fit_of_sklearn])
def test_interrupt_ends_the_program_and_keeps_finished_rows(modules, arguments, tmp_path, capsys, interrupted):
    rows = {"first": make_row, "second": interrupted, "third": never}
    with pytest.raises(SystemExit) as caught:
        modules.harness.report("test", arguments, rows, title="Title")
    assert caught.value.code == 130
    assert written(tmp_path) == {"first": 1.0}
    told = capsys.readouterr()
    assert "| first |" in told.out
    assert "Interrupted after 1 of 3 rows. The others: --only =second =third" in told.err


def test_interrupt_while_a_row_is_written_keeps_it(modules, arguments, tmp_path, monkeypatch):
    replace, calls = modules.results.replaced_whole, []

    def interrupt_once(path):
        calls.append(path)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return replace(path)

    monkeypatch.setattr(modules.results, "replaced_whole", interrupt_once)
    with pytest.raises(SystemExit):
        modules.harness.report("test", arguments, {"first": make_row, "second": never}, title="Title")
    assert written(tmp_path) == {"first": 1.0}


def test_signal_ends_a_program_without_a_traceback(tmp_path):
    program = f"""
import os, signal, sys, time
sys.path.insert(0, {str(BENCHMARKS)!r})
import _harness
signal.signal(signal.SIGINT, signal.default_int_handler)
arguments = _harness.parse("", repeats=1)
def wait():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
_harness.report("test", arguments, {{"first": wait}}, title="Title")
"""
    command = [sys.executable, "-c", program, "--output", str(tmp_path)]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 130
    assert process.stderr.splitlines()[-1].startswith("Interrupted after 0 of 1 rows")
    assert "Traceback" not in process.stderr


def test_other_warnings_stay_what_they_are(modules, arguments):
    def warn():
        warnings.warn("something else")

    with pytest.raises(UserWarning, match="something else"):
        modules.harness.report("test", arguments, {"first": warn}, title="Title")


def measure_first(modules, arguments):
    """Leave two rows on disk, and ask for the second anew."""
    rows = {"first": make_row, "second": make_row}
    modules.harness.report("test", arguments, rows, title="Title")
    arguments.only = ["second"]
    return {"first": never, "second": lambda: make_row(2.0)}


def test_only_keeps_other_rows(modules, arguments, tmp_path):
    rows = measure_first(modules, arguments)
    modules.harness.report("test", arguments, rows, title="Title")
    assert written(tmp_path) == {"first": 1.0, "second": 2.0}


def test_without_only_no_row_is_kept(modules, arguments, tmp_path):
    measure_first(modules, arguments)
    arguments.only = None
    modules.harness.report("test", arguments, {"second": make_row}, title="Title")
    assert list(written(tmp_path)) == ["second"]


def test_rows_stand_in_the_order_of_the_program(modules, arguments, tmp_path):
    arguments.only = ["third"]
    rows = {"first": make_row, "third": make_row}
    modules.harness.report("test", arguments, rows, title="Title")
    arguments.only = ["first"]
    modules.harness.report("test", arguments, rows, title="Title")
    assert list(written(tmp_path)) == ["first", "third"]


def test_row_that_the_program_has_no_more_comes_last(modules, arguments, tmp_path):
    rows = measure_first(modules, arguments)
    del rows["first"]
    modules.harness.report("test", arguments, rows, title="Title")
    assert list(written(tmp_path)) == ["second", "first"]


@pytest.mark.parametrize(
    ("group", "key", "value"),
    [
        ("machine", "processor", "Z80"),
        ("machine", "cores", 64),
        ("packages", "numpy", "1.0"),
        ("environment", "OMP_NUM_THREADS", "1"),
        ("settings", "threads", 7),
        ("settings", "repeats", 99),
    ],
)
def test_only_does_not_mix_rows_measured_in_two_ways(modules, arguments, tmp_path, group, key, value):
    rows = measure_first(modules, arguments)
    path = tmp_path / "test.json"
    content = json.loads(path.read_text())
    {**content, **content["machine"]}[group][key] = value
    path.write_text(json.dumps(content))
    before = path.read_bytes()
    with pytest.raises(SystemExit, match=f"ones: {key} {value!r} there, [^;]* now. Measure.*--output"):
        modules.harness.report("test", arguments, dict.fromkeys(rows, never), title="Title")
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--quick", "--repeats", "5"], "quick not set there, True now"),
        (["--rivals"], r"rivals not set there, \[\] now"),
        (["--rivals", "torch"], r"rivals not set there, \['torch'\] now"),
    ],
)
def test_only_does_not_mix_full_rows_with_smaller_ones(modules, monkeypatch, tmp_path, options, told):
    monkeypatch.setattr(modules.rivals, "importable", list)

    def arguments_of(*options):
        return parse(modules, monkeypatch, *options, "--output", tmp_path, rivals=modules.rivals.NAMES)

    full = {"first": make_row, "second": make_row}
    modules.harness.report("test", arguments_of("--rivals", "torch", "sklearn"), full, title="Title")
    assert "quick" not in (tmp_path / "test.md").read_text()
    with pytest.raises(SystemExit, match=f"ones: {told}. Measure"):
        modules.harness.report("test", arguments_of(*options, "--only", "first"), {"first": never}, title="Title")
    modules.harness.report("test", arguments_of("--only", "first"), full, title="Title")


def test_table_says_that_it_is_quick(modules, monkeypatch, tmp_path):
    arguments = parse(modules, monkeypatch, "--quick", "--output", tmp_path)
    modules.harness.report("test", arguments, {"first": make_row}, title="Title")
    assert "Measured with --quick" in (tmp_path / "test.md").read_text()


@pytest.mark.parametrize(
    "content", ['{"machine": {', "[]", "{}", '{"rows": [{}]}', '{"rows": [], "machine": 1}', "null"]
)
def test_only_refuses_files_that_are_no_results(modules, arguments, tmp_path, content):
    arguments.only = ["first"]
    (tmp_path / "test.json").write_text(content)
    with pytest.raises(SystemExit, match="holds no results"):
        modules.harness.report("test", arguments, {"first": never}, title="Title")


@pytest.mark.parametrize("only", [["nosuchrow"], ["=fir"]])
def test_names_of_rows_are_told_where_none_is_meant(modules, arguments, only):
    arguments.only = only
    with pytest.raises(SystemExit, match="The rows are: first; second"):
        modules.harness.report("test", arguments, {"first": never, "second": never}, title="Title")


def test_equals_sign_means_the_whole_name(modules, arguments, tmp_path):
    arguments.only = ["=first"]
    modules.harness.report("test", arguments, {"first": make_row, "first and more": never}, title="Title")
    assert list(written(tmp_path)) == ["first"]


def test_row_without_a_measurement_is_left_out(modules, arguments, tmp_path):
    rows = {"first": lambda: None, "second": make_row}
    modules.harness.report("test", arguments, rows, title="Title")
    assert list(written(tmp_path)) == ["second"]


@pytest.mark.parametrize("suffix", [".json", ".md"])
def test_full_disk_leaves_old_files_and_prints_the_table(modules, arguments, tmp_path, monkeypatch, capsys, suffix):
    rows = measure_first(modules, arguments)
    before = (tmp_path / f"test{suffix}").read_bytes()
    replace = modules.results.replaced_whole

    def fail(path):
        if path.suffix == suffix:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return replace(path)

    monkeypatch.setattr(modules.results, "replaced_whole", fail)
    capsys.readouterr()
    with pytest.raises(SystemExit, match="cannot be written"):
        modules.harness.report("test", arguments, rows, title="Title")
    assert "| second | 2.00 s |" in capsys.readouterr().out
    assert (tmp_path / f"test{suffix}").read_bytes() == before


def parse(modules, monkeypatch, *options, **keywords):
    monkeypatch.setattr(sys, "argv", ["bench_test.py", *map(str, options)])
    return modules.harness.parse("", **{"repeats": 5, **keywords})


@pytest.mark.parametrize("option", ["--repeats", "--threads", "--epochs"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many"])
def test_numbers_below_one_are_refused(modules, monkeypatch, tmp_path, capsys, option, value):
    with pytest.raises(SystemExit) as caught:
        parse(modules, monkeypatch, option, value, "--output", tmp_path, has_epochs=True)
    assert caught.value.code == 2
    assert f"argument {option}" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_output_that_is_no_folder_is_refused_at_once(modules, monkeypatch, tmp_path, capsys, name):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as caught:
        parse(modules, monkeypatch, "--output", tmp_path / name)
    assert caught.value.code == 2
    assert "no results can be written to" in capsys.readouterr().err


@pytest.mark.parametrize(("program", "module"), [("bench_robustness", "PIL"), ("bench_persistence", "onnx")])
def test_missing_package_is_told_in_one_line(modules, monkeypatch, tmp_path, capsys, program, module):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(sys, "argv", [program, "--output", str(tmp_path)])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(BENCHMARKS / f"{program}.py"), run_name="__main__")
    assert caught.value.code == 2
    assert f'error: {module} cannot be imported: python -m pip install ".[bench]"' in capsys.readouterr().err


@pytest.mark.parametrize("error", [ModuleNotFoundError("No module named 'torch'"), OSError("libgomp.so is missing")])
def test_rival_that_cannot_be_imported_is_left_out(modules, monkeypatch, tmp_path, capsys, error):
    load = importlib.import_module

    def fail(name, *args):
        if name == "torch":
            raise error
        return load(name, *args)

    monkeypatch.setattr(importlib, "import_module", fail)
    arguments = parse(modules, monkeypatch, "--output", tmp_path, rivals=modules.rivals.NAMES)
    assert arguments.rivals == ["sklearn"]
    assert str(error) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "keywords"),
    [
        (["--rivals"], {}),
        (["--rivals", "torch"], {"rivals": ["sklearn"]}),
        (["--repeats", "4"], {"repeats": None}),
        (["--epochs", "4"], {}),
    ],
)
def test_option_without_an_effect_is_refused(modules, monkeypatch, tmp_path, options, keywords):
    with pytest.raises(SystemExit) as caught:
        parse(modules, monkeypatch, *options, "--output", tmp_path, **keywords)
    assert caught.value.code == 2


def test_rival_without_a_side_is_not_imported(modules, monkeypatch, tmp_path):
    imported = []
    monkeypatch.setattr(importlib, "import_module", imported.append)
    parse(modules, monkeypatch, "--output", tmp_path)
    assert imported == []
    parse(modules, monkeypatch, "--output", tmp_path, rivals=["sklearn"])
    assert imported == ["sklearn"]


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_table_of_results_comes_from_the_measurements(modules, path):
    assert path.with_suffix(".md").read_text() == modules.render_tables.render(path)


def test_tables_go_where_a_page_is_marked_for_them(modules):
    page = "<!-- results/fit.md -->\nold\n<!-- end -->\nmore\n<!-- results/other.md -->\nold\n<!-- end -->\n"
    expected = page.replace("old", r"new \1", 1)
    assert modules.render_tables.put_in(page, "fit", "new \\1\n") == expected
    assert modules.render_tables.put_in(page, "predict", "new\n") == page


@pytest.mark.parametrize(
    ("n_rounds", "n_threads", "rivals", "told"),
    [
        (5, 2, ("sklearn",), "Medians of 5 interleaved rounds after a warm-up, 2 threads unless "),
        (5, 2, (), "Medians of 5 rounds after a warm-up, 2 threads unless a row says otherwise. "),
        (1, 1, (), "One round after a warm-up, 1 thread unless a row says otherwise. "),
    ],
)
def test_last_line_says_what_there_is(modules, arguments, tmp_path, n_rounds, n_threads, rivals, told):
    arguments.threads, arguments.repeats = n_threads, n_rounds
    row = modules.harness.make_row(dict.fromkeys((*rivals, "skdigits"), [1.0] * n_rounds))
    modules.harness.report("test", arguments, {"first": lambda: row}, title="Title")
    last = (tmp_path / "test.md").read_text().splitlines()[-1]
    assert last.startswith(told)
    assert "accuracy" not in last
    row["sides"]["skdigits"]["accuracy"] = 0.5
    modules.harness.report("test", arguments, {"first": lambda: row}, title="Title")
    assert "; behind the seconds the accuracy" in (tmp_path / "test.md").read_text().splitlines()[-1]


def test_rows_say_when_they_were_measured(modules, arguments, tmp_path):
    modules.harness.report("test", arguments, {"first": make_row}, title="Title")
    (row,) = json.loads((tmp_path / "test.json").read_text())["rows"]
    assert date.fromisoformat(row["measured"]["date"]) <= datetime.now(UTC).date()


def test_commit_is_left_out_where_there_is_none(modules, monkeypatch, tmp_path):
    monkeypatch.setattr(modules.results.skdigits, "__file__", str(tmp_path / "__init__.py"))
    assert list(modules.results.describe_moment()) == ["date"]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert list(modules.results.describe_moment()) == ["date"]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(23.72, "23.7 s"), (0.2372, "237 ms"), (1.743e-6, "1.74 µs"), (8.65e-9, "8.65 ns"), (1e-10, "0.10 ns")],
)
def test_durations_have_a_unit_that_suits_them(modules, seconds, told):
    assert modules.results.duration(seconds) == told


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


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_every_program_looks_at_only_before_it_does_anything(modules, monkeypatch, tmp_path, path):
    monkeypatch.setattr(modules.harness, "load_mnist", lambda *args, **keywords: never())
    monkeypatch.setattr(modules.rivals, "importable", list)
    monkeypatch.setattr(sys, "argv", [str(path), "--only", "nosuchrow", "--output", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"No row has any of \['nosuchrow'\]"):
        runpy.run_path(str(path), run_name="__main__")
    assert not list(tmp_path.iterdir())
