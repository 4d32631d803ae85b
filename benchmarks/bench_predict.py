"""predict_proba of a trained 784-100-10 network beside MLPClassifier and PyTorch, for one image and for many."""

import warnings

import _harness
import _rivals
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skdigits import MLPDigitClassifier
from skdigits.datasets import fetch_mnist

# Images, calls in a round, and how many times faster than each rival we want to be.
WORK = [
    (1, 300, {"sklearn": 2.5}),
    (100, 100, {}),
    (1000, 20, {}),
    (10_000, 5, {"sklearn": 5, "torch": 3}),
]


def main():
    arguments = _harness.parse(__doc__, repeats=11)
    warnings.simplefilter("ignore", ConvergenceWarning)
    pixels, y = fetch_mnist(subset="train", return_X_y=True)
    test_pixels, y_test = fetch_mnist(subset="test", return_X_y=True)
    n_samples = 1000 if arguments.quick else 20_000
    X, X_test = pixels[:n_samples] / np.float32(255), test_pixels / np.float32(255)
    parameters = {"max_iter": 1 if arguments.quick else 5, "random_state": 0, "n_jobs": arguments.threads}
    models = {}
    if "sklearn" in arguments.rivals:
        models["sklearn"] = _rivals.make_sklearn(**parameters).fit(X, y[:n_samples])
    if "torch" in arguments.rivals:
        models["torch"] = _rivals.TorchMLP(**parameters).fit(*_rivals.to_torch(X, y[:n_samples]))
    models[_harness.OURS] = MLPDigitClassifier(**parameters).fit(X, y[:n_samples])
    rows = []
    for n_images, calls, goals in WORK:
        name = f"{n_images:,} image{'s' if n_images > 1 else ''}, float32"
        if not _harness.is_wanted(name, arguments):
            continue
        images = X_test[:n_images].copy()

        def side(model, images=images):
            samples = _rivals.to_torch(images)[0] if isinstance(model, _rivals.TorchMLP) else images
            return lambda: model.predict_proba(samples)

        sides = {name: side(model) for name, model in models.items()}
        row = _harness.measure(name, sides, arguments.repeats, goals=goals, calls=1 if arguments.quick else calls)
        for side_name, model in models.items():
            test = _rivals.to_torch(X_test, y_test) if side_name == "torch" else (X_test, y_test)
            row["sides"][side_name]["accuracy"] = float(model.score(*test))
        rows.append(row)
    _harness.report("predict", arguments, rows, title="predict_proba, 784-100-10")


if __name__ == "__main__":
    main()
