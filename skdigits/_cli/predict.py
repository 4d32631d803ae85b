"""``skdigits predict``: labels for files of pixels, photographs and scans."""

import argparse
from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from skdigits._cli.models import add_model


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "predict",
        help="print labels for files of pixels, photographs and scans",
        description="Print a label a line for each sample, and for each image file its name, label, probability and "
        "runner-up.",
    )
    add_model(parser)
    parser.add_argument(
        "inputs",
        metavar="FILE",
        nargs="+",
        help="IDX file (plain or .gz), .npy array, or .csv with a sample a row; pixels as in the training images. "
        "Or an image file with one digit (.png, .jpg, .bmp, .tif), or a folder of them, for models of 28 x 28 pixels",
    )
    parser.add_argument("--proba", action="store_true", help="print the probability of each class behind the label")
    parser.add_argument("--page", action="store_true", help="image files hold several digits, in lines or in a grid")
    parser.add_argument(
        "--show", action="store_true", help="draw what the network is given of image files, in characters"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Load, read, predict, print."""
    from skdigits._cli.models import load_model
    from skdigits._cli.report import print_json

    model = load_model(arguments.model, trust=arguments.trust)
    predictions = []
    for path in arguments.inputs:
        names, samples, is_picture = _read(path, model, arguments)
        drawings = _draw(samples, model) if is_picture and arguments.show and not arguments.json else []
        # Of a single class there are two probabilities.
        for index, row in enumerate(model.predict_proba(samples)[:, : len(model.classes_)]):
            if arguments.json:
                predictions.append(_describe(names[index], row, model.classes_, arguments))
            elif not is_picture:
                print(_label(model.classes_, row.argmax()), *_probabilities(row, arguments))
            else:
                if drawings:
                    print(drawings[index])
                print(_sentence(names[index], row, model.classes_), *_probabilities(row, arguments))
    if arguments.json:
        print_json({"model": arguments.model, "predictions": predictions})


def _read(path: str, model: Any, arguments: argparse.Namespace) -> tuple[list[str], NDArray, bool]:
    """The name and the pixels of each sample of a file, and whether it is an image file."""
    from skdigits._cli import pictures
    from skdigits._cli.samples import read_samples

    if pictures.is_picture(path):
        names, images = pictures.read_pictures(path, is_page=arguments.page)
        return names, pictures.to_samples(images, model), True
    samples = read_samples(path, model.n_features_in_)
    if samples.shape[1] != model.n_features_in_:
        raise ValueError(
            f"{path}: expected samples of {model.n_features_in_} pixels, as the model was trained on, "
            f"got {samples.shape[1]}"
        )
    return [f"{path}[{index}]" for index in range(len(samples))], samples, False


def _describe(name: str, row: NDArray, classes: NDArray, arguments: argparse.Namespace) -> dict[str, Any]:
    """A prediction as JSON knows it."""
    best = row.argmax()
    prediction = {"input": name, "label": _label(classes, best), "probability": float(row[best])}
    if arguments.proba:
        prediction["probabilities"] = [float(value) for value in row]
    return prediction


def _sentence(name: str, row: NDArray, classes: NDArray) -> str:
    """Label, probability and runner-up of an image, where there is one."""
    *others, best = row.argsort(kind="stable")
    runner_up = f", else {_label(classes, others[-1])} ({row[others[-1]]:.1%})" if others else ""
    return f"{name}: {_label(classes, best)} ({row[best]:.1%}){runner_up}"


def _probabilities(row: NDArray, arguments: argparse.Namespace) -> Iterator[str]:
    return (f"{value:.6f}" for value in row if arguments.proba)


def _label(classes: NDArray, index: Any) -> Any:
    label = classes[index]
    return label.item() if hasattr(label, "item") else label


def _draw(samples: NDArray, model: Any) -> list[str]:
    from skdigits._cli import pictures

    return [pictures.draw(image) for image in pictures.network_images(samples, model)]
