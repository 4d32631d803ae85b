"""Tables of results say what was measured, and how."""

import json
from datetime import UTC, date, datetime

import pytest
from benchmark_rows import BENCHMARKS, make_row, parse

RESULTS = sorted((BENCHMARKS / "results").rglob("*.json"))


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: str(path.relative_to(BENCHMARKS / "results")))
def test_table_of_results_comes_from_the_measurements(modules, path):
    assert path.with_suffix(".md").read_text() == modules.render_tables.render(path)


def test_tables_go_where_a_page_is_marked_for_them(modules):
    page = "<!-- results/fit.md -->\nold\n<!-- end -->\nmore\n<!-- results/other.md -->\nold\n<!-- end -->\n"
    expected = page.replace("old", r"new \1", 1)
    assert modules.render_tables.put_in(page, "fit", "new \\1\n") == expected
    assert modules.render_tables.put_in(page, "predict", "new\n") == page


def test_table_says_that_it_is_quick(modules, monkeypatch, tmp_path):
    arguments = parse(modules, monkeypatch, "--quick", "--output", tmp_path)
    modules.harness.report("test", arguments, {"first": make_row}, title="Title")
    assert "Measured with --quick" in (tmp_path / "test.md").read_text()


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
    assert "; after the seconds the accuracy" in (tmp_path / "test.md").read_text().splitlines()[-1]


def test_rows_say_when_they_were_measured(modules, arguments, tmp_path):
    before = datetime.now(UTC).date()
    modules.harness.report("test", arguments, {"first": make_row}, title="Title")
    (row,) = json.loads((tmp_path / "test.json").read_text())["rows"]
    assert before <= date.fromisoformat(row["measured"]["date"]) <= datetime.now(UTC).date()


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
