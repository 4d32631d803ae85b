"""Checks of parameters that need more than one of them, or more than a type and a range."""

from typing import Any

import numpy as np
from sklearn.utils._param_validation import InvalidParameterError

from skdigits._engine.schedules import SCHEDULES

# Parameters that mean something for mini-batches alone, with the value that leaves them out.
_MINI_BATCH_ONLY: dict[str, Any] = {
    "dropout": 0.0,
    "input_dropout": 0.0,
    "max_grad_norm": None,
    "weight_averaging": None,
    "augmenter": None,
}


def check_hidden_layer_sizes(estimator: Any) -> list[int]:
    """Units of each hidden layer, as a list."""
    # By way of a list, as integers may come as an array of objects.
    sizes = np.array(np.atleast_1d(estimator.hidden_layer_sizes).tolist())
    if sizes.ndim > 1 or (sizes.size and sizes.dtype.kind not in "iu"):
        raise ValueError(f"hidden_layer_sizes must be one integer a layer, got {estimator.hidden_layer_sizes}.")
    if (sizes <= 0).any():
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes.tolist()}.")
    return sizes.astype(int).tolist()


def check_drop_rates(estimator: Any, n_hidden: int) -> tuple[float, ...]:
    """Rates at which the inputs of each layer are dropped, the samples first."""
    try:
        rates = np.asarray(estimator.dropout, float)
    except (TypeError, ValueError):
        rates = np.array(np.nan)
    if rates.ndim > 1 or not ((rates >= 0) & (rates < 1)).all():
        raise InvalidParameterError(
            "The 'dropout' parameter of MLPDigitClassifier must be a number in [0, 1) or one for each hidden layer. "
            f"Got {estimator.dropout!r} instead."
        )
    if rates.ndim == 1 and len(rates) != n_hidden:
        raise ValueError(
            f"dropout has {len(rates)} rates for {n_hidden} hidden layers: give one for each of hidden_layer_sizes, or "
            "a single number for all."
        )
    return (float(estimator.input_dropout), *np.broadcast_to(rates, n_hidden).tolist())


def check_solver(estimator: Any) -> None:
    """Refuse what full-batch training cannot do, so that nothing is left out in silence."""
    if estimator.solver != "lbfgs":
        return
    asked = [
        name
        for name, off in _MINI_BATCH_ONLY.items()
        if (np.any(getattr(estimator, name)) if off == 0 else getattr(estimator, name) is not off)
    ]
    if estimator.learning_rate in SCHEDULES:
        asked.append("learning_rate")
    if asked:
        raise ValueError(
            f"{', '.join(f'{name}={getattr(estimator, name)!r}' for name in asked)} needs mini-batches, which "
            "solver='lbfgs' does not have. Use solver 'adam', 'adamw' or 'sgd'."
        )


def check_output_activation(output_activation: str, y_type: str) -> str:
    """Activation of the outputs for targets of a type that scikit-learn has told."""
    if output_activation == "auto":
        return "softmax" if y_type == "multiclass" else "logistic"
    if output_activation == "softmax" and y_type != "multiclass":
        raise ValueError(
            f"output_activation='softmax' needs one label of at least three classes for each sample, got {y_type} "
            "targets. Use 'auto' or 'logistic'."
        )
    return output_activation
