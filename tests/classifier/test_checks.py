"""scikit-learn's own checks of an estimator, none left out."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdigits import MLPDigitClassifier


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        MLPDigitClassifier(),
        MLPDigitClassifier(dtype="float64"),
        # Not tanh: in one check of class weights it errs as MLPClassifier does with the same weights of samples.
        MLPDigitClassifier(activation="logistic", dtype="auto"),
        MLPDigitClassifier(activation="silu", solver="adamw", weight_init="he_normal", weight_averaging=0.9),
    ]
)
def test_check(estimator, check):
    check(estimator)
