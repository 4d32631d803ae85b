"""Error on MNIST's test images beside the best that has been published for plain networks, and seconds of the fit.

Recipes were chosen on training images held out, 10,000 at a time; none was chosen by the test images. *Five
looks* is the mean of the probabilities for an image as it is and moved by one pixel up, down, left and right: a vote
that costs no training.
"""

import statistics
import time
from functools import cache, cached_property, partial

import _harness
import _results
from scipy.ndimage import shift
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skdigits import MLPDigitClassifier, make_digit_pipeline
from skdigits.recipes import RECIPES

# Rows and columns by which an image is moved for each of the looks.
LOOKS = [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)]

_SINGLE = "99.65 % (Ciresan et al., 2010: 12 million weights, GPU, 114 hours)"
_VOTE = "99.69 % (Ciresan et al., 2012, committee of 7)"

# Name, recipe, whether images are prepared, seeds, networks that vote, published accuracy, goal: accuracy and seconds.
# The networks of a vote are those of the first seeds.
WORK = [
    (
        "784-100-10, no augmentation", "quick", False, 5, 1,
        "97.9 % (measured: MLPClassifier's defaults, until they stop; mean of three seeds)", 0.982, 3,
    ),
    (
        "best plain network without augmentation", "plain", False, 5, 1,
        "98.4 % (Simard et al., 2003), 98.75 % (ReLU, dropout), 99.05 % (max-norm, 2 x 8192 units; Srivastava et al., "
        "2014)", 0.988, 180,
    ),
    (
        "784-800-10 with elastic distortion", "augmented", False, 3, 1,
        "99.3 % (Simard, Steinkraus and Platt, 2003)", 0.994, 150,
    ),
    ("the best single plain network", "best", False, 3, 1, _SINGLE, 0.996, 900),
    ("a vote of several", "best", False, 1, 3, _VOTE, 0.9965, 2700),
    ("the best single plain network, images prepared", "best", True, 1, 1, _SINGLE, 0.996, 900),
]  # fmt: skip


def make_model(recipe, is_prepared, seed, arguments):
    """The classifier of a row, behind what `skdigits train` prepares images with if asked for."""
    parameters = {**RECIPES[recipe], "n_jobs": arguments.threads}
    if arguments.quick:
        parameters |= {"max_iter": 2, "hidden_layer_sizes": (20,)}
    if is_prepared:
        # A scaler of single pixels would bend strokes that are deformed.
        return make_digit_pipeline(**parameters, random_state=seed).set_params(minmaxscaler="passthrough")
    return MLPDigitClassifier(**parameters, random_state=seed)


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


class Fits:
    """Networks of all rows, fitted when they are asked for."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.fit = cache(self._fit)

    @cached_property
    def data(self):
        """Training and test images, after fits that compile what has not been compiled, deformation included."""
        data = _harness.load_mnist(1000 if self.arguments.quick else 60_000)
        for recipe in RECIPES.values():
            few = {**recipe, "max_iter": 1, "hidden_layer_sizes": (8,)}
            make_digit_pipeline(**few, n_jobs=self.arguments.threads).fit(data[0][:500], data[1][:500])
        return data

    def _fit(self, recipe, is_prepared, seed):
        """A model, and what it took and reached."""
        X, y, *_ = self.data
        model = make_model(recipe, is_prepared, seed, self.arguments)
        start = time.perf_counter()
        model.fit(X, y)
        run = {"seed": seed, "seconds": round(time.perf_counter() - start, 2), **score(model, self.data)}
        print(run, flush=True)
        return model, run

    def vote(self, recipe, is_prepared, n_votes):
        """What the networks of the first seeds reach together, and took one after the other."""
        X, y, *_ = self.data
        fits = [self.fit(recipe, is_prepared, seed) for seed in range(n_votes)]
        networks = [(f"network {run['seed']}", FrozenEstimator(model)) for model, run in fits]
        vote = VotingClassifier(networks, voting="soft").fit(X, y)  # the networks stay as they are; classes are learnt
        return {"seed": 0, "seconds": round(sum(run["seconds"] for _, run in fits), 2), **score(vote, self.data)}


def measure(fits, recipe, is_prepared, n_seeds, n_votes, published, accuracy, seconds):
    """The row of a recipe, with a run for each seed."""
    if n_votes > 1:
        runs = [fits.vote(recipe, is_prepared, n_votes)]
    else:
        runs = [fits.fit(recipe, is_prepared, seed)[1] for seed in range(1 if fits.arguments.quick else n_seeds)]
    return {
        "recipe": recipe, "networks": n_votes, "published": published,
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
        f"images, their deformation included, kernels compiled before; of a vote their sum. Prepared: "
        f"after the steps of `make_digit_pipeline` but the scaler, as `skdigits train` prepares images for recipes. "
        f"{machine['processor']}, {machine['cores']} cores, {_results.versions(machine)}.",
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


def main():
    arguments = _harness.parse(__doc__)
    fits = Fits(arguments)
    rows = {name: partial(measure, fits, *work) for name, *work in WORK}
    settings = {"threads": arguments.threads}
    _harness.report("accuracy", arguments, rows, title="Accuracy on MNIST", settings=settings, render=render, draw=draw)


if __name__ == "__main__":
    main()
