import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.neural_network import MLPClassifier

from skdigits import MLPDigitClassifier
from skdigits.plotting import LearningCurvesDisplay

NAMES = {"loss": 0, "validation_loss": 0, "accuracy": 1, "validation_score": 1}


def legend_texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_curves_are_the_history(fitted):
    display = LearningCurvesDisplay.from_estimator(fitted.pipeline)
    assert [ax.get_ylabel() for ax in display.ax_] == ["Loss", "Score"]
    assert [ax.get_xlabel() for ax in display.ax_] == ["Epoch", "Epoch"]
    assert display.figure_ is display.ax_[0].figure
    history = fitted.network.history_
    for name, panel in NAMES.items():
        line = display.lines_["", name]
        assert line.axes is display.ax_[panel]
        np.testing.assert_array_equal(line.get_xdata(), np.arange(1, len(history["loss"]) + 1))
        np.testing.assert_array_equal(line.get_ydata(), history[name])


def test_best_epoch_is_the_one_whose_weights_were_kept(fitted):
    scores = fitted.network.validation_scores_
    expected = scores.index(fitted.network.best_validation_score_) + 1
    lines = LearningCurvesDisplay.from_estimator(fitted.network).best_lines_[""]
    assert [list(line.get_xdata()) for line in lines] == [[expected, expected]] * 2
    assert lines[0].axes is not lines[1].axes


def test_legend(fitted):
    display = LearningCurvesDisplay.from_estimator(fitted.network)
    assert legend_texts(display.ax_[0])[:2] == ["training", "validation"]
    assert legend_texts(display.ax_[1])[:2] == ["training accuracy", "validation accuracy"]
    assert legend_texts(display.ax_[1])[2].startswith("best epoch, ")


def test_without_validation_there_is_no_curve_of_it_and_no_best_epoch(fit_digits):
    display = LearningCurvesDisplay.from_estimator(fit_digits(max_iter=3).pipeline)
    assert set(display.lines_) == {("", "loss"), ("", "accuracy")}
    assert display.best_lines_ == {}


def test_epochs_without_a_value_are_left_out():
    history = {
        "loss": [3.0, 2.0, 1.0],
        "accuracy": [np.nan, 0.5, 0.6],
        "validation_loss": [np.nan, 4.0, 5.0],
        "validation_score": [np.nan] * 3,
        "learning_rate": [0.1] * 3,
    }
    display = LearningCurvesDisplay({"a": history}).plot()
    assert list(display.lines_["a", "accuracy"].get_xdata()) == [2, 3]
    assert list(display.lines_["a", "validation_loss"].get_ydata()) == [4, 5]
    assert ("a", "validation_score") not in display.lines_
    # Without scores the least validation loss decides.
    assert display.best_lines_["a"][0].get_xdata()[0] == 2


def test_lbfgs_has_iterations_and_no_accuracy(fitted):
    X, y = fitted.X / 16, fitted.y
    with pytest.warns(ConvergenceWarning):
        network = MLPDigitClassifier((5,), solver="lbfgs", max_iter=4, random_state=0).fit(X, y)
    display = LearningCurvesDisplay.from_estimator(network)
    assert set(display.lines_) == {("", "loss")}
    assert display.ax_[0].get_xlabel() == "Iteration"
    assert [text.get_text() for text in display.ax_[1].texts] == ["not recorded"]
    with pytest.warns(ConvergenceWarning):
        network.fit(X, y, X_val=X, y_val=y)
    display = LearningCurvesDisplay.from_estimator(network)
    assert ("", "validation_score") in display.lines_
    assert display.best_lines_[""][0].get_label().startswith("best iteration, ")


@pytest.mark.parametrize(("n_epochs", "marker"), [(1, "."), (2, "None")])
def test_single_epoch_is_a_point(n_epochs, marker):
    display = LearningCurvesDisplay({"": {name: [0.5] * n_epochs for name in (*NAMES, "learning_rate")}}).plot()
    assert {line.get_marker() for line in display.lines_.values()} == {marker}


def test_names_are_no_formulas(fitted):
    display = LearningCurvesDisplay.from_estimators({"$\\x$": fitted.pipeline, "b": fitted.pipeline})
    display.figure_.canvas.draw()


def test_several_estimators(fitted, fit_digits):
    other = fit_digits(max_iter=4, early_stopping=True, scoring="loss")
    display = LearningCurvesDisplay.from_estimators({"$a": fitted.pipeline, "b": other.network})
    np.testing.assert_array_equal(display.lines_["$a", "loss"].get_ydata(), fitted.network.history_["loss"])
    np.testing.assert_array_equal(display.lines_["b", "loss"].get_ydata(), other.network.history_["loss"])
    assert display.lines_["$a", "loss"].get_color() != display.lines_["b", "loss"].get_color()
    assert display.lines_["b", "loss"].get_color() == display.lines_["b", "validation_loss"].get_color()
    assert {"$a training", "b training"} <= set(legend_texts(display.ax_[0]))
    assert "b validation negative cross-entropy" in legend_texts(display.ax_[1])
    display.figure_.canvas.draw()


def test_many_candidates_are_drawn_and_few_are_named(fitted):
    candidates = [(f"candidate {n}", 0.9 - n / 100, 0.01) for n in range(20)]
    display = LearningCurvesDisplay({"a": fitted.network.history_}, candidates=candidates).plot()
    assert len(display.candidate_lines_) == 20
    assert sum("candidate" in text for text in legend_texts(display.ax_[1])) == 8


def test_candidate_that_is_not_named_lies_below_those_that_are(fitted):
    names = [f"candidate {n}" for n in range(9)]
    histories = dict.fromkeys(names, fitted.network.history_)
    display = LearningCurvesDisplay(histories, candidates=[(name, 0.9, 0.01) for name in names]).plot()
    first, last = (display.lines_[name, "loss"].get_zorder() for name in (names[0], names[-1]))
    assert last < first


def test_figure_is_as_high_as_its_longest_legend_needs(fitted):
    lacking = fitted.network.history_ | {"accuracy": [np.nan] * len(fitted.network.history_["loss"])}
    display = LearningCurvesDisplay({str(number): lacking for number in range(9)}).plot()
    counts = [len(legend_texts(ax)) for ax in display.ax_]
    assert counts[0] > counts[1]
    check_room(display)


@pytest.mark.parametrize("n_networks", [1, 2, 4, 12])
@pytest.mark.parametrize("length", [3, 80])
def test_legends_hide_no_curve_and_are_not_cut_off(fitted, n_networks, length):
    names = [f"{number} {length * 'x'}" for number in range(n_networks)]
    display = LearningCurvesDisplay(dict.fromkeys(names, fitted.network.history_)).plot()
    check_room(display)


def check_room(display):
    """Panels are as large as without a legend, and no legend covers half of one, or reaches out of the figure."""
    display.figure_.canvas.draw()
    legends, panels = [ax.get_legend().get_window_extent() for ax in display.ax_], [ax.bbox for ax in display.ax_]
    dpi, (width, height) = display.figure_.dpi, display.figure_.get_size_inches()
    for legend, panel in zip(legends, panels, strict=True):
        assert panel.height / dpi > 3
        assert panel.width / dpi > 3.9
        assert 0 <= legend.x0 < legend.x1 <= width * dpi
        assert 0 <= legend.y0 < legend.y1 <= height * dpi
        assert legend.y1 <= panel.y0 or legend.width * legend.height < 0.3 * panel.width * panel.height
    assert legends[0].x1 <= legends[1].x0


def test_of_many_networks_each_has_a_colour(fitted):
    display = LearningCurvesDisplay(dict.fromkeys(map(str, range(25)), fitted.network.history_)).plot()
    assert len({to_hex(display.lines_[str(n), "loss"].get_color()) for n in range(25)}) == 25


def test_name_that_begins_with_an_underscore_is_in_the_legend(fitted):
    display = LearningCurvesDisplay({"_hidden": fitted.network.history_}).plot()
    assert legend_texts(display.ax_[0])[0].strip() == "_hidden training"


def test_one_epoch_has_one_tick():
    display = LearningCurvesDisplay({"": {name: [0.5] for name in (*NAMES, "learning_rate")}}).plot()
    left, right = display.ax_[0].get_xlim()
    assert [tick for tick in display.ax_[0].get_xticks() if left <= tick <= right] == [1]


def test_scores_that_are_no_shares_stand_in_the_legend_only(fitted):
    candidates = [("a", -0.5, 0.1), ("b", -2.0, 0.2)]
    options = {"candidates": candidates, "candidate_score": "neg_log_loss"}
    display = LearningCurvesDisplay({"a": fitted.network.history_}, **options).plot()
    assert display.ax_[1].get_ylim()[0] > -0.1
    assert [line.get_xdata().size for line in display.candidate_lines_] == [0, 0]
    assert legend_texts(display.ax_[1])[-2:] == ["a: neg_log_loss -0.5000 ± 0.1000", "b: neg_log_loss -2.0000 ± 0.2000"]


def test_of_many_networks_the_legend_names_colours_and_styles(fitted):
    histories = dict.fromkeys("abc", fitted.network.history_)
    names = {"b": "f1_macro"}
    display = LearningCurvesDisplay(histories, score_names=names).plot()
    best = display.best_lines_["a"][0].get_xdata()[0]
    of_networks = [f"{name}, best epoch {best}" for name in "abc"]
    assert legend_texts(display.ax_[0]) == ["training", "validation", "best epoch", *of_networks]
    assert legend_texts(display.ax_[1]) == ["training accuracy", "validation score", "best epoch", *of_networks]
    colors = [handle.get_color() for handle in display.ax_[0].get_legend().legend_handles]
    assert colors[3:] == [display.lines_[name, "loss"].get_color() for name in "abc"]


def test_given_axes(fitted):
    figure, axes = plt.subplots(1, 2)
    display = LearningCurvesDisplay.from_estimator(fitted.network, ax=axes)
    assert list(display.ax_) == list(axes)
    assert display.figure_ is figure
    assert plt.get_fignums() == [figure.number]


def test_place_of_one_axes_is_shared(fitted):
    figure, (left, right) = plt.subplots(1, 2)
    display = LearningCurvesDisplay.from_estimator(fitted.network, ax=right)
    assert not right.axison
    assert left.axison
    edges = right.get_position()
    for ax in display.ax_:
        assert ax.figure is figure
        assert edges.x0 - 1e-9 <= ax.get_position().x0
        assert ax.get_position().x1 <= edges.x1 + 1e-9


def test_axes_that_do_not_fit(fitted):
    figure, axes = plt.subplots(1, 3)
    with pytest.raises(ValueError, match="draws 2 panels: ax must be None, as many Axes, or one Axes"):
        LearningCurvesDisplay.from_estimator(fitted.network, ax=axes)
    with pytest.raises(ValueError, match="got 1 Axes"):
        LearningCurvesDisplay.from_estimator(fitted.network, ax=figure.add_axes([0, 0, 1, 1]))


def test_not_fitted():
    with pytest.raises(NotFittedError):
        LearningCurvesDisplay.from_estimator(MLPDigitClassifier())


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimator_without_a_history(fitted):
    other = MLPClassifier((2,), max_iter=1).fit(fitted.X, fitted.y)
    with pytest.raises(TypeError, match="got a MLPClassifier, which has no history_"):
        LearningCurvesDisplay.from_estimator(other)


def test_scale_and_ticks_of_the_user_stay(fitted):
    _, axes = plt.subplots(1, 2)
    axes[0].set_xscale("log")
    axes[1].set_xticks([1, 2])
    display = LearningCurvesDisplay.from_estimator(fitted.network, ax=axes)
    assert display.ax_[0].get_xscale() == "log"
    assert display.ax_[1].get_xticks().tolist() == [1, 2]


@pytest.mark.parametrize("ax", [3, plt.figure, [None, None]])
def test_what_is_no_axes(fitted, ax):
    with pytest.raises(TypeError, match="ax must be matplotlib Axes, an array of them or None, got a"):
        LearningCurvesDisplay.from_estimator(fitted.network, ax=ax() if callable(ax) else ax)
