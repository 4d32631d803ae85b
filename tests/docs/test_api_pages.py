"""Every public name has a page, and an example that runs."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import skdigits

INDEX = Path(__file__).parents[2] / "docs" / "api" / "index.rst"


def public_modules():
    yield skdigits
    for module in pkgutil.walk_packages(skdigits.__path__, "skdigits."):
        if not any(part.startswith("_") for part in module.name.split(".")):
            yield importlib.import_module(module.name)


NAMES = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in public_modules()
    for name in getattr(module, "__all__", ())
}


def names_with_a_page():
    """What the index lists, each name in the module that stands before its list."""
    text = INDEX.read_text()
    yield from re.findall(r"^\.\. py:data:: (\S+)$", text, flags=re.MULTILINE)
    for section in text.split(".. currentmodule:: ")[1:]:
        module = section.partition("\n")[0]
        for names in re.findall(r"^\.\. autosummary::\n(.*?)(?=^\S|\Z)", section, flags=re.DOTALL | re.MULTILINE):
            yield from (f"{module}.{name}" for name in re.findall(r"^   (\w+)$", names, flags=re.MULTILINE))


def test_every_public_name_has_a_page_and_no_other():
    assert sorted(names_with_a_page()) == sorted(NAMES)


@pytest.mark.parametrize("name", [name for name, value in NAMES.items() if callable(value)])
def test_every_docstring_has_an_example_that_runs(name):
    examples = doctest.DocTestParser().get_examples(NAMES[name].__doc__)
    assert any(not example.options.get(doctest.SKIP) for example in examples)


@pytest.mark.parametrize("name", [name for name, value in NAMES.items() if not callable(value)])
def test_every_constant_has_an_example(name):
    entry = INDEX.read_text().partition(f".. py:data:: {name}\n")[2].partition("\n.. ")[0]
    assert f"{name.rpartition('.')[2]}" in "".join(e.source for e in doctest.DocTestParser().get_examples(entry))


def test_examples_of_constants_run():
    assert doctest.testfile(str(INDEX), module_relative=False).failed == 0
