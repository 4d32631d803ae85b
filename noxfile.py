"""The steps of continuous integration, each in an environment of its own: ``nox -s tests``, ``nox -s lint``."""

import re
import shutil
import sys
import tarfile
import tomllib
from pathlib import Path

import nox

nox.options.sessions = ["lint", "tests", "tests_nojit"]
nox.options.reuse_existing_virtualenvs = True

# Of each target of the fuzzer, unless the command line names another number.
_SECONDS_OF_FUZZING = "60"


@nox.session
def tests(session):
    """All tests, or those that are named after ``--``."""
    session.install(".[test]")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def tests_nojit(session):
    """Tests of kernels and engine as plain Python, where coverage and debuggers see every line."""
    session.install(".[test]")
    chosen = session.posargs or ["tests/kernels", "tests/engine"]
    session.run("python", "-m", "pytest", *chosen, env={"NUMBA_DISABLE_JIT": "1"})


@nox.session
def tests_oldest(session):
    """All tests with the lowest versions that pyproject.toml allows."""
    constraints = Path(session.create_tmp()) / "oldest.txt"
    # Of their time, too: matplotlib 3.9 calls what pyparsing 3.3 warns about.
    constraints.write_text("\n".join([*_lower_bounds("test"), "pyparsing<3.3"]))
    session.install("-c", str(constraints), ".[test]")
    session.run("python", "-m", "pytest", *session.posargs)


def _lower_bounds(extra):
    """The lowest version of each package that the project or one of its extras asks for, as pip's constraints."""
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    requirements = [*project["dependencies"], *project["optional-dependencies"][extra]]
    lowest = (re.match(r"([\w.-]+)(?:\[.*?\])?>=([\d.]+)", requirement) for requirement in requirements)
    return [f"{bound[1]}=={bound[2]}" for bound in lowest if bound]


@nox.session
def lint(session):
    """Lint, format, direction of imports and types."""
    session.install(".[test]")
    session.run("python", "-m", "ruff", "check", ".")
    session.run("python", "-m", "ruff", "format", "--check", ".")
    session.run("lint-imports")
    session.run("python", "-m", "mypy")


@nox.session
def docs(session):
    """The documentation with the demo page in it, warnings as errors: docs/_build/html/index.html."""
    session.install(".[docs]")
    session.run("python", "-m", "sphinx", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html")
    _build_demo(session, "docs/_build/html/demo")


@nox.session
def demo(session):
    """The demo page, and exported networks in Netron, in headless Chromium. Needs Node, npm, Chromium, its driver."""
    session.install(".[test,demo]")
    _build_demo(session, session.create_tmp())
    # What is missing fails here, and is not skipped.
    required = {"SKDIGITS_REQUIRE_DEMO": "1"}
    programs = session.posargs or ["tests/docs/test_demo.py", "tests/docs/test_netron.py"]
    session.run("python", "-m", "pytest", *programs, env=required)


def _build_demo(session, folder):
    folder = str(Path(folder).resolve())
    with session.chdir("docs/demo"):
        session.run("npm", "ci", "--no-audit", "--no-fund", external=True)
        session.run("node", "build.mjs", folder, external=True)


@nox.session
def bench(session):
    """A small part of each benchmark; ``-- full``: all of it, some hours, which writes benchmarks/results."""
    full = session.posargs == ["full"]
    # Results that are kept have a column for PyTorch.
    session.install(".[bench]", *(["torch"] if full else []))
    options = [] if full else ["--quick", "--output", session.create_tmp()]
    for program in sorted(Path("benchmarks").glob("bench_*.py")):
        session.run("python", str(program), *options)


@nox.session
def package(session):
    """Build sdist and wheel, install the wheel, and run the tests of the sdist where there is nothing else."""
    session.install("build", "twine")
    folder = Path(session.create_tmp()).resolve()
    for old in ("dist", "source"):
        shutil.rmtree(folder / old, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(folder / "dist"))
    session.run("python", "-m", "twine", "check", "--strict", *map(str, (folder / "dist").iterdir()))
    (wheel,), (source,) = (folder / "dist").glob("*.whl"), (folder / "dist").glob("*.tar.gz")
    with tarfile.open(source) as archive:
        archive.extractall(folder / "source", filter="data")
    (unpacked,) = (folder / "source").iterdir()
    shutil.rmtree(unpacked / "skdigits")

    session.run("python", "-m", "venv", "--clear", str(folder / "empty"))
    python = str(folder / "empty" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))
    session.run(python, "-m", "pip", "install", "-q", f"{wheel}[test]", external=True)
    with session.chdir(unpacked):
        session.run(python, "-m", "pytest", *(session.posargs or ["tests"]), external=True, env={"PYTHONPATH": ""})


@nox.session
def fuzz(session):
    """Files of data that nobody has written; ``-- SECONDS`` for each of the readers."""
    session.install(".[test]", "atheris")
    seconds = session.posargs[0] if session.posargs else _SECONDS_OF_FUZZING
    for target in ("idx", "npz", "image", "weights"):
        session.run("python", "tests/fuzz/fuzz_readers.py", target, f"-max_total_time={seconds}")
