"""Which rows the results on disk have, whatever becomes of a run."""

import errno
import json

import pytest
from benchmark_rows import make_row, never, parse, written


def test_rows_are_on_disk_after_each(modules, arguments, tmp_path):
    seen = []

    def look():
        seen.append(written(tmp_path))
        assert "| first |" in (tmp_path / "test.md").read_text()
        return make_row(2.0)

    modules.harness.report("test", arguments, {"first": make_row, "second": look}, title="Title")
    assert seen == [{"first": 1.0}]
    assert written(tmp_path) == {"first": 1.0, "second": 2.0}


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
