"""predict_proba of a trained 784-100-10 network beside MLPClassifier and PyTorch, for one image and for many.

Beside many, as a bound, the multiplications with the zeros left out (_arithmetic.py).
"""

import warnings
from functools import cache, partial

import _harness
import _rivals
from _arithmetic import NAME, count_halves, make_arithmetic
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from skdigits import MLPDigitClassifier
from skdigits._kernels.sizes import TILE

UNITS = (784, 100, 10)
# Images, calls in a round, and how many times faster than each rival we want to be. A round of most sides takes a third
# of a second or more: after a pause, a virtual machine was seen to keep all threads on one core for a tenth of it.
WORK = [
    (1, 10_000, {"sklearn": 2.5}),
    (100, 2000, {}),
    (1000, 300, {}),
    (10_000, 60, {"sklearn": 5, "torch": 3}),
]


def make_bound(images, n_threads):
    """A callable that does the multiplications of a prediction: tiles are four pixels of a row."""
    _, hidden, outputs = count_halves(UNITS)
    n_tiles = int(images.reshape(len(images), -1, TILE).any(axis=2).sum())
    return make_arithmetic(n_tiles * TILE * hidden + len(images) * UNITS[1] * outputs, n_threads)


class Models:
    """A trained network of each side, and the test images."""

    def __init__(self, arguments):
        X, y, self.X_test, self.y_test = _harness.load_mnist(1000 if arguments.quick else 20_000)
        parameters = {"max_iter": 1 if arguments.quick else 5, "random_state": 0, "n_jobs": arguments.threads}
        self.models = {}
        with threadpool_limits(arguments.threads):
            if "sklearn" in arguments.rivals:
                self.models["sklearn"] = _rivals.make_sklearn(**parameters).fit(X, y)
            if "torch" in arguments.rivals:
                self.models["torch"] = _rivals.TorchMLP(**parameters).fit(*_rivals.to_torch(X, y))
            self.models[_harness.OURS] = MLPDigitClassifier(**parameters).fit(X, y)

    def make_sides(self, images):
        """A prediction of each side."""
        samples = {side: _rivals.to_torch(images)[0] if side == "torch" else images for side in self.models}
        return {side: partial(model.predict_proba, samples[side]) for side, model in self.models.items()}

    def score(self):
        """Accuracy of each side."""
        test = self.X_test, self.y_test
        return {
            side: float(model.score(*(_rivals.to_torch(*test) if side == "torch" else test)))
            for side, model in self.models.items()
        }


def measure(get_models, n_images, calls, goals, arguments):
    """The row of so many images."""
    models = get_models()
    images = models.X_test[:n_images].copy()
    sides = models.make_sides(images)
    if n_images >= 10_000:
        sides = {NAME: make_bound(images, arguments.threads), **sides}
    with threadpool_limits(arguments.threads):  # around all calls: to set it takes longer than one of them
        row = _harness.measure(sides, arguments.repeats, goals=goals, calls=1 if arguments.quick else calls)
    for side, accuracy in models.score().items():
        row["sides"][side]["accuracy"] = accuracy
    return row


def main():
    arguments = _harness.parse(__doc__, repeats=11, rivals=_rivals.NAMES)
    warnings.simplefilter("ignore", ConvergenceWarning)
    get_models = cache(lambda: Models(arguments))
    rows = {
        f"{n_images:,} image{'s' if n_images > 1 else ''}, float32": partial(
            measure, get_models, n_images, calls, goals, arguments
        )
        for n_images, calls, goals in WORK
    }
    _harness.report("predict", arguments, rows, title="predict_proba, 784-100-10")


if __name__ == "__main__":
    main()
