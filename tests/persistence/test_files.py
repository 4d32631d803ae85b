"""A file is the old one or the new one, whatever happens to the process that writes it."""

import errno
import os
import random
import re
import subprocess
import sys
import time

import pytest

from skdigits.persistence import _files

# Without what persistence imports, so that a hundred of these take seconds.
WRITER = """
import importlib.util, pathlib, sys
spec = importlib.util.spec_from_file_location("files", sys.argv[1])
files = importlib.util.module_from_spec(spec)
spec.loader.exec_module(files)
path = pathlib.Path(sys.argv[2])
print("ready", flush=True)
turn = 0
while True:
    turn += 1
    with files.replaced_whole(path) as stream:
        for _ in range(64):
            stream.write(bytes([turn % 256]) * 4096)
"""
N_KILLS = 60


def test_killed_writer_leaves_a_whole_file(tmp_path):
    path = tmp_path / "model.npz"
    path.write_bytes(bytes([7]) * 64 * 4096)
    generator, start = random.Random(0), time.perf_counter()
    with _files.replaced_whole(path) as stream:
        stream.write(bytes([7]) * 64 * 4096)
    longest = max(0.01, 3 * (time.perf_counter() - start))
    n_parts, contents = 0, set()
    for _ in range(N_KILLS):
        command = [sys.executable, "-S", "-E", "-c", WRITER, _files.__file__, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"ready\n"
            time.sleep(generator.uniform(0, longest))
            process.kill()
        content = path.read_bytes()
        assert len(content) == 64 * 4096
        assert content == content[:1] * len(content)
        contents.add(content[0])
        left = {entry.name for entry in tmp_path.iterdir()} - {"model.npz"}
        assert all(name.startswith(".skdigits-") and name.endswith(".part") for name in left)
        n_parts = max(n_parts, len(left))
    # The kills did meet writers in the middle of a file, and others behind it.
    assert n_parts > 0
    assert len(contents) > 1


def test_permissions_of_a_file_that_is_replaced_stay(tmp_path):
    path = tmp_path / "m"
    path.write_bytes(b"old")
    path.chmod(0o600)
    with _files.replaced_whole(path) as stream:
        stream.write(b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_permissions_are_those_of_a_new_file(tmp_path, mask):
    before = os.umask(mask)
    try:
        with _files.replaced_whole(tmp_path / "m") as stream:
            stream.write(b"new")
    finally:
        os.umask(before)
    assert (tmp_path / "m").stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError])
def test_failure_leaves_the_old_file_alone(tmp_path, error):
    (tmp_path / "m").write_bytes(b"old")

    def fail():
        with _files.replaced_whole(tmp_path / "m") as stream:
            stream.write(b"half")
            raise error

    with pytest.raises(error):
        fail()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"m": b"old"}


def test_failure_leaves_no_new_file(tmp_path, monkeypatch):
    def replace(source, target):
        raise OSError("no rename")

    monkeypatch.setattr(_files.os, "replace", replace)
    with pytest.raises(OSError, match="no rename"), _files.replaced_whole(tmp_path / "m") as stream:
        stream.write(b"new")
    assert list(tmp_path.iterdir()) == []


def test_content_reaches_the_disk_before_the_name(tmp_path, monkeypatch):
    calls = []
    flush, replace = os.fsync, os.replace
    monkeypatch.setattr(_files.os, "fsync", lambda descriptor: (calls.append("flush"), flush(descriptor)))
    monkeypatch.setattr(_files.os, "replace", lambda *names: (calls.append("rename"), replace(*names)))
    with _files.replaced_whole(tmp_path / "m") as stream:
        stream.write(b"new")
    assert calls == ["flush", "rename", "flush"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_what_is_no_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "m")
    with pytest.raises(OSError, match="a folder, a device or a pipe"), _files.replaced_whole(tmp_path / "m"):
        pass
    assert (tmp_path / "m").is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_full_disk_is_told_with_the_name_of_the_file(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    says = re.escape(f"No space left on device: '{tmp_path / 'file'}'")
    with pytest.raises(OSError, match=says), _files.replaced_whole(tmp_path / "file") as stream:
        stream.write(b"content")
    assert not list(tmp_path.iterdir())
