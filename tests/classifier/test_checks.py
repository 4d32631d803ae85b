"""scikit-learn's own checks of an estimator, none left out."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdigits import MLPDigitClassifier


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        MLPDigitClassifier(),
        MLPDigitClassifier(dtype="float64"),
        MLPDigitClassifier(activation="tanh", dtype="auto"),
    ]
)
def test_check(estimator, check):
    check(estimator)
