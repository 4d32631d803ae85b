"""The commands in the README and in the documentation are commands of skdigits, with options that it has."""

import re
import shlex
from pathlib import Path

import pytest

from skdigits._cli import build_parser

ROOT = Path(__file__).parents[2]
BUILT = {"_build", "auto_examples", "node_modules"}
STARTS = (["skdigits"], ["python", "-m", "skdigits"])
# As many as there were when this was written: a reader that finds none would find no mistake.
FEWEST = 14


def read_blocks(page):
    """Line number and text of each block of a console; commands that go on in the next line in one."""
    text = page.read_text()
    for match in re.finditer(r"^ *```(\w*).*\n((?:.*\n)*?) *```$", text, flags=re.MULTILINE):
        if match[1] in ("console", "bash"):
            yield text.count("\n", 0, match.start(2)) + 1, match[2]


def read_commands(block):
    """Offset of its line and arguments of each call of skdigits, without comments and redirections."""
    offset = 0
    for line in re.split(r"(?<!\\)\n", block):
        words = shlex.shlex(line.replace("\\\n", " "), posix=True, punctuation_chars=True)
        words.whitespace_split = True
        command = []
        for word in [*words, ";"]:
            if word and set(word) <= set("();<>|&"):
                for start in STARTS:
                    if command[: len(start)] == start:
                        yield offset, command[len(start) :]
                # What stands behind an arrow is a file, which is no command either.
                command = []
            else:
                command.append(word)
        offset += line.count("\n") + 1


COMMANDS = [
    pytest.param(arguments, id=f"{page.relative_to(ROOT).as_posix()}:{line + offset}")
    for page in sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
    if not BUILT & set(page.relative_to(ROOT).parts)
    for line, block in read_blocks(page)
    for offset, arguments in read_commands(block)
]


def problem_with(arguments, capsys):
    """What the parser says about a command; None where it takes it. A placeholder such as N may stand for a number."""
    filled = ["1" if re.fullmatch(r"[A-Z][A-Z_]*", argument) else argument for argument in arguments]
    try:
        build_parser().parse_args(filled)
    except SystemExit as ended:
        # --help and --version end with 0.
        return capsys.readouterr().err if ended.code else None
    return None


@pytest.mark.parametrize("arguments", COMMANDS)
def test_command_is_understood(arguments, capsys):
    assert problem_with(arguments, capsys) is None


def test_commands_are_found():
    assert len(COMMANDS) >= FEWEST


@pytest.mark.parametrize("line", ["skdigits trian", "python -m skdigits train --epoch-count 3", "skdigits predict"])
def test_mistake_is_seen(line, capsys):
    ((_, arguments),) = read_commands(line)
    assert problem_with(arguments, capsys)


def test_calls_are_told_from_what_stands_beside_them():
    block = "cd x && skdigits train \\\n  --seed 3 | tee log # skdigits\nls\npython -m skdigits fetch mnist > log\n"
    assert list(read_commands(block)) == [(0, ["train", "--seed", "3"]), (3, ["fetch", "mnist"])]
