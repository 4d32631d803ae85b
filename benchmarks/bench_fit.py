"""Whole fits on MNIST beside scikit-learn's MLPClassifier and PyTorch: same data, network, seed, epochs and threads.

Beside them, as a bound, what such a fit computes (_arithmetic.py), and the scaling where that is part of the fit.
"""

import warnings
from functools import cache, partial

import _harness
import _results
import _rivals
import numpy as np
from _arithmetic import DTYPE, NAME, make_training
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from threadpoolctl import threadpool_limits

from skdigits import MLPDigitClassifier
from skdigits._engine.inputs import compress_inputs

# Name, form of the samples, parameters, and how many times faster than each rival we want to be.
WORK = [
    ("784-100-10", "plain", {}, {"sklearn": 10, "torch": 6}),
    ("784-100-10, Pipeline with MinMaxScaler on uint8", "uint8", {}, {"sklearn": 12}),
    ("784-100-10, Pipeline with MinMaxScaler on float32", "float32", {}, {}),
    ("784-100-10, batch 32", "plain", {"batch_size": 32}, {"sklearn": 12, "torch": 8}),
    ("784-800-10", "plain", {"hidden_layer_sizes": (800,)}, {"sklearn": 8, "torch": 4}),
    ("784-512-256-10", "plain", {"hidden_layer_sizes": (512, 256)}, {"sklearn": 6, "torch": 3}),
    ("784-100-10, logistic", "plain", {"activation": "logistic"}, {"sklearn": 8, "torch": 5}),
    ("784-100-10, tanh", "plain", {"activation": "tanh"}, {"sklearn": 8, "torch": 5}),
    ("784-100-10, StandardScaler before", "standard", {}, {"sklearn": 8, "torch": 5}),
    ("784-100-10, MinMaxScaler((-1, 1)) before", "minmax", {}, {"sklearn": 8, "torch": 5}),
    ("784-100-10, Gaussian samples", "gaussian", {}, {"sklearn": 2.5, "torch": 1.5}),
    ("784-100-10, CSR", "csr", {}, {"sklearn": 10}),
    ("784-100-10, one thread", "plain", {"n_jobs": 1}, {"sklearn": 6, "torch": 4}),
    ("784-100-10, SGD", "plain", {"solver": "sgd"}, {"sklearn": 8}),
    ("784-100-10, L-BFGS", "plain", {"solver": "lbfgs"}, {"sklearn": 4}),
]
QUICK_SAMPLES = 2000
# Pixels up to 255, with the scaler as a part of the fit.
UNSCALED = ("uint8", "float32")
render = partial(
    _results.render_sides,
    note="MinMaxScaler turns uint8 into float64, so that MLPClassifier computes in double precision in that row, and "
    "skdigits in single, its default.",
)


class Samples:
    """MNIST in all the forms that rows ask for."""

    def __init__(self, n_samples):
        self._pixels, self.y, self._test_pixels, self.y_test = _harness.load_mnist(n_samples, scale=False)

    def get(self, form):
        """Training and test samples."""
        if form in UNSCALED:
            return self._pixels.astype(form), self._test_pixels.astype(form)
        if form == "gaussian":
            random_state = np.random.RandomState(0)
            return (random_state.normal(size=p.shape).astype(np.float32) for p in (self._pixels, self._test_pixels))
        train, test = (p / np.float32(255) for p in (self._pixels, self._test_pixels))
        if form == "csr":
            return sparse.csr_array(train), sparse.csr_array(test)
        if form in ("standard", "minmax"):
            scaler = (StandardScaler() if form == "standard" else MinMaxScaler((-1, 1))).fit(train)
            return scaler.transform(train), scaler.transform(test)
        return train, test


load = cache(Samples)


def make_sides(form, X, y, parameters, rivals):
    """A callable for each side; its result is kept, to be scored."""
    models = {}

    def side(name, make, X, y, is_pipeline=False):
        def work():
            model = make(**parameters)
            model = make_pipeline(MinMaxScaler(), model) if is_pipeline else model
            with threadpool_limits(parameters["n_jobs"]):
                models[name] = model.fit(X, y)

        return work

    sides = {}
    if "sklearn" in rivals:
        sides["sklearn"] = side("sklearn", _rivals.make_sklearn, X, y, form in UNSCALED)
    if "torch" in rivals and form not in (*UNSCALED, "csr") and parameters.get("solver") != "lbfgs":
        sides["torch"] = side("torch", _rivals.TorchMLP, *_rivals.to_torch(X, y))
    if parameters.get("solver") != "lbfgs":  # which decides by itself how often it looks at all samples
        sides[NAME] = make_bound(form, X, parameters)
    sides[_harness.OURS] = side(_harness.OURS, MLPDigitClassifier, X, y, form in UNSCALED)
    return sides, models


def make_bound(form, X, parameters):
    """A callable that does what a fit cannot do without."""
    n_threads = parameters["n_jobs"]
    arithmetic = make_training(
        compress_inputs(X, DTYPE, n_threads), X.shape[0], (784, *parameters.get("hidden_layer_sizes", (100,)), 10),
        batch_size=parameters.get("batch_size", 200), n_epochs=parameters["max_iter"], n_threads=n_threads,
        is_adam=parameters.get("solver") != "sgd",
    )  # fmt: skip

    def bound():
        if form in UNSCALED:
            MinMaxScaler().fit_transform(X)
        arithmetic()

    return bound


def measure(form, parameters, goals, arguments):
    """The row of one setting."""
    samples = load(QUICK_SAMPLES if arguments.quick else 60_000)
    X, X_test = samples.get(form)
    parameters = {"n_jobs": arguments.threads, **parameters, "max_iter": arguments.epochs, "random_state": 0}
    sides, models = make_sides(form, X, samples.y, parameters, arguments.rivals)
    row = _harness.measure(sides, arguments.repeats, goals=goals)
    for side, model in models.items():
        test = _rivals.to_torch(X_test, samples.y_test) if side == "torch" else (X_test, samples.y_test)
        if form != "gaussian":
            row["sides"][side]["accuracy"] = float(model.score(*test))
    return row


def main():
    arguments = _harness.parse(__doc__, repeats=5, rivals=_rivals.NAMES, has_epochs=True)
    warnings.simplefilter("ignore", ConvergenceWarning)
    rows = {
        f"{name}, {arguments.epochs} epochs": partial(measure, form, parameters, goals, arguments)
        for name, form, parameters, goals in WORK
    }
    _harness.report("fit", arguments, rows, title="Whole fits on MNIST", render=render)


if __name__ == "__main__":
    main()
