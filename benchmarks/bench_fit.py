"""Whole fits on MNIST beside scikit-learn's MLPClassifier: same data, same parameters, same seed, same epochs."""

import argparse
import warnings

import _harness
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from skdigits import MLPDigitClassifier
from skdigits.datasets import fetch_mnist

WORK = {
    "784-100-10, batch 200": {"hidden_layer_sizes": (100,)},
    "784-100-10, batch 32": {"hidden_layer_sizes": (100,), "batch_size": 32},
    "784-64-32-10, tanh": {"hidden_layer_sizes": (64, 32), "activation": "tanh"},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="rounds that count (default: 5)")
    parser.add_argument("--epochs", type=int, default=10, help="epochs of each fit (default: 10)")
    parser.add_argument("--threads", type=int, default=2, help="n_jobs of ours; rivals use the machine (default: 2)")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)

    X_train, y_train = fetch_mnist(subset="train", return_X_y=True)
    X_test, y_test = fetch_mnist(subset="test", return_X_y=True)
    X_train, X_test = X_train / np.float32(255), X_test / np.float32(255)

    def side(make, parameters):
        def work():
            model = make(**parameters, max_iter=arguments.epochs, random_state=0).fit(X_train, y_train)
            work.model = model
            return {}

        return work

    rows = []
    for name, parameters in WORK.items():
        sides = {
            "MLPClassifier": side(MLPClassifier, parameters),
            "MLPDigitClassifier": side(MLPDigitClassifier, {**parameters, "n_jobs": arguments.threads}),
        }
        results = _harness.measure(sides, arguments.repeats)
        for label, work in sides.items():
            results[label]["test_accuracy"] = float(work.model.score(X_test, y_test))
        rows.append({"work": name, "results": results, "ratio": _harness.ratio(results, *sides)})
    machine = _harness.describe_machine("skdigits", "scikit-learn", "numba", "numpy", "scipy")
    settings = {"epochs": arguments.epochs, "repeats": arguments.repeats, "threads": arguments.threads}
    _harness.save("fit", {"machine": machine, "settings": settings, "rows": rows}, render(machine, settings, rows))


def render(machine, settings, rows):
    lines = [
        "| MNIST, float32 | MLPClassifier | MLPDigitClassifier | times faster |",
        "| --- | --- | --- | --- |",
    ]
    for row in rows:
        cells = [f"{side['median']:.2f} s, {side['test_accuracy']:.4f}" for side in row["results"].values()]
        ratio = row["ratio"]
        lines.append(
            f"| {row['work']} | {' | '.join(cells)} | {ratio['median']} ({ratio['least']} to {ratio['most']}) |"
        )
    lines.append("")
    lines.append(
        f"Whole `fit` calls of {settings['epochs']} epochs with Adam, medians of {settings['repeats']} interleaved "
        f"rounds after a warm-up, {settings['threads']} threads, and accuracy on the 10,000 test images; in brackets "
        f"the least and the most of the ratios of each round. {machine['processor']}, {machine['cores']} cores, "
        f"scikit-learn {machine['scikit-learn']}, numba {machine['numba']}."
    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
