"""On a real cluster: a scheduler and two workers, each a program of its own."""

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdigits import MLPDigitClassifier, _threads
from skdigits._cli import cluster as cluster_of_command
from skdigits._cli import main
from skdigits._threads import allowed_threads

distributed = pytest.importorskip("distributed")
KilledWorker = distributed.scheduler.KilledWorker
# scikit-learn sends the filters of warnings to the workers, where threads may take one another's away: errors would
# come and go.
pytestmark = pytest.mark.filterwarnings("default")
PAGE = Path(__file__).parent.parent / "docs" / "user_guide" / "beyond_one_machine.md"
HIDDEN = "mlpdigitclassifier__hidden_layer_sizes"


@pytest.fixture(scope="module")
def data():
    X, y = load_digits(return_X_y=True)
    return X[:600], y[:600]


class Cluster:
    """A folder with ``cluster.json``, and the workers that were started."""

    def __init__(self, folder, stack):
        self.folder, self.workers, self._stack = folder, [], stack

    def start(self, *arguments):
        """Start a scheduler or a worker; it is killed when the tests are over."""
        with open(self.folder / "log", "a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments, "--host", "127.0.0.1", "--scheduler-file", "cluster.json",
                 "--dashboard-address", "127.0.0.1:0"], cwd=self.folder, stdout=log, stderr=log,
            )  # fmt: skip
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process

    def start_worker(self, n_threads):
        self.workers.append(self.start("worker", "--nthreads", str(n_threads), "--no-nanny"))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with contextlib.ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
            patch.delenv(name, raising=False)
        # So often that it would take copies of the samples away within a short search.
        patch.setenv("DASK_DISTRIBUTED__SCHEDULER__ACTIVE_MEMORY_MANAGER__INTERVAL", "50ms")
        patch.setenv("DASK_TEMPORARY_DIRECTORY", str(tmp_path_factory.mktemp("scratch")))
        cluster = Cluster(tmp_path_factory.mktemp("cluster"), stack)
        cluster.start("scheduler", "--port", "0")
        for n_threads in (1, 2):
            cluster.start_worker(n_threads)
        yield cluster


@pytest.fixture
def client(cluster):
    with distributed.Client(scheduler_file=str(cluster.folder / "cluster.json"), timeout=30) as client:
        client.wait_for_workers(2, timeout=30)
        yield client


def make_search(cv, max_iter=5):
    # A schedule that comes to its end is no failure to converge.
    classifier = MLPDigitClassifier(learning_rate="cosine", max_iter=max_iter, random_state=0)
    return GridSearchCV(make_pipeline(MinMaxScaler(), classifier), {HIDDEN: [(16,), (32,), (24, 12)]}, cv=cv)


def splits_and_arrays(X, y):
    """Folds, and all that tasks need, to be scattered."""
    splits = list(StratifiedKFold(2).split(X, y))
    return splits, [X, y, *(rows for split in splits for rows in split)]


def assert_same(search, other):
    for split in ("split0_test_score", "split1_test_score"):
        np.testing.assert_array_equal(search.cv_results_[split], other.cv_results_[split])
    assert search.best_params_ == other.best_params_
    for coef, expected in zip(search.best_estimator_[-1].coefs_, other.best_estimator_[-1].coefs_, strict=True):
        np.testing.assert_array_equal(coef, expected)


def test_search_gives_the_bits_of_a_local_one(client, data):
    splits, arrays = splits_and_arrays(*data)
    with joblib.parallel_config("dask", scatter=arrays):
        search = make_search(splits).fit(*data)
    assert_same(search, make_search(splits).fit(*data))


def test_samples_are_sent_once_to_each_worker(client, data):
    X, y = data

    def look_at(X, number):
        """Tell which copy of X is seen in this process, where it stays, so that no other gets its number."""
        worker = distributed.get_worker()
        vars(worker).setdefault("seen", []).append(X)
        return worker.id, id(X)

    with joblib.parallel_config("dask", scatter=[X, y]):
        seen = joblib.Parallel()(joblib.delayed(look_at)(X, i) for i in range(12))
    assert len(set(seen)) <= len(client.scheduler_info()["workers"])


def test_a_task_has_one_thread(client):
    assert client.gather(client.map(lambda i: allowed_threads(None), range(6), pure=False)) == [1] * 6


def test_threads_of_a_worker_share_a_limit(client):
    def limited():
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("OMP_NUM_THREADS", "8")
            patch.setattr(_threads, "_count_cores", lambda: 6)
            return allowed_threads(None)

    workers = {info["nthreads"]: address for address, info in client.scheduler_info()["workers"].items()}
    limits = {n: client.submit(limited, workers=[address], pure=False).result() for n, address in workers.items()}
    assert limits == {1: 6, 2: 3}


def test_a_number_of_threads_asked_for_is_used(client):
    assert client.submit(allowed_threads, 2).result() == min(2, joblib.cpu_count())


def test_threads_of_a_worker_fit_at_once(client, data):
    X, y = data
    (worker,) = (address for address, info in client.scheduler_info()["workers"].items() if info["nthreads"] == 2)
    model = MLPDigitClassifier(learning_rate="cosine", max_iter=3, random_state=0)
    X_there, y_there = client.scatter([X, y], workers=[worker])
    fits = [client.submit(lambda X, y: model.fit(X, y).coefs_[0], X_there, y_there, workers=[worker], pure=False)
            for _ in range(4)]  # fmt: skip
    expected = model.fit(X, y).coefs_[0]
    for coef in client.gather(fits):
        np.testing.assert_array_equal(coef, expected)


def blocks_of_the_page():
    return re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("number", range(3))
def test_page_runs(client, cluster, monkeypatch, number):
    monkeypatch.chdir(cluster.folder)
    blocks = blocks_of_the_page()
    assert len(blocks) == 3
    names = {}
    exec(blocks[number], names)
    if number == 0:
        assert names["search"].best_score_ > 0.9
    if number == 1:
        assert names["classifier"].t_ == 30_000
    if number == 2:
        np.testing.assert_array_equal(names["labels"].compute(), names["classifier"].predict(names["X"].compute()))
        assert float((names["labels"] == names["y"]).mean().compute()) > 0.95


def search_by_command(capsys, folder, *arguments):
    options = ("--hidden", "8", "16", "--epochs", "5", "--cv", "2", "--json", "--output", str(folder), *arguments)
    status = main(["search", *options])
    out, err = capsys.readouterr()
    assert status == 0, err
    return json.loads(out), err


@pytest.mark.parametrize("halving", [(), ("--halving",)])
def test_command(client, capsys, tmp_path, halving):
    there, err = search_by_command(capsys, tmp_path / "a", "--scheduler", client.scheduler.address, *halving)
    here, _ = search_by_command(capsys, tmp_path / "b", *halving)
    for split in ("split0_test_score", "split1_test_score"):
        assert there["cv_results"][split] == here["cv_results"][split]
    for name in ("best_parameters", "best_score", "test_accuracy"):
        assert there[name] == here[name]
    # What the workers have finished is told, and kept.
    n_fits = len(list((tmp_path / "a" / "fits").iterdir()))
    assert n_fits == len(list((tmp_path / "b" / "fits").iterdir())) >= 4
    assert err.count("  accuracy ") == n_fits


def test_command_without_a_scheduler(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster_of_command, "_SECONDS_TO_CONNECT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    assert main(["search", "--rows", "100", "--scheduler", address, "--output", str(tmp_path / "a")]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"skdigits: --scheduler {address}: expected the address of a scheduler that answers")


class Unreadable:
    """Fails when a worker unpacks it, so that the cluster gives the task up."""

    def __reduce__(self):
        return int, ("no number",)


def test_task_that_the_cluster_gives_up_ends_the_wait(client):
    backend = cluster_of_command._telling_backend(client, [])
    with joblib.parallel_config(backend), pytest.raises(RuntimeError, match="deserialization of the task graph"):
        joblib.Parallel(timeout=60)(joblib.delayed(repr)(task) for task in (1, 2, Unreadable()))


class Display:
    def tell_finished(self): ...


def test_fit_that_kills_workers_is_said(client, data, tmp_path):
    search = make_search(2)
    search.estimator.folder = tmp_path
    with (
        pytest.raises(
            ValueError, match=r"a fit was given up, because 4 workers have died in it, .*; finished fits are"
        ),
        cluster_of_command.on_cluster(client.scheduler.address, search, *data, Display()),
    ):
        raise KilledWorker("fit", None, allowed_failures=3)


def test_folder_that_workers_do_not_see_is_said(client, data, tmp_path, capsys):
    search = make_search(2)
    search.estimator.folder = tmp_path
    with cluster_of_command.on_cluster(client.scheduler.address, search, *data, Display()):
        pass
    assert f"the workers could not write finished fits into {tmp_path}, a folder that all" in capsys.readouterr().err


def test_other_versions_are_refused(client, data, monkeypatch):
    monkeypatch.setattr(cluster_of_command, "__version__", "99.0")
    with (
        pytest.raises(ValueError, match=r"expected skdigits 99\.0 on all workers, got skdigits [0-9.]+.* on tcp://"),
        cluster_of_command.on_cluster(client.scheduler.address, make_search(2), *data, Display()),
    ):
        pass


# The last one: it leaves a cluster of one worker.
def test_a_worker_that_is_killed_is_survived(client, cluster, capsys, tmp_path):
    """Even the one that would have the last copy of some samples, if copies were taken away."""
    client.amm.start()  # which the page stops
    options, killed = ("--hidden", "64", "72", "80", "88", "96", "--epochs", "150"), []

    def choose():
        lonely = {
            holders[0] for key, holders in client.who_has().items() if key.startswith("ndarray") and len(holders) == 1
        }
        n_threads = {info["nthreads"] for name, info in client.scheduler_info()["workers"].items() if name in lonely}
        return cluster.workers[1 if 2 in n_threads else 0]

    def kill_after_some_fits():
        deadline = time.monotonic() + 60
        while not killed and time.monotonic() < deadline:
            if len(list((tmp_path / "a").glob("fits/*.json"))) >= 5 and all(client.processing().values()):
                worker = choose()
                worker.send_signal(signal.SIGKILL)
                killed.append(worker.wait())
            time.sleep(0.02)

    thread = threading.Thread(target=kill_after_some_fits)
    thread.start()
    there, _ = search_by_command(capsys, tmp_path / "a", "--scheduler", client.scheduler.address, *options)
    thread.join()
    here, _ = search_by_command(capsys, tmp_path / "b", *options)
    assert killed == [-signal.SIGKILL]
    assert len(client.scheduler_info()["workers"]) == 1
    assert client.amm.running()
    for split in ("split0_test_score", "split1_test_score"):
        assert there["cv_results"][split] == here["cv_results"][split]
    assert there["best_parameters"] == here["best_parameters"]
