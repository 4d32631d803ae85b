"""Defaults of the command line that depend on the data set."""

from collections.abc import Iterable, Mapping

DATASETS = ("digits", "mnist")
# A stream is of files that the user names.
EPOCHS = {"digits": 100, "mnist": 10, "stream": 10}
BATCH_SIZES = {"digits": 32, "mnist": 100, "stream": 100}


def listed(defaults: Mapping[str, int], datasets: Iterable[str]) -> str:
    """Defaults as a help text names them."""
    return ", ".join(f"{dataset} {defaults[dataset]}" for dataset in datasets)
