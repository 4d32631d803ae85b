"""scikit-learn's callbacks, alone and inside meta-estimators."""

import numpy as np
import pytest
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdigits import MLPDigitClassifier
from skdigits.persistence import load_weights, save_weights

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
X, Y = X[:150] / 16, Y[:150]
SOLVERS = pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])


class Recorder:
    """Writes down every call, and does something at the end of a chosen epoch."""

    def __init__(self, at=None, action=lambda: False):
        self.calls, self.losses, self.expected, self._at, self._action = [], [], [], at, action

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(f"begin {context.task_name}")
        self.expected.append(context.max_subtasks)

    def on_fit_task_end(self, estimator, context):
        self.calls.append(f"end {context.task_name}")
        if context.task_name == "epoch":
            self.losses.append(estimator.loss_)
            return self._action() if estimator.n_iter_ == self._at else False
        return False


def make(**parameters):
    return MLPDigitClassifier(**{"hidden_layer_sizes": (16,), "max_iter": 4, "random_state": 0, **parameters})


@SOLVERS
def test_every_epoch_is_a_task(solver):
    recorder = Recorder()
    make(solver=solver).set_callbacks(recorder).fit(X, Y)
    epochs = ["begin epoch", "end epoch"] * 4
    assert recorder.calls == ["setup", "begin fit", *epochs, "end fit", "teardown"]


@pytest.mark.parametrize(
    ("tol", "stop_at", "expected"),
    [(1e-2, None, range(2, 500)), (1e-4, 2, [2]), (1e3, None, [0])],
    ids=["converged", "stopped by a callback", "nothing to improve"],
)
def test_iterations_of_lbfgs_that_begin_end(tol, stop_at, expected):
    recorder = Recorder(at=stop_at, action=lambda: True)
    model = make(solver="lbfgs", max_iter=500, tol=tol).set_callbacks(recorder).fit(X, Y)
    assert model.n_iter_ in expected
    epochs = ["begin epoch", "end epoch"] * model.n_iter_
    assert recorder.calls == ["setup", "begin fit", *epochs, "end fit", "teardown"]


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fit_is_a_task_of_one_epoch(solver):
    recorder = Recorder()
    make(solver=solver).set_callbacks(recorder).partial_fit(X, Y, classes=np.arange(10))
    assert recorder.calls[1:-1] == ["begin partial_fit", "begin epoch", "end epoch", "end partial_fit"]
    assert recorder.expected[0] == 1


def test_loss_of_the_epoch_is_on_the_estimator():
    recorder = Recorder()
    model = make().set_callbacks(recorder).fit(X, Y)
    assert recorder.losses == model.loss_curve_


@SOLVERS
def test_callback_can_stop(solver):
    model = make(solver=solver, max_iter=50).set_callbacks(Recorder(at=3, action=lambda: True)).fit(X, Y)
    assert model.n_iter_ == 3
    assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize("error", [OSError, StopIteration])
@SOLVERS
def test_error_in_a_callback_is_raised_after_teardown(solver, error):
    def fail():
        raise error("disk full")

    recorder = Recorder(at=2, action=fail)
    with pytest.raises(error, match="disk full"):
        make(solver=solver).set_callbacks(recorder).fit(X, Y)
    assert recorder.calls[-1] == "teardown"


@SOLVERS
def test_scoring_monitor_scores_every_epoch_as_it_was(solver):
    monitor = ScoringMonitor(scoring="neg_log_loss")
    make(solver=solver).set_callbacks(monitor).fit(X, Y)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    # Fewer epochs give the same network: the oracle for the state after each.
    expected = []
    for n_epochs in range(1, 5):
        probabilities = make(solver=solver, max_iter=n_epochs).fit(X, Y).predict_proba(X)
        expected.append(np.mean(np.log(probabilities[np.arange(len(Y)), Y])))
    np.testing.assert_allclose([row["neg_log_loss"] for row in rows], expected, rtol=1e-5)


@SOLVERS
def test_epoch_begins_with_what_the_one_before_has_learnt(solver):
    class Predictor(Recorder):
        def __init__(self):
            super().__init__()
            self.outputs = {"begin": [], "end": []}

        def on_fit_task_begin(self, estimator, context, *, fitted_estimator=None):
            if context.task_name == "epoch":
                self.outputs["begin"].append(fitted_estimator.predict_proba(X))

        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            if context.task_name == "epoch":
                self.outputs["end"].append(fitted_estimator.predict_proba(X))

    predictor = Predictor()
    make(solver=solver, weight_averaging=None if solver == "lbfgs" else 0.9).set_callbacks(predictor).fit(X, Y)
    begins, ends = predictor.outputs.values()
    np.testing.assert_array_equal(begins[1:], ends[:-1])
    assert (begins[0] != ends[0]).any()


def test_scoring_monitor_weighs_the_samples():
    weights = np.where(Y < 5, 1.0, 0.001)
    monitor = ScoringMonitor(scoring="accuracy")
    model = make(max_iter=40).set_callbacks(monitor).fit(X, Y, sample_weight=weights)
    last = [row["accuracy"] for row in monitor.get_logs().data if row["task_name"] == "epoch"][-1]
    assert last == pytest.approx(model.score(X, Y, sample_weight=weights))
    assert last != pytest.approx(model.score(X, Y))


def test_progress_bar_alone(capsys):
    make().set_callbacks(ProgressBar()).fit(X, Y)
    out = capsys.readouterr().out
    assert "MLPDigitClassifier - fit" in out
    assert "100%" in out


def test_progress_bar_over_a_grid_search(capsys):
    search = GridSearchCV(make(), {"hidden_layer_sizes": [(4,), (8,)]}, cv=2)
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, Y)
    out = capsys.readouterr().out
    assert "GridSearchCV - fit" in out
    assert "MLPDigitClassifier - fit" in out


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_scoring_monitor_inside_a_grid_search(n_jobs):
    monitor = ScoringMonitor(scoring="accuracy")
    pipeline = make_pipeline(MinMaxScaler(), make().set_callbacks(monitor))
    GridSearchCV(pipeline, {"mlpdigitclassifier__hidden_layer_sizes": [(4,), (8,)]}, cv=2, n_jobs=n_jobs).fit(X, Y)
    rows = [row for log in monitor.get_logs(select="all") for row in log.data if row["task_name"] == "epoch"]
    assert len(rows) == 4 * 5  # epochs, and fits: two candidates on two splits, and the best on all


def test_what_a_callback_keeps_of_an_epoch_does_not_change_afterwards():
    model = make().fit(X, Y)
    assert not np.shares_memory(model._snapshot()["coefs_"][0], model.coefs_[0])
    assert not np.shares_memory(model._snapshot()["intercepts_"][0], model.intercepts_[0])


@pytest.mark.parametrize("sizes", [(16,), (8,)])
def test_what_a_callback_saves_has_no_optimizer_of_a_fit_before(tmp_path, sizes):
    model = make().fit(X, Y).set_params(solver="sgd", hidden_layer_sizes=sizes)
    saver = Recorder(at=2, action=lambda: save_weights(model, tmp_path / "m.npz"))
    model.set_callbacks(saver).fit(X, Y)
    loaded = load_weights(tmp_path / "m.npz").partial_fit(X, Y)
    assert (loaded._optimizer.name, loaded._optimizer.t) == ("sgd", 1)
