"""The table of faults in the documentation says what there is."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TABLE = (ROOT / "docs" / "explanation" / "reliability.md").read_text()
COUNTS = {path: int(count) for path, count in re.findall(r"\| `(tests/[\w/]+\.py)` \| (\d+) \|", TABLE)}


@pytest.fixture(scope="module")
def collected():
    """How many cases pytest finds in each of the files."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *COUNTS]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout
    return Counter(line.partition("::")[0] for line in process.stdout.splitlines() if "::" in line)


def test_every_file_of_faults_is_in_the_table():
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests" / "faults").glob("test_*.py")}
    assert files <= set(COUNTS)


@pytest.mark.parametrize("path", COUNTS)
def test_counts_are_those_of_pytest(collected, path):
    assert collected[path] == COUNTS[path]
