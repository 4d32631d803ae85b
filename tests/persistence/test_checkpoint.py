"""A training that is killed and goes on ends in the same bits as one that never was."""

import copy
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import sklearn
from killed_trainings import KilledError, Killer, X, Y, kill, make

from skdigits._engine.runner import EpochRunner
from skdigits.persistence import Checkpoint, _checkpoint, load_weights
from skdigits.preprocessing import ElasticDeformer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def assert_equal_weights(model, reference):
    assert model.loss_curve_ == reference.loss_curve_
    for ours, theirs in zip(model.coefs_ + model.intercepts_, reference.coefs_ + reference.intercepts_, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.npz"


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("options", [
    {},
    {"solver": "sgd", "learning_rate": "adaptive"},
    {"solver": "adamw", "learning_rate": "one_cycle", "dropout": 0.2, "weight_averaging": 0.9},
    {"early_stopping": True, "dtype": "float64", "learning_rate": "cosine"},
    {"augmenter": ElasticDeformer(image_shape=(8, 8)), "random_state": None},
], ids=str)  # fmt: skip
def test_training_goes_on_to_the_same_bits(tmp_path, suffix, options):
    if suffix == ".safetensors":
        pytest.importorskip("safetensors")
    path = tmp_path / f"run{suffix}"
    np.random.seed(3)  # noqa: NPY002 it is the one that random_state=None means
    reference = make(**options).fit(X, Y)
    np.random.seed(3)  # noqa: NPY002
    kill(make(**options), Checkpoint(path, resume=True), 3)
    kill(make(**options), Checkpoint(path, resume=True), 6)
    assert_equal_weights(make(**options).set_callbacks(Checkpoint(path, resume=True)).fit(X, Y), reference)


def test_going_on_behind_the_end_changes_nothing(path):
    reference = make().set_callbacks(Checkpoint(path)).fit(X, Y)
    assert_equal_weights(make().set_callbacks(Checkpoint(path, resume=True)).fit(X, Y), reference)


@pytest.mark.parametrize("epoch", [1, 2, 5])
def test_model_in_the_file_is_that_of_the_epoch(path, epoch):
    kill(make(), Checkpoint(path), epoch + 1)
    saved = load_weights(path)
    np.testing.assert_array_equal(saved.predict_proba(X), make(max_iter=epoch).fit(X, Y).predict_proba(X))
    assert saved.n_iter_ == epoch


def test_file_is_due_every_so_many_epochs(path):
    kill(make(), Checkpoint(path, every=3), 6)
    assert load_weights(path).t_ == 3 * len(X)


def test_file_is_due_after_so_many_seconds(path, monkeypatch):
    now = 0.0
    monkeypatch.setattr("skdigits.persistence._checkpoint.time.monotonic", lambda: now)

    class Clock(Killer):
        def on_fit_task_end(self, estimator, context):
            nonlocal now
            now += 10
            return super().on_fit_task_end(estimator, context)

    with pytest.raises(KilledError):
        make().set_callbacks(Checkpoint(path, seconds=25), Clock(6)).fit(X, Y)
    assert load_weights(path).t_ == 3 * len(X)


def test_without_resume_training_starts_anew(path):
    kill(make(), Checkpoint(path), 4)
    model = make(alpha=0.5).set_callbacks(Checkpoint(path)).fit(X, Y)
    assert_equal_weights(model, make(alpha=0.5).fit(X, Y))


@pytest.mark.parametrize("early_stopping", [False, True])
def test_best_epoch_is_kept(path, early_stopping):
    options = {"early_stopping": early_stopping, "learning_rate_init": 0.1, "max_iter": 12, "n_iter_no_change": 20}
    model = make(**options).set_callbacks(Checkpoint(path, which="best")).fit(X, Y)
    curve = model.validation_scores_ if early_stopping else [-loss for loss in model.loss_curve_]
    best = int(np.argmax(curve)) + 1
    assert best < 12
    assert load_weights(path).n_iter_ == best
    assert_equal_weights(make(**options).set_callbacks(Checkpoint(path, resume=True)).fit(X, Y), model)


def test_last_iteration_of_lbfgs_is_saved(path):
    model = make(solver="lbfgs").set_callbacks(Checkpoint(path)).fit(X, Y)
    np.testing.assert_array_equal(load_weights(path).predict_proba(X), model.predict_proba(X))


def test_partial_fit_is_saved(path):
    model = make().set_callbacks(Checkpoint(path)).partial_fit(X, Y, classes=np.arange(10))
    np.testing.assert_array_equal(load_weights(path).predict_proba(X), model.predict_proba(X))


def test_calls_of_partial_fit_count_together(path):
    model, seen = make().set_callbacks(Checkpoint(path, every=3)), []
    for _ in range(7):
        model.partial_fit(X, Y, classes=np.arange(10))
        seen.append(load_weights(path).t_ // len(X) if path.exists() else 0)
    assert seen == [0, 0, 3, 3, 3, 6, 6]


def test_seconds_count_from_the_last_file_through_calls_of_partial_fit(path, monkeypatch):
    clock = iter([0.0, 4.0, 8.0, 12.0, 12.0])  # set up, three looks, of which the last one saves
    monkeypatch.setattr(_checkpoint, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    model = make().set_callbacks(Checkpoint(path, seconds=10))
    for _ in range(3):
        assert not path.exists()
        model.partial_fit(X, Y, classes=np.arange(10))
    assert load_weights(path).t_ == 3 * len(X)


def test_weights_that_are_not_finite_are_not_saved(path):
    with pytest.raises(ValueError, match="non-finite"), np.errstate(all="ignore"):
        make(solver="sgd", learning_rate_init=1e30).set_callbacks(Checkpoint(path)).fit(X, Y)
    assert not path.exists()


def test_a_warm_start_is_resumed_from_the_same_weights(path):
    before = make(warm_start=True, random_state=1).fit(X, Y).set_params(random_state=0)
    with pytest.raises(KilledError):
        copy.deepcopy(before).set_callbacks(Checkpoint(path), Killer(3)).fit(X, Y)
    resumed = copy.deepcopy(before).set_callbacks(Checkpoint(path, resume=True)).fit(X, Y)
    np.testing.assert_array_equal(resumed.coefs_[0], before.fit(X, Y).coefs_[0])


@pytest.mark.parametrize(
    ("scores", "is_best"), [([0.5, 0.5], False), ([np.nan, 0.5], True), ([0.5, np.nan], False), ([0.5, 0.6], True)]
)
def test_last_epoch_is_the_best_where_no_other_is_as_good(scores, is_best):
    assert _checkpoint._is_best({"validation_score": scores, "loss": [1.0, 1.0]}) == is_best


def test_file_is_due_where_another_clock_is_ahead(path):
    checkpoint = Checkpoint(path, seconds=100)
    model = make().set_callbacks(checkpoint)
    model.partial_fit(X, Y, classes=np.arange(10))
    assert not path.exists()
    checkpoint._saved_at += 3600
    model.partial_fit(X, Y)
    assert path.exists()


def test_what_changes_no_bit_may_change(path):
    kill(make(), Checkpoint(path), 3)
    model = make(n_jobs=2, verbose=False, max_time=1000.0).set_callbacks(Checkpoint(path, resume=True)).fit(X, Y)
    assert_equal_weights(model, make().fit(X, Y))


@pytest.mark.parametrize(("before", "now"), [
    ({"alpha": 1}, {"alpha": 1.0}),
    ({"alpha": 0.1}, {"alpha": np.float64(0.1)}),
    ({"hidden_layer_sizes": [5]}, {"hidden_layer_sizes": (5,)}),
    ({"random_state": 3}, {"random_state": np.int64(3)}),
    ({"class_weight": {0: 2, 1: 3}}, {"class_weight": {1: 3, 0: 2.0}}),
], ids=str)  # fmt: skip
def test_equal_parameters_may_be_of_other_types(path, before, now):
    kill(make(**before), Checkpoint(path), 3)
    assert_equal_weights(make(**now).set_callbacks(Checkpoint(path, resume=True)).fit(X, Y), make(**now).fit(X, Y))


def test_threads_of_the_augmenter_may_change(path):
    models = [make(augmenter=ElasticDeformer(image_shape=(8, 8), n_jobs=n_jobs)) for n_jobs in (1, 2)]
    kill(models[0], Checkpoint(path), 3)
    assert_equal_weights(
        models[1].set_callbacks(Checkpoint(path, resume=True)).fit(X, Y), models[0].set_callbacks().fit(X, Y)
    )


PROGRAM = """
import sys, warnings
import numpy as np
from sklearn.datasets import load_digits
from skdigits import MLPDigitClassifier
from skdigits.persistence import Checkpoint
warnings.simplefilter("ignore")
X, y = load_digits(return_X_y=True)
class Reporter:
    def setup(self, estimator, context): pass
    teardown = on_fit_task_begin = setup
    def on_fit_task_end(self, estimator, context):
        print(getattr(estimator, "n_iter_", 0), flush=True)
model = MLPDigitClassifier((40,), max_iter=30, tol=0, n_iter_no_change=50, dropout=0.1, batch_size=20, random_state=3)
model.set_callbacks(Reporter(), Checkpoint(sys.argv[1], resume=True)).fit(X, y)
np.save(sys.argv[2], np.concatenate([array.ravel() for array in model.coefs_ + model.intercepts_]))
"""


@pytest.mark.skipif(os.name == "nt", reason="no kill -9")
def test_killed_process_goes_on_to_the_same_bits(tmp_path):
    def start(name):
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / f"{name}.npz"), str(tmp_path / f"{name}.npy")]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    with start("whole") as process:
        process.communicate()
    rng = np.random.default_rng(0)
    for n_epochs in rng.integers(1, 9, size=3):
        with start("killed") as process:
            for _ in range(n_epochs):
                process.stdout.readline()
            process.kill()
    assert 1 <= load_weights(tmp_path / "killed.npz").n_iter_ < 30
    with start("killed") as process:
        assert int(process.stdout.readline()) > 1
        process.communicate()
    np.testing.assert_array_equal(np.load(tmp_path / "killed.npy"), np.load(tmp_path / "whole.npy"))


def test_epoch_that_time_cut_short_is_not_gone_on_from(path, monkeypatch):
    train, n_samples = EpochRunner.train, iter([150, 64])
    monkeypatch.setattr(EpochRunner, "train", lambda self, optimizer, order, **options: train(
        self, optimizer, order[: next(n_samples)], **options
    ))  # fmt: skip
    model = make(max_iter=2).set_callbacks(Checkpoint(path)).fit(X, Y)
    monkeypatch.undo()
    assert (model.t_, load_weights(path).t_) == (214, 150)
    assert_equal_weights(
        make(max_iter=2).set_callbacks(Checkpoint(path, resume=True)).fit(X, Y), make(max_iter=2).fit(X, Y)
    )


def test_full_disk_ends_no_training(path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(_checkpoint, "write_content", full)
    with pytest.warns(
        UserWarning, match="A checkpoint could not be written, and training goes on without it: .*No space"
    ):
        model = make().set_callbacks(Checkpoint(path)).fit(X, Y)
    assert_equal_weights(model, make().fit(X, Y))


def test_requests_of_metadata_are_no_hindrance(path):
    with sklearn.config_context(enable_metadata_routing=True):
        model = make().set_fit_request(sample_weight=True).set_callbacks(Checkpoint(path)).fit(X, Y)
    assert_equal_weights(load_weights(path), model)


def test_labels_that_no_file_holds_end_no_training(path):
    dates = np.datetime64("2026-01-01") + Y
    with pytest.warns(
        UserWarning, match="A checkpoint could not be written, and training goes on without it: .*classes_"
    ):
        model = make().set_callbacks(Checkpoint(path)).fit(X, dates)
    assert_equal_weights(model, make().fit(X, Y))
    assert not path.exists()
