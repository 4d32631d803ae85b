"""Disks and streams that are full or closed, and reports that fail: what was learnt is kept, and said."""

import os
import subprocess
import sys
import tempfile

import pytest
from small_search import CANDIDATES

from skdigits._cli import models
from skdigits._cli.progress import TrainingProgress
from skdigits.persistence import load_weights

FEW = ("--epochs", 3, "--hidden", 8)


def run_process(*arguments, cwd=None, unbuffered="", **streams):
    """Run a command in a process of its own, whose streams may be full."""
    return subprocess.run(
        [sys.executable, "-m", "skdigits", *map(str, arguments)], cwd=cwd, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},
    )  # fmt: skip


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


def test_full_standard_output_ends_a_search_whose_model_is_saved(full_device, tmp_path):
    process = run_process("search", *CANDIDATES, "--output", "s", cwd=tmp_path, stdout=full_device)
    assert process.returncode == 2
    assert process.stderr.splitlines()[-1].startswith("skdigits: standard output: [Errno 28] No space left on device; ")
    assert process.stderr.endswith("; the best model is in s/best.npz, and --resume makes the table\n")


def test_full_standard_output_says_where_an_exported_model_is(trained, full_device, tmp_path):
    process = run_process("export", trained.path, "--to", "e.onnx", cwd=tmp_path, stdout=full_device)
    assert process.returncode == 2
    assert process.stderr.startswith("skdigits: standard output: ")
    assert process.stderr.endswith("; the model is in e.onnx\n")
    assert (tmp_path / "e.onnx").is_file()


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_that_cannot_be_written_is_an_error(full_device, option, unbuffered):
    process = run_process(option, stdout=full_device, unbuffered=unbuffered)
    assert process.returncode == 2
    assert process.stderr == "skdigits: [Errno 28] No space left on device\n"


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


def test_what_an_interrupted_training_has_learnt_is_saved_elsewhere(run, full_disk, interrupt_epochs):
    interrupt_epochs(TrainingProgress, "on_fit_task_end")
    outcome = run("train", *FEW, "--output", full_disk / "m.npz")
    (saved,) = (full_disk / "temporary").rglob("m-interrupted.npz")
    assert outcome.status == 130
    assert (
        outcome.err == f"skdigits: interrupted after 1 epoch, what was learnt is in {saved}; too early for --resume\n"
    )


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


def test_name_that_is_too_long_for_what_was_interrupted(run, tmp_path, monkeypatch, interrupt_epochs):
    """A file system takes 255 bytes, and the name of the model is shorter than that of what was interrupted."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    interrupt_epochs(TrainingProgress, "on_fit_task_end")
    outcome = run("train", *FEW, "--output", tmp_path / f"{'x' * 238}.joblib")
    (saved,) = (tmp_path / "temporary").rglob("x*.joblib")
    assert (outcome.status, saved.name) == (130, f"{'x' * 50}.joblib")
    assert (
        outcome.err == f"skdigits: interrupted after 1 epoch, what was learnt is in {saved}; too early for --resume\n"
    )


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


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["train", *FEW, "--output", "m.npz"], 0), (["search", *CANDIDATES, "--output", "s"], 0), (["evaluate", "x"], 2)],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_full_standard_error_ends_no_work(full_device, tmp_path, arguments, status):
    process = run_process(*arguments, cwd=tmp_path, stderr=full_device)
    assert process.returncode == status
    assert {"train": "Model saved", "search": "Best: ", "evaluate": ""}[arguments[0]] in process.stdout


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_full_standard_output_ends_no_training_and_is_an_error(full_device, tmp_path, unbuffered):
    process = run_process("train", *FEW, "--output", "m.npz", cwd=tmp_path, stdout=full_device, unbuffered=unbuffered)
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
