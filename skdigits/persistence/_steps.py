"""The steps of a fitted pipeline, and what the first of them tells of the pixels that it was fitted on."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline

from skdigits.preprocessing import Deskewer, DigitCenterer, ElasticDeformer, ImageFlattener

# What moves pixels and leaves their range as it is.
_KEEP_THE_RANGE = (Deskewer, DigitCenterer, ElasticDeformer, ImageFlattener)


def flat_steps(name: str, estimator: Any) -> Iterator[tuple[str, Any]]:
    """Names and estimators of a pipeline, those of pipelines in it included, without what lets everything pass."""
    if hasattr(estimator, "best_estimator_"):
        yield from flat_steps(name, estimator.best_estimator_)
    elif isinstance(estimator, BaseSearchCV):
        raise ValueError(f"{type(estimator).__name__} has no best_estimator_: search with refit=True")
    elif isinstance(estimator, FrozenEstimator):
        yield from flat_steps(name, estimator.estimator)
    elif isinstance(estimator, Pipeline):
        for step_name, step in estimator.steps:
            if step is not None and step != "passthrough":
                yield from flat_steps(f"{name}.{step_name}".lstrip("."), step)
    else:
        yield name, estimator


def first_by_range(steps: Iterable[Any]) -> Any:
    """The first of some fitted steps that the range of pixels matters to; None where there is none."""
    return next((step for step in steps if not isinstance(step, _KEEP_THE_RANGE)), None)


def largest_pixel(step: Any) -> float | None:
    """What white is for a fitted `MinMaxScaler` or `MaxAbsScaler`; None for any other step."""
    for name in ("data_max_", "max_abs_"):
        if hasattr(step, name):
            return float(np.max(getattr(step, name)))
    return None
