"""Seconds of a whole fit to 97 % and 98 % on the test images: same network, each side at its best learning rate."""

import warnings
from functools import partial

import _harness
import _rivals
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from skdigits import MLPDigitClassifier
from skdigits.datasets import fetch_mnist

RATES = (1e-3, 2e-3, 4e-3)
LARGEST_EPOCHS = 30


def first_epoch(fit, accuracy, target, largest):
    """The fewest epochs of a fit that end at the target, looked for by halving; None where `largest` do not do."""
    if accuracy(fit(largest)) < target:
        return None
    low, high = 1, largest
    while low < high:
        middle = (low + high) // 2
        if accuracy(fit(middle)) >= target:
            high = middle
        else:
            low = middle + 1
    return high


def main():
    arguments = _harness.parse(__doc__, repeats=5)
    warnings.simplefilter("ignore", ConvergenceWarning)
    pixels, y = fetch_mnist(subset="train", return_X_y=True)
    test_pixels, y_test = fetch_mnist(subset="test", return_X_y=True)
    n_samples = 4000 if arguments.quick else 60_000
    X, y, X_test = pixels[:n_samples] / np.float32(255), y[:n_samples], test_pixels / np.float32(255)
    targets = [0.85] if arguments.quick else [0.97, 0.98]
    rates = RATES[:1] if arguments.quick else RATES
    makes = {"sklearn": _rivals.make_sklearn, "torch": _rivals.TorchMLP, _harness.OURS: MLPDigitClassifier}
    makes = {side: make for side, make in makes.items() if side in (*arguments.rivals, _harness.OURS)}

    def fit_of(side, rate):
        train = _rivals.to_torch(X, y) if side == "torch" else (X, y)

        def fit(epochs):
            with threadpool_limits(arguments.threads):
                return makes[side](
                    learning_rate_init=rate, max_iter=epochs, random_state=0, n_jobs=arguments.threads
                ).fit(*train)

        return fit

    def accuracy_of(side):
        test = _rivals.to_torch(X_test, y_test) if side == "torch" else (X_test, y_test)
        return lambda model: float(model.score(*test))

    rows = []
    for target in targets:
        best = {}
        for side in makes:
            # Epochs take the same time at every rate: the best is the one that needs fewest.
            found = {rate: first_epoch(fit_of(side, rate), accuracy_of(side), target, LARGEST_EPOCHS) for rate in rates}
            found = {rate: epochs for rate, epochs in found.items() if epochs}
            if not found:
                print(f"{side} does not come to {target:.0%} in {LARGEST_EPOCHS} epochs")
                continue
            best[side] = min(found.items(), key=lambda pair: pair[1])
        if _harness.OURS not in best:
            continue
        sides = {side: partial(fit_of(side, rate), epochs) for side, (rate, epochs) in best.items()}
        row = _harness.measure(f"to {target:.0%}", sides, arguments.repeats)
        for side, (rate, epochs) in best.items():
            row["sides"][side]["accuracy"] = accuracy_of(side)(fit_of(side, rate)(epochs))
            row["sides"][side]["note"] = f"{epochs} epochs at {rate:g}"
        rows.append(row)
    _harness.report("time_to_accuracy", arguments, rows, title="Seconds to an accuracy, 784-100-10")


if __name__ == "__main__":
    main()
