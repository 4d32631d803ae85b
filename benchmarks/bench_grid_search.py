"""Searches over hidden layers beside MLPClassifier in the same search: seconds, ranking, and memory of all workers."""

import multiprocessing
import time
import warnings
from functools import partial
from pathlib import Path

import _harness
import _results
import _rivals
import joblib
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
DRAWN = SIZES | {"mlp__learning_rate_init": loguniform(3e-4, 3e-3)}
MAKE_SEARCH = {
    "GridSearchCV, 4 candidates": lambda model, **options: GridSearchCV(model, SIZES, **options),
    "RandomizedSearchCV, 6 candidates": lambda model, **options: RandomizedSearchCV(
        model, DRAWN, n_iter=6, random_state=0, **options
    ),
    "HalvingGridSearchCV, 12 candidates": lambda model, **options: HalvingGridSearchCV(
        model, SIZES | RATES, random_state=0, **options
    ),
}
# Search, what is said behind it, backend of joblib for us (scikit-learn has processes always), whether processes are
# started anew, how many times faster we want to be.
WORK = [
    ("GridSearchCV, 4 candidates", "", "loky", False, {"sklearn": 6}),
    ("GridSearchCV, 4 candidates", ", new processes", "loky", True, {}),
    ("GridSearchCV, 4 candidates", ", ours in threads", "threading", False, {"sklearn": 6}),
    ("RandomizedSearchCV, 6 candidates", "", "loky", False, {"sklearn": 6}),
    ("HalvingGridSearchCV, 12 candidates", "", "loky", False, {"sklearn": 6}),
]
MAKE = {"sklearn": _rivals.make_sklearn, _harness.OURS: MLPDigitClassifier}
SECONDS_BETWEEN_LOOKS = 0.02
render = partial(
    _results.render_sides,
    note="Images are uint8, which MinMaxScaler turns into float64, so that MLPClassifier computes in double precision, "
    "and skdigits in single, its default.",
)


def load(n_samples):
    """The first images of MNIST."""
    X, y = fetch_mnist(subset="train", return_X_y=True)
    return X[:n_samples], y[:n_samples]


def search_with(side, kind, backend, X, y, n_jobs, epochs):
    """The whole work of a side."""
    model = Pipeline([("scale", MinMaxScaler()), ("mlp", MAKE[side](max_iter=epochs, random_state=0))])
    with joblib.parallel_config(backend):
        return MAKE_SEARCH[kind](model, cv=3, n_jobs=n_jobs, error_score="raise").fit(X, y)


def make_sides(kind, backend, is_new, X, y, arguments):
    """A callable for each side; the search is kept, to be compared."""
    searches = {}

    def side(name):
        def work():
            if is_new:
                get_reusable_executor().shutdown(wait=True)
            backends = {_harness.OURS: backend}
            searches[name] = search_with(
                name, kind, backends.get(name, "loky"), X, y, arguments.threads, arguments.epochs
            )

        return work

    return {name: side(name) for name in MAKE if name in (*arguments.rivals, _harness.OURS)}, searches


def search_alone(*arguments, n_samples, **options):
    """The work of a side in a program that does nothing else."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    try:
        search_with(*arguments, *load(n_samples), **options)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    get_reusable_executor().shutdown(wait=True)  # a program that multiprocessing has started waits for them else


def measure_memory(side, kind, backend, **options):
    """The most memory that a program has at a time which does the work of a side.

    It is the proportional share: pages that processes share, as those of libraries and of memory-mapped samples, are
    counted once.

    Returns
    -------
    workers, total : int
        Bytes of the processes that it has started, all together, and with its own.
    """
    program = multiprocessing.get_context("spawn").Process(
        target=search_alone, args=(side, kind, backend), kwargs=options
    )
    program.start()
    workers = total = 0
    while program.is_alive():
        started = sum(map(_proportional_memory, _child_processes(program.pid)))
        workers, total = max(workers, started), max(total, started + _proportional_memory(program.pid))
        time.sleep(SECONDS_BETWEEN_LOOKS)
    if program.exitcode:
        raise RuntimeError(f"the search of {side} ended with status {program.exitcode}")
    return workers, total


def _child_processes(process):
    try:
        return [
            child for path in Path(f"/proc/{process}/task").glob("*/children") for child in path.read_text().split()
        ]
    except OSError:  # it has just ended
        return []


def _proportional_memory(process):
    """Bytes; 0 where the system does not tell, or the process has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def add_outcomes(row, searches, memory, test):
    """Accuracy, memory and ranking of the candidates of each side, in its cells."""
    for name, search in searches.items():
        results, side = search.cv_results_, row["sides"][name]
        best = "-".join(map(str, search.best_params_["mlp__hidden_layer_sizes"]))
        side["candidates"] = {
            str(p): float(s) for p, s in zip(results["params"], results["mean_test_score"], strict=True)
        }
        side |= {"accuracy": float(search.score(*test)), "best": str(search.best_params_), "note": f"best {best}"}
        if name in memory:
            side["worker_bytes"], side["bytes"] = memory[name]
            workers, total = (f"{n / 2**20:.0f} MiB" for n in memory[name])
            side["note"] += f", workers {workers}, program {total}"
    if len(searches) > 1:
        ours, theirs = (list(row["sides"][name]["candidates"].values()) for name in (_harness.OURS, "sklearn"))
        row["rank_correlation"] = float(spearmanr(ours, theirs).statistic)
        row["largest_difference_of_scores"] = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))


def measure(kind, backend, is_new, goals, has_memory, arguments):
    """The row of one search."""
    n_samples = 1000 if arguments.quick else 20_000
    X, y = load(n_samples)
    sides, searches = make_sides(kind, backend, is_new, X, y, arguments)
    row = _harness.measure(sides, arguments.repeats, goals=goals)
    memory = {}
    if has_memory:
        backends = {_harness.OURS: backend}
        options = {"n_samples": n_samples, "n_jobs": arguments.threads, "epochs": arguments.epochs}
        memory = {side: measure_memory(side, kind, backends.get(side, "loky"), **options) for side in sides}
    add_outcomes(row, searches, memory, fetch_mnist(subset="test", return_X_y=True))
    return row


def main():
    arguments = _harness.parse(__doc__, repeats=3, rivals=["sklearn"], has_epochs=True)
    warnings.simplefilter("ignore", ConvergenceWarning)
    rows = {}
    for kind, remark, backend, is_new, goals in WORK:
        has_memory = not is_new and not (arguments.quick and rows)  # with --quick only for the first row
        name = f"{kind}{remark}, {arguments.epochs} epochs"
        rows[name] = partial(measure, kind, backend, is_new, goals, has_memory, arguments)
    _harness.report("grid_search", arguments, rows, title="Searches over 20,000 images of MNIST", render=render)


if __name__ == "__main__":
    main()
