"""The loop over epochs, with a network of one parameter whose losses are given."""

from types import SimpleNamespace

import numpy as np
import pytest

from skdigits._engine.optimizers import SGD, Adam
from skdigits._engine.record import TrainingRecord
from skdigits._engine.runner import EpochTotals
from skdigits._engine.trainer import Plan, TrainingHooks, train


class Runner:
    """Stands in for an EpochRunner: each epoch adds one to the parameter and returns the next loss."""

    def __init__(self, losses, network, draws_keys):
        self._losses, self.parameters, self.evaluated = iter(losses), network.parameters, network.parameters
        self.n_samples, self.n_steps, self.draws_keys = 4, 1, draws_keys
        self.inputs, self.orders, self.seeds, self.deadlines = None, [], [], []

    def train(self, optimizer, order, *, seed, deadline):
        loss = next(self._losses)
        if isinstance(loss, BaseException):
            raise loss
        self.parameters += 1
        self.orders.append(order.copy())
        self.seeds.append(seed)
        self.deadlines.append(deadline)
        return EpochTotals(loss, 0.5, len(order))


class Hooks(TrainingHooks):
    def __init__(self, scores=(), stop_after=None):
        self._scores, self._stop_after, self.lines, self.n_begun = iter(scores), stop_after, [], 0
        self.whole = []

    def epoch_begins(self):
        self.n_begun += 1

    def validate(self):
        score = next(self._scores, None)
        return {} if score is None else {"validation_loss": 1 - score, "validation_score": score}

    def epoch_ends(self, record, capture, *, is_whole):
        self.whole.append(is_whole)
        return record.n_iter == self._stop_after

    def log(self, line):
        self.lines.append(line)


def run(losses=(), *, scores=(), stop_after=None, optimizer=None, hooks=None, draws_keys=False, **options):
    network = SimpleNamespace(parameters=np.zeros(1))
    early_stopping = options.setdefault("early_stopping", bool(scores))
    record = TrainingRecord.start(judged_by="accuracy" if early_stopping else None)
    hooks, runner = hooks or Hooks(scores, stop_after), Runner(losses, network, draws_keys)
    optimizer = optimizer or Adam(learning_rate_init=0.001, moments=np.zeros((2, 1)))
    settings = {"shuffle": True, "max_epochs": 100, "tol": 1e-4, "n_iter_no_change": 2, **options}
    random_state = np.random.RandomState(0)
    outcome = train(runner, optimizer, record, hooks, Plan(**settings), random_state)
    return SimpleNamespace(outcome=outcome, record=record, hooks=hooks, runner=runner, network=network)


def test_all_epochs_are_run():
    result = run([3.0, 2.0, 1.0], max_epochs=3)
    assert result.outcome == "exhausted"
    assert result.record.loss_curve == [3.0, 2.0, 1.0]
    assert (result.record.n_iter, result.record.n_samples_seen, result.record.best_loss) == (3, 12, 1.0)


def test_loss_without_progress_ends_training():
    result = run([1.0, 1.0, 1.0, 1.0, 1.0])
    assert (result.outcome, result.record.n_iter, result.record.no_improvement_count) == ("converged", 4, 3)
    assert result.hooks.lines[-1] == (
        "Training loss did not improve more than tol=0.000100 for 2 consecutive epochs. Stopping."
    )


def test_best_epoch_of_the_validation_score_is_kept():
    result = run([1.0] * 6, scores=[0.5, 0.9, 0.8, 0.8, 0.8, 0.8])
    assert (result.outcome, result.record.best_validation_score) == ("converged", 0.9)
    assert result.network.parameters == 2
    assert result.record.best_loss is None


def test_hook_can_stop():
    assert run([3.0, 2.0, 1.0], stop_after=2).record.n_iter == 2


def test_interrupt_keeps_what_was_learnt():
    result = run([3.0, 2.0, KeyboardInterrupt()])
    assert (result.outcome, result.record.n_iter, result.network.parameters[0]) == ("interrupted", 2, 2)


def test_loss_that_is_not_a_number_ends_training():
    result = run([3.0, np.nan])
    assert (result.outcome, result.record.best_loss) == ("diverged", 3.0)


def test_order_is_shuffled_from_the_order_before():
    orders = run([3.0, 2.0], max_epochs=2).runner.orders
    random_state, expected = np.random.RandomState(0), np.arange(4)
    for order in orders:
        permutation = np.arange(4)
        random_state.shuffle(permutation)
        expected = expected[permutation]
        np.testing.assert_array_equal(order, expected)


def test_order_is_kept_without_shuffle():
    for order in run([3.0, 2.0], max_epochs=2, shuffle=False).runner.orders:
        np.testing.assert_array_equal(order, np.arange(4))


def test_adaptive_rate_falls_until_it_is_too_small():
    optimizer = SGD(learning_rate_init=1e-5, lr_schedule="adaptive", moments=np.zeros((1, 1)))
    result = run([1.0] * 100, optimizer=optimizer)
    assert (result.outcome, result.record.n_iter) == ("converged", 10)  # after three epochs each without progress
    assert optimizer.learning_rate == pytest.approx(4e-7)
    assert "Setting learning rate to 0.000002" in result.hooks.lines[4]
    assert result.hooks.lines[-1].endswith("Learning rate too small. Stopping.")


@pytest.mark.parametrize("power_t", [0.25, 0.5])
def test_inverse_scaling_follows_the_samples_seen(power_t):
    optimizer = SGD(learning_rate_init=0.1, lr_schedule="invscaling", power_t=power_t, moments=np.zeros((1, 1)))
    run([3.0, 2.0], optimizer=optimizer, max_epochs=2)
    assert optimizer.learning_rate == pytest.approx(0.1 / 9**power_t)


def test_last_epoch_is_kept_where_the_best_is_not_asked_for():
    result = run([1.0] * 6, scores=[0.5, 0.9, 0.8, 0.8, 0.8, 0.8], restore_best=False)
    assert result.network.parameters == result.record.n_iter == 5


def test_validation_without_early_stopping_is_recorded_only():
    result = run([3.0, 2.0, 1.0], scores=[0.9, 0.1, 0.1], early_stopping=False, max_epochs=3, n_iter_no_change=1)
    assert (result.outcome, result.record.n_iter, result.record.validation_scores) == ("exhausted", 3, None)
    assert result.record.history["validation_score"] == [0.9, 0.1, 0.1]


def test_history_has_an_entry_an_epoch():
    history = run([3.0, 2.0], max_epochs=2).record.history
    assert list(history) == ["loss", "accuracy", "validation_loss", "validation_score", "learning_rate", "seconds"]
    assert (history["loss"], history["accuracy"]) == ([3.0, 2.0], [0.5, 0.5])
    assert np.isnan(history["validation_loss"]).all()
    assert min(history["seconds"]) > 0


def test_time_that_has_run_out_ends_training():
    result = run([3.0, 2.0], deadline=0.0)
    assert (result.outcome, result.record.n_iter, result.runner.deadlines) == ("timed out", 1, [0.0])


def test_every_epoch_gets_a_seed_where_they_are_drawn():
    assert run([3.0, 2.0], max_epochs=2).runner.seeds == [0, 0]
    assert len(set(run(range(30, 0, -1), max_epochs=30, draws_keys=True).runner.seeds)) == 30


def test_seeds_of_repeated_calls_differ_and_leave_the_order_as_it_is():
    def run_three(n_repeated, *, draws_keys=True):
        return run([3.0, 2.0, 1.0], max_epochs=3, draws_keys=draws_keys, n_repeated=n_repeated).runner

    runners = [run_three(0, draws_keys=False), run_three(4)]
    np.testing.assert_array_equal(*(runner.orders for runner in runners))
    assert len({*runners[1].seeds, *run_three(0).seeds}) == 6


def test_new_inputs_reach_the_runner():
    class Augmenting(Hooks):
        def draw_inputs(self, random_state, progress):
            return "deformed"

    assert run([3.0], max_epochs=1, hooks=Augmenting()).runner.inputs == "deformed"


def test_hooks_are_told_of_an_epoch_that_was_cut_short(monkeypatch):
    n_seen = iter([4, 3])
    monkeypatch.setattr(Runner, "train", lambda self, *_, **__: EpochTotals(1.0, 0.5, next(n_seen)))
    assert run(max_epochs=2).hooks.whole == [True, False]


def test_interruption_while_validating_leaves_an_entry_an_epoch():
    hooks = Hooks()

    def validate():
        if hooks.n_begun == 2:
            raise KeyboardInterrupt
        return {"validation_loss": 0.5, "validation_score": 0.5}

    hooks.validate = validate
    result = run([3, 2], hooks=hooks, early_stopping=True)
    assert result.outcome == "interrupted"
    assert result.record.history["loss"] == result.record.loss_curve == [3, 2]
    np.testing.assert_array_equal(result.record.history["validation_loss"], [0.5, np.nan])
