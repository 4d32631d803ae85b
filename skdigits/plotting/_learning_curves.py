"""LearningCurvesDisplay: loss and score over the epochs."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.exceptions import FitFailedWarning
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skdigits._typing import MatrixLike
from skdigits.plotting._axes import AxesLike, check_matplotlib, distinct_colors, make_axes
from skdigits.plotting._estimators import fitted_network
from skdigits.plotting._legends import draw_legends
from skdigits.plotting._searches import fit_candidate, read_candidates, score_name

# Panels, and what is drawn in each: names in `history_`, and how they are said.
_PANELS = {
    "Loss": {"loss": "training", "validation_loss": "validation"},
    "Score": {"accuracy": "training accuracy", "validation_score": "validation {score}"},
}
_STYLES: dict[str, Any] = {"loss": "--", "accuracy": "--", "validation_loss": "-", "validation_score": "-"}
# More candidates than that are drawn in grey, and are not named.
_MOST_NAMED_CANDIDATES = 8
# Of more networks than that the legend does not spell out each curve, but each colour and each style once.
_MOST_SPELLED_OUT = 2
_PANEL_SIZE = 4.8, 3.8
# Of what belongs to no network, or is not named: visible on light and on dark ground.
_GREY, _UNNAMED = "0.5", "0.7"


class LearningCurvesDisplay:
    """Loss and score of training and validation over the epochs.

    It is recommended to use `from_estimator`, `from_estimators` or `from_search`. All parameters are stored as
    attributes.

    Training is dashed, validation is solid. The dotted line is the best epoch: the first with the largest validation
    score, whose weights early stopping keeps, unless it lies in a call before that of a warm start; none where nothing
    was held out. What is not known of an epoch is left out.

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
        Cross-validated scores, which are drawn as lines across the score panel, in the colour of the curves of the
        same label; where not all are between 0 and 1, as accuracies are, they stand in the legend only. The first
        eight are named; lines and curves of the others are grey, without a best epoch.
    candidate_score : str, default='accuracy'
        What the scores of `candidates` are.

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
        Lines of `candidates`, in their order; empty ones where scores stand in the legend only.

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
        candidate_score: str = "accuracy",
    ) -> None:
        self.histories = histories
        self.score_names = score_names
        self.candidates = candidates
        self.candidate_score = candidate_score

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

        Raises
        ------
        NotFittedError
            If `fit` has not been called.
        TypeError
            If no MLPDigitClassifier is at the end of `estimator`.
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

        Raises
        ------
        NotFittedError
            If `fit` has not been called.
        TypeError
            If no MLPDigitClassifier is at the end of one of them.
        """
        histories, score_names = _collect(estimators)
        return cls(histories, score_names=score_names).plot(ax=ax)

    @classmethod
    def from_search(
        cls,
        search: Any,
        X: MatrixLike | None = None,
        y: ArrayLike | None = None,
        *,
        ax: AxesLike = None,
        **fit_params: Any,
    ) -> Self:
        """Draw the scores of all candidates of a search over the curves of the chosen one, or of each.

        The cross-validated scores are drawn as lines across the score panel, with a band of one standard deviation
        between folds to both sides: the chosen candidate first in the legend, then the best. Candidates that have
        failed are left out. Of successive halving, each is drawn once, as it was in the last iteration that it
        reached, and those that got further come first.

        A search keeps no network but the one that it has fitted to all samples in the end. Without `X` there are only
        the curves of that one. With `X` each other candidate is trained as that one was: its parameters are set in a
        clone of ``search.estimator``, which is fitted to all samples, in as many jobs as ``search.n_jobs`` says. That
        costs one fit for each candidate, where the search has done one for each candidate and fold.

        Parameters
        ----------
        search : GridSearchCV or another search of scikit-learn
            Fitted, with `refit`.
        X : array-like or sparse matrix of shape (n_samples, ...), or None, default=None
            Samples that `search` was fitted to, to draw the curves of all candidates; None: of the chosen one alone.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), or None, default=None
            Their labels.
        ax : array-like of two matplotlib Axes, Axes or None, default=None
            As in `plot`.
        **fit_params : dict of str to object
            For `fit` of the estimator, as the search got them: ``sample_weight`` for example.

        Returns
        -------
        display : LearningCurvesDisplay
            The curves of `histories` are named 'chosen' without `X`, and with it by the parameters of their candidate,
            followed by ' (chosen)' for the chosen one.

        Raises
        ------
        NotFittedError
            If `fit` of the search has not been called.
        TypeError
            If `search` is no search, or what it has chosen does not end with an MLPDigitClassifier.
        ValueError
            If the search has kept nothing, if it is not known by which of several scores it has chosen, or if there
            are `y` or `fit_params`, but no `X`.
        KeyboardInterrupt
            On Ctrl-C, also where the candidate that is trained would keep what it has learnt until then.

        Warns
        -----
        FitFailedWarning
            If the training of a candidate has failed, or it does not end with such a network: it has no curves.

        See Also
        --------
        sklearn.callback.ScoringMonitor : Writes down the epochs of all candidates and folds during a search.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from sklearn.model_selection import GridSearchCV
        >>> from skdigits import MLPDigitClassifier
        >>> from skdigits.plotting import LearningCurvesDisplay
        >>> X, y = load_digits(return_X_y=True)
        >>> model = MLPDigitClassifier(max_iter=300, early_stopping=True, random_state=0)
        >>> search = GridSearchCV(model, {"hidden_layer_sizes": [(4,), (32,)]}, cv=2).fit(X / 16, y)
        >>> list(LearningCurvesDisplay.from_search(search, X / 16, y).histories)
        ['hidden_layer_sizes=(32,) (chosen)', 'hidden_layer_sizes=(4,)']
        """
        if not isinstance(search, BaseEstimator) or "refit" not in search.get_params(deep=False):
            raise TypeError(f"expected a search, got {type(search).__name__}: from_estimator draws one network")
        check_is_fitted(search, "cv_results_")
        if not hasattr(search, "best_estimator_"):
            raise ValueError("a search with refit=False keeps no network whose curves could be drawn; set refit=True")
        metric = search.refit if search.multimetric_ else "score"
        if callable(metric):
            raise ValueError("several scores were computed; set refit to the name of the one that is to be drawn")
        if X is None and (y is not None or fit_params):
            raise ValueError("candidates are trained anew only with X, the samples that the search was fitted to")
        # Before hours of training, not after.
        check_matplotlib(cls.__name__)
        fitted_network(search.best_estimator_, "history_")
        found = read_candidates(search, metric)
        estimators = {"chosen": search.best_estimator_}
        if X is not None:
            found[0] = found[0]._replace(label=f"{found[0].label} (chosen)")
            fits = (delayed(fit_candidate)(search.estimator, other.parameters, X, y, fit_params) for other in found[1:])
            fitted = [search.best_estimator_, *Parallel(n_jobs=search.n_jobs)(fits)]
            labels = [candidate.label for candidate in found]
            estimators = {
                label: model for label, model in zip(labels, fitted, strict=True) if _has_curves(label, model)
            }
        histories, score_names = _collect(estimators)
        candidates = [(label, mean, std) for label, mean, std, _ in found if np.isfinite(mean)]
        display = cls(
            histories, score_names=score_names, candidates=candidates, candidate_score=score_name(search, metric)
        )
        return display.plot(ax=ax)

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

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` holds something else than Axes.
        ValueError
            If `ax` holds neither as many Axes as there are panels, nor one that can be divided.
        """
        self.ax_ = make_axes(ax, 1, 2, _PANEL_SIZE, type(self).__name__)[0]
        from matplotlib.ticker import MaxNLocator

        self.figure_ = self.ax_[0].figure
        self.lines_: dict[tuple[str, str], Any] = {}
        self.best_lines_: dict[str, list[Any]] = {}
        self.candidate_lines_: list[Any] = []
        colors, unnamed = self._choose_colors()
        for axes, (panel, curves) in zip(self.ax_, _PANELS.items(), strict=True):
            for label in self.histories:
                self._plot_curves(axes, curves, label, colors[label], is_named=label not in unnamed)
            if panel == "Score":
                self._plot_candidates(axes, colors, unnamed)
            axes.set(xlabel="Epoch" if _has_epochs(self.histories) else "Iteration", ylabel=panel)
            locator = axes.xaxis.get_major_locator()
            if isinstance(locator, MaxNLocator):  # not one that the user has chosen
                locator.set_params(integer=True, min_n_ticks=1)
            axes.grid(alpha=0.3)
            if not axes.lines:
                axes.text(0.5, 0.5, "not recorded", ha="center", va="center", transform=axes.transAxes, color=_GREY)
        panels = zip(self.ax_, _PANELS.values(), strict=True)
        handles = [(axes, self._list_handles(axes, curves, colors, unnamed)) for axes, curves in panels if axes.lines]
        draw_legends(handles, _PANEL_SIZE, may_grow=ax is None)
        return self

    def _choose_colors(self) -> tuple[dict[str, str], set[str]]:
        """The colour of each name, and the names that the legend leaves out."""
        names = [label for label, *_ in self.candidates or []]
        unnamed = set(names[_MOST_NAMED_CANDIDATES:])
        named = dict.fromkeys(name for name in [*self.histories, *names] if name not in unnamed)
        return dict.fromkeys(unnamed, _UNNAMED) | dict(zip(named, distinct_colors(len(named)), strict=True)), unnamed

    def _plot_curves(self, axes: Any, curves: Mapping[str, str], label: str, color: str, *, is_named: bool) -> None:
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
                    label=_as_shown(f"{label} {words.format(score=score)}"),
                    zorder=2 if is_named else 1.5,
                )
        best = best_epoch(history)
        if best is not None and is_named:
            what = "epoch" if _has_epochs(self.histories) else "iteration"
            line = axes.axvline(best, color=color, linestyle=":", label=_as_shown(f"{label} best {what}, {best}"))
            self.best_lines_.setdefault(label, []).append(line)

    def _plot_candidates(self, axes: Any, colors: Mapping[str, str], unnamed: set[str]) -> None:
        candidates = self.candidates or []
        is_of_panel = all(0 <= mean <= 1 for _, mean, _ in candidates)
        score = "" if self.candidate_score == "accuracy" else f"{self.candidate_score} "
        for label, mean, std in candidates:
            text = "_nolegend_" if label in unnamed else _as_shown(f"{label}: {score}{mean:.4f} ± {std:.4f}")
            look: dict[str, Any] = {"color": colors[label], "linewidth": 1, "label": text}
            if is_of_panel:
                axes.axhspan(mean - std, mean + std, color=colors[label], alpha=0.08, linewidth=0)
            self.candidate_lines_.append(axes.axhline(mean, **look) if is_of_panel else axes.plot([], [], **look)[0])

    def _list_handles(
        self, axes: Any, curves: Mapping[str, str], colors: Mapping[str, str], unnamed: set[str]
    ) -> list[Any]:
        """What the legend of a panel shows."""
        if len(self.histories) <= _MOST_SPELLED_OUT:
            return axes.get_legend_handles_labels()[0]
        from matplotlib.lines import Line2D

        scores = {(self.score_names or {}).get(label, "accuracy") for label in self.histories}
        score = scores.pop() if len(scores) == 1 else "score"
        drawn = {name for _, name in self.lines_}
        handles = [
            Line2D([], [], color=_GREY, linestyle=_STYLES[name], label=words.format(score=score))
            for name, words in curves.items()
            if name in drawn
        ]
        if self.best_lines_:
            handles.append(Line2D([], [], color=_GREY, linestyle=":", label="best epoch"))
        # Where candidates are drawn, the line of their score names them.
        scored = {label for label, *_ in self.candidates or []} if axes is self.ax_[1] else set()
        if scored:
            handles += self.candidate_lines_[:_MOST_NAMED_CANDIDATES]
        for label in self.histories:
            if label not in unnamed | scored:
                best = best_epoch(self.histories[label])
                text = label if best is None else f"{label}, best epoch {best}"
                handles.append(Line2D([], [], color=colors[label], label=_as_shown(text)))
        return handles


def _as_shown(text: str) -> str:
    """Text of a legend, which would leave out what begins with an underscore."""
    text = text.strip()
    return f" {text}" if text.startswith("_") else text


def _has_curves(label: str, model: Any) -> bool:
    """Whether a candidate of a search has been trained and is a network; else a warning."""
    error = model
    if not isinstance(model, ValueError):
        try:
            fitted_network(model, "history_")
            return True
        except TypeError as not_a_network:
            error = not_a_network
    warnings.warn(f"{label} has no curves: {error}", FitFailedWarning)
    return False


def _has_epochs(histories: Mapping[str, Any]) -> bool:
    # Only mini-batch solvers have a learning rate.
    return any(np.isfinite(history["learning_rate"]).any() for history in histories.values())


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
