"""LearningCurvesDisplay: loss and score over the epochs."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdigits.plotting._axes import AxesLike, make_axes
from skdigits.plotting._estimators import fitted_network

# Panels, and what is drawn in each: names in `history_`, and how they are said.
_PANELS = {
    "Loss": {"loss": "training", "validation_loss": "validation"},
    "Score": {"accuracy": "training accuracy", "validation_score": "validation {score}"},
}
_STYLES = {"loss": "--", "accuracy": "--", "validation_loss": "-", "validation_score": "-"}
# More candidates than that are drawn, but not named.
_MOST_NAMED_CANDIDATES = 8
_LONGEST_VALUE = 30


class LearningCurvesDisplay:
    """Loss and score of training and validation over the epochs.

    It is recommended to use `from_estimator`, `from_estimators` or `from_search`. All parameters are stored as
    attributes.

    Training is dashed, validation is solid. The dotted line is the best epoch: the first with the largest validation
    score, whose weights early stopping keeps; none where nothing was held out. What is not known of an epoch is left
    out.

    The two curves of a panel do not measure quite the same: training loss and accuracy are those of samples as they
    were met, before the update of their mini-batch, with dropout, deformation, penalty and label smoothing. With
    these a network may do better in validation than in training.

    Parameters
    ----------
    histories : dict of str to dict
        ``history_`` of each network, by the name under which it is drawn.
    score_names : dict of str to str or None, default=None
        What the validation score of each network is; None: accuracy.
    candidates : list of tuple of (label, mean, standard deviation) or None, default=None
        Cross-validated scores, which are drawn as lines across the score panel.

    Attributes
    ----------
    ax_ : ndarray of shape (2,)
        matplotlib Axes of loss and score.

    figure_ : matplotlib Figure
        Figure that holds them.

    lines_ : dict of tuple to matplotlib Line2D
        Curves by the name of their network and the name in `history_`.

    best_lines_ : dict of str to list of matplotlib Line2D
        Lines that mark the best epoch, by the name of their network, in both panels.

    candidate_lines_ : list of matplotlib Line2D
        Lines of `candidates`, in their order.

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : Scores over the number of training samples.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdigits import MLPDigitClassifier
    >>> from skdigits.plotting import LearningCurvesDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPDigitClassifier(max_iter=300, early_stopping=True, random_state=0).fit(X / 16, y)
    >>> display = LearningCurvesDisplay.from_estimator(model)
    >>> [ax.get_ylabel() for ax in display.ax_]
    ['Loss', 'Score']
    """

    def __init__(
        self,
        histories: Mapping[str, Mapping[str, Sequence[float]]],
        *,
        score_names: Mapping[str, str] | None = None,
        candidates: Sequence[tuple[str, float, float]] | None = None,
    ) -> None:
        self.histories = histories
        self.score_names = score_names
        self.candidates = candidates

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: AxesLike = None) -> Self:
        """Draw the curves of a fitted network.

        Parameters
        ----------
        estimator : MLPDigitClassifier, Pipeline or search
            Fitted; a Pipeline ends with the network, and of a search it is the one that it has chosen.
        ax : array-like of two matplotlib Axes, Axes or None, default=None
            As in `plot`.

        Returns
        -------
        display : LearningCurvesDisplay
        """
        return cls.from_estimators({"": estimator}, ax=ax)

    @classmethod
    def from_estimators(cls, estimators: Mapping[str, Any], *, ax: AxesLike = None) -> Self:
        """Draw the curves of several fitted networks over one another.

        Parameters
        ----------
        estimators : dict of str to MLPDigitClassifier, Pipeline or search
            Fitted, as for `from_estimator`, by the names under which to draw them.
        ax : array-like of two matplotlib Axes, Axes or None, default=None
            As in `plot`.

        Returns
        -------
        display : LearningCurvesDisplay
        """
        histories, score_names = _collect(estimators)
        return cls(histories, score_names=score_names).plot(ax=ax)

    @classmethod
    def from_search(cls, search: Any, *, ax: AxesLike = None) -> Self:
        """Draw the curves of the network that a search has chosen, and the scores of all candidates.

        A search keeps no network but the one that it has fitted to all samples in the end, so that there are no
        curves of the others. Their cross-validated scores, and those of the chosen one, are drawn as lines across the
        score panel, with a band of one standard deviation between folds to both sides, the best first in the legend.
        Candidates that have failed are left out.

        Parameters
        ----------
        search : GridSearchCV or another search of scikit-learn
            Fitted, with `refit`.
        ax : array-like of two matplotlib Axes, Axes or None, default=None
            As in `plot`.

        Returns
        -------
        display : LearningCurvesDisplay

        Raises
        ------
        ValueError
            If the search has kept no network, or if it is not known by which of several scores it has chosen.
        """
        check_is_fitted(search, "cv_results_")
        if not hasattr(search, "best_estimator_"):
            raise ValueError("a search with refit=False keeps no network whose curves could be drawn; set refit=True")
        metric = search.refit if search.multimetric_ else "score"
        if callable(metric):
            raise ValueError("several scores were computed; set refit to the name of the one that is to be drawn")
        results = search.cv_results_
        scores = zip(results["params"], results[f"mean_test_{metric}"], results[f"std_test_{metric}"], strict=True)
        known = [
            (_describe(parameters), float(mean), float(std)) for parameters, mean, std in scores if np.isfinite(mean)
        ]
        histories, score_names = _collect({"chosen": search.best_estimator_})
        candidates = sorted(known, key=lambda candidate: -candidate[1])
        return cls(histories, score_names=score_names, candidates=candidates).plot(ax=ax)

    def plot(self, ax: AxesLike = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : array-like of two matplotlib Axes, Axes or None, default=None
            Axes of loss and score. The place of a single one, made by ``subplots``, is shared between both. None: a
            new figure.

        Returns
        -------
        display : LearningCurvesDisplay
        """
        self.ax_ = make_axes(ax, 1, 2, (4.8, 3.8), type(self).__name__)[0]
        self.figure_ = self.ax_[0].figure
        self.lines_: dict[tuple[str, str], Any] = {}
        self.best_lines_: dict[str, list[Any]] = {}
        self.candidate_lines_: list[Any] = []
        # Only mini-batch solvers have a learning rate.
        has_epochs = any(np.isfinite(history["learning_rate"]).any() for history in self.histories.values())
        for axes, (panel, curves) in zip(self.ax_, _PANELS.items(), strict=True):
            for number, label in enumerate(self.histories):
                self._plot_curves(axes, curves, label, f"C{number % 10}")
            if panel == "Score":
                self._plot_candidates(axes)
            axes.set(xlabel="Epoch" if has_epochs else "Iteration", ylabel=panel)
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(alpha=0.3)
            if axes.lines:
                legend = axes.legend(fontsize="small")
                for text in legend.get_texts():
                    text.set_parse_math(False)
            else:
                axes.text(0.5, 0.5, "not recorded", ha="center", va="center", transform=axes.transAxes, color="0.4")
        return self

    def _plot_curves(self, axes: Any, curves: Mapping[str, str], label: str, color: str) -> None:
        history, score = self.histories[label], (self.score_names or {}).get(label, "accuracy")
        for name, words in curves.items():
            values = np.asarray(history[name], float)
            is_known = ~np.isnan(values)
            if is_known.any():
                epochs = np.arange(1, len(values) + 1)
                (self.lines_[label, name],) = axes.plot(
                    epochs[is_known],
                    values[is_known],
                    _STYLES[name],
                    color=color,
                    marker="." if is_known.sum() == 1 else None,
                    label=f"{label} {words.format(score=score)}".strip(),
                )
        best = best_epoch(history)
        if best is not None:
            line = axes.axvline(best, color=color, linestyle=":", label=f"{label} best epoch, {best}".strip())
            self.best_lines_.setdefault(label, []).append(line)

    def _plot_candidates(self, axes: Any) -> None:
        for number, (label, mean, std) in enumerate(self.candidates or []):
            is_named = number < _MOST_NAMED_CANDIDATES
            color = f"C{number + 1}" if is_named else "0.7"
            axes.axhspan(mean - std, mean + std, color=color, alpha=0.08, linewidth=0)
            text = f"{label}: {mean:.4f} ± {std:.4f}" if is_named else "_nolegend_"
            self.candidate_lines_.append(axes.axhline(mean, color=color, linewidth=1, label=text))


def best_epoch(history: Mapping[str, Sequence[float]]) -> int | None:
    """Number of the best epoch, from 1: the first with the largest validation score, else the least validation loss.

    Parameters
    ----------
    history : dict of str to list of float

    Returns
    -------
    epoch : int or None
        None where nothing was held out.
    """
    for name, sign in (("validation_score", 1), ("validation_loss", -1)):
        values = sign * np.asarray(history[name], float)
        if np.isfinite(values).any():
            return int(np.nanargmax(values)) + 1
    return None


def _collect(estimators: Mapping[str, Any]) -> tuple[dict[str, dict[str, list[float]]], dict[str, str]]:
    """Histories, and what the validation scores are, by the name of each network."""
    histories, score_names = {}, {}
    for label, estimator in estimators.items():
        network = fitted_network(estimator, "history_")
        histories[label] = network.history_
        names = {None: "accuracy", "loss": "negative cross-entropy"}
        scoring = network.scoring
        score_names[label] = "score" if callable(scoring) else names.get(scoring, scoring)
    return histories, score_names


def _describe(parameters: Mapping[str, object]) -> str:
    """Parameters of a candidate in a few words, without the names of the steps of a Pipeline."""
    words = []
    for name, value in parameters.items():
        text = str(value)
        short = text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"
        words.append(f"{name.rpartition('__')[2]}={short}")
    return ", ".join(words)
