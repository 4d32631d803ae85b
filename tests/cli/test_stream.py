import numpy as np
import pytest
from sklearn.preprocessing import Normalizer

from skdigits import MLPDigitClassifier
from skdigits._cli import stream
from skdigits._cli.remarks import counted
from skdigits._engine.runner import EpochRunner
from skdigits.exceptions import DataFileError
from skdigits.persistence import load_weights
from skdigits.preprocessing import _elastic_deformer


@pytest.fixture
def files(tmp_path, digits):
    """The digits as two .npy files, without the last 300."""
    X, y = digits
    np.save(tmp_path / "images.npy", X[:-300].astype(np.uint8).reshape(-1, 8, 8))
    np.save(tmp_path / "labels.npy", y[:-300])
    return tmp_path / "images.npy", tmp_path / "labels.npy"


@pytest.fixture
def test_files(tmp_path, digits):
    """The last 300 digits."""
    folder = tmp_path / "test"
    folder.mkdir()
    np.savez(folder / "1.npz", X=digits[0][-300:], y=digits[1][-300:])
    return folder


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(stream, "_BATCH", 400)


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


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--deformed", 10], "--deformed is for --stream"),
        (["--test", "folder"], "--test is for --stream"),
        (["--stream", "--validation", 0.1], "--validation does not go with --stream"),
        (["--stream", "--solver", "lbfgs"], "--solver lbfgs does not go with --stream"),
        (["--stream", "--deformed", 10, "--epochs", 2], "leave --epochs out"),
        (["--stream", "nowhere"], "--stream nowhere: there is no such folder; two files are given as IMAGES LABELS"),
        (["--stream", "a", "b", "c"], "--stream: expected a folder or two files, IMAGES LABELS, got 3 names"),
        (["--stream", "no-images", "no-labels"], "no-images"),
        (["--stream", "--test", "nowhere"], "--test nowhere: there is no such folder"),
        (["--stream", "--deformed", "0"], "--deformed: expected a whole number of at least 1, got '0'"),
    ],
)
def test_refuses(assert_refused, tmp_path, arguments, says):
    assert_refused("train", *arguments, "--output", tmp_path / "m.npz", says=says)


def test_refuses_as_many_labels_as_there_are_not(assert_refused, files, tmp_path):
    np.save(files[1], np.zeros(1496))
    assert_refused("train", "--stream", *files, says=["1,497 images", "1,496 labels"])


def test_refuses_test_images_of_another_size(assert_refused, files, tmp_path):
    folder = tmp_path / "test"
    folder.mkdir()
    np.savez(folder / "1.npz", X=np.zeros((5, 49)), y=np.zeros(5))
    assert_refused("train", "--stream", *files, "--test", folder, says="expected images of 64 pixels, as for training")


@pytest.mark.usefixtures("small_batches")
def test_what_was_learnt_before_an_error_is_kept(run, files, tmp_path, monkeypatch):
    partial_fit = MLPDigitClassifier.partial_fit

    def fail_later(self, X, y, **options):
        if hasattr(self, "coefs_"):
            raise DataFileError("images: truncated")
        return partial_fit(self, X, y, **options)

    monkeypatch.setattr(MLPDigitClassifier, "partial_fit", fail_later)
    status, _, err = run("train", "--stream", *files, *FEW, "--output", tmp_path / "m.npz")
    kept = tmp_path / "m-interrupted.npz"
    assert (status, err.splitlines()[-1]) == (2, f"skdigits: images: truncated; what was learnt before is in {kept}")
    assert load_weights(kept)[-1].t_ > 0
    assert not (tmp_path / "m.npz").exists()


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


def test_labels_of_another_kind_are_refused_before_training(assert_refused, files, tmp_path):
    np.save(tmp_path / "y.npy", np.load(files[1]).astype(str))
    options = ("--stream", files[0], tmp_path / "y.npy", "--test", *files, "--output", tmp_path / "m.npz")
    assert_refused("train", *options, says="--test: expected labels of the kind of those of --stream")


def test_huge_number_of_images_is_refused(assert_refused):
    assert_refused("train", "--stream", "--deformed", "9" * 400, says="below 2**63, got one of 400 digits")


@pytest.mark.parametrize("options", [(), ("--deformed", 300)])
def test_recipe_deforms_images_of_any_shape(train, tmp_path, options):
    random = np.random.RandomState(0)
    np.save(tmp_path / "images.npy", random.randint(0, 256, (200, 6, 10), np.uint8))
    np.save(tmp_path / "labels.npy", np.arange(200) % 10)
    files = tmp_path / "images.npy", tmp_path / "labels.npy"
    epochs = () if options else ("--epochs", 1)
    train("--stream", *files, "--recipe", "augmented", "--hidden", 4, *epochs, *options, "--output", tmp_path / "m.npz")


@pytest.mark.parametrize("place", [1, 20, int(stream._choose_held_out(40)[2])])
def test_stream_with_nan_says_where(assert_refused, run, tmp_path, place):
    X = np.ones((40, 64), np.float32)
    X[place, 5] = np.nan
    np.save(tmp_path / "images.npy", X)
    np.save(tmp_path / "labels.npy", np.arange(40) % 10)
    files = tmp_path / "images.npy", tmp_path / "labels.npy"
    status, _, err = run("train", "--stream", *files, "--epochs", 1, "--output", tmp_path / "m.npz")
    assert status == 2
    assert err == f"skdigits: --stream: expected finite pixels, got nan in pixel 5 of image {place}, counted from 0\n"


def test_labels_that_are_no_whole_numbers(run, tmp_path):
    np.save(tmp_path / "images.npy", np.ones((40, 64), np.float32))
    np.save(tmp_path / "labels.npy", np.arange(40) % 4 / 2)
    files = tmp_path / "images.npy", tmp_path / "labels.npy"
    status, _, err = run("train", "--stream", *files, "--epochs", 1, "--output", tmp_path / "m.npz")
    assert (status, err) == (2, "skdigits: --stream: expected whole numbers or text as labels, got 0.5\n")


@pytest.mark.parametrize("label", [0.5, np.nan, np.inf])
def test_test_labels_that_are_no_whole_numbers(assert_refused, files, tmp_path, label):
    labels = np.load(files[1]).astype(float)
    labels[3] = label
    np.save(tmp_path / "y.npy", labels)
    options = ("--stream", *files, "--test", files[0], tmp_path / "y.npy", "--output", tmp_path / "m.npz")
    assert_refused("train", *options, says=f"--test: expected whole numbers or text as labels, got {label}")


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


def test_images_to_test_on_are_the_same_in_every_version():
    """Or a network that goes on would be tested on what it has seen."""
    assert stream._choose_held_out(40).tolist() == [5, 10, 23, 33]


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
