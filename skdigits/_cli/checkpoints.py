"""What ``skdigits train`` keeps of a training that is killed, and goes on from."""

import argparse
import contextlib
import os
from pathlib import Path
from typing import Any

from skdigits._cli.converters import SECONDS
from skdigits._cli.locks import only_process
from skdigits._cli.models import STATE_SUFFIX

_SECONDS = 30.0


def add_options(group: Any) -> None:
    """Add the options to an argument group."""
    group.add_argument(
        "--checkpoint-seconds",
        type=SECONDS,
        metavar="SECONDS",
        help="save the state of the training beside the model at the end of an epoch, once so many seconds have passed "
        f"since the last time; not with lbfgs or --stream (default: {_SECONDS:g})",
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="go on with a training that was killed or interrupted, from what was saved beside the model; all other "
        "options as they were. It ends as if it had never been interrupted",
    )


class TrainingState:
    """The file beside a model that holds the state of its training.

    Parameters
    ----------
    arguments : argparse.Namespace
    output : pathlib.Path
        File of the model.
    """

    def __init__(self, arguments: argparse.Namespace, output: Path) -> None:
        output = Path(os.path.realpath(output))  # through a link
        self._output, self.path = output, output.with_name(f"{output.stem}{STATE_SUFFIX}")
        self._seconds, self._resume = arguments.checkpoint_seconds, arguments.resume
        self._is_kept = arguments.stream is None
        if self._is_kept and self.path.exists() and not self.path.is_file():
            raise ValueError(f"--output {output}: {self.path}, where the state of its training is saved, is no file")

    def callbacks(self, solver: str) -> list[Any]:
        """Callbacks of the classifier that save the state, and go on from it where that was asked for."""
        from skdigits.persistence import Checkpoint

        if not self._is_kept:
            if self._seconds is not None:
                raise ValueError(
                    "--checkpoint-seconds does not go with --stream, whose training is not saved on the way"
                )
            return []
        if solver == "lbfgs":
            if self._resume or self._seconds is not None:
                option = "--resume" if self._resume else "--checkpoint-seconds"
                raise ValueError(f"{option} is not for --solver lbfgs, which cannot go on from where it was")
            self._is_kept = False
            return []
        if self.path.exists() and not _holds_state(self.path):
            raise ValueError(
                f"{self.path}, where the state of the training would be saved, holds something else: give another "
                "--output"
            )
        if self.path.exists() and not self._resume:
            raise ValueError(
                f"{self.path} holds a training that has not ended: go on with it by --resume, remove the file, or give "
                "another --output"
            )
        seconds = _SECONDS if self._seconds is None else self._seconds
        return [Checkpoint(self.path, seconds=seconds, resume=self._resume)]

    @property
    def remark(self) -> str | None:
        """What to say before training; None where there is nothing."""
        if not self._resume:
            return None
        if self.path.exists():
            return f"Going on from {self.path}."
        return f"There is no {self.path} to go on from: training from the start."

    @property
    def way_out(self) -> str:
        """How to go on after Ctrl-C; empty where nothing was saved."""
        return f"; --resume goes on from {self.path}" if self._is_kept and self.path.exists() else ""

    @property
    def is_too_early(self) -> bool:
        """Whether there is no checkpoint yet."""
        return self._is_kept and not self.path.exists()

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Keep other trainings for the same model away while this one runs."""
        message = f"another training is for {self._output}: wait for it, or give another --output"
        return only_process(self.path.with_name(f".{self.path.stem}.lock"), message)

    def forget(self) -> None:
        """Remove the file: the model is saved."""
        if self._is_kept:
            self.path.unlink(missing_ok=True)


def _holds_state(path: Path) -> bool:
    """Whether a file may be the state of a training: a damaged one may have been one."""
    from skdigits.exceptions import ModelFormatError
    from skdigits.persistence._weights import read_content

    try:
        return read_content(path)[1] is not None
    except ModelFormatError:
        return True
