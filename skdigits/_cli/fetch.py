"""``skdigits fetch``: data sets, downloaded and verified."""

import argparse
from typing import Any

from skdigits._cli.converters import NAME


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "fetch", help="download a data set", description="Download a data set, or verify the one that is there."
    )
    parser.add_argument("dataset", choices=["mnist"], help="the data set")
    parser.add_argument(
        "--data-home",
        type=NAME,
        help="data folder (default: the variable SKDIGITS_DATA, else ~/skdigits_data)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Fetch, verify, say where it is."""
    from skdigits._cli.report import print_json
    from skdigits.datasets import fetch_mnist
    from skdigits.datasets._mnist import data_folder

    counts = {name: len(fetch_mnist(data_home=arguments.data_home, subset=name).target) for name in ("train", "test")}
    folder = data_folder(arguments.data_home) / arguments.dataset
    if arguments.json:
        print_json({"dataset": arguments.dataset, "folder": str(folder), **counts})
        return
    print(f"MNIST is in {folder}: {counts['train']:,} training and {counts['test']:,} test images, verified.")
