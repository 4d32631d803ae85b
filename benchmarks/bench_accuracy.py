"""Error on MNIST's test images beside the best that has been published for plain networks, and seconds of the fit.

Recipes were chosen on the last 10,000 of the training images, shuffled; none was chosen by the test images. *Five
looks* is the mean of the probabilities for an image as it is and moved by one pixel up, down, left and right: a vote
that costs no training.
"""

import statistics
import time

import _harness
from scipy.ndimage import shift
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skdigits import MLPDigitClassifier
from skdigits.recipes import RECIPES

SINGLE = "the best single plain network"
# Rows and columns by which an image is moved for each of the looks.
LOOKS = [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)]

# Name, recipe, seeds, networks that vote, published accuracy, goal: accuracy and seconds. The networks of the vote are
# the seeds of the single one, too: each takes many minutes.
WORK = [
    (
        "784-100-10, no augmentation", "quick", 5, 1,
        "97.8 % (MLPClassifier's defaults, results/fit.md)", 0.982, 3,
    ),
    (
        "best plain network without augmentation", "plain", 5, 1,
        "98.4 to 98.75 % (ReLU, dropout), 98.95 % (max-norm; Srivastava et al., 2014)", 0.988, 180,
    ),
    (
        "784-800-10 with elastic distortion", "augmented", 3, 1,
        "99.3 % (Simard, Steinkraus and Platt, 2003)", 0.994, 150,
    ),
    (
        SINGLE, "best", 0, 1,
        "99.65 % (Ciresan et al., 2010: 12 million weights, GPU, 114 hours)", 0.996, 900,
    ),
    (
        "a vote of several", "best", 1, 3,
        "99.69 % (Ciresan et al., 2010, committee of 7; 2012)", 0.9965, 2700,
    ),
]  # fmt: skip


def make_model(recipe, seed, n_votes, arguments):
    """The classifier of a row."""
    parameters = {**RECIPES[recipe], "n_jobs": arguments.threads}
    if arguments.quick:
        parameters |= {"max_iter": 2, "hidden_layer_sizes": (20,)}
    if n_votes == 1:
        return MLPDigitClassifier(**parameters, random_state=seed)
    networks = [(f"network {s}", MLPDigitClassifier(**parameters, random_state=s)) for s in range(n_votes)]
    return VotingClassifier(networks, voting="soft")


def move(X, by):
    """Images of 28 x 28 pixels, moved by so many rows and columns."""
    return shift(X.reshape(-1, 28, 28), (0, *by), order=0).reshape(X.shape)


def look_five_times(model, X, y):
    """A vote of one fitted model over moved images."""
    looks = [
        (f"moved by {by}", make_pipeline(FunctionTransformer(move, kw_args={"by": by}), FrozenEstimator(model)))
        for by in LOOKS
    ]
    return VotingClassifier(looks, voting="soft").fit(X, y)


def score(model, data):
    """Accuracy on the test images at one look, and at five."""
    X_train, y_train, X_test, y_test = data
    looks = look_five_times(model, X_train[:1000], y_train[:1000])
    return {
        "accuracy": round(float(model.score(X_test, y_test)), 4),
        "accuracy_of_five_looks": round(float(looks.score(X_test, y_test)), 4),
    }


def measure(work, data, arguments):
    """Fit one model a seed; returns the row, and that of the single networks behind the row of a vote."""
    name, recipe, n_seeds, n_votes, *_ = work
    X_train, y_train, *_ = data
    runs = []
    for seed in range(1 if arguments.quick else n_seeds):
        model = make_model(recipe, seed, n_votes, arguments)
        start = time.perf_counter()
        model.fit(X_train, y_train)
        runs.append({"seed": seed, "seconds": round(time.perf_counter() - start, 2)})
        runs[-1] |= score(model, data)
        print(f"{name}: {runs[-1]}", flush=True)
    rows = [_describe(work, runs)]
    if n_votes > 1:
        (single,) = (other for other in WORK if other[0] == SINGLE)
        rows.append(_describe(single, [_measure_alone(*pair, data) for pair in enumerate(model.estimators_)]))
    return rows


def _measure_alone(seed, network, data):
    """A network of a vote by itself. The vote numbers the classes, and numbers of digits are digits."""
    run = {"seed": seed, "seconds": round(sum(network.history_["seconds"]), 2), **score(network, data)}
    print(f"{SINGLE}: {run}", flush=True)
    return run


def _describe(work, runs):
    name, recipe, _, n_votes, published, accuracy, seconds = work
    return {
        "work": name, "recipe": recipe, "networks": n_votes, "published": published,
        "goal": {"accuracy": accuracy, "seconds": seconds}, "runs": runs, "ratios": {},
    }  # fmt: skip


COLUMNS = (
    "what", "recipe", "published", "goal", "test accuracy, mean (each seed)", "errors", "at five looks",
    "seconds of the fit",
)  # fmt: skip


def render(content):
    """The table of results, as Markdown."""
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{' --- |' * len(COLUMNS)}"]
    for row in content["rows"]:
        accuracies, looks, seconds = (
            [run[key] for run in row["runs"]] for key in ("accuracy", "accuracy_of_five_looks", "seconds")
        )
        recipe = row["recipe"]
        if row["networks"] > 1:
            recipe = f"{row['networks']} x {recipe}"
        spread = f" ({min(seconds):.1f} to {max(seconds):.1f})" if len(seconds) > 1 else ""
        goal = f"{row['goal']['accuracy']:.2%} in {row['goal']['seconds']} s"
        errors = f"{10_000 * (1 - statistics.mean(accuracies)):.0f}"
        cells = [
            row["work"], recipe, row["published"], goal, _mean(accuracies), errors, _mean(looks),
            f"{statistics.median(seconds):.1f}{spread}",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    machine = content["machine"]
    lines += [
        "",
        f"Errors of 10,000 test images; at five looks: each image as it is, and moved by a pixel up, down, left and "
        f"right. {content['settings']['threads']} threads; seconds are the median of whole fits on all 60,000 training "
        f"images, their deformation included, kernels compiled before (of the single networks behind the vote, of "
        f"their epochs). {machine['processor']}, {machine['cores']} cores, {_harness.versions(machine)}.",
    ]
    return "\n".join(lines) + "\n"


def _mean(accuracies):
    """The mean as a percentage, with each of several behind it."""
    each = f" ({', '.join(f'{accuracy:.2%}' for accuracy in accuracies)})" if len(accuracies) > 1 else ""
    return f"{statistics.mean(accuracies):.3%}{each}"


def draw(content, axes):
    """A chart of errors and seconds, beside the goals."""
    for row in content["rows"]:
        runs, goal = row["runs"], row["goal"]
        seconds, errors = ([run["seconds"] for run in runs], [100 * (1 - run["accuracy"]) for run in runs])
        (points,) = axes.plot(seconds, errors, "o", label=row["work"])
        axes.plot(goal["seconds"], 100 * (1 - goal["accuracy"]), "x", color=points.get_color())
    axes.set(
        xscale="log", yscale="log", xlabel="seconds of the fit", ylabel="errors on the test images, %",
        title="Accuracy on MNIST: reached (dots) and goal (crosses)",
    )  # fmt: skip
    axes.legend()


def save(rows, arguments):
    """Write JSON, table and chart."""
    settings, order = {"threads": arguments.threads}, [work[0] for work in WORK]
    return _harness.save("accuracy", arguments, rows, settings=settings, render=render, draw=draw, order=order)


def main():
    arguments = _harness.parse(__doc__, repeats=1)
    data = _harness.load_mnist(1000 if arguments.quick else 60_000)
    X_train, y_train, *_ = data
    # Compiles what has not been compiled, dropout, slopes and deformation included.
    for recipe in RECIPES.values():
        few = {**recipe, "max_iter": 1, "hidden_layer_sizes": (8,)}
        MLPDigitClassifier(**few, n_jobs=arguments.threads).fit(X_train[:500], y_train[:500])
    rows = []
    for work in WORK:
        if work[0] != SINGLE and _harness.is_wanted(work[0], arguments):
            rows += measure(work, data, arguments)
            content = save(rows, arguments)  # after each row: they take long
    print(render(content))


if __name__ == "__main__":
    main()
