"""``skdigits predict``: labels for files of pixels, photographs and scans."""

import argparse
import sys
from typing import Any

from numpy.typing import NDArray

from skdigits._cli.converters import NAME
from skdigits._cli.models import add_model
from skdigits._cli.remarks import counted, printable
from skdigits._console import tell


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "predict",
        help="print labels for files of pixels, photographs and scans",
        description="Print one label per line for samples, and for each image file its name, label, probability and "
        "runner-up.",
    )
    add_model(parser)
    parser.add_argument(
        "inputs",
        type=NAME,
        metavar="FILE",
        nargs="+",
        help="IDX file (plain or .gz), .npy array, or .csv with a sample a row; pixels as in the training images. "
        "Or an image file with one digit (.png, .jpg, .bmp, .tif), or a folder of them, for models of 28 x 28 pixels",
    )
    parser.add_argument("--proba", action="store_true", help="print the probabilities of all classes, in their order")
    parser.add_argument("--page", action="store_true", help="image files hold several digits, in lines or in a grid")
    parser.add_argument(
        "--show", action="store_true", help="draw what the network is given of image files, in characters"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Load, read, predict, print."""
    from skdigits._cli.models import load_single_label
    from skdigits._cli.report import print_json

    model = load_single_label(arguments.model, trust=arguments.trust)
    if arguments.show and arguments.json:
        raise ValueError("--show does not go with --json: it draws in characters")
    predictions: list[dict[str, Any]] = []
    n_unread = 0
    for path in arguments.inputs:
        names, samples, is_picture, problems = _read(path, model, arguments)
        n_unread += len(problems)
        for name, problem in problems.items():
            tell(f"skdigits: {problem}")
            predictions.append({"input": name, "label": None, "probability": None, "error": problem})
        if not names:
            continue
        # Of a single class there are two probabilities.
        probabilities = model.predict_proba(samples)[:, : len(model.classes_)]
        # A sheet of one colour: what a network makes of that says nothing about it.
        is_blank = [is_picture and not sample.any() for sample in samples]
        rows = zip(names, probabilities, is_blank, strict=True)
        found = [_describe(name, row, blank, model.classes_, arguments) for name, row, blank in rows]
        if arguments.json:
            predictions += found
            continue
        drawings = _draw(samples, model) if arguments.show and is_picture else []
        for index, prediction in enumerate(found):
            if drawings:
                print(drawings[index])
            numbers = (f"{value:.6f}" for value in prediction.get("probabilities", ()))
            print(_sentence(prediction) if is_picture else printable(prediction["label"]), *numbers)
    if arguments.json:
        print_json({"model": arguments.model, "predictions": predictions})
    if n_unread:
        sys.stdout.flush()  # before what went wrong
        raise ValueError(f"{counted(n_unread, 'image file')} could not be read")


def _read(path: str, model: Any, arguments: argparse.Namespace) -> tuple[list[str], NDArray, bool, dict[str, str]]:
    """The name and the pixels of each sample of a file, whether it is an image file, and what could not be read."""
    from skdigits._cli import pictures
    from skdigits._cli.samples import read_samples

    if pictures.is_picture(path):
        names, images, problems = pictures.read_pictures(path, is_page=arguments.page)
        if not names and len(problems) == len(arguments.inputs) == 1:
            raise ValueError(*problems.values())
        return names, pictures.to_samples(images, model), True, problems
    samples = read_samples(path, model.n_features_in_)
    if arguments.page or arguments.show:
        tell(f"skdigits: {path}: no image file, so that --page and --show do nothing")
    n_pixels, n_expected = samples.shape[1], model.n_features_in_
    if n_pixels != n_expected:
        way_out = ": leave a column of labels, or of row numbers, out" if n_pixels == n_expected + 1 else ""
        raise ValueError(
            f"{path}: expected samples of {n_expected} pixels, as the model was trained on, got {n_pixels}{way_out}"
        )
    return [f"{path}[{index}]" for index in range(len(samples))], samples, False, {}


def _describe(
    name: str, row: NDArray, is_blank: bool, classes: NDArray, arguments: argparse.Namespace
) -> dict[str, Any]:
    """A prediction, as JSON knows it."""
    if is_blank:
        return {"input": name, "label": None, "probability": None}
    best, *others = (-row).argsort(kind="stable")  # of equal ones the first, as `predict` takes it
    prediction = {"input": name, "label": _label(classes, best), "probability": float(row[best])}
    if others:
        runner_up = others[0]
        prediction |= {"runner_up": _label(classes, runner_up), "runner_up_probability": float(row[runner_up])}
    if arguments.proba:
        prediction["probabilities"] = [float(value) for value in row]
    return prediction


def _sentence(prediction: dict[str, Any]) -> str:
    """Label, probability and runner-up of an image, where there is one."""
    name = printable(prediction["input"])  # a label a line
    if prediction["label"] is None:
        return f"{name}: no digit was found"
    text = f"{name}: {printable(prediction['label'])} ({prediction['probability']:.1%})"
    if "runner_up" in prediction:
        text += f", next {printable(prediction['runner_up'])} ({prediction['runner_up_probability']:.1%})"
    return text


def _label(classes: NDArray, index: Any) -> Any:
    label = classes[index]
    return label.item() if hasattr(label, "item") else label


def _draw(samples: NDArray, model: Any) -> list[str]:
    from skdigits._cli import pictures

    return [pictures.draw(image) for image in pictures.network_images(samples, model)]
