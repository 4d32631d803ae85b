"""Networks of five write-ups, as they describe them: what was published, what we reach, and MLPClassifier beside it.

Every round that counts has a seed of its own, 0, 1 and 2. `docs/examples` tells each of them step by step.
"""

import pickle
import time
import warnings
from functools import partial

import _harness
import _results
import _rivals
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from skdigits import MLPDigitClassifier
from skdigits.datasets import fetch_mnist

# What Keras has by default, and MLPClassifier's parameters have not.
KERAS = {"batch_size": 32, "alpha": 0.0, "epsilon": 1e-7}
ZERO_BIASES = {"weight_init": "glorot_uniform"}
SIGMOID_OUTPUTS = {"output_activation": "logistic"}

# Name, form of the samples, parameters of both sides, parameters of ours alone, published, goal: of what and how much.
WORK = [
    (
        "NumPy from scratch: 784-30-10, sigmoid throughout", "divided",
        {"hidden_layer_sizes": (30,), "activation": "logistic", "solver": "sgd", "momentum": 0.0, "alpha": 0.0,
         "learning_rate_init": 0.5, "batch_size": 32, "max_iter": 15},
        ZERO_BIASES | SIGMOID_OUTPUTS, "61.3 %", ("test", 0.95),
    ),
    ("a plan: fetch, check, train, save; 784-100-10", "divided", {"max_iter": 10}, {}, None, None),
    (
        "PyTorch class notes: 784-128-64-10, gradient descent", "standardised",
        {"hidden_layer_sizes": (128, 64), "solver": "sgd", "learning_rate_init": 0.01, "batch_size": 64, "alpha": 0.0,
         "max_iter": 8},
        {}, None, None,
    ),
    (
        "Keras 64-32-10, softmax, 3 epochs", "columns", {**KERAS, "hidden_layer_sizes": (64, 32), "max_iter": 3},
        ZERO_BIASES, "96 % of the test images", ("test", 0.96),
    ),
    (
        "Keras 784-100-10, sigmoid outputs, 10 epochs", "split",
        {**KERAS, "hidden_layer_sizes": (100,), "max_iter": 10},
        ZERO_BIASES | SIGMOID_OUTPUTS, "99.4 % of the training images", ("train", 0.994),
    ),
]  # fmt: skip


def unit_columns(X):
    """Each column of each image divided by its length, as Keras's ``normalize(axis=1)`` does for images."""
    images = X.reshape(-1, 28, 28)
    length = np.linalg.norm(images, axis=1, keepdims=True)
    return (images / np.where(length == 0, 1, length)).reshape(len(X), -1)


def prepare(form, X, y, X_test):
    """Training samples, their labels and test samples in the form that a write-up has them."""
    X, X_test = X / np.float32(255), X_test / np.float32(255)
    if form == "standardised":
        mean, deviation = X.mean(), X.std()
        return (X - mean) / deviation, y, (X_test - mean) / deviation
    if form == "columns":
        return unit_columns(X), y, unit_columns(X_test)
    if form == "split":
        n_train = len(X) * 9 // 10  # the last tenth is for validation
        return X[:n_train], y[:n_train], X_test
    return X, y, X_test


def measure(name, form, shared, ours, published, goal, arguments):
    """Fit both sides for each seed; returns the row."""
    X, y, X_test, y_test = _harness.load_mnist(2000 if arguments.quick else 60_000, scale=False)
    X, y, X_test = prepare(form, X, y, X_test)
    shared = {**shared, "tol": 0.0, "n_iter_no_change": 10_000}
    if arguments.quick:
        shared["max_iter"] = 1
    makers = {_harness.OURS: lambda **seed: MLPDigitClassifier(**shared, **ours, **seed, n_jobs=arguments.threads)}
    if "sklearn" in arguments.rivals:
        makers = {"sklearn": lambda **seed: _rivals.make_sklearn(**shared, **seed), **makers}
    models = {side: [] for side in makers}

    def fit(side):
        seed = max(0, len(models[side]) - 1)  # the first fit goes before those that count
        with threadpool_limits(arguments.threads):
            models[side].append(makers[side](random_state=seed).fit(X, y))

    row = _harness.measure({side: partial(fit, side) for side in makers}, arguments.repeats)
    row |= {"published": published, "goal": goal}
    for side, (_, *counted) in models.items():
        row["sides"][side]["scores"] = [
            {"test": float(model.score(X_test, y_test)), "train": float(model.score(X, y))} for model in counted
        ]
    if name.startswith("a plan"):
        row["note"] = save_and_load(models[_harness.OURS][-1])
    return row


def save_and_load(model):
    """What the plan wanted to know: seconds to check the files, size of a pickle, time to load it from memory."""
    start = time.perf_counter()
    fetch_mnist()
    checked = time.perf_counter() - start
    content = pickle.dumps(model)
    start = time.perf_counter()
    pickle.loads(content)
    loaded = time.perf_counter() - start
    size, milliseconds = f"{len(content):,} bytes", f"{1000 * loaded:.1f} ms"
    return f"data read and checked in {checked:.1f} s; pickle of {size} loads from memory in {milliseconds}"


def render(content):
    """The table of results, as Markdown."""
    lines = [
        "| write-up | published | to show | skdigits: test images, each seed | training images | seconds | "
        "MLPClassifier: test images | training images | seconds | skdigits is faster by |",
        f"|{' --- |' * 10}",
    ]
    for row in content["rows"]:
        goal = (
            row["goal"] and f"{row['goal'][1]:.1%} of the {'test' if row['goal'][0] == 'test' else 'training'} images"
        )
        cells = [row["work"], row["published"] or "no figure", goal or row.get("note", "the steps")]
        cells += _side_cells(row["sides"][_harness.OURS]) + _side_cells(row["sides"].get("sklearn"))
        ratio = row["ratios"].get("sklearn")
        cells.append(f"{ratio['median']} ({ratio['least']} to {ratio['most']})" if ratio else "")
        lines.append(f"| {' | '.join(cells)} |")
    machine, settings = content["machine"], content["settings"]
    lines += [
        "",
        f"Whole fits of {settings['repeats']} seeds, {settings['threads']} threads; accuracies after the last epoch; "
        f"seconds are medians. MLPClassifier has neither sigmoid outputs for ten classes nor biases that start at 0: "
        f"it has softmax outputs and its own first biases where the write-up says otherwise. {machine['processor']}, "
        f"{machine['cores']} cores, {_results.versions(machine)}.",
    ]
    return "\n".join(lines) + "\n"


def _side_cells(side):
    if side is None:
        return ["", "", ""]
    cells = [", ".join(f"{score[images]:.2%}" for score in side["scores"]) for images in ("test", "train")]
    return [*cells, f"{side['median']:.1f}"]


def main():
    arguments = _harness.parse(__doc__, repeats=3, rivals=["sklearn"])
    warnings.simplefilter("ignore", ConvergenceWarning)
    rows = {work[0]: partial(measure, *work, arguments) for work in WORK}
    _harness.report("writeups", arguments, rows, title="Networks of five write-ups", render=render)


if __name__ == "__main__":
    main()
