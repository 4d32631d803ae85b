import io
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from skdigits import MLPDigitClassifier
from skdigits._cli.progress import TrainingBar, TrainingProgress
from skdigits._cli.search_progress import EpochCallback, SearchDisplay, SearchStoppedError

# Fits that make no progress go on, so that the number of epochs is known.
SETTINGS = {"hidden_layer_sizes": (4,), "random_state": 0, "n_iter_no_change": np.inf, "n_jobs": 1}


@pytest.fixture
def fit(digits):
    X, y = digits

    def fit_with_progress(*, terminal, **parameters):
        stream = io.StringIO()
        console = Console(file=stream, force_terminal=terminal, width=120, legacy_windows=False)
        classifier = MLPDigitClassifier(**{**SETTINGS, **parameters})
        classifier.set_callbacks(TrainingProgress(console=console))
        with pytest.warns(match="aximum iterations|failed to converge|TOTAL NO"):
            classifier.fit(X[:200] / 16, y[:200])
        return classifier, stream.getvalue()

    return fit_with_progress


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_terminal_shows_a_bar_with_the_loss(fit, solver):
    classifier, text = fit(terminal=True, max_iter=5, solver=solver)
    assert "\x1b[" in text
    assert "━" in text
    last = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).rstrip().splitlines()[-1]
    assert last.startswith("Training")
    assert "5/5" in last
    assert f"loss {classifier.loss_:.4f}" in last


@pytest.mark.parametrize(("width", "has_times"), [(40, False), (60, False), (80, True)])
def test_narrow_terminal_shows_what_is_done(width, has_times):
    stream = io.StringIO()
    bar = TrainingBar(100, Console(file=stream, force_terminal=True, width=width, legacy_windows=False))
    bar.advance(42, "loss 0.1234", "")
    bar.close()
    last = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue()).rstrip().splitlines()[-1]
    assert "42/100 loss 0.1234" in " ".join(last.split())
    assert ("left" in last) == has_times


def test_terminal_shows_the_cursor_again(fit):
    _, text = fit(terminal=True, max_iter=2)
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


@pytest.mark.parametrize("terminal", [True, False])
def test_validation_accuracy(fit, terminal):
    classifier, text = fit(terminal=terminal, max_iter=4, early_stopping=True, validation_fraction=0.3)
    assert f"validation accuracy {classifier.validation_scores_[-1]:.4f}" in text


@pytest.mark.parametrize(
    ("n_epochs", "epochs_told"),
    [
        (1, [1]),
        (3, [1, 2, 3]),
        (10, list(range(1, 11))),
        (25, [3, 5, 8, 10, 13, 15, 18, 20, 23, 25]),
        (40, list(range(4, 41, 4))),
    ],
)
def test_ten_lines_away_from_a_terminal(fit, n_epochs, epochs_told):
    classifier, text = fit(terminal=False, max_iter=n_epochs)
    lines = text.splitlines()
    assert [line.split("  ")[0] for line in lines] == [f"epoch {epoch}/{n_epochs}" for epoch in epochs_told]
    for epoch, line in zip(epochs_told, lines, strict=True):
        assert re.fullmatch(rf"epoch .*  loss {classifier.loss_curve_[epoch - 1]:.4f}  \d+\.\d s", line)


def test_bar_ends_when_training_fails(digits):
    X, y = digits
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=120)
    classifier = MLPDigitClassifier(**SETTINGS, learning_rate_init=1e30, max_iter=3)
    classifier.set_callbacks(TrainingProgress(console=console))
    with pytest.raises(ValueError, match="non-finite"):
        classifier.fit(X[:200], y[:200])
    assert stream.getvalue().count("\x1b[?25h") == 1  # the cursor is back


class TestSearchDisplay:
    @pytest.fixture
    def display(self, tmp_path):
        console = Console(file=io.StringIO(), width=200)
        with SearchDisplay(tmp_path, ["x__learning_rate_init"], console) as display:
            yield display

    def write(self, folder, number, **outcome):
        outcome = outcome or {"score": 0.5, "fit_seconds": 1.0, "score_seconds": 1.0}
        record = {"candidate": {"x__learning_rate_init": str(number)}, "n_samples": 9, **outcome}
        (folder / f"{number}.json").write_text(json.dumps(record))

    def lines(self, display):
        return display._console.file.getvalue().splitlines()

    def test_rounds_add_up_though_fits_are_told_late(self, display, tmp_path):
        display.expect(2, is_round=False)
        display.expect(3, is_round=True)
        for number in range(3):
            self.write(tmp_path, number)
        display.expect(1, is_round=True)
        self.write(tmp_path, 3)
        display.tell_finished()
        assert [line.split()[0] for line in self.lines(display)] == ["1/4", "2/4", "3/4", "4/4"]

    def test_a_round_ends_with_all_of_its_fits(self, display, tmp_path):
        display.expect(3, is_round=False)
        self.write(tmp_path, 0)
        display.end_round()
        assert (display._n_done, display._n_fits) == (3, 3)

    def test_brackets_are_no_markup(self, display, tmp_path):
        display.expect(1, is_round=False)
        self.write(tmp_path, 0, error="must be one of [auto, b], got [/bold]")
        display.tell_finished()
        assert self.lines(display)[0].endswith("failed: must be one of [auto, b], got [/bold]")


def test_fits_end_where_a_search_was_stopped(tmp_path):
    with SearchDisplay(tmp_path, [], Console(file=io.StringIO())) as display:
        display.stop()
        with pytest.raises(SearchStoppedError):
            display.advance_fit(1, {}, 1, 3)


def test_terminal_shows_a_bar_for_each_fit_under_way(tmp_path):
    console = Console(file=io.StringIO(), force_terminal=True, width=120, legacy_windows=False)
    estimator = SimpleNamespace(get_params=lambda: {"max_iter": 3}, n_iter_=2, max_iter=3)
    with SearchDisplay(tmp_path, ["x__max_iter"], console) as display:
        callback = EpochCallback(display)
        callback.on_fit_task_end(estimator, SimpleNamespace(task_name="epoch"))
        assert [(t.description, t.completed, t.total) for t in display._bar.tasks[1:]] == [("epochs 3", 2, 3)]
        callback.teardown(estimator, None)
        assert len(display._bar.tasks) == 1
