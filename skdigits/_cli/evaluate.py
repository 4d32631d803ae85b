"""``skdigits evaluate``: how well a saved model does on test images."""

import argparse
from typing import Any

from skdigits._cli.defaults import DATASETS
from skdigits._cli.models import add_model


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "evaluate",
        help="report on the test images for a saved model",
        description="Report on the test images for a saved model.",
    )
    add_model(parser)
    parser.add_argument(
        "--dataset",
        choices=DATASETS,
        help="whose test images (default: the data set whose images have the size that the model expects)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Load, score, report."""
    from skdigits._cli.data import dataset_of, load_split
    from skdigits._cli.models import load_single_label
    from skdigits._cli.report import print_json, score_model

    model = load_single_label(arguments.model, trust=arguments.trust)
    dataset = arguments.dataset or dataset_of(model)
    _, X, _, y = load_split(dataset)
    if X.shape[1] != model.n_features_in_:
        raise ValueError(
            f"--dataset {dataset}: its images have {X.shape[1]} pixels, and {arguments.model} was trained on images of "
            f"{model.n_features_in_}"
        )
    if model.classes_.dtype.kind not in "iuf":
        raise ValueError(
            f"{arguments.model} predicts labels such as {model.classes_[0]!s}, and those of {dataset} are numbers"
        )
    scores, text = score_model(model, X, y)
    if arguments.json:
        print_json({"model": arguments.model, "dataset": dataset, **scores})
        return
    print(text)
    print(f"\nAccuracy on the {len(X):,} test images of {dataset}: {scores['accuracy']:.4f}")
