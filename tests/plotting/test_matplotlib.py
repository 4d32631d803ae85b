"""What displays owe to those who have matplotlib, and to those who have not."""

import copy
import io
import subprocess
import sys
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

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


@pytest.mark.parametrize("name", ["DigitsDisplay", "HiddenUnitsDisplay", "SaliencyDisplay"])
def test_colours_of_the_user(fitted, name):
    display = DRAW[name](fitted, cmap="viridis")
    assert np.ravel(display.images_)[-1].get_cmap().name == "viridis"


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


@pytest.mark.parametrize("name", [name for name in DRAW if name != "NetworkDisplay"])
def test_place_is_divided_once(fitted, name):
    ax = Figure(layout="constrained").subplots()
    display = DRAW[name](fitted, ax=ax)
    with pytest.raises(ValueError, match="panels have taken the place of this Axes before"):
        display.plot(ax=ax)


@pytest.mark.parametrize("name", ["DigitsDisplay", "HiddenUnitsDisplay", "SaliencyDisplay"])
def test_images_take_the_place_of_others(fitted, name):
    display = DRAW[name](fitted)
    figure, n_axes = display.figure_, len(display.figure_.axes)
    display.plot(ax=display.ax_)
    assert [len(ax.images) for ax in display.ax_.flat] == [1 if ax.axison else 0 for ax in display.ax_.flat]
    assert len(figure.axes) == n_axes


@pytest.fixture(scope="module")
def search(fitted):
    """Has fitted two candidates anew, and keeps the better one."""
    grid = {"mlpdigitclassifier__hidden_layer_sizes": [(3,), (8,)], "mlpdigitclassifier__max_iter": [2]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GridSearchCV(fitted.pipeline, grid, cv=2).fit(fitted.X, fitted.y)


@DISPLAYS
def test_search_stands_for_the_network_that_it_has_chosen(fitted, search, name):
    pictures = []
    for estimator in (search, search.best_estimator_, fitted.pipeline):
        figure = Figure(layout="constrained")
        DRAW[name](fitted._replace(pipeline=estimator), ax=figure.subplots())
        stream = io.BytesIO()
        figure.savefig(stream)
        pictures.append(stream.getvalue())
    assert pictures[0] == pictures[1] != pictures[2]


def test_summary_of_lists_of_numbers(fitted):
    network = copy.copy(fitted.pipeline[-1])
    expected = summary(network).splitlines()
    network.coefs_ = [coef.tolist() for coef in network.coefs_]
    assert summary(network).splitlines()[:-1] == expected[:-1]


def test_summary_of_a_search(search):
    assert summary(search) == summary(search.best_estimator_)


def test_import_leaves_matplotlib_and_numba_alone():
    code = "import sys, skdigits.plotting; sys.exit('matplotlib' in sys.modules or 'numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
