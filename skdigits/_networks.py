"""The network behind the learned attributes of a classifier, which a user may have replaced."""

import weakref
from collections.abc import Callable
from operator import is_
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from skdigits._engine import parameters
from skdigits._engine.network import Network


class _Gathered(NamedTuple):
    """A network, and what it was gathered from: arrays, by their identity, and what else makes it what it is."""

    is_of: Callable[[], Any]
    arrays: tuple[Any, ...]
    others: tuple[Any, ...]
    network: Network


# By the identity of the classifier. Gathering takes as long as recognising ten digits.
_gathered: dict[int, _Gathered] = {}


def network_of(estimator: Any) -> Network:
    """The network of a fitted classifier, in its own type, for prediction: what has been gathered before is kept."""
    arrays = (*estimator.coefs_, *estimator.intercepts_)
    others = (estimator.activation, estimator.out_activation_, estimator.n_features_in_, estimator.n_outputs_)
    kept = _gathered.get(id(estimator))
    if (
        kept is not None
        and kept.is_of() is estimator
        and kept.others == others
        and len(kept.arrays) == len(arrays)
        and all(map(is_, kept.arrays, arrays))
    ):
        return kept.network
    network = gather(estimator, own_dtype(estimator))
    if network.parameters.base is getattr(arrays[0], "base", None):  # a copy would not follow a user who writes to them
        _keep(estimator, arrays, others, network)
    return network


def _keep(estimator, arrays, others, network):
    key = id(estimator)
    is_of = weakref.ref(estimator, lambda _: _gathered.pop(key, None))
    _gathered[key] = _Gathered(is_of, arrays, others, network)


def forget(estimator: Any) -> None:
    """Let go of what is kept: training makes another network, and memory need not hold both."""
    _gathered.pop(id(estimator), None)


def gather(estimator: Any, dtype: DTypeLike) -> Network:
    """The network of the learned attributes in a type: over the vector that they are views of, or over a copy.

    Raises
    ------
    ValueError
        If they are no network of the samples and the labels that the classifier was fitted with.
    """
    units = parameters.find_units(estimator.coefs_, estimator.intercepts_)
    if (units[0], units[-1]) != (estimator.n_features_in_, estimator.n_outputs_):
        raise ValueError(
            f"coefs_ are of a network of {units[0]} features and {units[-1]} outputs; expected "
            f"{estimator.n_features_in_} and {estimator.n_outputs_}, as the classifier was fitted with."
        )
    vector = parameters.join(estimator.coefs_, estimator.intercepts_, dtype)
    return Network(units, estimator.activation, estimator.out_activation_, vector)


def own_dtype(estimator: Any) -> np.dtype:
    """Type of the learned attributes, or one that the kernels know for others that a user has set."""
    dtype = np.result_type(*map(np.asarray, estimator.coefs_))
    if dtype in (np.float32, np.float64):
        return dtype
    return np.dtype(np.float32 if dtype == np.float16 else np.float64)
