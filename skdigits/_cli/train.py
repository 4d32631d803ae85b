"""``skdigits train``: from a data set to a saved model and its report."""

import argparse
import math
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from skdigits._cli.checkpoints import TrainingState, add_options
from skdigits._cli.converters import COUNT, JOBS, RATE, SECONDS, SEED, SHARE, layers
from skdigits._cli.defaults import BATCH_SIZES, EPOCHS, listed
from skdigits._console import tell

_RECIPES = ("quick", "plain", "augmented", "best")


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "train",
        help="train a network, report on the test images, save the model",
        description="Train make_digit_pipeline(), report on the test images, and save the model.",
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
        "--hidden",
        type=layers,
        nargs="+",
        default=None,
        metavar="UNITS",
        help="units of each hidden layer, as in 100 50 or 100,50 (default: 100)",
    )
    parser.add_argument(
        "--epochs", type=COUNT, default=None, help=f"epochs, or iterations of lbfgs (default: {listed(EPOCHS, EPOCHS)})"
    )
    parser.add_argument(
        "--batch-size",
        type=COUNT,
        default=None,
        help=f"images of a mini-batch (default: {listed(BATCH_SIZES, BATCH_SIZES)})",
    )
    parser.add_argument(
        "--learning-rate",
        type=RATE,
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
        type=SHARE,
        default=None,
        metavar="FRACTION",
        help="share of the training images to hold out; training then keeps the epoch that is best on them, and stops "
        "when it no longer improves (a recipe goes to its last epoch; default: none)",
    )
    parser.add_argument(
        "--seed", type=SEED, default=0, help="seed of the first weights and of the order of the images (default: 0)"
    )
    parser.add_argument("--jobs", type=JOBS, default=None, help="threads (default: all that may be used)")
    parser.add_argument(
        "--output",
        type=Path,
        default=None,
        help="file of the model; its suffix says the format: .skops, .npz or .safetensors, which run no code when they "
        "are read, or .joblib (default: skdigits-DATASET.skops in this folder, or .npz where skops is not installed)",
    )
    parser.add_argument(
        "--report",
        type=Path,
        default=None,
        metavar="DIR",
        help="write the page DIR/index.html: curves, confusion matrix, worst mistakes, weights (default: none)",
    )
    parser.add_argument(
        "--stream",
        nargs="*",
        metavar="PATH",
        help="train in batches, for more images than memory holds: on two files, IMAGES LABELS (.npy or IDX), on a "
        "FOLDER of such pairs or of .npz files with X and y, or with no path on --dataset",
    )
    parser.add_argument(
        "--deformed",
        type=COUNT,
        default=None,
        metavar="N",
        help="deform the images of --stream anew in every pass, N in all (default: --epochs passes, not deformed)",
    )
    parser.add_argument(
        "--test",
        nargs="+",
        default=None,
        metavar="PATH",
        help="test images of --stream, two files or a folder (default: those of --dataset; of other streams every "
        "tenth image, but about 10,000 at most, is held out)",
    )
    add_options(parser, SECONDS)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Train, report, save."""
    from skdigits._cli.html_report import check_shape, write_report
    from skdigits._cli.report import print_json, score_model

    output, partial_output, remark = _choose_files(arguments)
    state = TrainingState(arguments, output)
    model = _make_model(arguments, state)
    images = _open_images(arguments)
    say: Callable[[str], object] = (lambda _: None) if arguments.json else print
    if arguments.report is not None:
        check_shape(images.image_shape, images.X_test.shape[1])
    say(f"Training on {images.n_samples:,} images of {arguments.dataset}, testing on {len(images.X_test):,}.")
    for line in filter(None, (remark, state.remark)):
        say(line)
    start, had_numba = time.perf_counter(), "numba" in sys.modules
    was_interrupted = _fit(model, images, partial_output)
    train_seconds = time.perf_counter() - start
    classifier = model[-1].set_callbacks()  # the saved model shows no progress
    n_epochs, done = images.describe(classifier)
    if was_interrupted:
        _end_interrupted(model, f"interrupted after {done}", partial_output, state)
    _save(model, output, state)
    scores, text = score_model(model, images.X_test, images.y_test)
    accuracy = scores.pop("accuracy")
    result = {
        "dataset": arguments.dataset,
        "test_accuracy": accuracy,
        "train_seconds": train_seconds,
        "n_iter": n_epochs,
        **({} if arguments.stream is None else {"samples_per_second": classifier.t_ / train_seconds}),
        "loss": float(classifier.loss_),
        "model": str(output),
        "report": None if arguments.report is None else str(arguments.report / "index.html"),
        "parameters": _plain(classifier.get_params()),
        **scores,
    }
    if arguments.report is not None:
        # Before anything is printed: nobody may be reading any more.
        write_report(arguments.report, model, images.X_test, images.y_test, result, image_shape=images.image_shape)
    # Numba is imported for compiling only.
    compiled = ", part of them to compile, which happens once" if "numba" in sys.modules and not had_numba else ""
    say(f"{done} in {train_seconds:.2f} s{compiled}; loss {classifier.loss_:.4f}\n")
    say(text)
    say(f"\nTest accuracy: {accuracy:.4f}")
    say(f"Model saved to {output}")
    if arguments.report is not None:
        say(f"Report written to {result['report']}")
    if arguments.json:
        print_json(result)


def _choose_files(arguments: argparse.Namespace) -> tuple[Path, Path, str | None]:
    """Files of the model and of an interrupted one, and a remark; ValueError where options do not go together."""
    from skdigits._cli import stream
    from skdigits._cli.html_report import check_report
    from skdigits._cli.models import check_output, default_output

    stream.check_arguments(arguments)
    if arguments.stream:
        arguments.dataset = "stream"
    output, remark = (arguments.output, None) if arguments.output else default_output(arguments.dataset)
    # Beside the model, not over it: half a training must neither be lost nor replace a whole one.
    partial_output = output.with_name(f"{output.stem}-interrupted{output.suffix}")
    check_output(output)
    if partial_output.exists() and not partial_output.is_file():
        raise ValueError(f"--output {output}: {partial_output}, where Ctrl-C would save what was learnt, is no file")
    if arguments.report is not None:
        check_report(arguments.report)
    if arguments.recipe is not None and arguments.dataset == "digits":
        raise ValueError(f"--recipe {arguments.recipe} is for --dataset mnist, got {arguments.dataset}")
    return output, partial_output, remark


def _open_images(arguments: argparse.Namespace) -> Any:
    from skdigits._cli.stream import ImageStream

    return _ImagesInMemory(arguments) if arguments.stream is None else ImageStream(arguments, _epochs(arguments))


def _fit(model: Any, images: Any, partial_output: Path) -> bool:
    """Train; return whether Ctrl-C ended it. Where an error does, what was learnt before is saved."""
    from skdigits._cli.models import held_interrupts, save_model

    try:
        return bool(images.fit(model))
    except (ValueError, OSError) as error:
        if not hasattr(model[-1], "coefs_"):
            raise
        with held_interrupts(f"interrupted; what was learnt is in {partial_output}"):
            save_model(model, partial_output)
        raise ValueError(f"{error}; what was learnt before is in {partial_output}") from error


def _end_interrupted(model: Any, reason: str, partial_output: Path, state: TrainingState) -> None:
    """Save what was learnt, and raise KeyboardInterrupt."""
    from skdigits._cli.models import held_interrupts, save_model

    message = f"{reason}, what was learnt is in {partial_output}{state.way_out}"
    with held_interrupts(message):
        save_model(model, partial_output)
    raise KeyboardInterrupt(message)


def _save(model: Any, output: Path, state: TrainingState) -> None:
    from skdigits._cli.models import held_interrupts, save_model

    with held_interrupts(f"interrupted; the model is in {output}"):
        save_model(model, output)
        state.forget()


class _ImagesInMemory:
    """Training and test images of a data set."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        from skdigits._cli.data import load_split

        self._X, self.X_test, self._y, self.y_test = load_split(arguments.dataset)
        self.n_samples, self.image_shape = len(self._X), "auto"

    def fit(self, model: Any) -> bool:
        """Fit, with warnings as lines; return whether Ctrl-C ended it."""
        from sklearn.exceptions import ConvergenceWarning

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(self._X, self._y)
        # The number of epochs was asked for.
        told = [str(entry.message) for entry in caught if not issubclass(entry.category, ConvergenceWarning)]
        for message in dict.fromkeys(told):
            if message != "Training interrupted by user.":
                tell(f"skdigits: warning: {message}")
        return "Training interrupted by user." in told

    def describe(self, classifier: Any) -> tuple[float, str]:
        """How many epochs were trained for, and the words for what was done."""
        return int(classifier.n_iter_), f"{classifier.n_iter_} epochs"


def _epochs(arguments: argparse.Namespace) -> int:
    from skdigits.recipes import RECIPES

    if arguments.recipe is not None and arguments.epochs is None:
        n_epochs: Any = RECIPES[arguments.recipe]["max_iter"]
        return int(n_epochs)
    return arguments.epochs or EPOCHS[arguments.dataset]


def _make_model(arguments: argparse.Namespace, state: TrainingState) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer

    from skdigits import make_digit_pipeline
    from skdigits._cli.progress import TrainingProgress
    from skdigits.recipes import RECIPES

    defaults = {"max_iter": EPOCHS[arguments.dataset], "batch_size": BATCH_SIZES[arguments.dataset]}
    given = {
        "hidden_layer_sizes": arguments.hidden and sum(arguments.hidden, ()),
        "activation": arguments.activation,
        "solver": arguments.solver,
        "batch_size": arguments.batch_size,
        "learning_rate_init": arguments.learning_rate,
        "max_iter": arguments.epochs,
    }
    model = make_digit_pipeline(
        **(defaults if arguments.recipe is None else RECIPES[arguments.recipe])
        | {name: value for name, value in given.items() if value is not None},
        random_state=arguments.seed,
        early_stopping=arguments.validation is not None,
        validation_fraction=arguments.validation or 0.1,
        n_jobs=arguments.jobs,
    )
    model[-1].set_callbacks(TrainingProgress(), *state.callbacks(model[-1].solver))
    if arguments.stream is not None:
        # The first batch does not tell what the others hold: images are scaled one by one, as MNIST's are.
        return make_pipeline(Normalizer(norm="max"), model[-1])
    if arguments.recipe is not None:
        # A scaler of single pixels would bend strokes that are deformed.
        model.set_params(minmaxscaler="passthrough")
    if arguments.dataset == "digits":
        # Its strokes reach the edges of 8 x 8 pixels, so that the ground cannot be told from them: 98.2 % of the test
        # images are recognised without this step, 96.7 % with it.
        model = model[1:]
    return model


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
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
