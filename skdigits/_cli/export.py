"""``skdigits export``: a saved model in another format."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from skdigits._cli.converters import FILE_NAME
from skdigits._cli.models import add_model
from skdigits._cli.remarks import printable


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "export",
        help="write a saved model in another format",
        description="Write a saved model in the format that the suffix of a file name says. All of them hold the whole "
        "model, what prepares images included.",
    )
    add_model(parser)
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
    from skdigits._cli.models import load_model
    from skdigits.persistence._onnx_runtime import OnnxClassifier

    target = Path(arguments.to)
    write = _find_writer(target)
    model = load_model(arguments.model, trust=arguments.trust)
    if isinstance(model, OnnxClassifier):
        raise ValueError(f"{arguments.model} cannot be exported: ONNX is not turned back; export what it was made of")
    try:
        write(model, target)
    except ImportError as error:
        raise ValueError(str(error)) from error
    print(f"Wrote {printable(target)} ({target.stat().st_size / 1e6:.2f} MB)")


def _find_writer(target: Path) -> Callable[[Any, Path], object]:
    """What writes the format of a file that can be written."""
    from skdigits import persistence
    from skdigits._cli.models import refuse_state_name
    from skdigits.persistence._files import check_folder

    writers: dict[str, Any] = {
        ".onnx": persistence.to_onnx,
        ".npz": persistence.save_weights,
        ".safetensors": persistence.save_weights,
        ".skops": persistence.save,
    }
    if target.is_dir():
        raise ValueError(f"--to {target} is a folder")
    if target.suffix not in writers:
        raise ValueError(f"--to {target}: expected a name that ends in one of {', '.join(writers)}")
    refuse_state_name(target, "--to")
    check_folder(Path(os.path.realpath(target)).parent, f"--to {target}")
    return writers[target.suffix]
