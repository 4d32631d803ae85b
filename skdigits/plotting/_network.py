"""NetworkDisplay: the layers of a network as a drawing."""

import math
from collections.abc import Sequence
from typing import Any, Self

from skdigits.plotting._axes import AxesLike, make_axes
from skdigits.plotting._summary import Layer, describe_layers, describe_total

_WIDTH, _DISTANCE = 1.0, 2.0
_INCHES_A_LAYER = 1.6
_COLORS = {"input": "0.85", "output": "#f4b183"}
_HIDDEN_COLOR = "#9dc3e6"


class NetworkDisplay:
    """The layers of a network as columns, with their sizes, activations and numbers of parameters.

    It is recommended to use `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    layers : list of Layer
        Inputs first, outputs last; each has ``name``, ``n_units``, ``activation`` and ``n_parameters``.
    title : str, default=''
        What stands above.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the drawing.

    figure_ : matplotlib Figure
        Figure that holds it.

    columns_ : list of matplotlib FancyBboxPatch
        Columns of the layers. Their height is the logarithm of one more than their units, as far as there is room.

    texts_ : list of matplotlib Text
        What is said of each layer.

    See Also
    --------
    summary : The same as text.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdigits import MLPDigitClassifier
    >>> from skdigits.plotting import NetworkDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPDigitClassifier(max_iter=300, tol=1e-2, random_state=0).fit(X / 16, y)
    >>> [layer.n_units for layer in NetworkDisplay.from_estimator(model).layers]
    [64, 100, 10]
    """

    def __init__(self, layers: Sequence[Layer], *, title: str = "") -> None:
        self.layers = layers
        self.title = title

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: AxesLike = None) -> Self:
        """Draw a fitted network.

        Parameters
        ----------
        estimator : MLPDigitClassifier, Pipeline or search
            Fitted; a Pipeline ends with the network, and of a search it is the one that it has chosen.
        ax : matplotlib Axes or None, default=None
            As in `plot`.

        Returns
        -------
        display : NetworkDisplay

        Raises
        ------
        NotFittedError
            If `fit` has not been called.
        TypeError
            If no MLPDigitClassifier or MLPClassifier is at the end of `estimator`.
        """
        return cls(describe_layers(estimator), title=describe_total(estimator)).plot(ax=ax)

    def plot(self, ax: AxesLike = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            None: a new figure.

        Returns
        -------
        display : NetworkDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` is no Axes.
        ValueError
            If `ax` is an array of several.
        """
        size = _INCHES_A_LAYER * len(self.layers), 3.6
        self.ax_ = make_axes(ax, 1, 1, size, type(self).__name__)[0, 0]
        self.figure_ = self.ax_.figure
        self.columns_: list[Any] = []
        self.texts_: list[Any] = []
        heights = [math.log1p(layer.n_units) for layer in self.layers]
        for number, (layer, height) in enumerate(zip(self.layers, heights, strict=True)):
            if number:
                self._plot_connections(number * _DISTANCE, heights[number - 1], height)
            self._plot_layer(layer, number * _DISTANCE, height)
        top = max(heights) / 2
        self.ax_.set(xlim=(-_DISTANCE / 2, (len(self.layers) - 0.5) * _DISTANCE), ylim=(-1.65 * top, 1.1 * top))
        self.ax_.set_title(self.title, fontsize="medium")
        self.ax_.set_axis_off()
        return self

    def _plot_connections(self, center: float, height_before: float, height: float) -> None:
        """A band from the column before: every unit is connected to all of them."""
        from matplotlib.patches import Polygon

        left, right = center - _DISTANCE + _WIDTH / 2, center - _WIDTH / 2
        corners = [(left, -height_before / 2), (left, height_before / 2), (right, height / 2), (right, -height / 2)]
        self.ax_.add_patch(Polygon(corners, facecolor="0.95", edgecolor="none", zorder=0))

    def _plot_layer(self, layer: Layer, center: float, height: float) -> None:
        from matplotlib.patches import FancyBboxPatch

        column = FancyBboxPatch(
            (center - _WIDTH / 2, -height / 2), _WIDTH, height, boxstyle="round,pad=0,rounding_size=0.1",
            facecolor=_COLORS.get(layer.name, _HIDDEN_COLOR), edgecolor="0.3",
        )  # fmt: skip
        self.columns_.append(self.ax_.add_patch(column))
        # On the light colour of the column in any style.
        self.ax_.text(
            center, 0, f"{layer.n_units:,}", color="black", ha="center", va="center", fontsize="large",
            fontweight="bold",
        )  # fmt: skip
        lines = [layer.name, layer.activation, f"{layer.n_parameters:,} parameters" if layer.n_parameters else ""]
        self.texts_.append(
            self.ax_.annotate(
                "\n".join(line for line in lines if line), (center, -height / 2), (0, -5), textcoords="offset points",
                ha="center", va="top", fontsize="small",
            )
        )  # fmt: skip
