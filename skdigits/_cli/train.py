"""``skdigits train``: from a data set to a saved model and its report."""

import argparse
import math
import sys
import time
import warnings
from pathlib import Path

from skdigits._cli.checkpoints import TrainingState, add_options

_EPOCHS = {"digits": 100, "mnist": 10}
_BATCH_SIZES = {"digits": 32, "mnist": 100}
_RECIPES = ("quick", "plain", "augmented", "best")


def _number(kind, is_allowed, expected):
    """A converter for argparse that says what it expected, in the words of the command line."""

    def convert(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not is_allowed(value):
            raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")
        return value

    return convert


_COUNT = _number(int, lambda value: value >= 1, "a whole number of at least 1")
_RATE = _number(float, lambda value: 0 < value < math.inf, "a number above 0")
_SHARE = _number(float, lambda value: 0 < value < 1, "a number above 0 and below 1")
_SEED = _number(int, lambda value: 0 <= value < 2**32, "a whole number from 0 to 4294967295")
_SECONDS = _number(float, lambda value: 0 <= value < math.inf, "a number of at least 0")
_JOBS = _number(int, lambda value: value != 0, "a whole number other than 0")


def _listed(defaults):
    return ", ".join(f"{dataset} {value}" for dataset, value in defaults.items())


def add_parser(commands):
    """Add the command to the parser."""
    parser = commands.add_parser(
        "train",
        help="train a network, report on the test images, save the model",
        description="Train Pipeline(scaler, MLPDigitClassifier), report on the test images, and save the model.",
    )
    parser.add_argument(
        "--dataset",
        choices=["digits", "mnist"],
        default="digits",
        help="digits: 1,797 images of 8 x 8 that scikit-learn ships; mnist: 70,000 of 28 x 28, fetched when missing "
        "(default: digits)",
    )
    parser.add_argument(
        "--recipe",
        choices=_RECIPES,
        default=None,
        help="parameters that do well on mnist: quick in seconds, plain without deformed images, augmented and best "
        "with them; other options that are given beside it change it (default: none)",
    )
    parser.add_argument(
        "--hidden", type=_COUNT, nargs="+", default=None, metavar="UNITS", help="units of hidden layers (default: 100)"
    )
    parser.add_argument(
        "--epochs", type=_COUNT, default=None, help=f"epochs, or iterations of lbfgs (default: {_listed(_EPOCHS)})"
    )
    parser.add_argument(
        "--batch-size", type=_COUNT, default=None, help=f"images of a mini-batch (default: {_listed(_BATCH_SIZES)})"
    )
    parser.add_argument(
        "--learning-rate",
        type=_RATE,
        default=None,
        help="first learning rate, or the largest of a schedule (default: 0.001)",
    )
    parser.add_argument(
        "--activation",
        choices=["identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "gelu", "silu"],
        default=None,
        help="of the hidden layers (default: relu)",
    )
    parser.add_argument("--solver", choices=["adam", "adamw", "sgd", "lbfgs"], default=None, help="(default: adam)")
    parser.add_argument(
        "--validation",
        type=_SHARE,
        default=None,
        metavar="FRACTION",
        help="share of the training images to hold out; training then stops when accuracy on them no longer improves "
        "(default: none)",
    )
    parser.add_argument(
        "--seed", type=_SEED, default=0, help="seed of the first weights and of the order of the images (default: 0)"
    )
    parser.add_argument("--jobs", type=_JOBS, default=None, help="threads (default: all that may be used)")
    parser.add_argument(
        "--output", type=Path, default=None, help="file of the model (default: skdigits-DATASET.joblib in this folder)"
    )
    parser.add_argument(
        "--report",
        type=Path,
        default=None,
        metavar="DIR",
        help="write the page DIR/index.html: curves, confusion matrix, worst mistakes, weights (default: none)",
    )
    add_options(parser, _SECONDS)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    return parser


def run(arguments):
    """Train, report, save."""
    from skdigits._cli.data import load_split
    from skdigits._cli.html_report import check_report, write_report
    from skdigits._cli.models import check_output, save_model
    from skdigits._cli.report import print_json, score_model

    output = arguments.output or Path(f"skdigits-{arguments.dataset}.joblib")
    check_output(output)
    if arguments.report is not None:
        check_report(arguments.report)
    if arguments.recipe is not None and arguments.dataset != "mnist":
        raise ValueError(f"--recipe {arguments.recipe} is for --dataset mnist, got {arguments.dataset}")
    state = TrainingState(arguments, output)
    model = _make_model(arguments, state)
    X_train, X_test, y_train, y_test = load_split(arguments.dataset)
    say = (lambda *_: None) if arguments.json else print
    say(f"Training on {len(X_train):,} images of {arguments.dataset}, testing on {len(X_test):,}.")
    if state.remark:
        say(state.remark)
    start = time.perf_counter()
    was_interrupted = _fit(model, X_train, y_train)
    train_seconds = time.perf_counter() - start
    classifier = model[-1].set_callbacks()  # the saved model shows no progress
    if was_interrupted:
        # Beside the model, not over it: half a training must neither be lost nor replace a whole one.
        output = output.with_name(f"{output.stem}-interrupted{output.suffix}")
        save_model(model, output)
        raise KeyboardInterrupt(
            f"interrupted after {classifier.n_iter_} epochs, what was learnt is in {output}{state.way_out}"
        )
    save_model(model, output)
    state.forget()
    scores, text = score_model(model, X_test, y_test)
    accuracy = scores.pop("accuracy")
    result = {
        "dataset": arguments.dataset,
        "test_accuracy": accuracy,
        "train_seconds": train_seconds,
        "n_iter": int(classifier.n_iter_),
        "loss": float(classifier.loss_),
        "model": str(output),
        "report": None if arguments.report is None else str(arguments.report / "index.html"),
        "parameters": _plain(classifier.get_params()),
        **scores,
    }
    say(f"{classifier.n_iter_} epochs in {train_seconds:.2f} s, loss {classifier.loss_:.4f}\n")
    say(text)
    say(f"\nTest accuracy: {accuracy:.4f}")
    say(f"Model saved to {output}")
    if arguments.report is not None:
        write_report(arguments.report, model, X_test, y_test, result)
        say(f"Report written to {result['report']}")
    if arguments.json:
        print_json(result)


def _fit(model, X, y):
    """Fit, with warnings as lines; return whether Ctrl-C ended it."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y)
    for warning in caught:
        if str(warning.message) == "Training interrupted by user.":
            return True
        # The number of epochs was asked for.
        if not issubclass(warning.category, ConvergenceWarning):
            print(f"skdigits: warning: {warning.message}", file=sys.stderr)
    return False


def _make_model(arguments, state):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, Normalizer

    from skdigits import MLPDigitClassifier
    from skdigits._cli.progress import TrainingProgress
    from skdigits.recipes import RECIPES

    # A scaler of single pixels would bend strokes that are deformed, so that recipes scale images as a whole.
    scaler = MinMaxScaler() if arguments.recipe is None else Normalizer(norm="max")
    defaults = {"max_iter": _EPOCHS[arguments.dataset], "batch_size": _BATCH_SIZES[arguments.dataset]}
    given = {
        "hidden_layer_sizes": arguments.hidden and tuple(arguments.hidden),
        "activation": arguments.activation,
        "solver": arguments.solver,
        "batch_size": arguments.batch_size,
        "learning_rate_init": arguments.learning_rate,
        "max_iter": arguments.epochs,
    }
    classifier = MLPDigitClassifier(
        **(defaults if arguments.recipe is None else RECIPES[arguments.recipe])
        | {name: value for name, value in given.items() if value is not None},
        random_state=arguments.seed,
        early_stopping=arguments.validation is not None,
        validation_fraction=arguments.validation or 0.1,
        n_jobs=arguments.jobs,
    )
    classifier.set_callbacks(TrainingProgress(), *state.callbacks(classifier.solver))
    return make_pipeline(scaler, classifier)


def _plain(parameters):
    """Parameters as JSON knows them."""
    plain = {}
    for name, value in parameters.items():
        if isinstance(value, tuple):
            value = list(value)
        elif isinstance(value, float) and not math.isfinite(value):
            value = str(value)
        elif hasattr(value, "get_params"):
            value = {"name": type(value).__name__, **_plain(value.get_params())}
        plain[name] = value
    return plain
