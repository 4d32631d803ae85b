"""Runs commands in this process, and a model that the command line has trained."""

import contextlib
import io
import json
from typing import NamedTuple

import numpy as np
import pytest
from sklearn.datasets import load_digits
from small_search import CANDIDATES

from skdigits._cli import main, stream
from skdigits.persistence import load_weights


class Outcome(NamedTuple):
    """What a command leaves."""

    status: int
    out: str
    err: str

    @property
    def json(self):
        """The one JSON object of the standard output."""
        return json.loads(self.out)


def run_command(*arguments):
    """Run a command as the shell would, with its output kept."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            status = stop.code
    return Outcome(status, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def run():
    return run_command


@pytest.fixture(scope="session")
def train(run):
    """Train with --json, successfully; returns the JSON object."""

    def train_quietly(*arguments):
        outcome = run("train", "--json", *arguments)
        assert outcome.status == 0, outcome.err
        return outcome.json

    return train_quietly


@pytest.fixture
def assert_refused(run):
    """Bad input: status 2, nothing on standard output, and one line that says what is wrong."""

    def check(*arguments, says):
        status, out, err = run(*arguments)
        assert status == 2
        assert err.startswith("skdigits")
        assert err.count("\n") == 1
        assert err.endswith("\n")
        assert "Traceback" not in err
        for part in says if isinstance(says, (list, tuple)) else [says]:
            assert part in err
        assert out == ""

    return check


class Trained(NamedTuple):
    """A model file with the default settings for digits, and what `skdigits train` said."""

    path: str
    outcome: Outcome

    @property
    def model(self):
        """The model itself, read without the command line."""
        return load_weights(self.path)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "digits.npz"
    outcome = run_command("train", "--output", path)
    assert outcome.status == 0, outcome.err
    return Trained(str(path), outcome)


@pytest.fixture(scope="session")
def digits():
    """Samples and labels of scikit-learn's digits, whole numbers from 0 to 16."""
    return load_digits(return_X_y=True)


@pytest.fixture(scope="session")
def searched(run, tmp_path_factory):
    """Folder and outcome of a small search."""
    folder = tmp_path_factory.mktemp("searches") / "search"
    outcome = run("search", *CANDIDATES, "--jobs", 1, "--output", folder)
    assert outcome.status == 0, outcome.err
    return folder, outcome


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
def interrupt_epochs(monkeypatch):
    """Press Ctrl-C in a method of a callback, each time that it is called for an epoch."""

    def interrupt(self, estimator, context):
        if context.task_name == "epoch":
            raise KeyboardInterrupt

    return lambda callback, method: monkeypatch.setattr(callback, method, interrupt)


@pytest.fixture
def full_device():
    """A file that nothing more can be written to."""
    try:
        device = open("/dev/full", "w")  # noqa: SIM115 closed when the test has ended
    except OSError:
        pytest.skip("there is no device that is always full")
    with contextlib.closing(device):
        yield device


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(stream, "_BATCH", 400)
