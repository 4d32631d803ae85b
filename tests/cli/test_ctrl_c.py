"""Ctrl-C at bad moments: what was learnt is kept, and said."""

import os
import signal
import warnings

import numpy as np
import pytest
from small_search import CANDIDATES

from skdigits import MLPDigitClassifier
from skdigits._cli import search_store, stream
from skdigits._cli.progress import TrainingProgress
from skdigits._cli.search_progress import EpochCallback
from skdigits.exceptions import TrainingInterruptedWarning
from skdigits.persistence import load_weights

FEW = ("--epochs", 3, "--hidden", 8)


def test_ctrl_c_in_the_main_thread_ends_a_search(run, tmp_path, interrupt_epochs):
    """There the network ends its fit with a warning, and what it has learnt is not what was asked for."""
    interrupt_epochs(EpochCallback, "on_fit_task_end")
    status, _, err = run("search", *CANDIDATES, "--jobs", 1, "--output", tmp_path)
    assert (status, err) == (130, "skdigits: interrupted after 0 finished fits; --resume makes only the others\n")
    assert search_store.read_records(tmp_path / "fits") == {}


def test_ctrl_c_while_kernels_are_compiled_ends_a_search(run, tmp_path, monkeypatch):
    def fit(self, X, y):
        warnings.warn("Training interrupted by user.", TrainingInterruptedWarning)
        return self

    monkeypatch.setattr(MLPDigitClassifier, "fit", fit)
    status, _, err = run("search", *CANDIDATES, "--jobs", 2, "--output", tmp_path)
    assert (status, err) == (130, "skdigits: interrupted after 0 finished fits; --resume makes only the others\n")


def test_ctrl_c_before_an_epoch_has_ended_replaces_nothing(run, tmp_path, interrupt_epochs):
    (tmp_path / "m-interrupted.npz").write_bytes(b"of 200 epochs")
    interrupt_epochs(TrainingProgress, "on_fit_task_begin")
    outcome = run("train", *FEW, "--output", tmp_path / "m.npz")
    assert (outcome.status, outcome.err) == (130, "skdigits: interrupted before the end of the first epoch\n")
    assert (tmp_path / "m-interrupted.npz").read_bytes() == b"of 200 epochs"


@pytest.fixture
def interruptible(request):
    """Ctrl-C as in a shell, which a test run in the background would ignore, or another signal."""
    number = getattr(request, "param", signal.SIGINT)
    before = signal.signal(number, signal.default_int_handler)
    yield lambda times=1: [os.kill(os.getpid(), number) for _ in range(times)]
    signal.signal(number, before)


def before(method, act):
    """A method that does something first."""

    def changed(self, *arguments, **options):
        act()
        return method(self, *arguments, **options)

    return changed


def test_ctrl_c_behind_the_last_epoch_loses_nothing(run, tmp_path, monkeypatch, interruptible):
    monkeypatch.setattr(TrainingProgress, "teardown", before(TrainingProgress.teardown, interruptible))
    outcome = run("train", *FEW, "--output", tmp_path / "m.npz")
    assert outcome.status == 130
    assert outcome.err.splitlines()[-1] == f"skdigits: interrupted; the model is in {tmp_path / 'm.npz'}"
    assert load_weights(tmp_path / "m.npz")[-1].n_iter_ == 3


@pytest.mark.parametrize(
    "interruptible",
    [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)],
    indirect=True,
)
def test_ctrl_c_between_epochs_ends_training(run, tmp_path, monkeypatch, interruptible):
    monkeypatch.setattr(TrainingProgress, "on_fit_task_end", before(TrainingProgress.on_fit_task_end, interruptible))
    outcome = run("train", *FEW, "--output", tmp_path / "m.npz")
    kept = tmp_path / "m-interrupted.npz"
    assert outcome.status == 130
    assert outcome.err.endswith(
        f"skdigits: interrupted after 1 epoch, what was learnt is in {kept}; too early for --resume\n"
    )
    assert load_weights(kept)[-1].n_iter_ == 1


def test_second_ctrl_c_loses_nothing(run, digits, tmp_path, monkeypatch, interruptible):
    monkeypatch.setattr(stream, "_BATCH", 400)
    monkeypatch.setattr(stream.TrainingBar, "close", before(stream.TrainingBar.close, interruptible))
    np.save(tmp_path / "images.npy", digits[0])
    np.save(tmp_path / "labels.npy", digits[1])
    advance = stream.TrainingBar.advance
    monkeypatch.setattr(stream.TrainingBar, "advance", before(advance, interruptible))
    files = tmp_path / "images.npy", tmp_path / "labels.npy"
    outcome = run("train", "--stream", *files, "--output", tmp_path / "m.npz")
    kept = tmp_path / "m-interrupted.npz"
    assert outcome.status == 130
    assert outcome.err == f"skdigits: interrupted after 400 images, what was learnt is in {kept}\n"
    assert load_weights(kept)[-1].t_ == 400


@pytest.mark.parametrize("n_before", [1, 2])
def test_ctrl_c_replaces_no_file_that_may_hold_more(run, tmp_path, monkeypatch, interruptible, n_before):
    before_it = [tmp_path / name for name in ("m-interrupted.npz", "m-interrupted-2.npz")][:n_before]
    for path in before_it:
        path.write_bytes(b"of 200 epochs")
    monkeypatch.setattr(TrainingProgress, "on_fit_task_end", before(TrainingProgress.on_fit_task_end, interruptible))
    outcome = run("train", *FEW, "--output", tmp_path / "m.npz")
    kept = tmp_path / f"m-interrupted-{n_before + 1}.npz"
    assert outcome.err.endswith(
        f"skdigits: interrupted after 1 epoch, what was learnt is in {kept}; too early for --resume\n"
    )
    assert load_weights(kept)[-1].n_iter_ == 1
    assert {path.read_bytes() for path in before_it} == {b"of 200 epochs"}


def test_ctrl_c_while_results_of_a_search_are_written(run, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("skdigits._cli.search_results.write_results", interrupt)
    outcome = run("search", *CANDIDATES, "--jobs", 2, "--output", tmp_path)
    said = f"skdigits: interrupted; the best model is in {tmp_path / 'best.npz'}, and --resume makes the table\n"
    assert (outcome.status, outcome.err[-len(said) :]) == (130, said)


def test_warnings_come_when_there_is_something_to_warn_of(run, tmp_path, monkeypatch):
    """A training of ten hours that cannot be saved on the way should say so in the first."""

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("skdigits.persistence._checkpoint.write_content", fail)
    outcome = run("train", *FEW, "--checkpoint-seconds", 0, "--output", tmp_path / "m.npz")
    kinds = [line.split()[0] for line in outcome.err.splitlines()]
    assert (outcome.status, kinds) == (0, ["epoch", "skdigits:", "epoch", "epoch"])
    assert "A checkpoint could not be written" in outcome.err


def test_ctrl_c_behind_the_last_batch_of_a_stream_loses_nothing(run, files, tmp_path, monkeypatch, interruptible):
    set_params = MLPDigitClassifier.set_params

    def interrupt_at_the_end(self, **parameters):
        if hasattr(self, "t_"):
            interruptible()
        return set_params(self, **parameters)

    monkeypatch.setattr(MLPDigitClassifier, "set_params", interrupt_at_the_end)
    status, _, err = run("train", "--stream", *files, *FEW, "--seed", 5, "--output", tmp_path / "m.npz")
    kept = tmp_path / "m-interrupted.npz"
    assert status == 130
    assert err.endswith(f"what was learnt is in {kept}\n")
    classifier = load_weights(kept)[-1]
    assert (classifier.t_, classifier.random_state) == (4041, 5)
