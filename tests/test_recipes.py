"""Recipes: dictionaries that make networks which learn."""

import numpy as np
import pytest
from sklearn.base import clone

from skdigits import MLPDigitClassifier
from skdigits._cli.train import _RECIPES
from skdigits.recipes import RECIPES


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_makes_a_network_that_learns(name, mnist):
    X_train, _, y_train, _ = mnist
    X, y = X_train[:1000] / np.float32(255), y_train[:1000]
    model = MLPDigitClassifier(**{**RECIPES[name], "max_iter": 12, "batch_size": 40}, random_state=0)
    assert clone(model).fit(X, y).score(X, y) > 0.9


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_is_repeated_for_a_seed_and_any_number_of_threads(name, mnist):
    X_train, _, y_train, _ = mnist
    X, y = X_train[:1000] / np.float32(255), y_train[:1000]
    weights = [
        MLPDigitClassifier(**{**RECIPES[name], "max_iter": 2}, random_state=3, n_jobs=n_jobs).fit(X, y).coefs_[0]
        for n_jobs in (1, 2)
    ]
    np.testing.assert_array_equal(*weights)


def test_what_is_set_in_a_model_is_set_in_no_recipe():
    MLPDigitClassifier(**RECIPES["best"]).set_params(augmenter__image_shape=(8, 8))
    assert RECIPES["best"]["augmenter"].image_shape == "auto"


def test_command_line_knows_them():
    assert tuple(RECIPES) == _RECIPES
