"""``skdigits train``: from a data set to a saved model and its report."""

import argparse
import math
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from skdigits._cli.checkpoints import TrainingState, add_options
from skdigits._cli.converters import COUNT, JOBS, NAME, RATE, SEED, SHARE, file_path, layers, path
from skdigits._cli.defaults import BATCH_SIZES, DATASETS, EPOCHS, listed
from skdigits._cli.interrupts import TrainingInterrupts, told_what_is_saved
from skdigits._cli.remarks import counted, printable, warnings_as_lines
from skdigits._console import announce
from skdigits._kernels.codes import HIDDEN_ACTIVATIONS

_RECIPES = ("quick", "plain", "augmented", "best")


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "train",
        help="train a network, report on the test images, save the model",
        description="Train make_digit_pipeline(), report on the test images, and save the model.",
    )
    _add_images(parser.add_argument_group("images"))
    _add_network(parser.add_argument_group("network and training"))
    _add_results(parser.add_argument_group("results"))
    add_options(parser.add_argument_group("interruptions"))
    return parser


def _add_images(group: Any) -> None:
    group.add_argument(
        "--dataset",
        choices=DATASETS,
        help="digits: 1,797 images of 8 x 8 that scikit-learn ships; mnist: 70,000 of 28 x 28, fetched when missing "
        "(default: digits)",
    )
    group.add_argument(
        "--stream",
        type=NAME,
        nargs="*",
        metavar="PATH",
        help="train in batches, for more images than memory holds: on two files, IMAGES LABELS (.npy or IDX), on a "
        "FOLDER of such pairs or of .npz files with X and y, or with no path on --dataset",
    )
    group.add_argument(
        "--deformed",
        type=COUNT,
        metavar="N",
        help="draw N deformed images in all, those held out included, deformed anew in each pass over --stream "
        "(default: --epochs passes, deformed only if the recipe does so)",
    )
    group.add_argument(
        "--test",
        type=NAME,
        nargs="+",
        metavar="PATH",
        help="test images of --stream, two files or a folder (default: those of --dataset; of other streams one of ten "
        "images, but 10,000 at most, is held out)",
    )


def _add_network(group: Any) -> None:
    group.add_argument(
        "--recipe",
        choices=_RECIPES,
        help="parameters that do well on mnist: quick in seconds, plain without deformed images, augmented and best "
        "with them; other options that are given beside it change it (default: none)",
    )
    group.add_argument(
        "--hidden",
        type=layers,
        nargs="+",
        metavar="UNITS",
        help="units of each hidden layer, as in 100 50 or 100,50 (default: 100)",
    )
    group.add_argument(
        "--activation",
        choices=list(HIDDEN_ACTIVATIONS),
        help="of the hidden layers (default: relu)",
    )
    group.add_argument("--solver", choices=["adam", "adamw", "sgd", "lbfgs"], help="(default: adam)")
    group.add_argument(
        "--epochs",
        type=COUNT,
        help="maximum number of epochs, or of iterations of lbfgs; without a recipe or --stream, training ends earlier "
        f"once the loss has settled (default: {listed(EPOCHS, EPOCHS)})",
    )
    group.add_argument(
        "--batch-size",
        type=COUNT,
        help=f"images of a mini-batch (default: {listed(BATCH_SIZES, BATCH_SIZES)})",
    )
    group.add_argument(
        "--learning-rate",
        type=RATE,
        help="first learning rate, or the largest of a schedule (default: 0.001)",
    )
    group.add_argument(
        "--validation",
        type=SHARE,
        metavar="FRACTION",
        help="share of the training images to hold out; training then keeps the epoch that is best on them, and stops "
        "when it no longer improves (a recipe goes to its last epoch; default: none)",
    )
    group.add_argument(
        "--seed", type=SEED, default=0, help="seed of the first weights and of the order of the images (default: 0)"
    )
    group.add_argument("--jobs", type=JOBS, help="threads (default: all that may be used)")


def _add_results(group: Any) -> None:
    group.add_argument(
        "--output",
        type=file_path,
        help="file of the model; its suffix says the format: .skops, .npz or .safetensors, which run no code when they "
        "are read, or .joblib (default: skdigits-DATASET.skops in this folder, or .npz where skops is not installed)",
    )
    group.add_argument(
        "--report",
        type=path,
        metavar="DIR",
        help="write the page DIR/index.html: curves, confusion matrix, worst mistakes, weights (default: none)",
    )
    group.add_argument("--json", action="store_true", help="print one JSON object on standard output and nothing else")


class _Trained(NamedTuple):
    """A model that has been saved, and what is told of its training."""

    model: Any
    images: Any
    output: Path
    seconds: float
    has_compiled: bool


def run(arguments: argparse.Namespace) -> None:
    """Train, save, report."""
    trained = _train(arguments)
    with told_what_is_saved(f"the model is in {trained.output}"):
        _tell(arguments, trained)


def _train(arguments: argparse.Namespace) -> _Trained:
    from skdigits._cli.data import check_shape

    output, partial_output, remark = _choose_files(arguments)
    state = TrainingState(arguments, output)
    with state.locked(), TrainingInterrupts() as interrupts:
        model = _make_model(arguments, state, interrupts)
        images = _open_images(arguments)
        if arguments.report is not None:
            check_shape(images.image_shape, images.X_test.shape[1])
        n_images = counted(images.n_samples, "image")
        head = f"Training on {n_images} of {arguments.dataset}, testing on {len(images.X_test):,}."
        for line in filter(None, () if arguments.json else (head, remark, state.remark)):
            announce(line)
        start, had_numba = time.perf_counter(), "numba" in sys.modules
        was_interrupted = _fit(model, images, partial_output, interrupts)
        seconds = time.perf_counter() - start
        model[-1].set_callbacks()  # the saved model shows no progress
        if was_interrupted:
            _end_interrupted(model, images, partial_output, state)
        _save(model, output, state, interrupts)
    # Numba is imported for compiling only.
    return _Trained(model, images, output, seconds, "numba" in sys.modules and not had_numba)


def _tell(arguments: argparse.Namespace, trained: _Trained) -> None:
    """Score the model, write the report, print."""
    from skdigits._cli.report import print_json, score_model

    model, images, output, seconds, has_compiled = trained
    classifier = model[-1]
    n_epochs, done = images.describe(classifier)
    scores, text = score_model(model, images.X_test, images.y_test)
    accuracy = scores.pop("accuracy")
    result = {
        "dataset": arguments.dataset,
        "recipe": arguments.recipe,
        "n_samples": images.n_samples,
        "test_accuracy": accuracy,
        "train_seconds": seconds,
        "n_iter": n_epochs,
        **({} if arguments.stream is None else {"samples_per_second": classifier.t_ / seconds}),
        "loss": float(classifier.loss_),
        "model": str(output),
        "report": None if arguments.report is None else str(arguments.report / "index.html"),
        "parameters": _plain(classifier.get_params()),
        **scores,
    }
    # Before anything is printed: nobody may be reading any more.
    problem = None if arguments.report is None else _report(arguments.report, model, images, result)
    compiled = ", part of them to compile, which happens once" if has_compiled else ""
    say: Callable[[str], object] = (lambda _: None) if arguments.json else print
    say(f"{done} in {seconds:.2f} s{compiled}; loss {classifier.loss_:.4f}\n")
    say(text)
    say(f"\nTest accuracy: {accuracy:.4f}")
    say(f"Model saved to {printable(output)}")
    if result["report"] is not None:
        say(f"Report written to {printable(result['report'])}")
    if arguments.json:
        print_json(result)
    if problem is not None:
        sys.stdout.flush()  # before what went wrong
        raise problem


def _report(folder: Path, model: Any, images: Any, result: dict[str, Any]) -> ValueError | None:
    """Write the report; where that fails, return what to raise after the results."""
    from skdigits._cli.html_report import write_report

    try:
        write_report(folder, model, images.X_test, images.y_test, result, image_shape=images.image_shape)
    except (ValueError, OSError) as error:
        result["report"] = None
        return ValueError(f"--report {folder}: {error}; the model is in {result['model']}")
    return None


def _choose_files(arguments: argparse.Namespace) -> tuple[Path, Path, str | None]:
    """Files of the model and of an interrupted one, and a remark; ValueError where options do not go together."""
    from skdigits._cli import stream
    from skdigits._cli.models import check_output, default_output

    stream.check_arguments(arguments)
    if arguments.solver == "lbfgs":
        for name in ("batch_size", "learning_rate", "validation"):
            if getattr(arguments, name) is not None:
                option = name.replace("_", "-")
                raise ValueError(f"--{option} is not for --solver lbfgs, which trains on all images at once")
        if arguments.recipe is not None:
            raise ValueError(f"--solver lbfgs does not go with --recipe {arguments.recipe}, which is for mini-batches")
    if arguments.stream and arguments.dataset is not None:
        raise ValueError(f"--dataset {arguments.dataset} does not go with the paths of --stream")
    arguments.dataset = "stream" if arguments.stream else arguments.dataset or "digits"
    if arguments.output is not None and not arguments.output.name:
        raise ValueError(f"--output: expected the name of a file, got {str(arguments.output)!r}")
    output, remark = (arguments.output, None) if arguments.output else default_output(arguments.dataset)
    # Beside the model, not over it: half a training must neither be lost nor replace a whole one.
    partial_output = output.with_name(f"{output.stem}-interrupted{output.suffix}")
    check_output(output)
    if arguments.report is not None:
        from skdigits._cli.html_report import check_report

        if arguments.report in (output, partial_output):
            raise ValueError(f"--report {arguments.report} is a folder of its own, not the file of --output")
        check_report(arguments.report)
    if arguments.recipe is not None and arguments.dataset == "digits":
        raise ValueError(f"--recipe {arguments.recipe} is for --dataset mnist, got {arguments.dataset}")
    return output, partial_output, remark


def _open_images(arguments: argparse.Namespace) -> Any:
    from skdigits._cli.stream import ImageStream

    return _ImagesInMemory(arguments) if arguments.stream is None else ImageStream(arguments, _epochs(arguments))


def _fit(model: Any, images: Any, partial_output: Path, interrupts: TrainingInterrupts) -> bool:
    """Train; return whether Ctrl-C ended it. Where an error does, what was learnt before is saved."""
    from skdigits._cli.models import free_name, save_somewhere

    try:
        was_interrupted = bool(images.fit(model))
    except KeyboardInterrupt:  # between two batches of a stream, or behind the last one
        if not _has_learnt(model[-1]):
            raise
        was_interrupted = True
    except (ValueError, OSError, MemoryError) as error:
        interrupts.hold()
        if not _has_learnt(model[-1]):
            raise
        where = save_somewhere(model, free_name(partial_output))
        raise ValueError(f"{error or 'not enough memory'}; what was learnt before is in {where}") from error
    interrupts.hold()  # which it does after an epoch, but not after a batch of a stream
    return was_interrupted


def _end_interrupted(model: Any, images: Any, partial_output: Path, state: TrainingState) -> None:
    """Save what was learnt, and raise KeyboardInterrupt."""
    from skdigits._cli.models import free_name, save_somewhere

    if not _has_learnt(model[-1]):
        raise KeyboardInterrupt(f"interrupted before the end of the first epoch{state.way_out}")
    _, done = images.describe(model[-1])
    where = save_somewhere(model, free_name(partial_output))
    way_out = "; too early for --resume" if state.is_too_early else state.way_out
    raise KeyboardInterrupt(f"interrupted after {done}, what was learnt is in {where}{way_out}")


def _has_learnt(classifier: Any) -> bool:
    return hasattr(classifier, "coefs_") and max(classifier.n_iter_, classifier.t_) > 0


def _save(model: Any, output: Path, state: TrainingState, interrupts: TrainingInterrupts) -> None:
    from skdigits._cli.models import save_somewhere

    try:
        where = save_somewhere(model, output)
    except OSError as error:
        raise ValueError(f"{error}{state.way_out}") from error
    state.forget()
    if where != output:
        raise ValueError(f"--output {output} could not be written; the model is in {where}")
    if interrupts.received:
        raise KeyboardInterrupt(f"interrupted; the model is in {output}")


class _ImagesInMemory:
    """Training and test images of a data set."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        from skdigits._cli.data import load_split

        self._X, self.X_test, self._y, self.y_test = load_split(arguments.dataset)
        self.n_samples, self.image_shape = len(self._X), "auto"
        if arguments.validation is not None:
            n_held_out = math.ceil(arguments.validation * self.n_samples)
            if not 2 <= n_held_out < self.n_samples:
                raise ValueError(
                    f"--validation {arguments.validation:g} holds out {n_held_out:,} of {self.n_samples:,} images: "
                    "expected at least two of them, and not all"
                )

    def fit(self, model: Any) -> bool:
        """Fit, with warnings as lines; return whether Ctrl-C ended it."""
        from sklearn.exceptions import ConvergenceWarning

        with warnings_as_lines() as interruptions:
            warnings.simplefilter("always")
            warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs was asked for
            model.fit(self._X, self._y)
        return bool(interruptions)

    def describe(self, classifier: Any) -> tuple[float, str]:
        """How many epochs were trained for, and the words for what was done."""
        return int(classifier.n_iter_), counted(classifier.n_iter_, "epoch")


def _epochs(arguments: argparse.Namespace) -> int:
    from skdigits.recipes import RECIPES

    if arguments.recipe is not None and arguments.epochs is None:
        n_epochs: Any = RECIPES[arguments.recipe]["max_iter"]
        return int(n_epochs)
    return arguments.epochs or EPOCHS[arguments.dataset]


def _make_model(arguments: argparse.Namespace, state: TrainingState, interrupts: TrainingInterrupts) -> Any:
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
    model[-1].set_callbacks(interrupts, TrainingProgress(), *state.callbacks(model[-1].solver))
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
