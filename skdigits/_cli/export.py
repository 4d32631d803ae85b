"""``skdigits export``: a saved model in another format."""

import argparse
from pathlib import Path
from typing import Any

from skdigits._cli.converters import FILE_NAME
from skdigits._cli.interrupts import told_what_is_saved
from skdigits._cli.models import EXPORTABLE, add_model
from skdigits._cli.remarks import printable


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "export",
        help="write a saved model in another format",
        description="Write a saved model in the format that the suffix of a file name says. All of them hold the whole "
        "model, with the steps that prepare images.",
    )
    add_model(parser, EXPORTABLE)
    parser.add_argument(
        "--to",
        type=FILE_NAME,
        metavar="FILE",
        required=True,
        help=".onnx for programs that know neither Python nor scikit-learn; .npz and .safetensors for arrays that any "
        "program can read; .skops for pipelines of more kinds. An older file is replaced",
    )
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Load, write, say how large it is."""
    from skdigits._cli.models import EXPORTED, check_output, load_model, save_model
    from skdigits.persistence import to_onnx
    from skdigits.persistence._onnx_runtime import OnnxClassifier

    target = Path(arguments.to)
    check_output(target, "--to", EXPORTED)
    model = load_model(arguments.model, trust=arguments.trust)
    if isinstance(model, OnnxClassifier):
        raise ValueError(
            f"{arguments.model} cannot be turned into another format: export the model that it was written from"
        )
    try:
        (to_onnx if target.suffix == ".onnx" else save_model)(model, target)
    except ImportError as error:
        raise ValueError(str(error)) from error
    with told_what_is_saved(f"the model is in {target}"):
        print(f"Wrote {printable(target)} ({target.stat().st_size / 1e6:.2f} MB)")
