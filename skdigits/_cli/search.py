"""``skdigits search``: which hidden layers and learning rates do best, by cross-validation."""

import contextlib
import re
import warnings
from pathlib import Path

import numpy as np

from skdigits._cli.converters import COUNT, JOBS, RATE, SEED, converter, layers, path
from skdigits._cli.defaults import BATCH_SIZES, DATASETS, EPOCHS, listed
from skdigits._cli.interrupts import interrupts_afterwards, told_what_is_saved
from skdigits._cli.remarks import counted, printable, warnings_as_lines
from skdigits._console import announce, tell
from skdigits.exceptions import TrainingInterruptedWarning

_FOLDS = converter(int, lambda value: value >= 2, "a whole number of at least 2")
_MODEL = "best.npz"
_PREFIX = "mlpdigitclassifier__"
_HIDDEN = f"{_PREFIX}hidden_layer_sizes"
_FEW = 300
# What scikit-learn says where all fits have failed ends with the traceback of each kind of failure.
_REASONS = re.compile(r"^\w+Error: (.*)$", re.MULTILINE)


def add_parser(commands):
    """Add the command to the parser."""
    parser = commands.add_parser(
        "search",
        help="compare hidden layers and other parameters by cross-validation, save the best model",
        description="Try all combinations of the values given, each in several folds of the training images. Finished "
        "fits are kept: Ctrl-C loses none, and --resume goes on.",
    )
    parser.add_argument("--dataset", choices=DATASETS, default="digits", help="(default: digits)")
    parser.add_argument("--rows", type=COUNT, metavar="N", help="only the first training images (default: all)")
    parser.add_argument(
        "--hidden",
        type=layers,
        nargs="+",
        default=[(32,), (64,), (128,), (64, 32)],
        metavar="UNITS[,UNITS...]",
        help="candidates for the hidden layers (default: 32 64 128 64,32)",
    )
    parser.add_argument(
        "--learning-rate", type=RATE, nargs="+", default=[1e-3], metavar="RATE", help="(default: 0.001)"
    )
    parser.add_argument("--epochs", type=COUNT, nargs="+", help=f"(default: {listed(EPOCHS, DATASETS)})")
    parser.add_argument("--batch-size", type=COUNT, nargs="+", help=f"(default: {listed(BATCH_SIZES, DATASETS)})")
    parser.add_argument("--cv", type=_FOLDS, default=3, metavar="FOLDS", help="(default: 3)")
    parser.add_argument(
        "--halving",
        action="store_true",
        help="start all candidates on few images, and go on with the better third of them on three times as many",
    )
    parser.add_argument("--seed", type=SEED, default=0, help="of each fit, and of the images of --halving (default: 0)")
    parser.add_argument("--jobs", type=JOBS, help="fits at a time, each in one thread (default: a core each)")
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="make the fits on the Dask cluster of a scheduler, as in tcp://127.0.0.1:8786; its workers write to "
        "--output, too (default: on this machine)",
    )
    parser.add_argument(
        "--output",
        type=path,
        metavar="DIR",
        help="folder of table, picture, best model and finished fits (default: skdigits-search-DATASET)",
    )
    parser.add_argument("--resume", action="store_true", help="go on with the search in the folder of --output")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    return parser


def run(arguments):
    """Search, report, train the best candidate on all images, save."""
    from skdigits._cli.data import load_split
    from skdigits._cli.search_results import check_results
    from skdigits._cli.search_store import only_search_in

    if arguments.scheduler is not None and arguments.jobs is not None:
        raise ValueError("--jobs does not go with --scheduler: the workers of the cluster say how many fits they make")
    folder = arguments.output or Path(f"skdigits-search-{arguments.dataset}")
    X, X_test, y, y_test = load_split(arguments.dataset)
    X, y = X[: arguments.rows], y[: arguments.rows]
    classes, counts = np.unique(y, return_counts=True)
    if counts.max() < arguments.cv:
        raise ValueError(
            f"--cv {arguments.cv} takes as many images of a class, got {counted(len(X), 'image')}, at most "
            f"{counts.max()} of a class: give more by --rows"
        )
    n_least = 2 * arguments.cv * len(classes)  # of a class in each fold, two
    if arguments.halving and len(X) < n_least:
        raise ValueError(
            f"--halving with --cv {arguments.cv} starts on {n_least} images, got {len(X)}: give more by --rows"
        )
    check_results(folder)
    with only_search_in(folder, resume=arguments.resume):
        _search_in(folder, arguments, X, X_test, y, y_test)


def _search_in(folder, arguments, X, X_test, y, y_test):
    from skdigits._cli.models import check_output, save_somewhere
    from skdigits._cli.search_store import open_store

    fits = open_store(folder, _settings(arguments), X, y, resume=arguments.resume)
    check_output(folder / _MODEL)
    with _warnings_of_a_search():
        search = _run_search(arguments, fits, X, y)
        _check_best(search, fits)
        model = _train_best(arguments, search.best_params_, X, y)
    saved = f"the best model is in {folder / _MODEL}, and --resume makes the table"
    with interrupts_afterwards(f"interrupted; {saved}"):
        where = save_somewhere(model, folder / _MODEL)
    if where != folder / _MODEL:
        raise ValueError(f"{folder / _MODEL} could not be written; the best model is in {where}")
    with told_what_is_saved(saved):
        _tell(arguments, folder, fits, search, model, (X, X_test, y_test))


def _check_best(search, fits):
    """Raise ValueError where no candidate has a score: scikit-learn then takes the first for the best."""
    from skdigits._cli.search_store import read_records

    if not np.isfinite(search.cv_results_["mean_test_score"][search.best_index_]):
        reasons = [record["error"].partition(". ")[0] for record in read_records(fits).values() if "error" in record]
        raise ValueError(f"no candidate could be trained in all folds: {'; '.join(dict.fromkeys(reasons))}")


def _tell(arguments, folder, fits, search, model, data):
    """Score the best model, write and print what was found."""
    from skdigits._cli.report import print_json

    X, X_test, y_test = data
    say = (lambda *_: None) if arguments.json else print
    summary = {
        "dataset": arguments.dataset,
        "n_samples": len(X),
        "best_parameters": {name.removeprefix(_PREFIX): value for name, value in search.best_params_.items()},
        "best_score": float(search.cv_results_["mean_test_score"][search.best_index_]),
        "test_accuracy": float(model.score(X_test, y_test)),
        "model": str(folder / _MODEL),
    }
    results = _report(folder, search, fits, summary, (len(X), X.shape[1], len(model.classes_)), say)
    if arguments.json:
        print_json({**summary, "cv_results": results})


def _report(folder, search, fits, summary, shape, say):
    """Write and show what was found; return `cv_results_` as plain lists."""
    from skdigits._cli import search_results
    from skdigits._engine.parameters import count_parameters

    results = search_results.complete_results(search, fits, shape[0])
    _, n_features, n_classes = shape
    results["n_parameters"] = [count_parameters([n_features, *p[_HIDDEN], n_classes]) for p in results["params"]]
    names = _shown_names(search)
    search_results.write_results(folder, results, summary)
    has_picture = search_results.draw_picture(folder / search_results.PICTURE, results, names)
    say(f"\n{search_results.draw_table(results, names)}\n")
    best = search_results.name_candidate(search.best_params_, names)
    say(f"Best: {best}; trained on all {shape[0]:,} images its test accuracy is {summary['test_accuracy']:.4f}")
    pictured = ", search.png" if has_picture else ""
    say(f"Results are in {printable(folder)}: cv_results.csv, cv_results.json{pictured}, {_MODEL}")
    if not has_picture:
        tell('skdigits: no picture is drawn without matplotlib: pip install "skdigits[plot]"')
    return results


def _shown_names(search):
    """Parameters that candidates are told by."""
    return [name for name, values in search.param_grid.items() if name == _HIDDEN or len(values) > 1]


def _settings(arguments):
    """What scores depend on besides candidates and samples."""
    from skdigits import __version__

    names = ("dataset", "rows", "cv", "halving", "seed")
    return {"version": __version__, **{name: getattr(arguments, name) for name in names}}


def _make_grid(arguments):
    values = {
        "hidden_layer_sizes": arguments.hidden,
        "learning_rate_init": arguments.learning_rate,
        "max_iter": arguments.epochs or [EPOCHS[arguments.dataset]],
        "batch_size": arguments.batch_size or [BATCH_SIZES[arguments.dataset]],
    }
    return {f"{_PREFIX}{name}": list(dict.fromkeys(given)) for name, given in values.items()}


def _make_model(arguments):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler

    from skdigits import MLPDigitClassifier

    return make_pipeline(MinMaxScaler(), MLPDigitClassifier(random_state=arguments.seed))


def _make_search(arguments, model):
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV

    options = {"cv": arguments.cv, "refit": False, "return_train_score": False}
    if arguments.halving:
        return HalvingGridSearchCV(model, _make_grid(arguments), random_state=arguments.seed, **options)
    return GridSearchCV(model, _make_grid(arguments), **options)


def _run_search(arguments, fits, X, y):
    """Fit the search; finished fits are in the folder `fits` whatever happens."""
    from sklearn.model_selection import ParameterGrid

    from skdigits._cli.search_progress import EpochCallback, SearchCallback, SearchDisplay
    from skdigits._cli.search_store import StoredPipeline, read_records

    # Workers of a cluster have another current folder.
    model = StoredPipeline(_make_model(arguments).steps, folder=fits.resolve())
    search = _make_search(arguments, model)
    n_candidates, n_before = len(ParameterGrid(search.param_grid)), len(read_records(fits))
    if not arguments.json:
        announce(
            f"{counted(n_candidates, 'candidate')}, {arguments.cv} folds of {len(X):,} images of {arguments.dataset}."
        )
        if n_before:
            announce(f"{counted(n_before, 'finished fit')} from before: those of this search will not be made again.")
    try:
        # The first candidate shall not stand for the time in which kernels are loaded, or compiled.
        _make_model(arguments).set_params(**{f"{_PREFIX}max_iter": 1}).fit(X[:_FEW], y[:_FEW]).predict(X[:_FEW])
        with SearchDisplay(fits, _shown_names(search)) as display, _where_fits_run(arguments, search, X, y, display):
            model[-1].set_callbacks(EpochCallback(display))
            search.set_callbacks(SearchCallback(display)).fit(X, y)
    except (KeyboardInterrupt, TrainingInterruptedWarning):
        n_after = counted(len(read_records(fits)), "finished fit")
        raise KeyboardInterrupt(f"interrupted after {n_after}; --resume makes only the others") from None
    except ValueError as error:
        reasons = _REASONS.findall(str(error)) if str(error).lstrip().startswith("All the ") else []
        raise ValueError(f"no candidate could be trained: {reasons[-1]}" if reasons else str(error)) from error
    return search


def _where_fits_run(arguments, search, X, y, display):
    """The joblib context that a search runs in.

    Threads, because kernels hold no lock while they work: they start at once, and share samples and compiled kernels.
    """
    from sklearn.model_selection import ParameterGrid

    if arguments.scheduler is not None:
        from skdigits._cli.cluster import on_cluster

        return on_cluster(arguments.scheduler, search, X, y, display)
    from skdigits._cli.search_threads import in_threads

    # More would be started, and have nothing to do.
    n_fits = len(ParameterGrid(search.param_grid)) * arguments.cv
    return in_threads(min(arguments.jobs or -1, n_fits), display)


def _train_best(arguments, parameters, X, y):
    from skdigits._cli.progress import TrainingProgress

    model = _make_model(arguments).set_params(**parameters)
    classifier = model[-1].set_callbacks(TrainingProgress())
    try:
        model.fit(X, y)
    except (KeyboardInterrupt, TrainingInterruptedWarning):
        raise KeyboardInterrupt(
            "interrupted while the best candidate was trained on all images; all fits are finished, and --resume skips "
            "them"
        ) from None
    classifier.set_callbacks()  # the saved model shows no progress
    return model


@contextlib.contextmanager
def _warnings_of_a_search():
    """Warnings as lines, but for what the table or the command line says."""
    from sklearn.exceptions import ConvergenceWarning, FitFailedWarning

    with warnings_as_lines():
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs was asked for
        warnings.simplefilter("ignore", FitFailedWarning)
        warnings.filterwarnings("ignore", "One or more of the test scores are non-finite", UserWarning)
        # A fit that has ended early would be taken for a whole one.
        warnings.simplefilter("error", TrainingInterruptedWarning)
        yield
