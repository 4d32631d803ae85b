import re

import pytest

import skdigits
from skdigits._kernels.codes import HIDDEN_ACTIVATIONS


def test_version(run):
    assert run("--version") == (0, f"skdigits {skdigits.__version__}\n", "")


def test_help_names_the_commands(run):
    status, out, err = run("--help")
    assert (status, err) == (0, "")
    assert all(command in out for command in ("train", "search", "evaluate", "predict", "export", "fetch"))


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("train", ["--hidden", "--epochs", "--batch-size", "--learning-rate", "--activation", "--solver"]),
        ("train", ["--validation", "--seed", "--jobs", "--output", "--dataset", "--json"]),
        (
            "search",
            ["--hidden", "--learning-rate", "--epochs", "--batch-size", "--cv", "--halving", "--seed", "--rows"],
        ),
        ("search", ["--jobs", "--output", "--resume", "--dataset", "--json"]),
        ("evaluate", ["MODEL", "--dataset", "--json"]),
        ("predict", ["MODEL", "FILE", "--proba", "--json"]),
        ("export", ["MODEL", "--to", "--trust"]),
        ("fetch", ["{mnist}", "--data-home", "--json"]),
    ],
)
def test_help_of_a_command(run, command, options):
    status, out, err = run(command, "--help")
    assert (status, err) == (0, "")
    assert all(option in out for option in options)
    assert "default: None" not in out


def test_help_names_the_defaults_of_each_dataset(run):
    out = " ".join(run("train", "--help").out.split())
    assert "(default: digits 100, mnist 10, stream 10)" in out
    assert "(default: digits 32, mnist 100, stream 100)" in out


def test_help_offers_every_activation(run):
    offered = re.search(r"--activation \{(.*?)\}", " ".join(run("train", "--help").out.split())).group(1)
    assert {name.strip() for name in offered.split(",")} == set(HIDDEN_ACTIVATIONS)


@pytest.mark.parametrize(
    ("option", "arguments"),
    [
        ("--output", ("train",)),
        ("--report", ("train",)),
        ("--stream", ("train",)),
        ("--test", ("train",)),
        ("--output", ("search",)),
        ("MODEL", ("evaluate",)),
        ("FILE", ("predict", "model.skops")),
        ("--to", ("export", "model.skops")),
        ("--data-home", ("fetch", "mnist")),
    ],
)
def test_names_are_not_empty(assert_refused, option, arguments):
    """As those of variables of the shell that are not set, which would be the current folder."""
    names = (option, "") if option.startswith("--") else ("",)
    assert_refused(*arguments, *names, says=[f"argument {option}: expected the name of a file", "got ''"])


@pytest.mark.parametrize(
    ("option", "arguments"),
    [("--output", ("train",)), ("MODEL", ("evaluate",)), ("MODEL", ("predict",)), ("--to", ("export", "model.skops"))],
)
def test_a_slash_at_the_end_is_no_part_of_the_name_of_a_file(assert_refused, option, arguments):
    names = (option, "m.npz/") if option.startswith("--") else ("m.npz/",)
    assert_refused(*arguments, *names, says=f"argument {option}: expected the name of a file, got 'm.npz/'")
