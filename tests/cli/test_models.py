import importlib.util
import os
import pickle
import signal
import sys

import joblib
import pytest
from sklearn.pipeline import Pipeline

from skdigits import persistence
from skdigits._cli import models
from skdigits._cli.interrupts import interrupts_afterwards
from skdigits.persistence import load_weights

SUFFIXES = [".joblib", ".npz", ".safetensors", ".skops"]


@pytest.fixture
def without(monkeypatch):
    """Packages that are not installed."""

    def hide(*names):
        find = importlib.util.find_spec
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in names else find(name))

    return hide


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_model_is_the_same_from_a_file_of_any_format(run, trained, tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    models.save_model(trained.model, path)
    trust = ["--trust"] if suffix == ".joblib" else []
    expected = run("evaluate", trained.path, "--json").json
    assert run("evaluate", path, *trust, "--json").json == {**expected, "model": str(path)}


@pytest.mark.parametrize("nothing", ["passthrough", None])
def test_pipeline_that_begins_with_nothing(run, trained, tmp_path, nothing):
    models.save_model(Pipeline([("nothing", nothing), *trained.model.steps]), tmp_path / "m.npz")
    expected = run("evaluate", trained.path, "--json").json
    assert run("evaluate", tmp_path / "m.npz", "--json").json == {**expected, "model": str(tmp_path / "m.npz")}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_training_saves_in_the_format_of_the_suffix(train, tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    assert train("--epochs", 1, "--output", path)["model"] == str(path)
    assert models.load_model(path, trust=True)[-1].n_iter_ == 1


def test_file_is_replaced(trained, tmp_path):
    (tmp_path / "m.npz").write_bytes(b"old" * 1000)
    models.save_model(trained.model, tmp_path / "m.npz")
    assert load_weights(tmp_path / "m.npz")[-1].n_iter_ == trained.model[-1].n_iter_
    assert [path.name for path in tmp_path.iterdir()] == ["m.npz"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError])
def test_failure_leaves_the_old_file_alone(tmp_path, monkeypatch, error):
    def dump(model, stream):
        stream.write(b"half of a model")
        stream.flush()
        raise error

    (tmp_path / "m.joblib").write_bytes(b"old")
    monkeypatch.setattr(joblib, "dump", dump)
    with pytest.raises(error):
        models.save_model([1], tmp_path / "m.joblib")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"m.joblib": b"old"}


@pytest.mark.parametrize("command", ["evaluate", "predict"])
@pytest.mark.parametrize("name", ["m.joblib", "m.pkl", "m"])
def test_file_that_can_run_code_is_left_closed(assert_refused, tmp_path, command, name):
    (tmp_path / name).write_bytes(b"cposix\nsystem\n(S'touch owned'\ntR.")
    inputs = [tmp_path / "x.npy"] if command == "predict" else []
    assert_refused(command, tmp_path / name, *inputs, says=[str(tmp_path / name), "can run code", "--trust"])


def test_files_to_predict_before_the_model_are_noticed(assert_refused, trained, tmp_path):
    (tmp_path / "x.npy").touch()
    assert_refused(
        "predict",
        tmp_path / "x.npy",
        trained.path,
        says=["no model by its name", "The model comes before any other file"],
    )


def test_pickle_is_read_where_it_is_trusted(run, assert_refused, trained, tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(trained.model))
    assert_refused("evaluate", path, says=[str(path), "can run code", "--trust"])
    expected = run("evaluate", trained.path, "--json").json
    assert run("evaluate", path, "--trust", "--json").json == {**expected, "model": str(path)}


def test_output_of_an_unknown_format(assert_refused, tmp_path):
    assert_refused("train", "--output", tmp_path / "m.h5", says=["m.h5", ".joblib, ", ".npz", ".skops"])


@pytest.mark.parametrize("suffix", [".safetensors", ".skops"])
def test_package_of_the_output_is_missing(assert_refused, tmp_path, without, suffix):
    without(suffix[1:])
    says = [f"needs {suffix[1:]}", 'pip install "skdigits[export]"']
    assert_refused("train", "--output", tmp_path / f"m{suffix}", says=says)


def test_default_output(train, tmp_path, monkeypatch):
    pytest.importorskip("skops")
    monkeypatch.chdir(tmp_path)
    assert train("--epochs", 1)["model"] == "skdigits-digits.skops"
    assert [path.name for path in tmp_path.iterdir()] == ["skdigits-digits.skops"]


def test_default_output_without_skops_is_safe_too_and_said(run, tmp_path, monkeypatch, without):
    without("skops")
    monkeypatch.chdir(tmp_path)
    outcome = run("train", "--epochs", 1)
    assert (outcome.status, outcome.out.splitlines()[-1]) == (0, "Model saved to skdigits-digits.npz")
    assert outcome.out.splitlines()[1].startswith("skops is not installed, so that the model is saved as .npz.")
    assert run("evaluate", "skdigits-digits.npz").status == 0


@pytest.mark.usefixtures("sigint_raises")
def test_ctrl_c_waits_until_the_model_is_saved(run, tmp_path, monkeypatch):
    save_weights = persistence.save_weights

    def interrupted(model, path):
        signal.raise_signal(signal.SIGINT)
        save_weights(model, path)

    monkeypatch.setattr(persistence, "save_weights", interrupted)
    status, _, err = run("train", "--epochs", 1, "--checkpoint-seconds", 0, "--output", tmp_path / "m.npz")
    assert (status, err.splitlines()[-1]) == (130, f"skdigits: interrupted; the model is in {tmp_path / 'm.npz'}")
    assert persistence.load_weights(tmp_path / "m.npz")[-1].n_iter_ == 1
    assert [path.name for path in tmp_path.iterdir()] == ["m.npz"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are ignored on POSIX")
def test_ctrl_c_that_is_ignored_stays_so(tmp_path):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts_afterwards("interrupted"):
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are of POSIX")
@pytest.mark.parametrize("name", ["m.npz", "m.checkpoint.npz"])
def test_pipe_in_the_place_of_a_file_is_refused_before_training(assert_refused, tmp_path, name):
    os.mkfifo(tmp_path / name)
    assert_refused("train", "--output", tmp_path / "m.npz", says=name)
