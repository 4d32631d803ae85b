"""`train --stream`: what it learns, in which steps, and what it says."""

import numpy as np
import pytest
from sklearn.preprocessing import Normalizer

from skdigits import MLPDigitClassifier
from skdigits._cli import stream
from skdigits._engine.runner import EpochRunner
from skdigits.persistence import load_weights

FEW = ("--epochs", 2, "--batch-size", 20)


@pytest.mark.usefixtures("small_batches")
def test_learns_from_two_files(train, files, test_files, digits, tmp_path):
    result = train(
        "--stream", *files, "--test", test_files, "--epochs", 30, "--batch-size", 20, "--output", tmp_path / "m.npz"
    )
    assert result["test_accuracy"] > 0.9
    assert (result["dataset"], result["n_iter"]) == ("stream", 30)
    assert np.sum(result["confusion_matrix"]) == 300
    assert result["samples_per_second"] > 0
    model = load_weights(tmp_path / "m.npz")
    assert model[-1].t_ == 30 * 1497
    assert model.score(digits[0][-300:], digits[1][-300:]) == result["test_accuracy"]


@pytest.mark.usefixtures("small_batches")
def test_model_is_that_of_partial_fit(train, files, test_files, tmp_path):
    train("--stream", *files, "--test", test_files, *FEW, "--seed", 3, "--output", tmp_path / "m.npz")
    X, y = Normalizer(norm="max").transform(np.load(files[0]).reshape(-1, 64).astype(np.float32)), np.load(files[1])
    twin = MLPDigitClassifier(batch_size=20, random_state=np.random.RandomState(3))
    X, y = np.concatenate([X, X]), np.concatenate([y, y])
    for start in range(0, len(X), 400):
        twin.partial_fit(X[start : start + 400], y[start : start + 400], classes=range(10))
    model = load_weights(tmp_path / "m.npz")
    np.testing.assert_array_equal(model[-1].coefs_[0], twin.coefs_[0])
    assert model[-1].random_state == 3


@pytest.mark.usefixtures("small_batches")
def test_folder_is_streamed_as_files_are(train, files, test_files, tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    X, y = (np.load(path) for path in files)
    for k, (start, stop) in enumerate([(0, 1000), (1000, 1497)]):
        np.savez(folder / f"{k}.npz", X=X[start:stop], y=y[start:stop])
    for name, source in (("a", files), ("b", [folder])):
        train("--stream", *source, "--test", test_files, *FEW, "--output", tmp_path / f"{name}.npz")
    a, b = (load_weights(tmp_path / f"{name}.npz")[-1].coefs_[0] for name in "ab")
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("options", "n_epochs"), [((), 26), (("--epochs", 2), 2)])
def test_epochs_are_those_of_the_recipe(train, small_mnist, tmp_path, monkeypatch, options, n_epochs):
    small_mnist.write(tmp_path)
    monkeypatch.setenv("SKDIGITS_DATA", str(tmp_path))
    options = ("--dataset", "mnist", "--recipe", "quick", "--hidden", 20, "--output", tmp_path / "m.npz", *options)
    assert train(*options, "--stream")["n_iter"] == n_epochs


def test_same_seed_same_model(train, files, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train("--stream", *files, "--deformed", 2000, "--seed", seed, "--output", tmp_path / f"{name}.npz")
    weights = [load_weights(tmp_path / f"{name}.npz")[-1].coefs_[0] for name in "abc"]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


def test_labels_that_the_first_batch_does_not_have(train, files, test_files, tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "_BATCH", 5)
    train("--stream", *files, "--test", test_files, "--epochs", 1, "--batch-size", 5, "--output", tmp_path / "m.npz")
    assert load_weights(tmp_path / "m.npz").classes_.tolist() == list(range(10))


@pytest.mark.usefixtures("small_batches")
def test_progress_goes_to_standard_error(run, files, test_files, tmp_path):
    outcome = run("train", "--stream", *files, "--test", test_files, *FEW, "--output", tmp_path / "m.npz")
    lines = outcome.err.splitlines()
    assert lines[0].startswith("400/2,994 images  loss ")
    assert "images/s" in lines[-1]
    assert lines[-1].startswith("2,994/2,994 images")
    assert "2,994 images in " in outcome.out


@pytest.mark.usefixtures("small_batches")
def test_ctrl_c_keeps_what_was_learnt(run, files, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(stream.TrainingBar, "advance", interrupt)
    outcome = run("train", "--stream", *files, *FEW, "--output", tmp_path / "m.npz")
    kept = tmp_path / "m-interrupted.npz"
    assert outcome.status == 130
    assert outcome.err == f"skdigits: interrupted after 400 images, what was learnt is in {kept}\n"
    assert load_weights(kept)[-1].t_ == 400
    assert not (tmp_path / "m.npz").exists()


@pytest.mark.usefixtures("small_batches")
def test_ctrl_c_within_a_later_batch(run, files, tmp_path, monkeypatch):
    calls, train_epoch = [], EpochRunner.train

    def interrupted(self, *arguments, **options):
        calls.append(self)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return train_epoch(self, *arguments, **options)

    monkeypatch.setattr(EpochRunner, "train", interrupted)
    outcome = run("train", "--stream", *files, *FEW, "--output", tmp_path / "m.npz")
    assert (outcome.status, len(calls)) == (130, 2)
    assert load_weights(tmp_path / "m-interrupted.npz")[-1].t_ == 400


def test_report_of_images_that_are_not_square(run, assert_refused, tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "flat.npy", rng.random((40, 50)))
    np.save(tmp_path / "images.npy", rng.random((40, 5, 10)))
    np.save(tmp_path / "y.npy", np.arange(40) % 2)
    options = (tmp_path / "y.npy", *FEW, "--output", tmp_path / "m.npz", "--report", tmp_path / "report")
    assert_refused(
        "train", "--stream", tmp_path / "flat.npy", *options, says="of 50 pixels it is not known how they lie"
    )
    outcome = run("train", "--stream", tmp_path / "images.npy", *options)
    assert outcome.status == 0, outcome.err


def test_labels_that_are_no_whole_numbers(run, tmp_path):
    np.save(tmp_path / "images.npy", np.ones((40, 64), np.float32))
    np.save(tmp_path / "labels.npy", np.arange(40) % 4 / 2)
    files = tmp_path / "images.npy", tmp_path / "labels.npy"
    status, _, err = run("train", "--stream", *files, "--epochs", 1, "--output", tmp_path / "m.npz")
    assert (status, err) == (2, "skdigits: --stream: expected whole numbers or text as labels, got 0.5\n")


def test_single_image_drawn(run, tmp_path):
    np.save(tmp_path / "images.npy", np.ones((4, 64), np.float32))  # of which the first one is held out
    np.save(tmp_path / "labels.npy", [3, 4, 5, 6])
    files = tmp_path / "images.npy", tmp_path / "labels.npy"
    status, _, err = run("train", "--stream", *files, "--deformed", 1, "--output", tmp_path / "m.npz")
    assert status == 2
    assert err.endswith("expected at least two images, one of them for testing, got --deformed 1\n")


@pytest.mark.parametrize("options", [(), ("--deformed", 5)])
def test_single_image(run, tmp_path, options):
    np.save(tmp_path / "images.npy", np.ones((1, 64), np.float32))
    np.save(tmp_path / "labels.npy", [3])
    files = tmp_path / "images.npy", tmp_path / "labels.npy"
    status, _, err = run("train", "--stream", *files, *options, "--output", tmp_path / "m.npz")
    assert status == 2
    assert err.endswith("expected at least two images, one of them for testing, got 1\n")


def test_report_tells_how_it_was_trained(train, files, tmp_path):
    train("--stream", *files, "--deformed", 300, "--report", tmp_path / "r", "--output", tmp_path / "m.npz")
    page = (tmp_path / "r" / "index.html").read_text()
    assert "Loss of the last batch" in page
    assert "ElasticDeformer" in page


def test_labels_of_one_class_are_no_reason_to_warn(run, tmp_path):
    np.save(tmp_path / "images.npy", np.ones((40, 64), np.uint8))
    np.save(tmp_path / "labels.npy", np.zeros(40, int))
    files = tmp_path / "images.npy", tmp_path / "labels.npy"
    options = ("--epochs", 1, "--hidden", 4, "--batch-size", 10, "--output", tmp_path / "m.npz")
    outcome = run("train", "--stream", *files, *options)
    assert outcome.status == 0
    assert "warning" not in outcome.err


def test_suffix_of_arrays_in_capitals(run, tmp_path):
    np.save(tmp_path / "images.npy", np.ones((40, 64), np.uint8))
    (tmp_path / "images.npy").rename(tmp_path / "images.NPY")
    np.save(tmp_path / "labels.npy", np.arange(40) % 10)
    files = tmp_path / "images.NPY", tmp_path / "labels.npy"
    assert run("train", "--stream", *files, "--epochs", 1, "--output", tmp_path / "m.npz").status == 0
