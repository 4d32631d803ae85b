"""Error on MNIST's test images beside the best that has been published for plain networks, and seconds of the fit.

Recipes were chosen on the last 10,000 of the training images, shuffled; none was chosen by the test images.
"""

import statistics
import time

import _harness
from sklearn.ensemble import VotingClassifier

from skdigits import MLPDigitClassifier
from skdigits.recipes import RECIPES

SINGLE = "the best single plain network"

# Name, recipe, seeds, networks that vote, published accuracy, goal: accuracy and seconds. The networks of the vote are
# the seeds of the single one, too: each takes many minutes.
WORK = [
    (
        "784-100-10, no augmentation", "quick", 5, 1,
        "97.8 % (MLPClassifier's defaults, results/fit.md)", 0.982, 3,
    ),
    (
        "best plain network without augmentation", "plain", 2, 1,
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
        "a vote of several", "best", 1, 4,
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


def measure(work, data, arguments):
    """Fit one model a seed; returns the row, and that of the single networks behind the row of a vote."""
    name, recipe, n_seeds, n_votes, *_ = work
    X_train, y_train, X_test, y_test = data
    runs = []
    for seed in range(1 if arguments.quick else n_seeds):
        model = make_model(recipe, seed, n_votes, arguments)
        start = time.perf_counter()
        model.fit(X_train, y_train)
        runs.append({"seed": seed, "seconds": round(time.perf_counter() - start, 2)})
        runs[-1]["accuracy"] = round(float(model.score(X_test, y_test)), 4)
        print(f"{name}: {runs[-1]}", flush=True)
    rows = [_describe(work, runs)]
    if n_votes > 1:
        (single,) = (other for other in WORK if other[0] == SINGLE)
        rows.append(
            _describe(single, [_look_at(*pair, model, X_test, y_test) for pair in enumerate(model.estimators_)])
        )
    return rows


def _look_at(seed, network, vote, X_test, y_test):
    """A network of a vote by itself."""
    accuracy = network.score(X_test, vote.le_.transform(y_test))
    run = {"seed": seed, "seconds": round(sum(network.history_["seconds"]), 2), "accuracy": round(float(accuracy), 4)}
    print(f"{SINGLE}: {run}", flush=True)
    return run


def _describe(work, runs):
    name, recipe, _, n_votes, published, accuracy, seconds = work
    return {
        "work": name, "recipe": recipe, "networks": n_votes, "published": published,
        "goal": {"accuracy": accuracy, "seconds": seconds}, "runs": runs, "ratios": {},
    }  # fmt: skip


def render(content):
    """The table of results, as Markdown."""
    lines = [
        "| what | recipe | published | goal | test accuracy, mean (each seed) | errors | seconds of the fit |",
        f"|{' --- |' * 7}",
    ]
    for row in content["rows"]:
        accuracies = [run["accuracy"] for run in row["runs"]]
        seconds = [run["seconds"] for run in row["runs"]]
        mean = statistics.mean(accuracies)
        recipe = row["recipe"]
        if row["networks"] > 1:
            recipe = f"{row['networks']} x {recipe}"
        each = f" ({', '.join(f'{accuracy:.2%}' for accuracy in accuracies)})" if len(accuracies) > 1 else ""
        spread = f" ({min(seconds):.1f} to {max(seconds):.1f})" if len(seconds) > 1 else ""
        goal = f"{row['goal']['accuracy']:.2%} in {row['goal']['seconds']} s"
        lines.append(
            f"| {row['work']} | {recipe} | {row['published']} | {goal} | {mean:.3%}{each} | "
            f"{10_000 * (1 - mean):.0f} | {statistics.median(seconds):.1f}{spread} |"
        )
    machine = content["machine"]
    lines += [
        "",
        f"Errors of 10,000 test images. {content['settings']['threads']} threads; seconds are the median of whole fits "
        f"on all 60,000 training images, their deformation included, kernels compiled before (of the single networks "
        f"behind the vote, of their epochs). "
        f"{machine['processor']}, {machine['cores']} cores, "
        f"{_harness.versions(machine)}.",
    ]
    return "\n".join(lines) + "\n"


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
