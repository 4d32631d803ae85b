"""Ctrl-C in a fit: what was learnt is kept, and all of it belongs together."""

import _thread
import itertools
import signal
import threading

import numpy as np
import pytest
from sklearn.datasets import load_digits

from skdigits import MLPDigitClassifier
from skdigits._callbacks import EstimatorHooks
from skdigits._engine import lbfgs, trainer
from skdigits._engine import record as record_module
from skdigits._engine import runner as runner_module
from skdigits._engine.record import TrainingRecord
from skdigits._engine.runner import EpochRunner

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
X, Y = X[:150] / 16, Y[:150]


class InterruptedAt:
    """A callback that raises KeyboardInterrupt at the end of an epoch."""

    def __init__(self, epoch):
        self._epoch = epoch

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch" and estimator.n_iter_ == self._epoch:
            raise KeyboardInterrupt


class InterruptedAfter(InterruptedAt):
    """Presses Ctrl-C so many seconds behind the beginning of the third epoch."""

    def __init__(self, seconds):
        super().__init__(epoch=None)
        self._seconds = seconds

    def on_fit_task_begin(self, estimator, context):
        if context.task_name == "epoch" and estimator.n_iter_ == 2:
            threading.Timer(self._seconds, _thread.interrupt_main).start()


def make(**parameters):
    return MLPDigitClassifier(**{"hidden_layer_sizes": (16,), "max_iter": 4, "random_state": 0, **parameters})


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_interrupt_keeps_what_was_learnt_and_warns(solver):
    model = make(solver=solver, max_iter=50).set_callbacks(InterruptedAt(6))
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(X, Y)
    assert model.n_iter_ == 6
    reference = make(solver=solver, max_iter=6).fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(X), reference.predict_proba(X))


@pytest.mark.usefixtures("sigint_raises")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_real_interrupt_in_the_middle_of_long_epochs(n_jobs):
    rng = np.random.default_rng(0)
    X, y = rng.random((30_000, 100), np.float32), rng.integers(10, size=30_000)
    model = make(max_iter=1, hidden_layer_sizes=(64,), n_jobs=n_jobs, tol=0, n_iter_no_change=np.inf)
    model.fit(X, y)  # compiled now: the interrupt is to find compiled code at work
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.set_params(max_iter=500).set_callbacks(InterruptedAfter(0.2)).fit(X, y)
    assert 0 <= model.n_iter_ < 500
    assert len(model.loss_curve_) == model.n_iter_
    assert np.isfinite(model.predict_proba(X[:10])).all()


def test_interrupt_leaves_a_model_that_can_go_on():
    model = make(max_iter=9).set_callbacks(InterruptedAt(2))
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X, Y)
    loss = model.loss_
    assert model.set_callbacks().partial_fit(X, Y).loss_ < loss


def test_interrupt_within_a_line_search_keeps_the_last_iteration(monkeypatch):
    calls, evaluate = [], EpochRunner.loss_and_gradient

    def interrupted(self):
        calls.append(self)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return evaluate(self)

    monkeypatch.setattr(EpochRunner, "loss_and_gradient", interrupted)
    with pytest.warns(UserWarning, match="interrupted"):
        model = make(solver="lbfgs", max_iter=50).fit(X, Y)
    monkeypatch.undo()
    reference = make(solver="lbfgs", max_iter=model.n_iter_).fit(X, Y)
    np.testing.assert_array_equal(model.coefs_[0], reference.coefs_[0])


@pytest.mark.parametrize(
    ("line", "early_stopping"), [("Iteration 2", False), ("Iteration 2", True), ("Validation score", True)]
)
def test_interrupt_while_a_line_is_printed_leaves_no_gap_in_the_history(monkeypatch, line, early_stopping):
    def interrupted(self, text):
        if text.startswith(line):
            raise KeyboardInterrupt

    monkeypatch.setattr(EstimatorHooks, "log", interrupted)
    with pytest.warns(UserWarning, match="interrupted"):
        model = make(max_iter=4, early_stopping=early_stopping).fit(X, Y)
    assert {len(values) for values in model.history_.values()} == {len(model.loss_curve_)} == {model.n_iter_}
    if line.startswith("Validation"):
        assert model.validation_scores_ == model.history_["validation_score"]
        assert model.best_validation_score_ == max(model.validation_scores_)


@pytest.fixture
def ctrl_c_at(monkeypatch, sigint_raises):
    """Press Ctrl-C whenever a function has been called."""

    def press_behind(owner, name):
        function = getattr(owner, name)

        def interrupted(*arguments, **options):
            result = function(*arguments, **options)
            signal.raise_signal(signal.SIGINT)
            return result

        monkeypatch.setattr(owner, name, interrupted)

    return press_behind


@pytest.mark.parametrize(
    ("owner", "name", "n_epochs"),
    [
        (trainer, "_random_state_beside_the_order", 0),
        (EpochRunner, "_run", 1),
        (TrainingRecord, "add_epoch", 1),
        (record_module, "_append", 1),
        (EpochRunner, "store_moments", 4),
        (EstimatorHooks, "epoch_ends", 1),
    ],
)
def test_ctrl_c_anywhere_leaves_what_belongs_together(monkeypatch, ctrl_c_at, owner, name, n_epochs):
    ctrl_c_at(owner, name)
    with pytest.warns(UserWarning, match="interrupted"):
        model = make(max_iter=4).fit(X, Y)
    monkeypatch.undo()
    assert {len(values) for values in model.history_.values()} == {len(model.loss_curve_)} == {model.n_iter_}
    assert (model.n_iter_, model.t_) == (n_epochs, n_epochs * len(X))
    if n_epochs > 0:
        reference = make(max_iter=n_epochs).fit(X, Y)
        np.testing.assert_array_equal(model.coefs_[0], reference.coefs_[0])
        np.testing.assert_array_equal(model._optimizer.moments, reference._optimizer.moments)


def test_ctrl_c_while_partial_fit_begins_leaves_the_moments(ctrl_c_at):
    model, reference = (make().partial_fit(X, Y, classes=range(10)) for _ in range(2))
    ctrl_c_at(runner_module, "pad")
    with pytest.warns(UserWarning, match="interrupted"):
        model.partial_fit(X, Y)
    assert model._optimizer.t == reference._optimizer.t + 1  # a mini-batch more
    beta_2 = model.beta_2
    assert (model._optimizer.moments[1] >= 0.999 * beta_2 * reference._optimizer.moments[1]).all()


@pytest.mark.parametrize(("owner", "name"), [(EpochRunner, "loss_and_gradient"), (EstimatorHooks, "validate")])
def test_ctrl_c_in_an_iteration_of_lbfgs_records_what_is_kept(monkeypatch, sigint_raises, owner, name):
    function, n_calls = getattr(owner, name), itertools.count(1)

    def interrupted(self):
        result = function(self)
        if next(n_calls) == 6:
            signal.raise_signal(signal.SIGINT)
        return result

    monkeypatch.setattr(owner, name, interrupted)
    with pytest.warns(UserWarning, match="interrupted"):
        model = make(solver="lbfgs", max_iter=50).fit(X, Y, X_val=X, y_val=Y)
    monkeypatch.undo()
    assert 1 < model.n_iter_ == len(model.history_["loss"]) == len(model.validation_loss_curve_) < 50
    assert model.loss_ == model.history_["loss"][-1]
    reference = make(solver="lbfgs", max_iter=model.n_iter_).fit(X, Y)
    np.testing.assert_array_equal(model.coefs_[0], reference.coefs_[0])


def test_ctrl_c_behind_the_last_iteration_of_lbfgs_keeps_it(ctrl_c_at):
    ctrl_c_at(lbfgs, "train")
    with pytest.warns(UserWarning, match="interrupted"):
        model = make(solver="lbfgs", max_iter=500).fit(X, Y)
    assert (model.n_iter_, model.loss_) == (len(model.history_["loss"]), model.history_["loss"][-1])


def test_interrupt_while_a_score_is_printed_keeps_the_weights_of_that_score(monkeypatch):
    X_val, y_val = X[1::2], Y[1::2]
    n_printed = itertools.count(1)

    def interrupted(self, text):
        if text.startswith("Validation") and next(n_printed) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(EstimatorHooks, "log", interrupted)
    with pytest.warns(UserWarning, match="interrupted"):
        model = make(max_iter=9, early_stopping=True, learning_rate_init=0.02).fit(X, Y, X_val=X_val, y_val=y_val)
    assert model.validation_scores_[0] < model.validation_scores_[2] == model.best_validation_score_
    assert model.score(X_val, y_val) == model.best_validation_score_


def test_interrupt_in_the_first_epoch_leaves_no_loss_of_a_fit_before(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    model = make().fit(X, Y)
    monkeypatch.setattr(EpochRunner, "train", interrupted)
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X, Y)
    assert not hasattr(model, "loss_")
