import sys
import threading

import numpy as np
import pytest
from joblib import parallel_config
from matplotlib.figure import Figure
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.exceptions import FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, KFold
from sklearn.pipeline import Pipeline, make_pipeline

from skdigits import MLPDigitClassifier, make_digit_pipeline
from skdigits._engine.runner import EpochRunner
from skdigits.plotting import LearningCurvesDisplay
from skdigits.plotting._learning_curves import best_epoch
from skdigits.plotting._searches import _describe
from skdigits.preprocessing import ImageFlattener

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

UNITS = "mlpdigitclassifier__hidden_layer_sizes"
SIZES = [(2,), (10,), (5,)]
CURVES = ["loss", "validation_loss", "accuracy", "validation_score"]


def legend_texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def fit_by_hand(estimator, X, y, **parameters):
    """The history of a network that nothing but `fit` has trained."""
    return clone(estimator).set_params(**parameters).fit(X, y)[-1].history_


def check_curves(display, label, history):
    for name in CURVES:
        np.testing.assert_array_equal(display.lines_[label, name].get_ydata(), history[name])


@pytest.fixture(scope="module")
def search(fitted):
    """Three candidates; `fitted.X` and `fitted.y` are its samples."""
    return GridSearchCV(fitted.pipeline, {UNITS: SIZES}, cv=2).fit(fitted.X, fitted.y)


def label_of(search, size):
    return f"hidden_layer_sizes={size}" + (" (chosen)" if search.best_params_[UNITS] == size else "")


@pytest.fixture
def fits(monkeypatch):
    """How many units each network has that is fitted from now on, and in which thread."""
    fits, fit = [], MLPDigitClassifier.fit

    def spy(self, *args, **options):
        fits.append((self.hidden_layer_sizes, threading.current_thread()))
        return fit(self, *args, **options)

    monkeypatch.setattr(MLPDigitClassifier, "fit", spy)
    return fits


@pytest.mark.parametrize(
    ("scoring", "refit", "column"), [(None, True, "score"), (["accuracy", "f1_macro"], "f1_macro", "f1_macro")]
)
def test_search(fitted, scoring, refit, column):
    grid = {"mlpdigitclassifier__hidden_layer_sizes": [(2,), (10,)], "mlpdigitclassifier__max_iter": [3]}
    search = GridSearchCV(fitted.pipeline, grid, cv=2, scoring=scoring, refit=refit).fit(fitted.X, fitted.y)
    display = LearningCurvesDisplay.from_search(search)
    history = search.best_estimator_[-1].history_
    np.testing.assert_array_equal(display.lines_["chosen", "loss"].get_ydata(), history["loss"])
    means, stds = search.cv_results_[f"mean_test_{column}"], search.cv_results_[f"std_test_{column}"]
    order = np.argsort(-means)
    assert [line.get_ydata()[0] for line in display.candidate_lines_] == list(means[order])
    assert display.candidates[0][0] == f"hidden_layer_sizes={[(2,), (10,)][order[0]]}, max_iter=3"
    assert display.candidates[0][2] == stds[order[0]]
    score = "" if column == "score" else f"{column} "
    text = f"{display.candidates[0][0]}: {score}{means.max():.4f} ± {stds[order[0]]:.4f}"
    assert text in legend_texts(display.ax_[1])


@pytest.mark.parametrize(("scoring", "refit", "name"), [
    (None, True, "accuracy"),
    ("f1_macro", True, "f1_macro"),
    (make_scorer(accuracy_score), True, "score"),
    (["accuracy", "f1_macro"], "f1_macro", "f1_macro"),
    ({"mine": "f1_macro", "other": "accuracy"}, "mine", "f1_macro"),
    ({"mine": make_scorer(accuracy_score)}, "mine", "mine"),
])  # fmt: skip
def test_name_of_the_score(fitted, scoring, refit, name):
    grid = {"mlpdigitclassifier__max_iter": [1]}
    search = GridSearchCV(fitted.pipeline, grid, cv=2, scoring=scoring, refit=refit).fit(fitted.X, fitted.y)
    assert LearningCurvesDisplay.from_search(search).candidate_score == name


def test_candidate_that_is_no_network_has_no_curves(fitted):
    pipeline = Pipeline([("clf", LogisticRegression(max_iter=1))])
    grid = {"clf": [fitted.network, LogisticRegression(max_iter=1)]}
    search = GridSearchCV(pipeline, grid, cv=2, refit=lambda results: 0).fit(fitted.X, fitted.y)
    with pytest.warns(FitFailedWarning, match="LogisticRegression.* has no curves: expected an MLPDigitClassifier"):
        display = LearningCurvesDisplay.from_search(search, fitted.X, fitted.y)
    assert len(display.histories) == 1
    assert len(display.candidates) == 2


def test_search_for_something_else_trains_nothing(fitted, monkeypatch):
    search = GridSearchCV(LogisticRegression(max_iter=1), {"C": [1.0, 2.0]}, cv=2).fit(fitted.X, fitted.y)
    monkeypatch.setattr(LogisticRegression, "fit", None)
    with pytest.raises(TypeError, match="got a LogisticRegression, which has no history_"):
        LearningCurvesDisplay.from_search(search, fitted.X, fitted.y)


def test_search_that_keeps_too_little(fitted):
    grid = {"mlpdigitclassifier__max_iter": [1]}
    search = GridSearchCV(fitted.pipeline, grid, cv=2, refit=False).fit(fitted.X, fitted.y)
    with pytest.raises(ValueError, match="refit=False keeps no network"):
        LearningCurvesDisplay.from_search(search)
    with pytest.raises(TypeError, match="GridSearchCV keeps no network: search with refit=True"):
        LearningCurvesDisplay.from_estimator(search)
    search = GridSearchCV(fitted.pipeline, grid, cv=2, scoring=["accuracy", "f1_macro"], refit=lambda results: 0).fit(
        fitted.X, fitted.y
    )
    with pytest.raises(ValueError, match="several scores"):
        LearningCurvesDisplay.from_search(search)


def test_candidates_that_failed_are_left_out(fitted):
    grid = {"mlpdigitclassifier__hidden_layer_sizes": [(0,), (5,)], "mlpdigitclassifier__max_iter": [1]}
    search = GridSearchCV(fitted.pipeline, grid, cv=2)
    with pytest.warns(FitFailedWarning), pytest.warns(UserWarning, match="non-finite"):
        search.fit(fitted.X, fitted.y)
    display = LearningCurvesDisplay.from_search(search)
    assert [candidate[0] for candidate in display.candidates] == ["hidden_layer_sizes=(5,), max_iter=1"]
    display = LearningCurvesDisplay.from_search(search, fitted.X, fitted.y)
    assert list(display.histories) == ["hidden_layer_sizes=(5,), max_iter=1 (chosen)"]


def test_candidate_whose_training_fails_has_no_curves(fitted, search, monkeypatch):
    fit, failing = MLPDigitClassifier.fit, next(size for size in SIZES if size != search.best_params_[UNITS])

    def failing_fit(self, *arguments, **options):
        if self.hidden_layer_sizes == failing:
            raise ValueError("diverged")
        return fit(self, *arguments, **options)

    monkeypatch.setattr(MLPDigitClassifier, "fit", failing_fit)
    with pytest.warns(FitFailedWarning, match=rf"hidden_layer_sizes=\({failing[0]},\) has no curves: diverged"):
        display = LearningCurvesDisplay.from_search(search, fitted.X, fitted.y)
    assert set(display.histories) == {label_of(search, size) for size in SIZES if size != failing}
    assert len(display.candidates) == len(SIZES)


def test_ctrl_c_draws_no_half_trained_candidate(fitted, search, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(EpochRunner, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        LearningCurvesDisplay.from_search(search, fitted.X, fitted.y)


@pytest.mark.parametrize("size", SIZES)
def test_curves_of_a_candidate_are_those_of_a_network_fitted_by_hand(fitted, search, size):
    display = LearningCurvesDisplay.from_search(search, fitted.X, fitted.y)
    history = fit_by_hand(fitted.pipeline, fitted.X, fitted.y, **{UNITS: size})
    check_curves(display, label_of(search, size), history)
    best = display.best_lines_[label_of(search, size)]
    assert [line.get_xdata()[0] for line in best] == [best_epoch(history)] * 2


def test_chosen_one_is_first_and_not_fitted_again(fitted, search, fits):
    display = LearningCurvesDisplay.from_search(search, fitted.X, fitted.y)
    chosen = search.best_params_[UNITS]
    assert sorted(size for size, _ in fits) == sorted(size for size in SIZES if size != chosen)
    assert {thread for _, thread in fits} == {threading.current_thread()}
    assert next(iter(display.histories)) == label_of(search, chosen) == display.candidates[0][0]
    assert display.histories[label_of(search, chosen)] is search.best_estimator_[-1].history_


def test_without_samples_nothing_is_fitted(search, fits):
    display = LearningCurvesDisplay.from_search(search)
    assert list(display.histories) == ["chosen"]
    assert fits == []


def test_search_stays_as_it_was(fitted, search):
    before = search.best_estimator_[-1].coefs_[0].copy()
    LearningCurvesDisplay.from_search(search, fitted.X, fitted.y)
    np.testing.assert_array_equal(search.best_estimator_[-1].coefs_[0], before)
    assert search.estimator is fitted.pipeline
    assert fitted.network.hidden_layer_sizes == (12,)


def test_curves_and_score_of_a_candidate_share_a_colour(fitted, search):
    display = LearningCurvesDisplay.from_search(search, fitted.X, fitted.y)
    colors = [line.get_color() for line in display.candidate_lines_]
    assert len(set(colors)) == len(SIZES)
    for (label, mean, _), line, color in zip(display.candidates, display.candidate_lines_, colors, strict=True):
        assert line.get_ydata()[0] == mean
        assert {display.lines_[label, name].get_color() for name in CURVES} == {color}
        assert {best.get_color() for best in display.best_lines_[label]} == {color}


def test_callable_refit_may_choose_another_than_the_best(fitted):
    search = GridSearchCV(
        fitted.pipeline, {UNITS: SIZES}, cv=2, refit=lambda results: int(np.argmin(results["mean_test_score"]))
    ).fit(fitted.X, fitted.y)
    display = LearningCurvesDisplay.from_search(search, fitted.X, fitted.y)
    assert display.candidates[0][0] == label_of(search, search.best_params_[UNITS])
    means = [mean for _, mean, _ in display.candidates]
    assert means[0] == min(means)
    assert means[1:] == sorted(means[1:], reverse=True)


def test_parameters_of_fit_are_those_of_the_search(fitted):
    weight = {"mlpdigitclassifier__sample_weight": np.linspace(0, 2, len(fitted.y))}
    search = GridSearchCV(fitted.pipeline, {UNITS: SIZES[:2]}, cv=2).fit(fitted.X, fitted.y, **weight)
    display = LearningCurvesDisplay.from_search(search, fitted.X, fitted.y, **weight)
    for size in SIZES[:2]:
        history = clone(fitted.pipeline).set_params(**{UNITS: size}).fit(fitted.X, fitted.y, **weight)[-1].history_
        check_curves(display, label_of(search, size), history)


def test_pipeline_that_starts_from_images(fitted):
    images = fitted.X.reshape(-1, 8, 8)
    model = make_pipeline(ImageFlattener(), *make_digit_pipeline(max_iter=2, random_state=0, early_stopping=True)[:])
    search = GridSearchCV(model, {UNITS: SIZES[:2]}, cv=2).fit(images, fitted.y)
    display = LearningCurvesDisplay.from_search(search, images, fitted.y)
    for size in SIZES[:2]:
        check_curves(display, label_of(search, size), fit_by_hand(model, images, fitted.y, **{UNITS: size}))


def test_as_many_jobs_as_the_search_had(fitted, search, fits):
    expected = LearningCurvesDisplay.from_search(search, fitted.X, fitted.y).histories
    parallel = clone(search).set_params(n_jobs=2)
    with parallel_config(backend="threading"):
        parallel.fit(fitted.X, fitted.y)
        fits.clear()
        display = LearningCurvesDisplay.from_search(parallel, fitted.X, fitted.y)
    for label, history in expected.items():
        check_curves(display, label, history)
    assert len(fits) == len(SIZES) - 1
    assert threading.current_thread() not in {thread for _, thread in fits}


@pytest.mark.parametrize("given", [{"y": [0, 1]}, {"sample_weight": [1, 1]}])
def test_labels_without_samples(search, given):
    with pytest.raises(ValueError, match="only with X, the samples that the search was fitted to"):
        LearningCurvesDisplay.from_search(search, **given)


def test_missing_matplotlib_is_noticed_before_training(fitted, search, fits, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.figure", raising=False)
    with pytest.raises(ImportError, match="LearningCurvesDisplay needs matplotlib"):
        LearningCurvesDisplay.from_search(search, fitted.X, fitted.y)
    assert fits == []


@pytest.mark.parametrize(("resource", "most"), [("n_samples", "auto"), ("mlpdigitclassifier__max_iter", 4)])
def test_successive_halving_draws_a_candidate_once(fitted, resource, most):
    search = HalvingGridSearchCV(
        fitted.pipeline, {UNITS: [*SIZES, (4,)]}, cv=KFold(2), factor=2, random_state=0,
        resource=resource, max_resources=most, min_resources=1 if most == 4 else 100,
    ).fit(fitted.X, fitted.y)  # fmt: skip
    display = LearningCurvesDisplay.from_search(search, fitted.X, fitted.y)
    results = search.cv_results_
    last = {params[UNITS]: index for index, params in enumerate(results["params"])}
    assert len(results["params"]) > len(last) == len(display.histories) == len(display.candidates)
    for size, index in last.items():
        rest = "" if most == "auto" else f", max_iter={results['params'][index][resource]}"
        label = f"hidden_layer_sizes={size}{rest}" + (" (chosen)" if index == search.best_index_ else "")
        check_curves(display, label, fit_by_hand(fitted.pipeline, fitted.X, fitted.y, **results["params"][index]))
        assert {name: mean for name, mean, _ in display.candidates}[label] == results["mean_test_score"][index]
    # However good the score was that a candidate had on less, those that got further come first.
    results["mean_test_score"] = np.where(results["iter"] == 0, 1.0, results["mean_test_score"])
    display = LearningCurvesDisplay.from_search(search)
    means = [mean for _, mean, _ in display.candidates]
    assert means[-2:] == [1, 1]
    assert max(means[:-2]) < 1


def test_candidate_that_was_drawn_twice_is_the_chosen_one(fitted):
    search = HalvingGridSearchCV(
        fitted.pipeline, {UNITS: [(4,), (6,)]}, cv=2, resource="n_samples", max_resources=100, min_resources=100
    ).fit(fitted.X, fitted.y)
    # As a search at random may do it: the same parameters again, with other scores.
    results = search.cv_results_ = {name: np.array([*values, *values]) for name, values in search.cv_results_.items()}
    results["mean_test_score"] = np.array([0.5, 0.9, 0.6, 0.7])
    search.best_index_ = 1
    display = LearningCurvesDisplay.from_search(search)
    assert [(name, mean) for name, mean, _ in display.candidates] == [
        ("hidden_layer_sizes=(6,)", 0.9), ("hidden_layer_sizes=(4,)", 0.6)
    ]  # fmt: skip


def test_classifier_is_no_search(fitted):
    with pytest.raises(TypeError, match="expected a search, got MLPDigitClassifier: from_estimator draws one network"):
        LearningCurvesDisplay.from_search(fitted.network)
    with pytest.raises(TypeError, match="expected a search, got NoneType"):
        LearningCurvesDisplay.from_search(None)


def test_candidates_that_look_alike_are_all_drawn(fitted):
    grid = [{UNITS: [(2,)]}, {UNITS: [(2,)], "minmaxscaler": ["passthrough"]}, {UNITS: [(2,)]}]
    search = GridSearchCV(fitted.pipeline, grid, cv=2).fit(fitted.X, fitted.y)
    display = LearningCurvesDisplay.from_search(search, fitted.X, fitted.y)
    assert len(display.histories) == len(display.candidates) == 3
    assert sum(label.startswith("hidden_layer_sizes=(2,) (2)") for label in display.histories) == 1


@pytest.fixture(scope="module")
def wide_search(fitted):
    """Ten candidates."""
    grid = {"mlpdigitclassifier__alpha": np.logspace(-5, 4, 10), "mlpdigitclassifier__max_iter": [2]}
    return GridSearchCV(fitted.pipeline, grid, cv=2).fit(fitted.X, fitted.y)


def test_of_many_candidates_eight_are_named(fitted, wide_search):
    display = LearningCurvesDisplay.from_search(wide_search, fitted.X, fitted.y)
    labels = [label for label, *_ in display.candidates]
    assert len(display.histories) == 10
    assert list(display.best_lines_) == labels[:8]
    assert {display.lines_[label, "loss"].get_color() for label in labels[8:]} == {"0.7"}
    assert "0.7" not in {display.lines_[label, "loss"].get_color() for label in labels[:8]}
    loss, score = (legend_texts(ax) for ax in display.ax_)
    assert loss[:3] == ["training", "validation", "best epoch"]
    assert loss[3:] == [f"{label}, best epoch {best_epoch(display.histories[label])}" for label in labels[:8]]
    assert score[:3] == ["training accuracy", "validation accuracy", "best epoch"]
    assert score[3:] == [f"{label}: {mean:.4f} ± {std:.4f}" for label, mean, std in display.candidates[:8]]


def test_long_legend_hides_no_curve(fitted, wide_search):
    display = LearningCurvesDisplay.from_search(wide_search, fitted.X, fitted.y)
    display.figure_.canvas.draw()
    for ax in display.ax_:
        legend, panel = ax.get_legend().get_window_extent(), ax.get_window_extent()
        assert legend.y1 < panel.y0
        assert legend.y0 >= 0
        # As high as a panel without it, or nearly.
        assert panel.height / display.figure_.dpi > 2.5


def test_figure_of_somebody_else_keeps_its_size(fitted, wide_search):
    figure = Figure((9, 4), layout="constrained")
    LearningCurvesDisplay.from_search(wide_search, fitted.X, fitted.y, ax=figure.subplots(1, 2))
    assert tuple(figure.get_size_inches()) == (9, 4)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_monitor_of_scikit_learn_writes_down_every_fold(fitted, n_jobs):
    """As the guide shows it."""
    monitor = ScoringMonitor(scoring=lambda network, X, y: {name: network.history_[name][-1] for name in CURVES})
    model = clone(fitted.pipeline)
    model[-1].set_callbacks(monitor)
    folds = KFold(2)
    with parallel_config(backend="threading"):
        GridSearchCV(model, {UNITS: SIZES}, cv=folds, n_jobs=n_jobs).fit(fitted.X, fitted.y)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    for candidate, size in enumerate(SIZES):
        for fold, (train, _) in enumerate(folds.split(fitted.X)):
            history = fit_by_hand(fitted.pipeline, fitted.X[train], fitted.y[train], **{UNITS: size})
            found = [row for row in rows if row["task_id_path"][:3] == (0, 0, 2 * candidate + fold)]
            assert {name: [row[name] for row in found] for name in CURVES} == {name: history[name] for name in CURVES}


def test_long_values_are_cut():
    assert _describe({"a__b": "x" * 30}) == "b=" + "x" * 30
    assert _describe({"a__b": "x" * 31}) == "b=" + "x" * 29 + "\N{HORIZONTAL ELLIPSIS}"
