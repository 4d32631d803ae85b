"""Ctrl-C at bad moments, disks and streams that are full, reports that fail: what was learnt is kept, and said."""

import os
import signal
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import pytest
from small_search import CANDIDATES

from skdigits import MLPDigitClassifier
from skdigits._cli import checkpoints, models, search_store, stream
from skdigits._cli.locks import only_process
from skdigits._cli.progress import TrainingProgress
from skdigits._cli.search_progress import EpochCallback
from skdigits.exceptions import TrainingInterruptedWarning
from skdigits.persistence import Checkpoint, load_weights

FEW = ("--epochs", 3, "--hidden", 8)


def interrupt_epochs(monkeypatch, callback, method):
    def interrupt(self, estimator, context):
        if context.task_name == "epoch":
            raise KeyboardInterrupt

    monkeypatch.setattr(callback, method, interrupt)


def test_ctrl_c_in_the_main_thread_ends_a_search(run, tmp_path, monkeypatch):
    """There the network ends its fit with a warning, and what it has learnt is not what was asked for."""
    with monkeypatch.context() as patch:
        interrupt_epochs(patch, EpochCallback, "on_fit_task_end")
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


def test_ctrl_c_before_an_epoch_has_ended_replaces_nothing(run, tmp_path, monkeypatch):
    (tmp_path / "m-interrupted.npz").write_bytes(b"of 200 epochs")
    interrupt_epochs(monkeypatch, TrainingProgress, "on_fit_task_begin")
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
    assert outcome.err.endswith(f"skdigits: interrupted after 1 epoch, what was learnt is in {kept}\n")
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


@pytest.mark.parametrize(
    ("error", "status", "says"), [(KeyboardInterrupt, 130, "interrupted"), (MemoryError, 2, "not enough memory")]
)
def test_what_ends_the_scoring_says_where_the_model_is(run, tmp_path, monkeypatch, error, status, says):
    def fail(*_):
        raise error

    monkeypatch.setattr("skdigits._cli.report.score_model", fail)
    outcome = run("train", *FEW, "--output", tmp_path / "m.npz")
    assert outcome.status == status
    assert outcome.err.endswith(f"skdigits: {says}; the model is in {tmp_path / 'm.npz'}\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no full device")
def test_full_standard_output_ends_a_search_whose_model_is_saved(tmp_path):
    command = [sys.executable, "-m", "skdigits", "search", *map(str, CANDIDATES), "--output", "s"]
    with open("/dev/full", "w") as full:
        process = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True)
    assert process.returncode == 2
    assert process.stderr.splitlines()[-1].startswith("skdigits: standard output: [Errno 28] No space left on device; ")
    assert process.stderr.endswith("; the best model is in s/best.npz, and --resume makes the table\n")


@pytest.mark.parametrize("n_before", [1, 2])
def test_ctrl_c_replaces_no_file_that_may_hold_more(run, tmp_path, monkeypatch, interruptible, n_before):
    before_it = [tmp_path / name for name in ("m-interrupted.npz", "m-interrupted-2.npz")][:n_before]
    for path in before_it:
        path.write_bytes(b"of 200 epochs")
    monkeypatch.setattr(TrainingProgress, "on_fit_task_end", before(TrainingProgress.on_fit_task_end, interruptible))
    outcome = run("train", *FEW, "--output", tmp_path / "m.npz")
    kept = tmp_path / f"m-interrupted-{n_before + 1}.npz"
    assert outcome.err.endswith(f"skdigits: interrupted after 1 epoch, what was learnt is in {kept}\n")
    assert load_weights(kept)[-1].n_iter_ == 1
    assert {path.read_bytes() for path in before_it} == {b"of 200 epochs"}


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("option", ["--help", "--version"])
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no full device")
def test_help_that_cannot_be_written_is_an_error(option, unbuffered):
    with open("/dev/full", "w") as full:
        process = subprocess.run(
            [sys.executable, "-m", "skdigits", option], stdout=full, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
    assert process.returncode == 2
    assert process.stderr == "skdigits: [Errno 28] No space left on device\n"


def test_ctrl_c_while_results_of_a_search_are_written(run, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("skdigits._cli.search_results.write_results", interrupt)
    outcome = run("search", *CANDIDATES, "--jobs", 2, "--output", tmp_path)
    said = f"skdigits: interrupted; the best model is in {tmp_path / 'best.npz'}, and --resume makes the table\n"
    assert (outcome.status, outcome.err[-len(said) :]) == (130, said)


@pytest.fixture
def full_disk(tmp_path, monkeypatch):
    """No model can be saved but in the folder for temporary files."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    save_model = models.save_model

    def save(model, path):
        if path.parent == tmp_path:
            raise OSError(28, "No space left on device", str(path))
        save_model(model, path)

    monkeypatch.setattr(models, "save_model", save)
    return tmp_path


def test_model_that_cannot_be_saved_is_saved_elsewhere(run, full_disk):
    outcome = run("train", *FEW, "--output", full_disk / "m.npz")
    (saved,) = (full_disk / "temporary").rglob("m.npz")
    assert outcome.status == 2
    last = outcome.err.splitlines()[-1]
    assert last == f"skdigits: --output {full_disk / 'm.npz'} could not be written; the model is in {saved}"
    assert load_weights(saved)[-1].n_iter_ == 3


def test_best_model_of_a_search_is_saved_elsewhere(run, full_disk):
    outcome = run("search", *CANDIDATES, "--jobs", 1, "--output", full_disk)
    (saved,) = (full_disk / "temporary").rglob("best.npz")
    assert outcome.status == 2
    last = outcome.err.splitlines()[-1]
    assert last == f"skdigits: {full_disk / 'best.npz'} could not be written; the best model is in {saved}"


def test_what_an_interrupted_training_has_learnt_is_saved_elsewhere(run, full_disk, monkeypatch):
    interrupt_epochs(monkeypatch, TrainingProgress, "on_fit_task_end")
    outcome = run("train", *FEW, "--output", full_disk / "m.npz")
    (saved,) = (full_disk / "temporary").rglob("m-interrupted.npz")
    assert outcome.status == 130
    assert outcome.err == f"skdigits: interrupted after 1 epoch, what was learnt is in {saved}\n"


def no_folder(*_, **__):
    raise OSError("no folder")


def full(model, path):
    raise OSError(28, "No space left on device", str(path))


@pytest.mark.parametrize(("module", "name", "fail"), [(tempfile, "mkdtemp", no_folder), (models, "save_model", full)])
def test_no_place_for_a_model_at_all(run, full_disk, monkeypatch, module, name, fail):
    monkeypatch.setattr(module, name, fail)
    outcome = run("train", *FEW, "--output", full_disk / "m.npz")
    assert outcome.status == 2
    says = "the model could not be saved there, nor in a folder for temporary files"
    assert outcome.err.endswith(f"No space left on device: '{full_disk / 'm.npz'}'; {says}\n")
    assert list((full_disk / "temporary").iterdir()) == []


def test_name_that_is_too_long_for_what_was_interrupted(run, tmp_path, monkeypatch):
    """A file system takes 255 bytes, and the name of the model is shorter than that of what was interrupted."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    interrupt_epochs(monkeypatch, TrainingProgress, "on_fit_task_end")
    outcome = run("train", *FEW, "--output", tmp_path / f"{'x' * 238}.joblib")
    (saved,) = (tmp_path / "temporary").rglob("x*.joblib")
    assert (outcome.status, saved.name) == (130, f"{'x' * 50}.joblib")
    assert outcome.err == f"skdigits: interrupted after 1 epoch, what was learnt is in {saved}\n"


def test_report_that_fails_hides_no_results(run, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("skdigits._cli.html_report.write_report", fail)
    outcome = run("train", *FEW, "--output", tmp_path / "m.npz", "--report", tmp_path / "report")
    assert outcome.status == 2
    assert "Test accuracy: 0." in outcome.out
    assert f"Model saved to {tmp_path / 'm.npz'}" in outcome.out
    assert "Report" not in outcome.out
    assert outcome.err.endswith(f"No space left on device; the model is in {tmp_path / 'm.npz'}\n")


def test_warnings_come_when_there_is_something_to_warn_of(run, tmp_path, monkeypatch):
    """A training of ten hours that cannot be saved on the way should say so in the first."""

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("skdigits.persistence._checkpoint.write_content", fail)
    outcome = run("train", *FEW, "--checkpoint-seconds", 0, "--output", tmp_path / "m.npz")
    kinds = [line.split()[0] for line in outcome.err.splitlines()]
    assert (outcome.status, kinds) == (0, ["epoch", "skdigits:", "epoch", "epoch"])
    assert "A checkpoint could not be written" in outcome.err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no device that is always full")
@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["train", *FEW, "--output", "m.npz"], 0), (["search", *CANDIDATES, "--output", "s"], 0), (["evaluate", "x"], 2)],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_full_standard_error_ends_no_work(tmp_path, arguments, status):
    command = [sys.executable, "-m", "skdigits", *map(str, arguments)]
    with open("/dev/full", "w") as full:
        process = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=full, text=True)
    assert process.returncode == status
    assert {"train": "Model saved", "search": "Best: ", "evaluate": ""}[arguments[0]] in process.stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no device that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_full_standard_output_ends_no_training_and_is_an_error(tmp_path, unbuffered):
    command = [sys.executable, "-m", "skdigits", "train", *map(str, FEW), "--output", "m.npz"]
    with open("/dev/full", "w") as full:
        environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        process = subprocess.run(
            command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, env=environment
        )  # fmt: skip
    assert process.returncode == 2
    assert process.stderr.splitlines()[-1] == (
        "skdigits: standard output: [Errno 28] No space left on device; the model is in m.npz"
    )
    assert (tmp_path / "m.npz").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="a closed pipe is another error there")
def test_training_that_nobody_reads_about_is_done(tmp_path):
    command = [sys.executable, "-m", "skdigits", "train", *map(str, FEW), "--output", "m.npz"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        process.stdout.close()
        assert process.wait(timeout=60) == 0
    assert (tmp_path / "m.npz").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="a closed pipe is another error there")
def test_help_that_nobody_reads_is_no_error():
    command = [sys.executable, "-c", "import time; from skdigits._cli import main; time.sleep(0.5); main(['--help'])"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert (process.stderr.read(), process.wait(timeout=60)) == ("", 0)


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
