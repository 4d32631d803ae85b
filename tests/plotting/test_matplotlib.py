"""What displays owe to those who have matplotlib, and to those who have not."""

import subprocess
import sys

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

import skdigits.plotting
from skdigits.plotting import (
    DigitsDisplay,
    HiddenUnitsDisplay,
    LearningCurvesDisplay,
    NetworkDisplay,
    SaliencyDisplay,
    summary,
)

DRAW = {
    "DigitsDisplay": lambda fitted, **options: DigitsDisplay.from_estimator(
        fitted.pipeline, fitted.X, fitted.y, n_digits=3, **options
    ),
    "HiddenUnitsDisplay": lambda fitted, **options: HiddenUnitsDisplay.from_estimator(
        fitted.pipeline, n_units=3, **options
    ),
    "LearningCurvesDisplay": lambda fitted, **options: LearningCurvesDisplay.from_estimator(fitted.pipeline, **options),
    "NetworkDisplay": lambda fitted, **options: NetworkDisplay.from_estimator(fitted.pipeline, **options),
    "SaliencyDisplay": lambda fitted, **options: SaliencyDisplay.from_estimator(
        fitted.pipeline, fitted.X[:2], **options
    ),
}
DISPLAYS = pytest.mark.parametrize("name", list(DRAW))


def test_every_display_is_drawn_here():
    assert set(DRAW) == {name for name in skdigits.plotting.__all__ if name.endswith("Display")}


@DISPLAYS
def test_missing_matplotlib(fitted, name, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.figure", raising=False)
    with pytest.raises(ImportError) as caught:
        DRAW[name](fitted)
    assert str(caught.value) == f'{name} needs matplotlib: pip install "skdigits[plot]"'
    assert summary(fitted.pipeline).startswith("Layer")


@DISPLAYS
def test_figure_of_pyplot_by_default(fitted, name):
    display = DRAW[name](fitted)
    assert plt.get_fignums() == [display.figure_.number]


@DISPLAYS
def test_own_figure_leaves_pyplot_alone(fitted, name):
    figure = Figure(layout="constrained")
    display = DRAW[name](fitted, ax=figure.subplots())
    figure.canvas.draw()
    assert display.figure_ is figure
    assert plt.get_fignums() == []


@DISPLAYS
def test_plot_draws_again_and_returns_the_display(fitted, name):
    display = DRAW[name](fitted)
    first = display.figure_
    assert display.plot() is display
    assert display.figure_ is not first


def test_import_leaves_matplotlib_and_numba_alone():
    code = "import sys, skdigits.plotting; sys.exit('matplotlib' in sys.modules or 'numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
