"""Searches over hidden layers beside MLPClassifier in the same search: seconds, ranking, and memory of all workers."""

import threading
import warnings
from pathlib import Path

import _harness
import _rivals
from joblib.externals.loky import get_reusable_executor
from scipy.stats import loguniform, spearmanr
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler

from skdigits import MLPDigitClassifier
from skdigits.datasets import fetch_mnist

SIZES = {"mlp__hidden_layer_sizes": [(32,), (64,), (128,), (64, 32)]}
RATES = {"mlp__learning_rate_init": [0.0003, 0.001, 0.003]}
# Name, search over a pipeline for so many processes, whether these are started anew, how many times faster we want to
# be than each rival.
WORK = [
    ("GridSearchCV, 4 candidates", lambda model, n_jobs: GridSearchCV(model, SIZES, cv=3, n_jobs=n_jobs), False,
     {"sklearn": 6}),
    ("GridSearchCV, 4 candidates, new processes", lambda model, n_jobs: GridSearchCV(model, SIZES, cv=3, n_jobs=n_jobs),
     True, {}),
    ("RandomizedSearchCV, 6 candidates", lambda model, n_jobs: RandomizedSearchCV(
        model, SIZES | {"mlp__learning_rate_init": loguniform(3e-4, 3e-3)}, n_iter=6, cv=3, n_jobs=n_jobs,
        random_state=0), False, {"sklearn": 6}),
    ("HalvingGridSearchCV, 12 candidates", lambda model, n_jobs: HalvingGridSearchCV(
        model, SIZES | RATES, factor=3, cv=3, n_jobs=n_jobs, random_state=0), False, {"sklearn": 6}),
]  # fmt: skip
MAKE = {"sklearn": _rivals.make_sklearn, _harness.OURS: MLPDigitClassifier}
SECONDS_BETWEEN_LOOKS = 0.02


class WorkerMemory:
    """The most memory that joblib's processes have at a time, all together, in a ``with`` block.

    It is the proportional share: pages that several processes share, as those of libraries and of memory-mapped
    samples, are counted once.
    """

    def __enter__(self):
        self.most, self._done = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._done.set()
        self._thread.join()

    def _watch(self):
        while not self._done.wait(SECONDS_BETWEEN_LOOKS):
            self.most = max(self.most, sum(map(_proportional_memory, _child_processes())))


def _child_processes():
    return {child for thread in Path("/proc/self/task").glob("*/children") for child in thread.read_text().split()}


def _proportional_memory(process):
    """Bytes; 0 where the system does not tell, or the process has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def stop_workers():
    """End the processes that joblib keeps, so that the next search starts new ones."""
    get_reusable_executor().shutdown(wait=True)


def make_sides(make_search, is_new, X, y, arguments, epochs):
    """A callable for each side; the search is kept, to be compared."""
    searches = {}

    def side(name):
        def work():
            if is_new:
                stop_workers()
            model = Pipeline([("scale", MinMaxScaler()), ("mlp", MAKE[name](max_iter=epochs, random_state=0))])
            searches[name] = make_search(model, arguments.threads).fit(X, y)

        return work

    return {name: side(name) for name in MAKE if name in (*arguments.rivals, _harness.OURS)}, searches


def measure_memory(sides):
    """Bytes of the processes of each side, new ones for each, so that none has imported what another needs."""
    most = {}
    for name, work in sides.items():
        stop_workers()
        with WorkerMemory() as memory:
            work()
        most[name] = memory.most
    stop_workers()
    return most


def add_outcomes(row, searches, memory, test):
    """Accuracy, memory and ranking of the candidates of each side, in its cells."""
    for name, search in searches.items():
        results = search.cv_results_
        best = search.best_params_["mlp__hidden_layer_sizes"]
        scores = {str(p): float(s) for p, s in zip(results["params"], results["mean_test_score"], strict=True)}
        row["sides"][name] |= {
            "accuracy": float(search.score(*test)),
            "candidates": scores,
            "best": str(search.best_params_),
            "note": f"best {'-'.join(map(str, best))}",
        }
        if name in memory:
            row["sides"][name]["worker_bytes"] = memory[name]
            row["sides"][name]["note"] += f", {memory[name] / 2**20:.0f} MiB"
    if len(searches) > 1:
        ours, theirs = (row["sides"][name]["candidates"] for name in (_harness.OURS, "sklearn"))
        row["rank_correlation"] = float(spearmanr(list(ours.values()), list(theirs.values())).statistic)
        row["largest_difference_of_scores"] = max(
            abs(a - b) for a, b in zip(ours.values(), theirs.values(), strict=True)
        )
    if len(memory) > 1 and memory["sklearn"]:
        row["memory_ratio"] = round(memory[_harness.OURS] / memory["sklearn"], 3)


def main():
    arguments = _harness.parse(
        __doc__,
        repeats=3,
        add_arguments=lambda parser: parser.add_argument("--epochs", type=int, help="default: 10, quick: 1"),
    )
    epochs = arguments.epochs or (1 if arguments.quick else 10)
    arguments.rivals = [rival for rival in arguments.rivals if rival in MAKE]
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = fetch_mnist(subset="train", return_X_y=True)
    test = fetch_mnist(subset="test", return_X_y=True)
    n_samples = 1000 if arguments.quick else 20_000
    rows = []
    for name, make_search, is_new, goals in WORK:
        if not _harness.is_wanted(name, arguments):
            continue
        sides, searches = make_sides(make_search, is_new, X[:n_samples], y[:n_samples], arguments, epochs)
        row = _harness.measure(f"{name}, {epochs} epochs", sides, arguments.repeats, goals=goals)
        memory = measure_memory(sides) if not (arguments.quick and rows) else {}
        add_outcomes(row, searches, memory, test)
        rows.append(row)
    _harness.report("grid_search", arguments, rows, title="Searches over 20,000 images of MNIST")


if __name__ == "__main__":
    main()
