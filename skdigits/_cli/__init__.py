"""The command line: ``skdigits`` and ``python -m skdigits``."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from skdigits._cli import evaluate, export, fetch, predict, search, train
from skdigits._cli.remarks import in_options, one_line, warnings_as_lines
from skdigits._console import flush_or_silence, tell
from skdigits._version import __version__

_COMMANDS = (train, search, evaluate, predict, export, fetch)

# Exit statuses.
_FAILED, _BAD_INPUT, _INTERRUPTED = 1, 2, 130


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage in front of it."""

    def error(self, message: str) -> NoReturn:
        tell(f"{self.prog}: {one_line(message)} (see {self.prog} --help)")
        sys.exit(_BAD_INPUT)

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print help or the version, which is an error where it cannot be written: argparse would be silent."""
        print(message, end="", file=file or sys.stderr, flush=True)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; ``run`` in what it returns is the function of the command, ``parser`` its parser."""
    parser = _Parser(prog="skdigits", description="Recognise handwritten digits with a multilayer perceptron.")
    parser.add_argument("--version", action="version", version=f"skdigits {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
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
        0, 2 for bad input, 1 for a failure, 130 after Ctrl-C or another signal to end.
    """
    _prepare_streams()
    try:
        return _run(arguments)
    finally:
        flush_or_silence(sys.stdout)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        parsed, unknown = build_parser().parse_known_args(arguments)
        if unknown:  # said by the parser of the command, whose help lists what there is
            parsed.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        with warnings_as_lines():
            parsed.run(parsed)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has stopped
        return 0
    except KeyboardInterrupt as interrupt:
        return _fail(str(interrupt) or "interrupted", _INTERRUPTED)
    except (ValueError, OSError) as error:
        return _fail(in_options(one_line(error)), _BAD_INPUT)
    except MemoryError:
        return _fail("not enough memory", _FAILED)
    except Exception as error:
        if os.environ.get("SKDIGITS_TRACEBACK", "0") != "0":
            raise
        return _fail(
            f"unexpected {type(error).__name__}: {one_line(error)} (SKDIGITS_TRACEBACK=1 shows where)", _FAILED
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


def _fail(message: str, status: int) -> int:
    tell(f"skdigits: {message}")
    return status
