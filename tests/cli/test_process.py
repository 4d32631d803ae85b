"""What only a process of its own shows: pipes, signals and the exit status."""

import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

import skdigits.__main__


def start(*arguments, program=("-m", "skdigits")):
    environment = {**os.environ, "TERM": "xterm-256color"}
    environment.pop("PYTHONUNBUFFERED", None)  # it would leave nothing to write on the way out
    return subprocess.Popen(
        [sys.executable, *program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env=environment,
    )


def finish(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_bad_input(tmp_path):
    status, out, err = finish(start("evaluate", tmp_path / "m"))
    assert (status, out, err) == (2, "", f"skdigits: there is no model file {tmp_path / 'm'}\n")


def test_pipe_gets_no_escape_codes(tmp_path):
    status, out, err = finish(start("train", "--epochs", 2, "--output", tmp_path / "m.npz"))
    assert status == 0
    assert [line.split("  ")[0] for line in err.splitlines()] == ["epoch 1/2", "epoch 2/2"]
    assert out.endswith(f"Model saved to {tmp_path / 'm.npz'}\n")
    assert not set("\x1b\r\b") & set(out + err)


def test_closed_pipe_is_no_error(trained, tmp_path):
    # More than a pipe holds: 6,000 lines of 92 characters.
    np.save(tmp_path / "x.npy", np.zeros((6000, 64)))
    with start("predict", trained.path, tmp_path / "x.npy", "--proba") as process:
        first = process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=60) == 0
    assert len(first.split()) == 11


def test_pipe_closed_before_the_end_of_a_short_output(trained, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 64)))
    with start("predict", trained.path, tmp_path / "x.npy") as process:
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=60) == 0


def test_ctrl_c(tmp_path):
    # A test run that a shell started in the background would hand on that the signal is ignored.
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from skdigits._cli import main; sys.exit(main(sys.argv[1:]))"
    )
    arguments = ("train", "--epochs", 10, "--hidden", 300, 300, "--batch-size", 4, "--output", tmp_path / "m.npz")
    with start(*arguments, program=("-c", program)) as process:
        first = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        status, _, err = finish(process)
    assert first.startswith("epoch 1/10")
    assert status == 130
    said = r"interrupted after \d epochs?, what was learnt is in .*m-interrupted\.npz; too early for --resume\n$"
    assert re.search(said, err)
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["m-interrupted.npz"]


@pytest.mark.skipif(sys.platform == "win32", reason="a closed pipe is another error there")
def test_closed_standard_error_ends_no_training(tmp_path):
    with start("train", "--epochs", 60, "--output", tmp_path / "m.npz") as process:
        process.stderr.readline()
        process.stderr.close()
        assert "Model saved" in process.stdout.read()
        assert process.wait(timeout=60) == 0
    assert (tmp_path / "m.npz").exists()


@pytest.mark.skipif(os.name != "posix", reason="a shell of POSIX closes the streams")
@pytest.mark.parametrize("closed", [">&-", "2>&-"])
def test_streams_that_are_not_open(tmp_path, closed):
    command = f"exec {sys.executable} -m skdigits train --epochs 1 --batch-size 5000 --json --output m.npz {closed}"
    process = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    assert (tmp_path / "m.npz").exists()
    assert (process.stdout == "") if closed == ">&-" else json.loads(process.stdout)


def test_names_that_the_terminal_cannot_show(tmp_path):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "skdigits", "train", "--epochs", "1", "--output", str(tmp_path / "é.npz")]
    process = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    assert process.stdout.endswith("\\xe9.npz\n")


@pytest.mark.skipif(sys.platform == "win32", reason="a closed pipe is another error there")
def test_warnings_that_nobody_reads(trained, tmp_path):
    np.save(tmp_path / "x.npy", np.full((1, 64), 1e308))
    with start("predict", trained.path, tmp_path / "x.npy", "--json") as process:
        process.stderr.close()
        assert len(json.loads(process.stdout.read())["predictions"]) == 1
        assert process.wait(timeout=60) == 0


def test_ctrl_c_is_a_line_from_the_beginning_on(monkeypatch, capsys):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr("skdigits._cli.main", interrupt)
    assert skdigits.__main__.main() == 130
    assert capsys.readouterr().err == "skdigits: interrupted\n"


def test_nothing_is_imported_before_ctrl_c_is_answered():
    program = "import sys, skdigits.__main__; print(sorted({'numpy', 'sklearn', 'numba', 'rich'} & set(sys.modules)))"
    assert finish(start(program=("-c", program))) == (0, "[]\n", "")
