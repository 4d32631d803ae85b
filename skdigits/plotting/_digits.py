"""DigitsDisplay: images with what they are, and what a classifier takes them for."""

from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length, check_random_state, check_scalar
from sklearn.utils.multiclass import unique_labels

from skdigits._typing import ImageShape, MatrixLike, RandomState
from skdigits.plotting._axes import AxesLike, Colormap, brief, fit_titles, make_table, show_image
from skdigits.plotting._estimators import as_images, take

_WRONG = "tab:red"
# Characters of what stands above a mistake, from which on it takes two lines.
_LONG = 16


class DigitsDisplay:
    """Images of digits with their true and predicted labels; wrong predictions are red.

    It is recommended to use `from_estimator` or `from_predictions`. All parameters are stored as attributes.

    Above an image stands its label, or "3 read as 5" where the prediction is wrong, and after it how sure the
    classifier is. Each image has greys of its own, from its smallest pixel to its largest.

    Parameters
    ----------
    images : ndarray of shape (n_digits, height, width)
        Pixels.
    y_true : ndarray of shape (n_digits,)
        Labels.
    y_pred : ndarray of shape (n_digits,)
        Predicted labels.
    probabilities : ndarray of shape (n_digits,) or None, default=None
        Probability that the classifier gives to the predicted label.

    Attributes
    ----------
    ax_ : ndarray of matplotlib Axes
        A table of panels; those that are left over are switched off.

    figure_ : matplotlib Figure
        Figure that holds them.

    images_ : list of matplotlib AxesImage
        What is drawn, in the order of `images`.

    See Also
    --------
    sklearn.metrics.ConfusionMatrixDisplay : Which labels are taken for which, as numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdigits import MLPDigitClassifier
    >>> from skdigits.plotting import DigitsDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPDigitClassifier(max_iter=300, tol=1e-2, random_state=0).fit(X[:900] / 16, y[:900])
    >>> display = DigitsDisplay.from_estimator(model, X[900:] / 16, y[900:], which="worst", n_digits=9)
    >>> display.images.shape
    (9, 8, 8)
    >>> bool((display.y_true == display.y_pred).any())
    False
    """

    def __init__(self, images: NDArray, y_true: NDArray, y_pred: NDArray, probabilities: NDArray | None = None) -> None:
        self.images = images
        self.y_true = y_true
        self.y_pred = y_pred
        self.probabilities = probabilities

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: MatrixLike,
        y: ArrayLike,
        *,
        which: str = "first",
        n_digits: int = 25,
        image_shape: ImageShape = "auto",
        random_state: RandomState = None,
        ax: AxesLike = None,
        cmap: Colormap = "gray_r",
    ) -> Self:
        """Predict, and draw some digits.

        Parameters
        ----------
        estimator : classifier
            Fitted, with ``predict_proba``.
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or array-like of (n_samples, height, width)
            Samples, in the form that `estimator` takes.
        y : array-like of shape (n_samples,)
            Their labels.
        which : {'first', 'wrong', 'worst', 'random'}, default='first'
            The first ones, the first that are wrong, those that are wrong with the largest probability, or any.
        n_digits : int, default=25
            At most so many, from 0 on.
        image_shape : 'auto' or tuple of (height, width), default='auto'
            Shape of the images; 'auto' is for square ones.
        random_state : int, RandomState instance or None, default=None
            Draws those of 'random'.
        ax : array-like of matplotlib Axes, Axes or None, default=None
            As in `plot`.
        cmap : str or matplotlib Colormap, default='gray_r'
            As in `plot`.

        Returns
        -------
        display : DigitsDisplay

        Raises
        ------
        TypeError
            If `estimator` is no classifier with ``predict_proba``.
        NotFittedError
            If `fit` has not been called.
        ValueError
            As by `from_predictions`, or if samples are not of the shape that `estimator` takes.
        """
        if not hasattr(estimator, "predict_proba"):
            raise TypeError(f"expected a fitted classifier with predict_proba, got a {type(estimator).__name__}")
        y_pred, probabilities = np.asarray(estimator.predict(X)), estimator.predict_proba(X)
        if y_pred.ndim == 1 and hasattr(estimator, "classes_"):
            # Not the largest of all where a threshold has decided.
            is_of_label = y_pred[:, np.newaxis] == estimator.classes_
            is_of_label[~is_of_label.any(axis=1)] = True  # of a label that is no class, as of outliers, the largest
            # Of a single class there is the probability of any other, too.
            of_classes = probabilities[:, : is_of_label.shape[1]]
            probabilities = np.max(of_classes, axis=1, initial=0.0, where=is_of_label)
        return cls.from_predictions(
            X, y, y_pred, probabilities, which=which, n_digits=n_digits,
            image_shape=image_shape, random_state=random_state, ax=ax, cmap=cmap,
        )  # fmt: skip

    @classmethod
    def from_predictions(
        cls,
        X: MatrixLike,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        probabilities: ArrayLike | None = None,
        *,
        which: str = "first",
        n_digits: int = 25,
        image_shape: ImageShape = "auto",
        random_state: RandomState = None,
        ax: AxesLike = None,
        cmap: Colormap = "gray_r",
    ) -> Self:
        """Draw some digits whose labels have been predicted.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or array-like of (n_samples, height, width)
            Samples.
        y_true : array-like of shape (n_samples,)
            Labels.
        y_pred : array-like of shape (n_samples,)
            Predicted labels.
        probabilities : array-like of shape (n_samples, n_classes) or (n_samples,) or None, default=None
            Of all classes, of which the largest is that of the predicted label, or of the predicted label. Needed
            for the worst mistakes.
        which : {'first', 'wrong', 'worst', 'random'}, default='first'
            The first ones, the first that are wrong, those that are wrong with the largest probability, or any.
        n_digits : int, default=25
            At most so many.
        image_shape : 'auto' or tuple of (height, width), default='auto'
            Shape of the images; 'auto' is for square ones.
        random_state : int, RandomState instance or None, default=None
            Draws those of 'random'.
        ax : array-like of matplotlib Axes, Axes or None, default=None
            As in `plot`.
        cmap : str or matplotlib Colormap, default='gray_r'
            As in `plot`.

        Returns
        -------
        display : DigitsDisplay

        Raises
        ------
        ValueError
            If the arguments do not fit together, or if there is more than one label a sample.
        """
        y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
        if y_true.ndim != 1 or y_pred.ndim != 1:
            raise ValueError(f"expected one label a sample, got labels of shapes {y_true.shape} and {y_pred.shape}")
        check_consistent_length(X, y_true, y_pred, probabilities)
        unique_labels(y_true, y_pred)  # refuses a mix of numbers and text, which are never equal
        if probabilities is not None:
            probabilities = np.asarray(probabilities, float)
            if probabilities.ndim not in (1, 2):
                raise ValueError(f"probabilities must have one or two dimensions, got shape {probabilities.shape}")
            probabilities = probabilities.max(axis=1) if probabilities.ndim == 2 else probabilities
        if not isinstance(which, str) or which not in _CHOICES:
            raise ValueError(f"which must be one of {', '.join(map(repr, _CHOICES))}, got {which!r}")
        if which == "worst" and probabilities is None:
            raise ValueError("which='worst' needs probabilities")
        check_scalar(n_digits, "n_digits", Integral, min_val=0)
        chosen = _CHOICES[which](y_true != y_pred, probabilities, random_state)[:n_digits]
        images = as_images(take(X, chosen), image_shape)
        of_chosen = None if probabilities is None else probabilities[chosen]
        return cls(images, y_true[chosen], y_pred[chosen], of_chosen).plot(ax=ax, cmap=cmap)

    def plot(self, ax: AxesLike = None, *, cmap: Colormap = "gray_r") -> Self:
        """Draw.

        Parameters
        ----------
        ax : array-like of matplotlib Axes, Axes or None, default=None
            An Axes for each image, or for each panel of the table, row by row. The place of a single one, made by
            ``subplots``, is shared between all. None: a new figure.
        cmap : str or matplotlib Colormap, default='gray_r'
            Colours of the pixels.

        Returns
        -------
        display : DigitsDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` holds something else than Axes.
        ValueError
            If `ax` holds neither as many Axes as there are panels, nor one that can be divided.
        """
        self.ax_ = make_table(ax, len(self.images), (1.7, 1.8), type(self).__name__)
        self.figure_, self.images_ = self.ax_[0, 0].figure, []
        if len(self.images) == 0:
            self.ax_[0, 0].text(0.5, 0.5, "none", ha="center", va="center", color="0.5")
        for number, (axes, image) in enumerate(zip(self.ax_.flat, self.images, strict=False)):
            self.images_.append(show_image(axes, image, self._title(number), cmap=cmap))
            if self.y_true[number] != self.y_pred[number]:
                axes.title.set_color(_WRONG)
                axes.spines[:].set(color=_WRONG, linewidth=2)
        fit_titles(self.ax_.flat)
        return self

    def _title(self, number: int) -> str:
        true, predicted = self.y_true[number], self.y_pred[number]
        title = brief(true) if true == predicted else f"{brief(true)} read as {brief(predicted)}"
        if len(title) > _LONG:
            title = title.replace(" read as ", " read as\n")
        return title if self.probabilities is None else f"{title}, {100 * self.probabilities[number]:.0f} %"


def _choose_random(is_wrong: NDArray, probabilities: NDArray | None, random_state: RandomState) -> NDArray:
    return check_random_state(random_state).permutation(len(is_wrong))


def _choose_worst(is_wrong: NDArray, probabilities: NDArray, random_state: RandomState) -> NDArray:
    wrong = np.flatnonzero(is_wrong)
    return wrong[np.argsort(-probabilities[wrong], kind="stable")]


# Which samples, in which order.
_CHOICES = {
    "first": lambda is_wrong, probabilities, random_state: np.arange(len(is_wrong)),
    "wrong": lambda is_wrong, probabilities, random_state: np.flatnonzero(is_wrong),
    "worst": _choose_worst,
    "random": _choose_random,
}
