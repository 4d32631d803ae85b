"""What a search has found: ranked table, CSV, JSON, and a picture of accuracy against size and seconds."""

import ast
import csv
import io
import json

import numpy as np
from rich.console import Console
from rich.table import Table

from skdigits._cli.report import as_json
from skdigits._cli.search_store import FITS, IDENTITY, read_records
from skdigits.persistence._files import replaced_whole

# What candidates may differ in, as tables and pictures say it.
_SHORT_NAMES = {
    "hidden_layer_sizes": "hidden",
    "learning_rate_init": "rate",
    "max_iter": "epochs",
    "batch_size": "batch",
}
_MEASURES = {"mean_test_score": 4, "std_test_score": 4, "mean_fit_time": 2}
_WIDEST = 160

_TABLES = ("cv_results.csv", "cv_results.json")
PICTURE = "search.png"


def check_results(folder):
    """Raise an error where results could not be written: before all fits, not after."""
    for name in (*_TABLES, PICTURE, IDENTITY):
        if (folder / name).exists() and not (folder / name).is_file():
            raise ValueError(f"--output {folder}: {name} in it is no file, and could not be replaced by one")
    if (folder / FITS).exists() and not (folder / FITS).is_dir():
        raise ValueError(f"--output {folder}: {FITS} in it is to be a folder of finished fits, and is none")


def shorten(name):
    """A parameter's name for tables and pictures."""
    return _SHORT_NAMES[name.rpartition("__")[2]]


def name_candidate(parameters, names):
    """Parameters of a candidate as short text; values may be text as Python writes it."""
    values = (ast.literal_eval(v) if isinstance(v := parameters[name], str) else v for name in names)
    return ", ".join(f"{shorten(name)} {_format(value)}" for name, value in zip(names, values, strict=True))


def _format(value):
    return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def complete_results(search, fits, n_samples):
    """`cv_results_` with the times of the fits when they were made, which a search that went on has not measured.

    Parameters
    ----------
    search : fitted search
    fits : Path
        Folder of the records.
    n_samples : int

    Returns
    -------
    results : dict of str to list
        Plain numbers, text and dicts; NaN is None.
    """
    results = dict(search.cv_results_)
    records = [record for record in read_records(fits).values() if "score" in record]
    for name in ("fit", "score"):
        seconds = [
            [record[f"{name}_seconds"] for record in records if _is_of(record, parameters, share)]
            for parameters, share in zip(results["params"], _training_sizes(search, n_samples), strict=True)
        ]
        for kind, function in (("mean", np.mean), ("std", np.std)):
            # All there is of fits that could not be written down; of those that failed there is nothing.
            measured = np.where(np.isfinite(results["mean_test_score"]), results[f"{kind}_{name}_time"], np.nan)
            results[f"{kind}_{name}_time"] = np.array(
                [function(values) if values else own for values, own in zip(seconds, measured, strict=True)]
            )
    return {name: [as_json(value) for value in values] for name, values in results.items()}


def _training_sizes(search, n_samples):
    """About how many samples each candidate was trained on, in each fold."""
    resources = search.cv_results_.get("n_resources", np.full(len(search.cv_results_["params"]), n_samples))
    return resources * (1 - 1 / search.n_splits_)


def _is_of(record, parameters, n_samples):
    # Stratified folds differ by a sample a class at most.
    is_near = abs(record["n_samples"] - n_samples) <= 0.1 * n_samples
    return is_near and all(record["candidate"].get(name) == repr(value) for name, value in parameters.items())


def rank(results):
    """Numbers of the candidates, best first; of successive halving those that went furthest come first."""
    rounds = results.get("iter", [0] * len(results["params"]))
    return sorted(range(len(rounds)), key=lambda i: (-rounds[i], results["rank_test_score"][i], i))


def find_front(costs, scores):
    """Numbers of those that no other beats by its score at the same or less cost, cheapest first."""
    front, best = [], -np.inf
    for i in sorted(range(len(costs)), key=lambda i: (costs[i], -scores[i])):
        if scores[i] > best:
            front.append(i)
            best = scores[i]
    return front


def draw_table(results, names):
    """The candidates, best first, as text."""
    table = Table(box=None, pad_edge=False, header_style="")
    has_rounds = "iter" in results
    table.add_column("rank", justify="right")
    for name in names:
        table.add_column(shorten(name))
    for name in ("accuracy", "deviation", "seconds", "parameters", *(["images"] if has_rounds else [])):
        table.add_column(name, justify="right")
    for place, i in enumerate(rank(results), 1):
        cells = [str(place), *(_format(results["params"][i][name]) for name in names)]
        cells += [_number(results[name][i], digits) for name, digits in _MEASURES.items()]
        cells.append(f"{results['n_parameters'][i]:,}")
        table.add_row(*cells, *([f"{results['n_resources'][i]:,}"] if has_rounds else []))
    stream = io.StringIO()
    Console(file=stream, width=_WIDEST).print(table)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def _number(value, digits):
    return "failed" if value is None else f"{value:.{digits}f}"


def write_results(folder, results, summary):
    """Write ``cv_results.csv``, a row a candidate, and ``cv_results.json`` with what the search was."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    names = [name for name in results if name != "params"]
    rows.writerow(names)
    for i in range(len(results["params"])):
        rows.writerow([_format(results[name][i]) for name in names])
    content = json.dumps({**summary, "cv_results": results}, indent=1, allow_nan=False)
    for name, written in zip(_TABLES, (text.getvalue(), content), strict=True):
        with replaced_whole(folder / name) as stream:
            stream.write(written.encode())


def _number_decades(axis, values):
    """So many numbers along a logarithmic axis that they do not meet."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    decades = np.log10(max(values) / min(values)) if values and min(values) > 0 else 0
    few = MaxNLocator(4) if decades < 0.3 else LogLocator(subs=(1, 2, 5) if decades < 2 else (1,))
    axis.set_major_locator(few)
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axis.set_minor_formatter(NullFormatter())


def draw_picture(path, results, names):
    """Accuracy against the number of parameters and the seconds of a fit, with the Pareto fronts.

    Candidates of a front have their place in the table beside them, and their name beneath.

    Returns
    -------
    is_drawn : bool
        False where matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.lines import Line2D
    except ImportError:
        return False
    places = {i: place for place, i in enumerate(rank(results), 1)}
    there = [i for i, score in enumerate(results["mean_test_score"]) if score is not None]
    scores = [results["mean_test_score"][i] for i in there]
    fronts: set[int] = set()
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    panels = {
        "parameters of the network": [results["n_parameters"][i] for i in there],
        "seconds of a fit": [results["mean_fit_time"][i] for i in there],
    }
    for axes, (label, costs) in zip(figure.subplots(1, 2, sharey=True), panels.items(), strict=True):
        axes.errorbar(costs, scores, [results["std_test_score"][i] for i in there], fmt="o", ecolor="lightgrey")
        front = find_front(costs, scores)
        axes.plot([costs[k] for k in front], [scores[k] for k in front], drawstyle="steps-post", label="Pareto front")
        for k in front:
            place = str(places[there[k]])
            axes.annotate(place, (costs[k], scores[k]), xytext=(4, -12), textcoords="offset points", fontsize="small")
        fronts.update(there[k] for k in front)
        axes.set(xscale="log", xlabel=label)
        _number_decades(axes.xaxis, costs)
        axes.legend(loc="lower right")
    figure.axes[0].set_ylabel("accuracy, mean and deviation over the folds")
    listed = [
        Line2D([], [], linestyle="none", label=f"{places[i]}: {name_candidate(results['params'][i], names)}")
        for i in sorted(fronts, key=places.__getitem__)
    ]
    figure.legend(handles=listed, loc="outside lower center", ncols=min(3, len(listed)), handlelength=0)
    figure.set_figheight(4.5 + 0.25 * -(-len(listed) // 3))
    with replaced_whole(path) as stream:
        figure.savefig(stream, format="png", dpi=110)
    return True
