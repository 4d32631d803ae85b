import gc
import hashlib
import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from skdigits.datasets import _fetch, _mnist, _registry, fetch_mnist
from skdigits.exceptions import DownloadError

IMAGES, LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"

# What a mirror does, and what the error says of it.
FAILURES = {
    "cut": "the connection ended after ",
    "cut_unannounced": "truncated or corrupt",
    "cut_chunk": "IncompleteRead",
    "corrupt": "sent something else: t10k-images-idx3-ubyte.gz: ",
    "altered": "sent something else: t10k-images-idx3-ubyte.gz: expected the SHA-256 ",
    "stalled": "timed out",
    "silent": "timed out",
    "forbidden": "HTTP Error 403",
    "missing": "HTTP Error 404",
    "broken": "HTTP Error 500",
    "lost": "IPv6",
    "elsewhere": "redirected to ftp://127.0.0.1/",
    "reset": "onnection reset by peer",
    "reset_midway": "onnection reset by peer",
    "noise": "no HTTP at all",
    "endless": "sent more than the 156,800 bytes that the file can have",
    "html": "which begins with the bytes 00 00 08 and 01, 02 or 03, got 3c 21 44 4f",
    "empty": "got an empty file",
}


def patience(behaviour):
    """Seconds to wait for a mirror: few only where the wait itself is what is tested."""
    return 0.5 if behaviour in ("stalled", "silent") else 30


@pytest.fixture
def use_mirrors(monkeypatch, server):
    def use(*behaviours):
        mirrors = tuple(name if name.startswith("http") else server.mirror(name) for name in behaviours)
        monkeypatch.setattr(_registry, "MNIST_MIRRORS", mirrors)
        return mirrors

    return use


def entries(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def assert_is_test_set(small_mnist, X, y):
    images, labels = small_mnist.arrays["test"]
    np.testing.assert_array_equal(X, images.reshape(len(images), -1))
    np.testing.assert_array_equal(y, labels)


@pytest.mark.parametrize("behaviour", ["good", "unannounced"])
def test_downloads_what_is_missing(small_mnist, server, use_mirrors, tmp_path, behaviour):
    use_mirrors(behaviour)
    X, y = fetch_mnist(data_home=tmp_path / "made" / "here", subset="test", return_X_y=True)
    assert_is_test_set(small_mnist, X, y)
    folder = tmp_path / "made" / "here" / "mnist"
    assert entries(folder) == [IMAGES, LABELS]
    assert {name: (folder / name).read_bytes() for name in (IMAGES, LABELS)} == {
        name: server.contents[name] for name in (IMAGES, LABELS)
    }


def test_downloaded_files_may_be_read_by_everyone(use_mirrors, tmp_path):
    use_mirrors("good")
    fetch_mnist(data_home=tmp_path, subset="test")
    assert (tmp_path / "mnist" / IMAGES).stat().st_mode & 0o777 == 0o644


def test_prints_nothing_away_from_a_terminal(use_mirrors, tmp_path, capfd):
    use_mirrors("good")
    fetch_mnist(data_home=tmp_path, subset="test")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("behaviour", FAILURES)
def test_next_mirror_stands_in(small_mnist, server, use_mirrors, tmp_path, behaviour):
    use_mirrors(behaviour, "good")
    X, y = fetch_mnist(data_home=tmp_path, subset="test", return_X_y=True, timeout=patience(behaviour), n_retries=0)
    assert_is_test_set(small_mnist, X, y)
    assert server.hits == [(behaviour, IMAGES), ("good", IMAGES), (behaviour, LABELS), ("good", LABELS)]
    assert entries(tmp_path / "mnist") == [IMAGES, LABELS]


def test_next_mirror_stands_in_for_a_closed_port(small_mnist, closed_port, use_mirrors, tmp_path):
    use_mirrors(closed_port, "good")
    X, y = fetch_mnist(data_home=tmp_path, subset="test", return_X_y=True, n_retries=0)
    assert_is_test_set(small_mnist, X, y)


@pytest.mark.parametrize("behaviour", FAILURES)
def test_failure_is_told_and_leaves_nothing(use_mirrors, tmp_path, behaviour):
    (mirror,) = use_mirrors(behaviour)
    with pytest.raises(DownloadError) as caught:
        fetch_mnist(data_home=tmp_path, subset="test", timeout=patience(behaviour), n_retries=0)
    (line,) = [line for line in str(caught.value).splitlines() if line.startswith(f"  {mirror}: ")]
    assert FAILURES[behaviour] in line
    assert ".part" not in line
    assert entries(tmp_path / "mnist") == []
    del caught
    gc.collect()  # an open connection would warn now, from Python 3.13 on


def test_no_folder_is_made_without_a_connection(closed_port, use_mirrors, tmp_path):
    use_mirrors(closed_port)
    with pytest.raises(DownloadError):
        fetch_mnist(data_home=tmp_path / "new", subset="test", n_retries=0)
    assert list(tmp_path.iterdir()) == []


def test_every_mirror_is_named(closed_port, use_mirrors, tmp_path):
    mirrors = use_mirrors("missing", "html", closed_port)
    with pytest.raises(DownloadError) as caught:
        fetch_mnist(data_home=tmp_path, subset="test", n_retries=0)
    first, *lines, last = str(caught.value).splitlines()
    assert first.startswith(IMAGES)
    assert [line.split(": ")[0].strip() for line in lines] == list(mirrors)
    assert "refused" in lines[2]
    assert str(tmp_path / "mnist") in last


@pytest.mark.parametrize("n_retries", [0, 1, 4])
def test_n_retries_are_rounds_through_all_mirrors(server, use_mirrors, tmp_path, n_retries):
    use_mirrors("missing", "broken")
    with pytest.raises(DownloadError):
        fetch_mnist(data_home=tmp_path, subset="test", n_retries=n_retries)
    assert server.hits == [("missing", IMAGES), ("broken", IMAGES)] * (n_retries + 1)


def test_a_mirror_may_recover(small_mnist, server, use_mirrors, tmp_path):
    use_mirrors("late")
    X, y = fetch_mnist(data_home=tmp_path, subset="test", return_X_y=True, n_retries=1)
    assert_is_test_set(small_mnist, X, y)
    assert server.hits == [("late", IMAGES)] * 2 + [("late", LABELS)] * 2


def test_waits_longer_before_each_round(monkeypatch, use_mirrors, tmp_path):
    use_mirrors("missing")
    naps = []
    monkeypatch.setattr(_fetch, "_SECONDS_BETWEEN_ROUNDS", 0.5)
    monkeypatch.setattr(_fetch.time, "sleep", naps.append)
    with pytest.raises(DownloadError):
        fetch_mnist(data_home=tmp_path, subset="test", n_retries=3)
    assert naps == [0.5, 1.0, 1.5]


def test_timeout_ends_the_wait(use_mirrors, tmp_path):
    use_mirrors("silent")
    start = time.perf_counter()
    with pytest.raises(DownloadError, match="timed out"):
        fetch_mnist(data_home=tmp_path, subset="test", timeout=0.1, n_retries=0)
    assert 0.1 <= time.perf_counter() - start < 3


def test_any_timeout_is_taken(small_mnist, use_mirrors, tmp_path):
    use_mirrors("good")
    X, y = fetch_mnist(data_home=tmp_path, subset="test", return_X_y=True, timeout=1e30)
    assert_is_test_set(small_mnist, X, y)


@pytest.mark.parametrize("compressed", [True, False])
def test_files_on_disk_are_not_downloaded_again(small_mnist, server, use_mirrors, tmp_path, compressed):
    small_mnist.write(tmp_path, compressed=compressed)
    use_mirrors("good")
    X, y = fetch_mnist(data_home=tmp_path, subset="test", return_X_y=True)
    assert_is_test_set(small_mnist, X, y)
    assert server.hits == []


def test_second_call_downloads_nothing(server, use_mirrors, tmp_path):
    use_mirrors("good")
    fetch_mnist(data_home=tmp_path, subset="test")
    fetch_mnist(data_home=tmp_path, subset="test")
    assert server.hits == [("good", IMAGES), ("good", LABELS)]


def test_only_the_missing_file_is_downloaded(small_mnist, server, use_mirrors, tmp_path):
    folder = small_mnist.write(tmp_path)
    (folder / LABELS).unlink()
    use_mirrors("good")
    X, y = fetch_mnist(data_home=tmp_path, subset="test", return_X_y=True)
    assert_is_test_set(small_mnist, X, y)
    assert server.hits == [("good", LABELS)]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError, RuntimeError])
def test_interruption_leaves_nothing(monkeypatch, server, use_mirrors, tmp_path, kind):
    use_mirrors("good", "good")
    folder = tmp_path / "mnist"
    seen = []

    def interrupt(*arguments):
        seen.extend(entries(folder))
        raise kind

    monkeypatch.setattr(_mnist, "_verified", interrupt)
    with pytest.raises(kind):
        fetch_mnist(data_home=tmp_path, subset="test")
    assert len(seen) == 1  # the temporary file was there,
    assert seen[0].endswith(".part")
    assert entries(folder) == []  # and is gone
    assert len(server.hits) == 1


def test_full_disk_is_no_fault_of_the_mirror(monkeypatch, server, use_mirrors, tmp_path):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    use_mirrors("good", "good")
    monkeypatch.setattr(_fetch.os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        fetch_mnist(data_home=tmp_path, subset="test", n_retries=3)
    assert not isinstance(caught.value, DownloadError)
    assert entries(tmp_path / "mnist") == []
    assert len(server.hits) == 1


def test_data_home_below_a_file_is_an_os_error(server, use_mirrors, tmp_path):
    (tmp_path / "file").write_text("no folder")
    use_mirrors("good")
    with pytest.raises(OSError, match="Not a directory") as caught:
        fetch_mnist(data_home=tmp_path / "file", subset="test")
    assert not isinstance(caught.value, DownloadError)
    assert server.hits == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="chmod does not stop root")
def test_data_home_without_permission_is_an_os_error(use_mirrors, tmp_path):
    use_mirrors("good")
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        fetch_mnist(data_home=tmp_path, subset="test")


FETCH_IN_A_PROCESS = """
import gc
import hashlib, json, sys
from skdigits.datasets import _registry, fetch_mnist
registry, mirrors, data_home = json.loads(sys.argv[1])
_registry.MNIST = {
    subset: [_registry.DataFile(name, tuple(shape), *rest) for name, shape, *rest in files]
    for subset, files in registry.items()
}
_registry.MNIST_MIRRORS = mirrors
X, y = fetch_mnist(data_home=data_home, subset="test", return_X_y=True, n_retries=0)
print(hashlib.sha256(X.tobytes()).hexdigest(), y.tolist())
"""


def test_two_processes_fetch_at_the_same_time(small_mnist, server, tmp_path):
    task = json.dumps([small_mnist.registry, [server.mirror("together")], str(tmp_path)])
    # The server gives the second half of a file only when both have asked for it.
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", FETCH_IN_A_PROCESS, task],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outcomes = [(*process.communicate(timeout=60), process.returncode) for process in processes]
    images, labels = small_mnist.arrays["test"]
    expected = f"{hashlib.sha256(images.tobytes()).hexdigest()} {labels.tolist()}\n"
    assert outcomes == [(expected, "", 0)] * 2
    assert sorted(server.hits) == [("together", IMAGES)] * 2 + [("together", LABELS)] * 2
    assert entries(tmp_path / "mnist") == [IMAGES, LABELS]
