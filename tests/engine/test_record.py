"""What is known of a training, and what of it a later one starts with."""

from types import SimpleNamespace

import numpy as np
import pytest

from skdigits._engine.record import TrainingRecord
from skdigits._engine.runner import EpochTotals


def published(*, judged_by, score=0.5):
    """An estimator after one epoch."""
    estimator, record = SimpleNamespace(), TrainingRecord.start(judged_by=judged_by)
    record.add_epoch(EpochTotals(3.0, 0.5, 10))
    record.add_to_history(loss=3.0, validation_score=score)
    if judged_by is None:
        record.judge_loss(0.0)
    else:
        record.validation_scores.append(score)
        record.judge_score(score, 0.0)
    record.publish(estimator)
    return estimator


@pytest.mark.parametrize("judged_by", [None, "accuracy"])
def test_training_goes_on_with_what_was_published(judged_by):
    record = TrainingRecord.of(published(judged_by=judged_by), judged_by=judged_by)
    assert (record.n_iter, record.n_samples_seen, record.loss_curve, record.history["loss"]) == (1, 10, [3.0], [3.0])
    assert (record.best_loss, record.best_validation_score) == ((3.0, None) if judged_by is None else (None, 0.5))


@pytest.mark.parametrize(
    ("before", "now"), [("accuracy", "neg_log_loss"), ("accuracy", None), (None, "accuracy")], ids=str
)
def test_best_epoch_starts_anew_where_something_else_decides(before, now):
    record = TrainingRecord.of(published(judged_by=before), judged_by=now)
    anew = TrainingRecord.start(judged_by=now)
    assert (record.best_loss, record.validation_scores) == (anew.best_loss, anew.validation_scores)
    assert (record.best_validation_score, record.judged_by) == (anew.best_validation_score, now)
    assert record.loss_curve == [3.0]


def test_score_of_an_older_version_is_taken_for_that_of_now():
    estimator = published(judged_by="accuracy")
    del estimator._judged_by
    assert TrainingRecord.of(estimator, judged_by="accuracy").best_validation_score == 0.5


def test_iterations_of_lbfgs_are_no_epochs():
    estimator = published(judged_by=None)
    del estimator.loss_curve_
    assert TrainingRecord.of(estimator, judged_by=None).history == TrainingRecord().history


def test_what_was_published_or_captured_is_not_changed_by_further_epochs():
    estimator = published(judged_by="accuracy")
    record = TrainingRecord.of(estimator, judged_by="accuracy")
    captured = record.as_dict()
    record.add_epoch(EpochTotals(2.0, 0.5, 10))
    record.add_to_history(loss=2.0)
    record.validation_scores.append(0.6)
    for kept in (vars(estimator), {f"{name}_": value for name, value in captured.items()}):
        assert (kept["loss_curve_"], kept["validation_scores_"], kept["history_"]["loss"]) == ([3.0], [0.5], [3.0])


@pytest.mark.parametrize(("losses", "expected"), [([np.nan, 0.5], [np.nan, 0.5]), ([np.nan, np.nan], None)])
def test_validation_losses_are_none_where_none_is_known(losses, expected):
    estimator, record = SimpleNamespace(), TrainingRecord.start(judged_by=None)
    for loss in losses:
        record.add_to_history(validation_loss=loss)
    record.publish(estimator)
    assert str(estimator.validation_loss_curve_) == str(expected)


def test_progress_of_exactly_the_tolerance_is_progress():
    by_loss, by_score = TrainingRecord.start(judged_by=None), TrainingRecord.start(judged_by="accuracy")
    for value in (0.75, 0.5, 0.25):
        by_loss.loss = value
        by_loss.judge_loss(0.25)
        by_score.judge_score(1 - value, 0.25)
    assert by_loss.no_improvement_count == by_score.no_improvement_count == 0


def test_of_equal_scores_the_first_is_the_best():
    record = TrainingRecord.start(judged_by="accuracy")
    assert [record.judge_score(score, 0.0) for score in (0.5, 0.5, 0.6, 0.6)] == [True, False, True, False]
