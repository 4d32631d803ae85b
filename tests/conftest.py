"""MNIST for every test: the real one where it is on disk, and a small one that the loader takes for it."""

import gzip
import hashlib
import signal
import socket
from pathlib import Path

import numpy as np
import pytest

from skdigits import _threads
from skdigits._engine import team
from skdigits.datasets import _fetch, _registry, fetch_mnist
from skdigits.exceptions import DownloadError

# Programs that need atheris, to be run by hand.
collect_ignore = ["fuzz"]


@pytest.fixture(scope="session", autouse=True)
def _plain_output():
    """Whoever runs the tests may want colours; the tests look for plain text."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "SKDIGITS_TRACEBACK"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def mnist():
    """X_train, X_test, y_train, y_test of the real MNIST, read-only; skips where it is not on disk."""
    try:
        X_train, y_train = fetch_mnist(subset="train", return_X_y=True, download_if_missing=False)
        X_test, y_test = fetch_mnist(subset="test", return_X_y=True, download_if_missing=False)
    except DownloadError as error:
        pytest.skip(f"MNIST is not on this machine: {error}")
    arrays = (X_train, X_test, y_train, y_test)
    for array in arrays:
        array.flags.writeable = False
    return arrays


@pytest.fixture
def closed_port():
    """Address at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"http://127.0.0.1:{port}/"


class SmallMnist:
    """Stands in for MNIST: 200 training and 100 test images, in the files of a registry that knows their hashes."""

    def __init__(self):
        generator = np.random.default_rng(0)
        self.arrays, self.registry = {}, {}
        for subset, n_samples in (("train", 200), ("test", 100)):
            images = generator.integers(0, 256, (n_samples, 28, 28), np.uint8)
            labels = generator.permutation(np.arange(n_samples) % 10).astype(np.uint8)
            self.arrays[subset] = images, labels
            self.registry[subset] = tuple(
                file._replace(shape=array.shape, sha256=hashlib.sha256(self.idx(array)).hexdigest())
                for file, array in zip(_registry.MNIST[subset], (images, labels), strict=True)
            )

    @staticmethod
    def idx(array):
        """The bytes of an IDX file, written down from the format's description."""
        return b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()

    def files(self):
        """Plain content of the four files by name."""
        return {
            file.name: self.idx(array)
            for subset in ("train", "test")
            for file, array in zip(self.registry[subset], self.arrays[subset], strict=True)
        }

    def npz_arrays(self):
        """Arrays by the names that Keras gives them."""
        return {
            file.npz_name: array
            for subset in ("train", "test")
            for file, array in zip(self.registry[subset], self.arrays[subset], strict=True)
        }

    def write(self, data_home, *, compressed=True):
        """Write the four files into a data folder; returns the folder that holds them."""
        folder = Path(data_home) / "mnist"
        folder.mkdir(parents=True)
        for name, content in self.files().items():
            if compressed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
            else:
                (folder / name).write_bytes(content)
        return folder


@pytest.fixture
def eight_cores(monkeypatch):
    """As many cores as the largest number of threads that is asked for in tests."""
    monkeypatch.setattr(_threads, "_count_cores", lambda: 8)


@pytest.fixture
def many_threads(monkeypatch, eight_cores):
    """Everything is worth several threads."""
    monkeypatch.setattr(team, "LEAST_WORK", dict.fromkeys(team.LEAST_WORK, 1))


@pytest.fixture
def small_mnist(monkeypatch, closed_port):
    """The small data set in the place of MNIST, with no mirror that answers and no data folder in the environment."""
    small = SmallMnist()
    monkeypatch.setattr(_registry, "MNIST", small.registry)
    monkeypatch.setattr(_registry, "MNIST_MIRRORS", (closed_port,))
    monkeypatch.setattr(_fetch, "_SECONDS_BETWEEN_ROUNDS", 0.0)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("SKDIGITS_DATA", raising=False)
    return small


@pytest.fixture
def sigint_raises():
    """Ctrl-C raises KeyboardInterrupt, also in a test run that a shell started in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
