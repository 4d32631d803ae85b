"""The package as a whole: its names, its layers, its README."""

import pkgutil
import re
import tomllib
from pathlib import Path

import pytest

import skdigits
import skdigits._kernels
import skdigits.datasets
import skdigits.plotting
import skdigits.preprocessing

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("module", [skdigits, skdigits.datasets, skdigits.plotting, skdigits.preprocessing])
def test_public_names_are_sorted_and_there(module):
    assert module.__all__ == sorted(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)


def test_public_modules_are_there_before_they_are_imported():
    public = {module.name for module in pkgutil.iter_modules(skdigits.__path__) if not module.name.startswith("_")}
    assert set(skdigits._MODULES) == public


def test_changelog_knows_this_version():
    assert f"## {skdigits.__version__}" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("extra", ["distributed", "export", "plot"])
def test_tests_install_what_an_extra_does(extra):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras[extra]) <= set(extras["test"])


def enforced_layers(name):
    """Modules of each layer of a contract of import-linter, from top to bottom."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["name"] == name)
    return [{module.strip() for module in layer.split("|")} for layer in layers]


def test_drawing_of_the_architecture_has_the_layers_that_import_linter_enforces():
    text = (ROOT / "docs" / "explanation" / "architecture.md").read_text()
    drawing = re.search(r"```\n(.*?)```", text, flags=re.DOTALL).group(1)
    # A layer begins at the margin: its modules between bars, and two spaces behind them what it is for.
    drawn = [re.split(r"  +", line)[0].split(" | ") for line in drawing.splitlines() if not line.startswith(" ")]
    enforced = enforced_layers("Imports point down only")
    assert [{f"skdigits.{name}" for name in layer} for layer in drawn] == enforced[1:]
    assert enforced[0] == {"skdigits.__main__"}


@pytest.mark.parametrize(
    ("package", "contract"),
    [
        (skdigits, "Imports point down only"),
        (skdigits._kernels, "Kernels build on one another in one direction"),
    ],
    ids=["package", "kernels"],
)
def test_every_module_is_in_a_layer(package, contract):
    modules = {f"{package.__name__}.{module.name}" for module in pkgutil.iter_modules(package.__path__)}
    assert modules - set().union(*enforced_layers(contract)) <= {"skdigits._version"}


def test_estimator_has_a_stable_path():
    assert skdigits.MLPDigitClassifier.__module__ == "skdigits.classifier"


@pytest.mark.parametrize("name", ["fit", "accuracy"])
def test_figures_of_the_readme_come_from_the_results(name):
    pattern = rf"<!-- results/{name}.md -->\n(.*?)<!-- end -->"
    table = re.search(pattern, (ROOT / "README.md").read_text(), flags=re.DOTALL)
    assert table.group(1) == (ROOT / "benchmarks" / "results" / f"{name}.md").read_text()


RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.json"))


def test_every_benchmark_has_results():
    programs = {path.stem.removeprefix("bench_") for path in (ROOT / "benchmarks").glob("bench_*.py")}
    assert {path.stem for path in RESULTS} == programs
