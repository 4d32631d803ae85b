"""Which images `train --stream` trains on, and which it holds out, deforms and tests on."""

import numpy as np
import pytest
from sklearn.preprocessing import Normalizer

from skdigits import MLPDigitClassifier
from skdigits._cli import stream
from skdigits._cli.remarks import counted
from skdigits.persistence import load_weights
from skdigits.preprocessing import _elastic_deformer

FEW = ("--epochs", 2, "--batch-size", 20)


@pytest.mark.parametrize("option", [("--deformed", 900), ("--recipe", "augmented")], ids=str)
def test_pixels_that_are_no_image_cannot_be_deformed(assert_refused, tmp_path, digits, option):
    np.save(tmp_path / "images.npy", digits[0][:, :63])
    np.save(tmp_path / "labels.npy", digits[1])
    files = tmp_path / "images.npy", tmp_path / "labels.npy"
    says = f"{option[0]} needs images, and of 63 pixels it is not known how they lie"
    assert_refused("train", "--stream", *files, *option, "--output", tmp_path / "m.npz", says=says)


def test_a_recipe_that_deforms_nothing_needs_no_image(train, tmp_path, digits):
    np.save(tmp_path / "images.npy", digits[0][:, :63])
    np.save(tmp_path / "labels.npy", digits[1])
    files = tmp_path / "images.npy", tmp_path / "labels.npy"
    assert train("--stream", *files, "--recipe", "quick", "--epochs", 1, "--output", tmp_path / "m.npz")["n_iter"] == 1


def watched_batches(monkeypatch):
    """What the classifier is given to train on, batch by batch."""
    seen, partial_fit = [], MLPDigitClassifier.partial_fit

    def watch(self, X, y, **options):
        seen.append((X, y))
        return partial_fit(self, X, y, **options)

    monkeypatch.setattr(MLPDigitClassifier, "partial_fit", watch)
    return seen


@pytest.mark.usefixtures("small_batches")
def test_held_out_images_are_never_trained_on(train, files, tmp_path, monkeypatch):
    seen = watched_batches(monkeypatch)
    result = train("--stream", *files, *FEW, "--output", tmp_path / "m.npz")
    X = Normalizer(norm="max").transform(np.load(files[0]).reshape(-1, 64).astype(np.float32))
    first_pass, second_pass = np.split(np.concatenate([batch for batch, _ in seen]), 2)
    np.testing.assert_array_equal(first_pass, second_pass)
    trained = {row.tobytes() for row in first_pass}
    is_held_out = np.array([row.tobytes() not in trained for row in X])
    np.testing.assert_array_equal(first_pass, X[~is_held_out])
    assert (np.add.reduceat(is_held_out.astype(int), np.arange(0, 1497, 10)) == 1).all()  # one of each ten
    assert np.sum(result["confusion_matrix"]) == 150
    assert load_weights(tmp_path / "m.npz")[-1].t_ == 2 * 1347


def test_images_of_all_classes_are_held_out_where_labels_come_in_turns(train, tmp_path):
    np.save(tmp_path / "images.npy", np.random.RandomState(0).randint(0, 256, (1000, 64), np.uint8))
    np.save(tmp_path / "labels.npy", np.arange(1000) % 10)
    files = tmp_path / "images.npy", tmp_path / "labels.npy"
    result = train("--stream", *files, "--epochs", 1, "--output", tmp_path / "m.npz")
    assert (np.sum(result["confusion_matrix"], axis=1) > 0).all()


def test_no_more_images_are_held_out_than_memory_holds(run, files, tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "_MOST_HELD_OUT", 50)
    outcome = run("train", "--stream", *files, "--epochs", 1, "--output", tmp_path / "m.npz")
    assert outcome.out.startswith("Training on 1,447 images of stream, testing on 50.\n")


@pytest.mark.parametrize("n_drawn", [1, 10, 11, 1497, 1500, 3000])
def test_count_of_training_images(files, tmp_path, monkeypatch, n_drawn, run):
    seen, held_out = watched_batches(monkeypatch), set(stream._choose_held_out(1497))
    outcome = run("train", "--stream", *files, "--deformed", n_drawn, "--output", tmp_path / "m.npz")
    n_trained = sum(i % 1497 not in held_out for i in range(n_drawn))
    assert outcome.out.startswith(f"Training on {counted(n_trained, 'image')} of stream, testing on 150.\n")
    assert sum(len(X) for X, _ in seen) == n_trained


def test_batch_of_images_held_out_only_is_left_out(run, tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "_BATCH", 10)
    np.save(tmp_path / "images.npy", np.random.RandomState(0).rand(41, 64))
    np.save(tmp_path / "labels.npy", np.arange(41) % 2)
    files = tmp_path / "images.npy", tmp_path / "labels.npy"
    outcome = run("train", "--stream", *files, "--epochs", 1, "--batch-size", 10, "--output", tmp_path / "m.npz")
    assert outcome.status == 0, outcome.err
    assert outcome.out.startswith("Training on 36 images of stream, testing on 5.\n")


def test_mini_batches_may_be_larger_than_the_batches_that_are_read(train, files, test_files, tmp_path):
    options = ("--epochs", 8, "--batch-size", 6000, "--output", tmp_path / "m.npz")
    train("--stream", *files, "--test", test_files, *options)
    assert len(load_weights(tmp_path / "m.npz")[-1].history_["loss"]) == 2  # of 8 * 1,497 images


@pytest.mark.usefixtures("small_batches")
def test_mini_batches_are_whole_where_images_are_held_out(run, files, tmp_path, monkeypatch):
    seen = watched_batches(monkeypatch)
    options = ("--epochs", 2, "--batch-size", 400, "--output", tmp_path / "m.npz")
    outcome = run("train", "--stream", *files, *options)
    assert (outcome.status, "clipped" in outcome.err) == (0, False)
    assert [len(X) for X, _ in seen] == [400] * 6 + [2 * 1347 - 6 * 400]


@pytest.mark.usefixtures("small_batches")
def test_images_are_deformed_in_as_many_threads_as_there_are_jobs(train, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(_elastic_deformer, "allowed_threads", lambda n_jobs: asked.append(n_jobs) or 1)
    result = train("--stream", "--deformed", 900, "--jobs", 1, "--output", tmp_path / "m.npz")
    assert asked == [1] * 3
    assert result["parameters"]["augmenter"]["n_jobs"] is None


@pytest.mark.usefixtures("small_batches")
def test_last_batch_may_be_shorter_than_a_mini_batch(run, files, test_files, tmp_path):
    options = ("--epochs", 1, "--batch-size", 300, "--output", tmp_path / "m.npz")
    outcome = run("train", "--stream", *files, "--test", test_files, *options)
    assert outcome.status == 0
    assert "clipped" not in outcome.err


@pytest.mark.usefixtures("small_batches")
def test_images_of_a_data_set_are_deformed_anew_in_every_pass(train, tmp_path, monkeypatch):
    seen = watched_batches(monkeypatch)
    result = train("--stream", "--deformed", 3000, "--batch-size", 20, "--output", tmp_path / "m.npz")
    X = np.concatenate([batch for batch, _ in seen])
    assert len(X) == 3000
    assert np.sum(result["confusion_matrix"]) == 450  # its own test images, none held out
    assert not np.allclose(X[:1347], X[1347:2694])
    labels = np.concatenate([batch for _, batch in seen])
    np.testing.assert_array_equal(labels[:1347], labels[1347:2694])
    assert result["parameters"]["augmenter"]["name"] == "ElasticDeformer"


@pytest.mark.usefixtures("small_batches")
def test_recipe_may_be_streamed(train, small_mnist, tmp_path, monkeypatch):
    small_mnist.write(tmp_path)
    monkeypatch.setenv("SKDIGITS_DATA", str(tmp_path))
    options = ("--dataset", "mnist", "--recipe", "augmented", "--hidden", 20, "--output", tmp_path / "m.npz")
    result = train(*options, "--stream", "--deformed", 1000)
    history = load_weights(tmp_path / "m.npz")[-1].history_
    assert (len(history["loss"]), result["n_iter"]) == (3, 5)
    assert history["learning_rate"][-1] < 1e-4  # the schedule has come to its end


@pytest.mark.parametrize("options", [(), ("--deformed", 300)])
def test_recipe_deforms_images_of_any_shape(train, tmp_path, options):
    random = np.random.RandomState(0)
    np.save(tmp_path / "images.npy", random.randint(0, 256, (200, 6, 10), np.uint8))
    np.save(tmp_path / "labels.npy", np.arange(200) % 10)
    files = tmp_path / "images.npy", tmp_path / "labels.npy"
    epochs = () if options else ("--epochs", 1)
    train("--stream", *files, "--recipe", "augmented", "--hidden", 4, *epochs, *options, "--output", tmp_path / "m.npz")


def test_images_to_test_on_are_the_same_in_every_version():
    """Or a network that goes on would be tested on what it has seen."""
    assert stream._choose_held_out(40).tolist() == [5, 10, 23, 33]
