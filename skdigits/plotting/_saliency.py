"""SaliencyDisplay: which pixels spoke for a class, and which against it."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdigits._engine.saliency import input_gradient
from skdigits._typing import ImageShape, MatrixLike
from skdigits.plotting._axes import AxesLike, Colormap, brief, fit_titles, make_axes, show_image
from skdigits.plotting._estimators import as_images, dense, fitted_network, network_inputs


class SaliencyDisplay:
    r"""What in an image spoke for a class, and what against it.

    It is recommended to use `from_estimator`. All parameters are stored as attributes.

    Above stands an image with its predicted label, below for each pixel :math:`x_i`

    .. math::

        x_i \frac{\partial z_c(x)}{\partial x_i}

    for the logit :math:`z_c` of a class [1]_: red pixels spoke for it, blue ones against it. All images share one
    scale, which is symmetric around 0. A pixel of 0 says nothing, so that samples should be scaled such that their
    background is 0. For networks whose hidden activation is piecewise linear ('relu', 'leaky_relu', 'identity') the
    sum over all pixels is the logit less what the biases contribute.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width)
        Pixels as they were before the steps of a Pipeline.
    contributions : ndarray of shape (n_images, height, width)
        Pixels, as the network sees them, times gradient.
    targets : ndarray of shape (n_images,)
        The classes.
    predictions : ndarray of shape (n_images,) or None, default=None
        Predicted labels; None where a sample may have several.

    Attributes
    ----------
    ax_ : ndarray of shape (2, n_images)
        matplotlib Axes: images above, contributions below.

    figure_ : matplotlib Figure
        Figure that holds them.

    images_ : ndarray of shape (2, n_images)
        matplotlib AxesImage in each of `ax_`.

    References
    ----------
    .. [1] Shrikumar, A., Greenside, P., Shcherbina, A., and Kundaje, A. (2016). Not just a black box: learning
           important features through propagating activation differences. arXiv:1605.01713.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdigits import MLPDigitClassifier
    >>> from skdigits.plotting import SaliencyDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPDigitClassifier(max_iter=300, tol=1e-2, random_state=0).fit(X / 16, y)
    >>> display = SaliencyDisplay.from_estimator(model, X[:3] / 16)
    >>> display.targets
    array([0, 1, 2])
    """

    def __init__(
        self, images: NDArray, contributions: NDArray, targets: NDArray, predictions: NDArray | None = None
    ) -> None:
        self.images = images
        self.contributions = contributions
        self.targets = targets
        self.predictions = predictions

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: MatrixLike,
        target: ArrayLike | None = None,
        *,
        image_shape: ImageShape = "auto",
        ax: AxesLike = None,
        cmap: Colormap = "RdBu_r",
    ) -> Self:
        """Ask a fitted network about some samples, a column for each.

        Parameters
        ----------
        estimator : MLPDigitClassifier, Pipeline or search
            Fitted. A Pipeline ends with the network; the steps before keep the number of pixels. Of a search it is the
            network that it has chosen.
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or array-like of (n_samples, height, width)
            A few samples, in the form that `estimator` takes.
        target : label, array-like of shape (n_samples,) or None, default=None
            The class to speak for, for all samples or for each. None: the one with the largest logit, which is the
            predicted label, unless targets are multi-label.
        image_shape : 'auto' or tuple of (height, width), default='auto'
            Shape of the images; 'auto' is for square ones.
        ax : array-like of matplotlib Axes, Axes or None, default=None
            As in `plot`.
        cmap : str or matplotlib Colormap, default='RdBu_r'
            As in `plot`.

        Returns
        -------
        display : SaliencyDisplay

        Raises
        ------
        NotFittedError
            If `fit` has not been called.
        TypeError
            If no MLPDigitClassifier is at the end of `estimator`.
        ValueError
            If `target` is no class of the network, or if X has other pixels than the network sees.
        """
        fitted_network(estimator)
        network, logits = fitted_network(estimator, "decision_function"), estimator.decision_function(X)
        images, inputs = as_images(dense(X), image_shape), network_inputs(estimator, X)
        if inputs.size != images.size:
            raise ValueError(
                f"X has {images[0].size} pixels, of which the steps before the network make {inputs.shape[1]} "
                "features, which are no pixels of the image"
            )
        if logits.ndim == 1:
            logits = np.column_stack([-logits, logits])[:, : len(network.classes_)]
        likeliest, predictions = network.classes_[logits.argmax(axis=1)], estimator.predict(X)
        targets = likeliest if target is None else _check_targets(target, network.classes_, len(images))
        weights = (targets[:, np.newaxis] == network.classes_).astype(float)
        if network.n_outputs_ == 1:
            weights = weights @ np.array([[-1.0], [1.0]])[: len(network.classes_)]
        gradient = input_gradient(inputs, network.coefs_, network.intercepts_, network.activation, weights)
        contributions = (inputs * gradient).reshape(images.shape)
        return cls(images, contributions, targets, predictions if predictions.ndim == 1 else None).plot(
            ax=ax, cmap=cmap
        )

    def plot(self, ax: AxesLike = None, *, cmap: Colormap = "RdBu_r") -> Self:
        """Draw.

        Parameters
        ----------
        ax : array-like of matplotlib Axes, Axes or None, default=None
            Axes for the images, then for their contributions. The place of a single one, made by ``subplots``, is
            shared between all. None: a new figure.
        cmap : str or matplotlib Colormap, default='RdBu_r'
            Colours of the contributions; a diverging map.

        Returns
        -------
        display : SaliencyDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` holds something else than Axes.
        ValueError
            If `ax` holds neither as many Axes as there are panels, nor one that can be divided.
        """
        self.ax_ = make_axes(ax, 2, len(self.images), (1.9, 2.0), type(self).__name__)
        self.figure_, self.images_ = self.ax_[0, 0].figure, np.empty(self.ax_.shape, object)
        # Where all are 0 any other limit: with 0 to 0 a panel would be of the colour of one end.
        limit = np.nanmax(np.abs(self.contributions), initial=0) or 1.0
        for number, target in enumerate(self.targets):
            title = "" if self.predictions is None else f"read as {brief(self.predictions[number])}"
            self.images_[0, number] = show_image(self.ax_[0, number], self.images[number], title, cmap="gray_r")
            self.images_[1, number] = show_image(
                self.ax_[1, number],
                self.contributions[number],
                f"for {brief(target)}",
                cmap=cmap,
                vmin=-limit,
                vmax=limit,
            )
        fit_titles(self.ax_.flat)
        self.figure_.colorbar(self.images_[1, 0], ax=self.ax_[1].tolist(), label="Against / for")
        return self


def _check_targets(target: ArrayLike, classes: NDArray, n_samples: int) -> NDArray:
    """A class for each sample."""
    targets = np.asarray(target)
    if targets.shape not in ((), (n_samples,)):
        raise ValueError(f"target must be one class, or one for each of {n_samples} samples, got shape {targets.shape}")
    labels = classes.tolist()
    unknown = [label for label in targets.ravel().tolist() if label not in labels]
    if unknown:
        raise ValueError(f"target {unknown[0]!r} is none of the classes {labels}")
    return np.broadcast_to(targets, n_samples)
