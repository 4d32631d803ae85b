"""The file that a training or a search is to write: locks, links, and options that would do nothing with it."""

import signal
import subprocess
import sys
import warnings

import pytest

from skdigits import MLPDigitClassifier
from skdigits._cli import checkpoints
from skdigits._cli.locks import only_process
from skdigits.persistence import Checkpoint, load_weights

FEW = ("--epochs", 3, "--hidden", 8)


@pytest.mark.parametrize("command", ["evaluate", "predict", "export"])
def test_state_of_a_training_is_no_model(assert_refused, digits, tmp_path, command):
    X, y = digits
    model = MLPDigitClassifier((8,), max_iter=2, tol=0, random_state=0)
    with warnings.catch_warnings(action="ignore"):
        model.set_callbacks(Checkpoint(tmp_path / "m.checkpoint.npz")).fit(X, y)
    others = {"evaluate": (), "predict": ("x.npy",), "export": ("--to", tmp_path / "m.onnx")}[command]
    assert_refused(command, tmp_path / "m.checkpoint.npz", *others, says=["holds the state of a training", "--resume"])


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such locks")
def test_one_training_at_a_time_is_for_a_model(assert_refused, tmp_path):
    with only_process(tmp_path / ".m.checkpoint.lock", "held"):
        says = f"another training is for {tmp_path / 'm.npz'}: wait for it"
        assert_refused("train", *FEW, "--output", tmp_path / "m.npz", says=says)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such locks")
def test_lock_that_another_process_has_removed_meanwhile_holds_nobody_off(tmp_path, monkeypatch):
    import fcntl

    monkeypatch.setattr(fcntl, "flock", lambda stream, how: (tmp_path / "lock").unlink())
    with pytest.raises(ValueError, match="held"), only_process(tmp_path / "lock", "held"):
        pytest.fail("two processes may have such a lock")


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such locks")
def test_lock_of_a_killed_process_holds_nobody(tmp_path):
    program = (
        "import sys, time; from pathlib import Path; from skdigits._cli.locks import only_process\n"
        "with only_process(Path(sys.argv[1]), 'held'): print('here', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "lock")], stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()
        with pytest.raises(ValueError, match="held"), only_process(tmp_path / "lock", "held"):
            pass
        process.send_signal(signal.SIGKILL)
    with only_process(tmp_path / "lock", "held"):
        assert (tmp_path / "lock").exists()
    assert not (tmp_path / "lock").exists()


def test_link_stays_and_its_file_is_replaced(run, tmp_path):
    (tmp_path / "real.npz").write_bytes(b"old")
    (tmp_path / "latest.npz").symlink_to("real.npz")
    assert run("train", *FEW, "--output", tmp_path / "latest.npz").status == 0
    assert (tmp_path / "latest.npz").is_symlink()
    assert load_weights(tmp_path / "real.npz")[-1].n_iter_ == 3


def test_link_that_leads_nowhere_is_refused_before_training(assert_refused, tmp_path):
    (tmp_path / "m.npz").symlink_to(tmp_path / "nowhere" / "m.npz")
    says = f"--output {tmp_path / 'm.npz'} cannot be written: there is no folder {tmp_path / 'nowhere'}"
    assert_refused("train", *FEW, "--output", tmp_path / "m.npz", says=says)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--solver", "lbfgs", "--batch-size", 5], "--batch-size is not for --solver lbfgs"),
        (["--solver", "lbfgs", "--learning-rate", 0.1], "--learning-rate is not for --solver lbfgs"),
        (["--solver", "lbfgs", "--validation", 0.1], "--validation is not for --solver lbfgs"),
        (["--solver", "lbfgs", "--dataset", "mnist", "--recipe", "quick"], "does not go with --recipe quick"),
        (["--solver", "lbfgs", "--checkpoint-seconds", 5], "--checkpoint-seconds is not for --solver lbfgs"),
        (["--stream", "--checkpoint-seconds", 5], "--checkpoint-seconds does not go with --stream"),
        (["--stream", "a", "b", "--dataset", "mnist"], "--dataset mnist does not go with the paths of --stream"),
        (["--output", ""], "--output: expected the name of a file"),
        (["--report", "m.npz", "--output", "m.npz"], "--report m.npz is a folder of its own"),
    ],
)  # fmt: skip
def test_options_that_would_do_nothing_are_refused(assert_refused, tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    assert_refused("train", *arguments, says=says)
    assert list(tmp_path.iterdir()) == []


def test_default_of_checkpoints_is_that_of_the_help(run, tmp_path, monkeypatch):
    seconds = []
    monkeypatch.setattr(Checkpoint, "setup", lambda self, **_: seconds.append(self.seconds))
    monkeypatch.setattr(Checkpoint, "keep_progress", lambda *_: None)
    monkeypatch.setattr(Checkpoint, "kept_progress", lambda *_: None)
    assert run("train", *FEW, "--output", tmp_path / "m.npz").status == 0
    assert seconds == [checkpoints._SECONDS]
