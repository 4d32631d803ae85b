"""The steps of continuous integration, one by one: ``nox -s tests``, ``nox -s lint``."""

from pathlib import Path

import nox

nox.options.sessions = ["lint", "tests", "tests_without_jit"]


@nox.session
def tests(session):
    """All tests."""
    session.install(".[test]")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def tests_without_jit(session):
    """Tests of kernels and engine as plain Python, where coverage and debuggers see every line."""
    session.install(".[test]")
    session.run(
        "python", "-m", "pytest", "tests/kernels", "tests/engine", *session.posargs, env={"NUMBA_DISABLE_JIT": "1"}
    )


@nox.session
def lint(session):
    """Lint, format and direction of imports."""
    session.install(".[test]")
    session.run("python", "-m", "ruff", "check", ".")
    session.run("python", "-m", "ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def benchmarks(session):
    """All benchmark programs; results go to benchmarks/results."""
    session.install(".[bench]")
    for program in sorted(Path("benchmarks").glob("bench_*.py")):
        session.run("python", str(program), *session.posargs)
