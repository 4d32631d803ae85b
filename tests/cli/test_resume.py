"""A training that is killed, and goes on with --resume."""

import re
import signal
import subprocess
import sys
from types import SimpleNamespace

import joblib
import numpy as np
import pytest

from skdigits._cli.checkpoints import TrainingState
from skdigits.persistence import load_weights, save_weights

OPTIONS = ("--epochs", 30, "--hidden", 150, 150, "--batch-size", 8, "--validation", 0.2, "--checkpoint-seconds", 0)


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "skdigits", "train", *map(str, (*OPTIONS, *arguments))],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def weights(path):
    classifier = joblib.load(path)[-1]
    return np.concatenate([array.ravel() for array in classifier.coefs_ + classifier.intercepts_])


@pytest.fixture(scope="module")
def whole(train, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "whole.joblib"
    train(*OPTIONS, "--output", path)
    return path


def test_state_is_removed_when_the_model_is_saved(whole):
    assert [path.name for path in whole.parent.iterdir()] == ["whole.joblib"]


def test_killed_training_goes_on_to_the_same_bits(whole, run, tmp_path):
    path = tmp_path / "killed.joblib"
    with start("--output", path) as process:
        lines = [process.stderr.readline() for _ in range(2)]
        process.kill()
    assert lines[0].startswith("epoch ")
    assert [part.name for part in tmp_path.iterdir() if not part.name.startswith(".")] == ["killed.checkpoint.npz"]
    n_epochs = load_weights(tmp_path / "killed.checkpoint.npz").n_iter_
    assert n_epochs > 1
    outcome = run("train", *OPTIONS, "--output", path, "--resume")
    assert outcome.status == 0, outcome.err
    assert min(map(int, re.findall(r"^epoch (\d+)/30 ", outcome.err, re.MULTILINE))) > n_epochs
    np.testing.assert_array_equal(weights(path), weights(whole))
    assert not (tmp_path / "killed.checkpoint.npz").exists()


def test_model_in_the_place_of_the_state_is_left_alone(trained, assert_refused, tmp_path):
    path = tmp_path / "m.checkpoint.npz"
    save_weights(trained.model, path)
    for options in ((), ("--resume",)):
        assert_refused("train", *options, "--output", tmp_path / "m.npz", says="holds something else: give another")


def test_name_of_a_state_is_none_of_a_model(trained, assert_refused, tmp_path):
    says = "is where the state of the training of m is saved"
    assert_refused("train", "--output", tmp_path / "m.checkpoint.npz", says=says)
    assert_refused("export", trained.path, "--to", tmp_path / "m.checkpoint.npz", says=says)


def test_options_must_be_the_same(run, tmp_path, assert_refused):
    path = tmp_path / "m.joblib"
    with start("--output", path) as process:
        process.stderr.readline()
        process.send_signal(signal.SIGKILL)
    assert_refused(
        "train", "--json", *OPTIONS, "--output", path, "--resume", "--seed", 7, says=["--seed 7 (was 0)", "m.ch"]
    )


def test_nothing_to_go_on_from_is_said(run, tmp_path):
    outcome = run("train", "--epochs", 1, "--output", tmp_path / "m.joblib", "--resume")
    assert outcome.status == 0
    assert f"There is no {tmp_path / 'm.checkpoint.npz'} to go on from" in outcome.out


def test_lbfgs_cannot_go_on(assert_refused, tmp_path):
    assert_refused("train", "--solver", "lbfgs", "--output", tmp_path / "m.joblib", "--resume", says="--solver lbfgs")


def test_short_training_leaves_no_state(train, tmp_path):
    train("--epochs", 2, "--output", tmp_path / "m.joblib")
    assert [path.name for path in tmp_path.iterdir()] == ["m.joblib"]


@pytest.mark.parametrize("seconds", ["-1", "soon", "inf", "nan"])
def test_seconds_are_a_number(assert_refused, seconds):
    assert_refused("train", "--checkpoint-seconds", seconds, says="expected a number of at least 0")


def test_training_that_has_not_ended_is_not_thrown_away(assert_refused, tmp_path):
    (tmp_path / "m.checkpoint.npz").write_bytes(b"")
    assert_refused("train", "--output", tmp_path / "m.npz", says="m.checkpoint.npz holds a training that has not ended")


def test_lbfgs_leaves_the_state_of_another_training_alone(run, tmp_path):
    (tmp_path / "m.checkpoint.npz").write_bytes(b"")
    assert run("train", "--solver", "lbfgs", "--epochs", 1, "--output", tmp_path / "m.npz").status == 0
    assert (tmp_path / "m.checkpoint.npz").exists()


def test_state_is_beside_the_file_that_a_link_leads_to(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "link.npz").symlink_to(tmp_path / "models" / "m.npz")
    arguments = SimpleNamespace(checkpoint_seconds=None, resume=False, stream=None)
    state = TrainingState(arguments, tmp_path / "link.npz")
    assert state.path == tmp_path / "models" / "m.checkpoint.npz"
