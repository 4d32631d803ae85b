"""Recipes for MNIST: parameters of `MLPDigitClassifier` that have been found to do well, to be read and changed.

They were chosen on training images held out, for pixels in [0, 1]; what they reach on the test images stands in
``benchmarks/results/accuracy.md``.
"""

import copy
from collections.abc import Iterator, Mapping
from math import inf
from typing import Any

from skdigits.preprocessing import ElasticDeformer

__all__ = ["RECIPES"]

# A schedule goes to its end, with early stopping, too.
_TO_THE_END = {"n_iter_no_change": inf}


class _Recipes(Mapping):
    """Recipes by name. Each look gives a copy: what is set in it, or in its augmenter, is set in no other model's."""

    def __init__(self, recipes: dict[str, dict[str, Any]]) -> None:
        self._recipes = recipes

    def __getitem__(self, name: str) -> dict[str, Any]:
        return copy.deepcopy(self._recipes[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._recipes)

    def __len__(self) -> int:
        return len(self._recipes)

    def __repr__(self) -> str:
        return repr(self._recipes)


_RECIPES: dict[str, dict[str, Any]] = {
    # A small network in a few seconds.
    "quick": {
        "hidden_layer_sizes": (100,),
        "activation": "silu",
        "solver": "adamw",
        "alpha": 0.1,
        "learning_rate": "one_cycle",
        "learning_rate_init": 0.006,
        "max_iter": 26,
        "dropout": 0.1,
        "input_dropout": 0.1,
        "weight_averaging": 0.998,
        **_TO_THE_END,
    },
    # As far as the training images alone lead.
    "plain": {
        "hidden_layer_sizes": (800, 800),
        "activation": "gelu",
        "solver": "adamw",
        "alpha": 0.1,
        "learning_rate": "one_cycle",
        "learning_rate_init": 0.003,
        "max_iter": 60,
        "dropout": 0.4,
        "input_dropout": 0.2,
        "weight_averaging": 0.999,
        **_TO_THE_END,
    },
    # The network of Simard, Steinkraus and Platt (2003).
    "augmented": {
        "hidden_layer_sizes": (800,),
        "solver": "adamw",
        "alpha": 0.01,
        "learning_rate": "one_cycle",
        "learning_rate_init": 0.004,
        "max_iter": 155,
        "dropout": 0.2,
        "weight_averaging": 0.999,
        "augmenter": ElasticDeformer(),
        **_TO_THE_END,
    },
    # The most accurate of a single network.
    "best": {
        "hidden_layer_sizes": (1024, 512, 256),
        "solver": "adamw",
        "alpha": 0.02,
        "learning_rate": "one_cycle",
        "learning_rate_init": 0.002,
        "max_iter": 340,
        "output_activation": "logistic",
        "dropout": 0.15,
        "weight_averaging": 0.999,
        "augmenter": ElasticDeformer(),
        **_TO_THE_END,
    },
}

RECIPES = _Recipes(_RECIPES)
