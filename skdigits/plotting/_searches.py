"""The candidates of a finished search: their names and scores, and what they learn when they are trained anew."""

import warnings
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone

from skdigits._typing import MatrixLike
from skdigits.exceptions import TrainingInterruptedWarning

_LONGEST_VALUE = 30


class Candidate(NamedTuple):
    """Name, cross-validated score with its deviation between folds, and parameters."""

    label: str
    mean: float
    std: float
    parameters: Mapping[str, Any]


def read_candidates(search: Any, metric: str) -> list[Candidate]:
    """What a search knows of its candidates.

    Parameters
    ----------
    search : GridSearchCV or another search of scikit-learn
        Fitted, with `refit`.
    metric : str
        The score, by its name in ``cv_results_``.

    Returns
    -------
    candidates : list of Candidate
        First the chosen one, then those that have not failed, by the last iteration that they have reached and by
        score. No two have the same label.
    """
    results = search.cv_results_
    means, stds, parameters = results[f"mean_test_{metric}"], results[f"std_test_{metric}"], results["params"]
    indices = list(range(len(parameters)))
    iterations = results.get("iter", np.zeros(len(parameters), int))
    if "iter" in results:
        # Successive halving lists a candidate anew in each iteration, with more of its resource: the last one stays.
        keys = [repr({name: chosen[name] for name in chosen if name != search.resource}) for chosen in parameters]
        last = dict(zip(keys, indices, strict=True))
        last[keys[search.best_index_]] = search.best_index_  # a search at random may draw a candidate twice
        indices = list(last.values())
    known = [index for index in indices if np.isfinite(means[index]) or index == search.best_index_]
    known.sort(key=lambda index: (index != search.best_index_, -iterations[index], -means[index]))
    seen: Counter[str] = Counter()
    candidates = []
    for index in known:
        label = _describe(parameters[index])
        seen[label] += 1
        # Long values look alike, and so do steps of a Pipeline that have a parameter of the same name.
        label = label if seen[label] == 1 else f"{label} ({seen[label]})"
        candidates.append(Candidate(label, float(means[index]), float(stds[index]), parameters[index]))
    return candidates


def score_name(search: Any, metric: str) -> str:
    """What the scores of a search are: the name of scikit-learn's scorer, or that under which the user knows it.

    Parameters
    ----------
    search : GridSearchCV or another search of scikit-learn
    metric : str
        The score, by its name in ``cv_results_``.

    Returns
    -------
    name : str
    """
    scoring = search.scoring[metric] if isinstance(search.scoring, Mapping) else search.scoring
    if scoring is None:
        return "accuracy"
    return scoring if isinstance(scoring, str) else metric


def fit_candidate(
    estimator: Any, parameters: Mapping[str, Any], X: MatrixLike, y: ArrayLike | None, fit_params: Mapping[str, Any]
) -> Any:
    """Train a candidate as a search refits the one that it has chosen.

    Parameters
    ----------
    estimator : estimator
        That of the search; stays as it is.
    parameters : dict of str to object
        Of the candidate.
    X, y : array-like
        All samples and their labels.
    fit_params : dict of str to object
        For `fit`.

    Returns
    -------
    fitted : estimator or ValueError
        The error where training has failed: that of others goes on.

    Raises
    ------
    KeyboardInterrupt
        Also where the estimator would keep what it has learnt until then, which would be taken for all of it.
    """
    model = clone(estimator).set_params(**clone(parameters, safe=False))
    with warnings.catch_warnings():
        warnings.simplefilter("error", TrainingInterruptedWarning)
        try:
            return model.fit(X, y, **fit_params)
        except TrainingInterruptedWarning:
            raise KeyboardInterrupt from None
        except ValueError as error:
            return error


def _describe(parameters: Mapping[str, object]) -> str:
    """Parameters of a candidate in a few words, without the names of the steps of a Pipeline."""
    words = []
    for name, value in parameters.items():
        text = str(value)
        short = text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"
        words.append(f"{name.rpartition('__')[2]}={short}")
    return ", ".join(words)
