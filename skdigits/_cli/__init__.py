"""The command line: ``skdigits`` and ``python -m skdigits``."""

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

from skdigits._cli import evaluate, export, fetch, predict, search, train
from skdigits._console import tell
from skdigits._version import __version__

_COMMANDS = (train, search, evaluate, predict, export, fetch)

# Exit statuses.
_FAILED, _BAD_INPUT, _INTERRUPTED = 1, 2, 130


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage in front of it."""

    def error(self, message: str) -> NoReturn:
        self.exit(_BAD_INPUT, f"{self.prog}: {_one_line(message)} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; ``run`` in what it returns is the function of the command, ``parser`` its parser."""
    parser = _Parser(prog="skdigits", description="Recognise handwritten digits with a multilayer perceptron.")
    parser.add_argument("--version", action="version", version=f"skdigits {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)
    for command in _COMMANDS:
        command_parser = command.add_parser(commands)
        command_parser.set_defaults(run=command.run, parser=command_parser)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : list of str or None, default=None
        None: those of the process.

    Returns
    -------
    status : int
        0, 2 for bad input, 1 for a failure, 130 after Ctrl-C.
    """
    _prepare_streams()
    parsed, unknown = build_parser().parse_known_args(arguments)
    if unknown:  # said by the parser of the command, whose help lists what there is
        parsed.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            parsed.run(parsed)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has stopped; the interpreter must not try to write the rest on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt as interrupt:
        return _fail(str(interrupt) or "interrupted", _INTERRUPTED)
    except (ValueError, OSError) as error:
        return _fail(_one_line(error), _BAD_INPUT)
    except MemoryError:
        return _fail("not enough memory", _FAILED)
    except Exception as error:
        if os.environ.get("SKDIGITS_TRACEBACK"):
            raise
        return _fail(
            f"unexpected {type(error).__name__}: {_one_line(error)} (SKDIGITS_TRACEBACK=1 shows where)", _FAILED
        )
    return 0


def _prepare_streams() -> None:
    """Have somewhere to print to where a stream is closed, and print what its encoding does not know as an escape."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _show_warning(message: Warning | str, *place: Any, **other: Any) -> None:
    """One line, without the place in the code."""
    tell(f"skdigits: warning: {_one_line(message)}")


def _one_line(error: object) -> str:
    return " ".join(line.strip() for line in str(error).splitlines() if line.strip())


def _fail(message: str, status: int) -> int:
    tell(f"skdigits: {message}")
    return status
