"""The tests that scikit-learn ships for MLPClassifier, run on MLPDigitClassifier(dtype="auto")."""

import functools
import inspect
import re

import pytest
import sklearn.neural_network.tests.test_mlp as suite

from skdigits import MLPDigitClassifier

pytestmark = pytest.mark.filterwarnings("default")

# Reaches into a private method of scikit-learn's class; tests/engine/test_gradients.py checks gradients instead.
_PRIVATE = {"test_gradient"}


def _suite_with(classifier):
    """The tests of the suite that speak of MLPClassifier, with another class in its place."""
    source = inspect.getsource(suite)
    # Tests of both classes are run for the classifier alone.
    source, n_replaced = re.subn(r"\[MLPClassifier, MLPRegressor\]", "[MLPClassifier]", source)
    assert n_replaced > 5
    source, n_imports = re.subn(
        r"from sklearn.neural_network import MLPClassifier, MLPRegressor",
        "from sklearn.neural_network import MLPRegressor",
        source,
    )
    assert n_imports == 1
    namespace = {"__name__": __name__, "MLPClassifier": classifier}
    # Compiled from scikit-learn's installed file; dont_inherit keeps this file's own flags out.
    exec(compile(source, suite.__file__, "exec", dont_inherit=True), namespace)
    originals = {name: inspect.getsource(function) for name, function in vars(suite).items() if name[:5] == "test_"}
    return {
        name: namespace[name] for name, text in originals.items() if "MLPClassifier" in text and name not in _PRIVATE
    }


_TESTS = _suite_with(functools.partial(MLPDigitClassifier, dtype="auto"))
globals().update(_TESTS)


def test_suite_was_found():
    assert len(_TESTS) >= 30
