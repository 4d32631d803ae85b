"""How cost grows: seconds against rows, width, batch size, threads and candidates, all else equal."""

import warnings
from functools import cache, partial

import _harness
import _results
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from skdigits import MLPDigitClassifier
from skdigits.datasets import fetch_mnist, iter_digit_batches

SIZES = {
    "rows in memory": (1_000, 10_000, 60_000, 240_000, 1_000_000),
    "rows streamed": (10_000, 60_000, 1_000_000, 8_000_000),
    "hidden units": (16, 64, 256, 1024, 4096),
    "batch size": (1, 10, 100, 1000, 10_000),
    "threads": (1, 2),
    "candidates": (1, 2, 4, 8),
}
QUICK_SIZES = {
    "rows in memory": (500, 2_000),
    "rows streamed": (500, 2_000),
    "hidden units": (16, 64),
    "batch size": (10, 1000),
    "threads": (1, 2),
    "candidates": (1, 2),
}
# Samples of an epoch where something else is varied.
N_SAMPLES, N_SAMPLES_QUICK = 20_000, 1_000
# A thousand rows are over in milliseconds: several calls make a round.
CALLS = 5


class Work:
    """MNIST's training images, over and over, and fits of one epoch on them."""

    def __init__(self, arguments):
        self.n_threads = arguments.threads
        self.n_samples = N_SAMPLES_QUICK if arguments.quick else N_SAMPLES
        self.X, self.y = fetch_mnist(subset="train", return_X_y=True)
        X_test, self.y_test = fetch_mnist(subset="test", return_X_y=True)
        self.X_test = X_test / np.float32(255)

    def classifier(self, **parameters):
        return MLPDigitClassifier(**{"max_iter": 1, "random_state": 0, "n_jobs": self.n_threads, **parameters})

    def rows_in_memory(self, n_samples):
        # Bytes, not scaled, so that millions of them fit into memory.
        times = -(-n_samples // len(self.X))
        X, y = (np.concatenate([array] * times)[:n_samples] for array in (self.X, self.y))
        return lambda: self.classifier().fit(X, y), n_samples

    def rows_streamed(self, n_samples):
        def stream():
            model = self.classifier(random_state=np.random.RandomState(0))
            for X, y in iter_digit_batches((self.X, self.y), n_samples=n_samples):
                model.partial_fit(X / np.float32(255), y, classes=range(10))
            return model

        return stream, n_samples

    def hidden_units(self, width):
        X, y = self.scaled()
        return lambda: self.classifier(hidden_layer_sizes=(width,)).fit(X, y), len(X) * width

    def batch_size(self, batch_size):
        X, y = self.scaled()
        return lambda: self.classifier(batch_size=min(batch_size, len(X))).fit(X, y), len(X)

    def threads(self, n_threads):
        X, y = self.scaled()
        return lambda: self.classifier(hidden_layer_sizes=(400,), n_jobs=n_threads).fit(X, y), len(X) * 400

    def candidates(self, n_candidates):
        X, y = self.scaled()
        grid = {"learning_rate_init": list(np.geomspace(1e-3, 4e-3, n_candidates))}
        search = GridSearchCV(self.classifier(n_jobs=None), grid, cv=3, n_jobs=self.n_threads, error_score="raise")
        return lambda: search.fit(X, y), n_candidates

    def scaled(self):
        return self.X[: self.n_samples] / np.float32(255), self.y[: self.n_samples]


UNITS = {
    "rows in memory": "row",
    "rows streamed": "row",
    "hidden units": "row and unit",
    "batch size": "row",
    "threads": "row and unit",
    "candidates": "candidate of three folds",
}


def measure(get_work, kind, size, arguments):
    """Time work of one size, and write beside it what a unit of it costs."""
    work = get_work()
    fit, n_units = getattr(work, kind.replace(" ", "_"))(size)
    models = []

    def once():
        models[:] = [fit()]

    calls = CALLS if kind.startswith("rows") and size <= 10_000 else 1
    row = _harness.measure({_harness.OURS: once}, arguments.repeats, calls=calls)
    side = row["sides"][_harness.OURS]
    cost = side["median"] / n_units
    X_test = work.X_test * 255 if kind == "rows in memory" else work.X_test
    side |= {"accuracy": float(models[0].score(X_test, work.y_test)), "seconds_a_unit": float(f"{cost:.4g}")}
    side["note"] = f"{_results.duration(cost)} a {UNITS[kind]}"
    return row | {"kind": kind, "size": size}


def main():
    arguments = _harness.parse(__doc__, repeats=3)
    warnings.simplefilter("ignore", ConvergenceWarning)
    get_work = cache(lambda: Work(arguments))
    rows = {
        f"{kind}: {size:,}": partial(measure, get_work, kind, size, arguments)
        for kind, sizes in (QUICK_SIZES if arguments.quick else SIZES).items()
        for size in sizes
    }
    _harness.report("scaling", arguments, rows, title="One epoch of 784-100-10 on MNIST")


if __name__ == "__main__":
    main()
