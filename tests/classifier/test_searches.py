"""Searches in several workers: kernels come from the cache, and there are no more threads than cores."""

import os
import sys
import threading

import joblib
import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdigits import MLPDigitClassifier
from skdigits._engine import runner
from skdigits._kernels import entry_points
from skdigits._kernels.entry import EntryPoint

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
GRID = {"mlpdigitclassifier__hidden_layer_sizes": [(1000,), (800, 100)]}
IS_NOT_CACHED = os.environ.get("NUMBA_DISABLE_JIT") == "1" or os.environ.get("SKDIGITS_KERNEL_CACHE") == "0"


def make_search(callback=None, n_jobs=2, **options):
    """A search over networks that are worth several threads."""
    classifier = MLPDigitClassifier(max_iter=3, random_state=0)
    if callback is not None:
        classifier.set_callbacks(callback)
    return GridSearchCV(make_pipeline(MinMaxScaler(), classifier), GRID, cv=2, n_jobs=n_jobs, **options)


@pytest.fixture(scope="module", autouse=True)
def _new_workers():
    """Processes that have loaded nothing before the first test, and none that stay behind."""
    get_reusable_executor().shutdown(wait=True)
    yield
    get_reusable_executor().shutdown(wait=True)


def count_loaded_and_compiled(estimator, X, y):
    """How many kernels this process has loaded from the cache, and how many it has compiled."""
    estimator.predict(X)
    kernels = [value for value in vars(entry_points).values() if isinstance(value, EntryPoint)]
    return {
        "loaded": sum(kernel.n_loaded for kernel in kernels),
        "compiled": sum(kernel.n_compiled for kernel in kernels),
        "imported": "numba" in sys.modules,
    }


@pytest.mark.skipif(IS_NOT_CACHED, reason="nothing is kept on disk")
def test_workers_load_kernels_and_compile_none():
    make_search(n_jobs=1, refit=False).fit(X, Y)
    results = make_search(scoring=count_loaded_and_compiled, refit=False).fit(X, Y).cv_results_
    assert results["mean_test_loaded"].min() > 0
    assert results["mean_test_compiled"].max() == 0
    assert results["mean_test_imported"].max() == 0  # half a second and forty megabytes in each worker


class ThreadCounter:
    """Writes down, whenever an epoch begins, how many threads its process trains with."""

    def __init__(self, folder):
        self.folder = folder

    def setup(self, estimator, context):
        run, lock, n_working = runner.run_together, threading.Lock(), [0]
        if hasattr(run, "counter"):
            run.counter = self
            return

        def run_and_count(function, n_threads, *arguments, **options):
            with lock:
                n_working[0] += n_threads
                with open(run_and_count.counter.folder / str(os.getpid()), "a") as stream:
                    stream.write(f"{n_working[0]}\n")
            try:
                run(function, n_threads, *arguments, **options)
            finally:
                with lock:
                    n_working[0] -= n_threads

        run_and_count.counter = self
        runner.run_together = run_and_count

    def on_fit_task_begin(self, estimator, context): ...
    def on_fit_task_end(self, estimator, context): ...
    def teardown(self, estimator, context): ...

    def counts(self):
        """The most threads of each process."""
        return [max(map(int, path.read_text().split())) for path in self.folder.iterdir()]


@pytest.fixture
def counter(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "run_together", runner.run_together)  # what it was comes back
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    return ThreadCounter(tmp_path)


# Processes get what the user has set from joblib, so that it is left out there.
@pytest.mark.parametrize(
    ("backend", "environment"), [("loky", {}), ("threading", {}), ("threading", {"OMP_NUM_THREADS": "64"})]
)
def test_no_more_threads_than_cores(counter, monkeypatch, backend, environment):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with joblib.parallel_config(backend):
        make_search(counter, refit=False).fit(X, Y)
    assert 1 <= sum(counter.counts()) <= max(2, joblib.cpu_count())


@pytest.mark.skipif("joblib.cpu_count() < 2", reason="one core")
def test_threads_of_a_worker_are_those_joblib_is_told(counter):
    with joblib.parallel_config("loky", inner_max_num_threads=2):
        make_search(counter, refit=False).fit(X, Y)
    assert set(counter.counts()) == {2}


def test_threads_find_the_scores_of_a_single_one():
    with joblib.parallel_config("threading"):
        several = make_search().fit(X, Y)
    single = make_search(n_jobs=1).fit(X, Y)
    np.testing.assert_array_equal(several.cv_results_["mean_test_score"], single.cv_results_["mean_test_score"])
