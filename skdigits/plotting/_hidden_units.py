"""HiddenUnitsDisplay: what the units of the first layer look for."""

from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_scalar

from skdigits._typing import ImageShape
from skdigits.plotting._axes import AxesLike, Colormap, fit_titles, make_table, show_image
from skdigits.plotting._estimators import as_images, fitted_network


class HiddenUnitsDisplay:
    """Weights between the pixels and the units of the first layer, as images.

    It is recommended to use `from_estimator`. All parameters are stored as attributes.

    Ink where a unit is red excites it, ink where it is blue inhibits it. All units share one scale, which is symmetric
    around 0.

    Parameters
    ----------
    images : ndarray of shape (n_units, height, width)
        Weights.
    units : ndarray of shape (n_units,)
        Numbers of the units in their layer.

    Attributes
    ----------
    ax_ : ndarray of matplotlib Axes
        A table of panels; those that are left over are switched off.

    figure_ : matplotlib Figure
        Figure that holds them.

    images_ : list of matplotlib AxesImage
        What is drawn, in the order of `images`.

    Notes
    -----
    The pixels are those that the network sees. Steps of a Pipeline before it that make something else of them than
    pixels of an image, PCA for example, leave nothing that could be drawn. Without hidden layers the units are the
    outputs.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdigits import MLPDigitClassifier
    >>> from skdigits.plotting import HiddenUnitsDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPDigitClassifier(max_iter=300, tol=1e-2, random_state=0).fit(X / 16, y)
    >>> HiddenUnitsDisplay.from_estimator(model, n_units=9, order="index").units
    array([0, 1, 2, 3, 4, 5, 6, 7, 8])
    """

    def __init__(self, images: NDArray, units: NDArray) -> None:
        self.images = images
        self.units = units

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        n_units: int = 25,
        order: Literal["norm", "index"] = "norm",
        image_shape: ImageShape = "auto",
        ax: AxesLike = None,
        cmap: Colormap = "RdBu_r",
    ) -> Self:
        """Draw the first layer of a fitted network.

        Parameters
        ----------
        estimator : MLPDigitClassifier, Pipeline or search
            Fitted; a Pipeline ends with the network, and of a search it is the one that it has chosen.
        n_units : int, default=25
            At most so many, from 0 on.
        order : {'norm', 'index'}, default='norm'
            The units with the largest Euclidean norm of their weights first, or those with the smallest number.
        image_shape : 'auto' or tuple of (height, width), default='auto'
            Shape of the images; 'auto' is for square ones.
        ax : array-like of matplotlib Axes, Axes or None, default=None
            As in `plot`.
        cmap : str or matplotlib Colormap, default='RdBu_r'
            As in `plot`.

        Returns
        -------
        display : HiddenUnitsDisplay

        Raises
        ------
        NotFittedError
            If `fit` has not been called.
        TypeError
            If no MLPDigitClassifier or MLPClassifier is at the end of `estimator`.
        ValueError
            If `order` or `n_units` is not as described, or if a unit has other inputs than `image_shape` has pixels.
        """
        if not isinstance(order, str) or order not in _ORDERS:
            raise ValueError(f"order must be one of {', '.join(map(repr, _ORDERS))}, got {order!r}")
        check_scalar(n_units, "n_units", Integral, min_val=0)
        weights = np.asarray(fitted_network(estimator).coefs_[0]).T
        units = _ORDERS[order](weights)[:n_units]
        return cls(as_images(weights[units], image_shape), units).plot(ax=ax, cmap=cmap)

    def plot(self, ax: AxesLike = None, *, cmap: Colormap = "RdBu_r") -> Self:
        """Draw.

        Parameters
        ----------
        ax : array-like of matplotlib Axes, Axes or None, default=None
            An Axes for each image, or for each panel of the table, row by row. The place of a single one, made by
            ``subplots``, is shared between all. None: a new figure.
        cmap : str or matplotlib Colormap, default='RdBu_r'
            Colours of the weights; a diverging map.

        Returns
        -------
        display : HiddenUnitsDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` holds something else than Axes.
        ValueError
            If `ax` holds neither as many Axes as there are panels, nor one that can be divided.
        """
        self.ax_ = make_table(ax, len(self.images), (1.4, 1.5), type(self).__name__)
        self.figure_, self.images_ = self.ax_[0, 0].figure, []
        # Where all are 0 any other limit: with 0 to 0 a panel would be of the colour of one end.
        limit = np.nanmax(np.abs(self.images), initial=0) or 1.0
        for axes, image, unit in zip(self.ax_.flat, self.images, self.units, strict=False):
            self.images_.append(show_image(axes, image, f"unit {unit}", cmap=cmap, vmin=-limit, vmax=limit))
        fit_titles(self.ax_.flat)
        if self.images_:
            self.figure_.colorbar(self.images_[0], ax=self.ax_.ravel().tolist(), label="Weight", shrink=0.6)
        return self


_ORDERS = {
    "norm": lambda weights: np.argsort(-np.linalg.norm(weights, axis=1), kind="stable"),
    "index": lambda weights: np.arange(len(weights)),
}
