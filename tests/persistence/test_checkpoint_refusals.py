"""A training does not go on with something else, nor from a damaged file; and bad parameters are found before it."""

import sys
import zipfile

import numpy as np
import pytest
from killed_trainings import KilledError, Killer, X, Y, kill, make
from sklearn.neural_network import MLPClassifier

from skdigits.exceptions import ModelFormatError
from skdigits.persistence import Checkpoint, load_weights
from skdigits.persistence._weights import read_content, write_content
from skdigits.preprocessing import ElasticDeformer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.npz"


@pytest.mark.parametrize(("model", "samples", "message"), [
    (make(alpha=0.5), (X, Y), r"alpha=0.5 \(was 0.0001\)"),
    (make(random_state=1), (X, Y), "random_state=1"),
    (make(max_iter=8), (X, Y), "max_iter=8"),
    (make(augmenter=ElasticDeformer()), (X, Y), "augmenter"),
    (make(), (X[:-1], Y[:-1]), "150 samples .* got 149 samples"),
    (make(), (X, Y[::-1]), "other data"),
    (make(solver="lbfgs"), (X, Y), "lbfgs"),
    (make(scoring=max), (X, Y), "cannot store"),
    (make(random_state=np.random.RandomState(0)), (X, Y), "cannot store"),
], ids=range(9))  # fmt: skip
def test_training_does_not_go_on_with_something_else(path, model, samples, message):
    kill(make(), Checkpoint(path), 3)
    with pytest.raises(ValueError, match=message):
        model.set_callbacks(Checkpoint(path, resume=True)).fit(*samples)
    assert load_weights(path).n_iter_ == 2


@pytest.mark.parametrize("changed", ["sample_weight", "X_val", "y_val", "sample_weight_val"])
def test_training_does_not_go_on_with_other_weights_or_validation(path, changed):
    data = {"sample_weight": np.ones(150), "X_val": X[:20], "y_val": Y[:20], "sample_weight_val": np.ones(20)}
    with pytest.raises(KilledError):
        make().set_callbacks(Checkpoint(path), Killer(3)).fit(X, Y, **data)
    data[changed] = data[changed][::-1] if changed[1:] == "_val" else 2 * data[changed]
    with pytest.raises(ValueError, match="other data"):
        make().set_callbacks(Checkpoint(path, resume=True)).fit(X, Y, **data)


def test_a_second_fit_from_what_was_learnt_is_another_training(path):
    model = make(warm_start=True).set_callbacks(Checkpoint(path, resume=True)).fit(X, Y)
    with pytest.raises(ValueError, match="other weights to begin with: 150 samples"):
        model.fit(X, Y)


def test_state_of_a_random_generator_that_points_nowhere_is_refused(path):
    kill(make(), Checkpoint(path), 3)
    model, progress = read_content(path)
    progress["random_state"]["state"]["pos"] = 10**6
    write_content(model, path, progress=progress)
    with pytest.raises(ValueError, match="random generator"):
        make().set_callbacks(Checkpoint(path, resume=True)).fit(X, Y)


def test_partial_fit_does_not_go_on_from_a_file(path):
    with pytest.raises(ValueError, match="save_weights and load_weights"):
        make().set_callbacks(Checkpoint(path, resume=True)).partial_fit(X, Y, classes=np.arange(10))


def test_file_of_lbfgs_is_nothing_to_go_on_from(path):
    make(solver="lbfgs").set_callbacks(Checkpoint(path)).fit(X, Y)
    with pytest.raises(ValueError, match="no training to go on with"):
        make().set_callbacks(Checkpoint(path, resume=True)).fit(X, Y)


def test_damaged_file_is_refused(path):
    path.write_bytes(b"PK" + b"0" * 100)
    with pytest.raises(ModelFormatError, match=r"run\.npz cannot be loaded.* Remove it to train from the start"):
        make().set_callbacks(Checkpoint(path, resume=True)).fit(X, Y)


def test_progress_of_another_network_is_refused(path):
    kill(make(), Checkpoint(path), 3)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    header = members["progress.order.npy"][: -150 * 8]
    members["progress.order.npy"] = header + np.full(150, 10**9).tobytes()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match="damaged, or of another training"):
        make().set_callbacks(Checkpoint(path, resume=True)).fit(X, Y)


@pytest.mark.parametrize(("early_stopping", "name", "value"), [
    (False, "best_loss", None),
    (False, "n_iter", 2**70),
    (True, "validation_scores", None),
    (True, "best_validation_score", None),
], ids=str)  # fmt: skip
def test_record_of_another_training_is_refused(path, early_stopping, name, value):
    kill(make(early_stopping=early_stopping), Checkpoint(path), 3)
    saved, progress = read_content(path)
    progress["record"][name] = value
    write_content(saved, path, progress=progress)
    with pytest.raises(ValueError, match="damaged, or of another training"):
        make(early_stopping=early_stopping).set_callbacks(Checkpoint(path, resume=True)).fit(X, Y)


@pytest.mark.parametrize(("options", "message"), [
    ({"which": "first"}, "which"),
    ({"every": 0}, "every"),
    ({"every": 1.5}, "every"),
    ({"seconds": -1}, "seconds"),
    ({"seconds": np.nan}, "seconds"),
    ({"seconds": None}, "seconds"),
], ids=str)  # fmt: skip
def test_parameters_are_checked(path, options, message):
    with pytest.raises(ValueError, match=f"Checkpoint: {message} must be"):
        make().set_callbacks(Checkpoint(path, **options)).fit(X, Y)


@pytest.mark.parametrize("name", ["run.pkl", "no folder/run.npz", "folder.npz"])
def test_path_is_checked_before_training(tmp_path, name):
    (tmp_path / "folder.npz").mkdir()
    model = make().set_callbacks(Checkpoint(tmp_path / name), Killer(1))
    with pytest.raises(ValueError, match=name):
        model.fit(X, Y)


def test_missing_safetensors_is_found_before_training(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    model = make().set_callbacks(Checkpoint(tmp_path / "run.safetensors", every=50), Killer(1))
    with pytest.raises(ImportError, match=r"skdigits\[export\]"):
        model.fit(X, Y)


def test_other_estimators_are_refused(path):
    class WithCallbacks(MLPClassifier):
        pass

    with pytest.raises(ValueError, match="is for MLPDigitClassifier, got WithCallbacks"):
        Checkpoint(path).setup(WithCallbacks(), None)
