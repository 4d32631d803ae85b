"""Whatever calls it: Python threads, joblib's backends, forks, Dask workers, PyTorch in the same process."""

import hashlib
import importlib.util
import multiprocessing
import subprocess
import sys
import threading

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_digits

from skdigits import MLPDigitClassifier

# For the whole process: Python's own way to ignore warnings for a while is not made for threads.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
X = X.astype(np.float32)


def fit(seed, n_jobs=1):
    """Weights and probabilities of a small network."""
    model = MLPDigitClassifier((20 + seed % 3,), max_iter=3, random_state=seed, n_jobs=n_jobs).fit(X, Y)
    return model.coefs_[0].tobytes(), model.predict_proba(X).tobytes()


@pytest.fixture(scope="module")
def expected():
    return [fit(seed) for seed in range(6)]


def run_in_threads(work, n_threads):
    """Results of work(number) in as many threads at once."""
    results, start = [None] * n_threads, threading.Barrier(n_threads)

    def one(number):
        start.wait()
        results[number] = work(number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return results


@pytest.mark.usefixtures("many_threads")
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_fits_in_many_threads_at_once(expected, n_jobs):
    assert run_in_threads(lambda seed: fit(seed, n_jobs), 6) == expected


@pytest.mark.usefixtures("many_threads")
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_one_estimator_predicts_in_many_threads_at_once(n_jobs):
    model = MLPDigitClassifier((30,), max_iter=2, random_state=0, n_jobs=n_jobs).fit(X, Y)
    alone = model.predict_proba(X).tobytes()
    results = run_in_threads(lambda _: {model.predict_proba(X).tobytes() for _ in range(20)}, 8)
    assert set().union(*results) == {alone}


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_fits_in_the_backends_of_joblib(expected, backend):
    fit(0)  # so that a fork finds threads that have worked before
    with joblib.parallel_config(backend, n_jobs=2):
        results = joblib.Parallel()(joblib.delayed(fit)(seed) for seed in range(6))
    assert results == expected


@pytest.mark.usefixtures("many_threads")
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_fork_after_several_threads_have_worked(expected):
    assert fit(0, n_jobs=3) == expected[0]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.starmap(fit, [(seed, 2) for seed in range(6)], chunksize=1) == expected


SEVERAL_THREADS = """
import hashlib
from skdigits import _threads
from skdigits._engine import runner, team
import test_concurrency
_threads._count_cores = lambda: 8
team.LEAST_WORK = dict.fromkeys(team.LEAST_WORK, 1)
most, run_together = set(), team.run_together
runner.run_together = lambda work, n_threads, *more, **options: (
    most.add(n_threads), run_together(work, n_threads, *more, **options)
)
"""


@pytest.mark.parametrize("order", ["torch first", "skdigits first"])
def test_torch_in_the_same_process(expected, order):
    if importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")
    use_torch = "import torch; (torch.rand(300, 300) @ torch.rand(300, 300)).sum().item()"
    use_us = "result = test_concurrency.fit(0, 3)"
    lines = [use_torch, use_us, use_torch] if order == "torch first" else [use_us, use_torch, use_us]
    program = "\n".join([SEVERAL_THREADS, *lines, "print(hashlib.sha256(result[0]).hexdigest(), *most)"])
    folder = __file__.rpartition("/")[0]
    process = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=300)
    assert process.returncode == 0, process.stderr
    assert process.stdout.split() == [hashlib.sha256(expected[0][0]).hexdigest(), "3"]


@pytest.mark.usefixtures("many_threads")
def test_in_the_threads_of_a_dask_worker(expected):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=3, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        futures = [client.submit(fit, seed, 2, pure=False) for seed in range(6)]
        assert client.gather(futures) == expected
