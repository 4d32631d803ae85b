"""The code of the README and of the documentation runs: the blocks of each page in order, as a reader runs them."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILT = {"_build", "auto_examples", "node_modules"}
# Code that needs a cluster: tests/test_dask.py runs it on one.
ELSEWHERE = {ROOT / "docs" / "user_guide" / "beyond_one_machine.md"}


def read_blocks(page):
    """Line number and code of each block of Python."""
    text = page.read_text()
    for match in re.finditer(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
        yield text.count("\n", 0, match.start(1)), match[1]


PAGES = [
    page
    for page in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
    if page not in ELSEWHERE and not BUILT & set(page.relative_to(ROOT).parts) and any(read_blocks(page))
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_code_runs(page, request, monkeypatch, tmp_path):
    blocks = list(read_blocks(page))
    if any("fetch_mnist(" in code for _, code in blocks):
        request.getfixturevalue("mnist")  # skips where it is not on this machine
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    for line, code in blocks:
        # Blank lines in front, so that a traceback names the line of the page.
        exec(compile("\n" * line + code, str(page), "exec"), namespace)


def test_pages_are_found():
    assert {ROOT / "README.md", ROOT / "docs" / "index.md"} < set(PAGES)
