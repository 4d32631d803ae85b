"""Pictures of a fitted network, in the style of scikit-learn's displays. They need matplotlib."""

from skdigits.plotting._digits import DigitsDisplay
from skdigits.plotting._hidden_units import HiddenUnitsDisplay
from skdigits.plotting._learning_curves import LearningCurvesDisplay
from skdigits.plotting._network import NetworkDisplay
from skdigits.plotting._saliency import SaliencyDisplay
from skdigits.plotting._summary import summary

__all__ = [
    "DigitsDisplay",
    "HiddenUnitsDisplay",
    "LearningCurvesDisplay",
    "NetworkDisplay",
    "SaliencyDisplay",
    "summary",
]
