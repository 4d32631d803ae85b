"""What `train --stream` refuses, and what it keeps where it fails midway."""

import os

import numpy as np
import pytest

from skdigits import MLPDigitClassifier
from skdigits._cli import stream
from skdigits.exceptions import DataFileError
from skdigits.persistence import load_weights

FEW = ("--epochs", 2, "--batch-size", 20)


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
        (["--stream", "no-images", "no-labels"], "--stream: there is no file no-images"),
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


def test_place_of_a_pixel_that_is_too_large(assert_refused, files, tmp_path):
    images = np.load(files[0]).astype(np.float64)
    images[1000, 3, 5] = 1e39
    np.save(files[0], images)
    says = "--stream: expected finite pixels, got 1e+39 in pixel 29 of image 1000"
    run_options = (*FEW, "--output", tmp_path / "m.npz")
    assert_refused("train", "--stream", *files, *run_options, "--json", says=says)


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


def test_labels_of_another_kind_are_refused_before_training(assert_refused, files, tmp_path):
    np.save(tmp_path / "y.npy", np.load(files[1]).astype(str))
    options = ("--stream", files[0], tmp_path / "y.npy", "--test", *files, "--output", tmp_path / "m.npz")
    assert_refused("train", *options, says="--test: expected labels of the kind of those of --stream")


def test_huge_number_of_images_is_refused(assert_refused):
    assert_refused("train", "--stream", "--deformed", "9" * 400, says="below 2**63, got one of 400 digits")


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


@pytest.mark.parametrize("label", [0.5, np.nan, np.inf])
def test_test_labels_that_are_no_whole_numbers(assert_refused, files, tmp_path, label):
    labels = np.load(files[1]).astype(float)
    labels[3] = label
    np.save(tmp_path / "y.npy", labels)
    options = ("--stream", *files, "--test", files[0], tmp_path / "y.npy", "--output", tmp_path / "m.npz")
    assert_refused("train", *options, says=f"--test: expected whole numbers or text as labels, got {label}")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are of POSIX")
@pytest.mark.parametrize("option", ["--stream", "--test"])
def test_pipes_are_not_waited_for(assert_refused, files, tmp_path, option):
    pipe = tmp_path / "pipe.npy"
    os.mkfifo(pipe)
    pairs = {"--stream": files, "--test": files, option: (pipe, files[1])}
    arguments = [argument for name, paths in pairs.items() for argument in (name, *paths)]
    assert_refused("train", *arguments, "--output", tmp_path / "m.npz", says=f"{option} {pipe}: expected a file")
