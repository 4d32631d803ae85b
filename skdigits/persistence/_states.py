"""What the state of a saved estimator must look like, whoever wrote the file."""

from dataclasses import fields
from itertools import pairwise
from numbers import Integral, Real

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import LabelBinarizer, MaxAbsScaler, MinMaxScaler, StandardScaler
from sklearn.utils._param_validation import validate_parameter_constraints

from skdigits._engine.optimizers import OPTIMIZERS
from skdigits._engine.parameters import count_parameters, find_units
from skdigits._engine.schedules import SCHEDULES
from skdigits.classifier import MLPDigitClassifier
from skdigits.exceptions import ModelFormatError

# Attributes of one training run, and of what calls it, not of what was learnt: they are not stored.
TRANSIENT = (
    "_callback_fit_ctx", "_metadata_request", "_parent_callback_ctx", "_skl_callbacks", "_skl_callbacks_to_teardown",
)  # fmt: skip


def fill_in(kind, state):
    """Give parameters that are newer than the file their defaults, with which they change nothing."""
    for name, default in (kind.__init__.__kwdefaults__ or {}).items():
        state.setdefault(name, default)


def check_state(kind, state):
    """Raise ModelFormatError where an estimator of a type could not work with a state.

    Parameters
    ----------
    kind : type
    state : dict of str to object
        Parameters and learned attributes.
    """
    parameters = {name: state[name] for name in kind._get_param_names() if name in state}
    missing = set(kind._get_param_names()) - set(parameters)
    _require(not missing, f"{kind.__name__} lacks {', '.join(sorted(missing))}")
    try:
        validate_parameter_constraints(kind._parameter_constraints, parameters, caller_name=kind.__name__)
    except ValueError as error:
        raise ModelFormatError(str(error)) from None
    learned = {name: value for name, value in state.items() if name not in parameters}
    checks = {**_COMMON, **_LEARNED.get(kind, {})}
    unknown = sorted(set(learned) - set(checks))
    _require(not unknown, f"{kind.__name__} has the unknown attributes {', '.join(unknown)[:200]}")
    for name, value in learned.items():
        found = f", of type {value.dtype}" if isinstance(value, np.ndarray) else ""
        _require(checks[name](value, learned), f"{name} of {kind.__name__} is not what it should be{found}")
    if kind in _WHOLE:
        _WHOLE[kind](parameters, learned)


def has_checks(kind):
    """Whether `check_state` knows the learned attributes of a type."""
    return kind in _LEARNED or kind in _WHOLE or kind.__module__.startswith("skdigits.")


def _require(holds, what):
    if not holds:
        raise ModelFormatError(what)


def _is_count(value, state=None):
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 0


def _is_number(value, state=None):
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


def _is_number_or_none(value, state):
    return value is None or _is_number(value)


def _is_curve(value, state=None):
    return value is None or (isinstance(value, list) and all(map(_is_number, value)))


def _is_history(value, state):
    if not isinstance(value, dict) or not all(isinstance(name, str) and _is_curve(value[name]) for name in value):
        return False
    return None not in value.values() and len({len(curve) for curve in value.values()}) == 1


def _is_vector(value, length):
    """Whether it is a vector of finite numbers."""
    return _is_array(value, 1, "fiu") and len(value) == length


def _is_array(value, ndim, kinds):
    if not isinstance(value, np.ndarray) or value.ndim != ndim or value.dtype.kind not in kinds:
        return False
    return value.dtype.kind != "f" or bool(np.isfinite(value).all())


def _is_of_features(value, state):
    return _is_vector(value, state.get("n_features_in_"))


def _is_of_features_or_none(value, state):
    return value is None or _is_of_features(value, state)


def _are_names(value, state):
    return _is_text(value) and len(value) == state.get("n_features_in_")


def _is_text(value):
    return isinstance(value, np.ndarray) and value.dtype == object and all(type(name) is str for name in value)


def _is_shape(value, state):
    return type(value) is tuple and len(value) == 2 and all(type(side) is int and side > 0 for side in value)


def _are_layers(ndim):
    def check(value, state):
        if type(value) is not list or not value:
            return False
        return all(_is_array(layer, ndim, "f") and layer.dtype.itemsize > 2 and layer.size for layer in value)

    return check


def _are_classes(value, state=None):
    if not isinstance(value, np.ndarray) or value.ndim != 1 or value.dtype.kind not in "biufUO" or not len(value):
        return False
    if value.dtype == object and not _is_text(value):
        return False
    if value.dtype.kind in "biuf":
        return bool(value[0] == value[0] and (value[1:] > value[:-1]).all())
    labels = value.tolist()  # also fails for text that is none
    return all(one < other for one, other in pairwise(labels))


def _is_binarizer(value, state):
    return type(value) is LabelBinarizer


def _is_optimizer(value, state):
    if not isinstance(value, dict) or value.get("name") not in OPTIMIZERS:
        return False
    kind = OPTIMIZERS[value["name"]]
    numbers = {name: entry for name, entry in value.items() if name not in ("name", "moments", "lr_schedule")}
    return (
        set(value) == {"name", *(field.name for field in fields(kind))}
        and value["lr_schedule"] in {"constant", "invscaling", "adaptive", *SCHEDULES}
        and all(entry is None or (isinstance(entry, Real) and np.isfinite(float(entry))) for entry in numbers.values())
        and _is_count(value["t"])
        and _is_array(value["moments"], 2, "f")
        and len(value["moments"]) == kind.n_moments
    )


def _check_network(parameters, state):
    """The learned attributes of a classifier fit one another."""
    if "coefs_" not in state:
        return  # not fitted
    needed = {
        "_label_binarizer", "classes_", "intercepts_", "n_features_in_", "n_iter_", "n_layers_", "n_outputs_",
        "out_activation_", "t_",
    }  # fmt: skip
    _require(needed <= set(state), f"it lacks {', '.join(sorted(needed - set(state)))}")
    try:
        units = find_units(state["coefs_"], state["intercepts_"])
    except ValueError as error:
        raise ModelFormatError(str(error).rstrip(".")) from error
    _require(state["n_layers_"] == len(units), f"n_layers_ is {state['n_layers_']}, and coefs_ make {len(units)}")
    _require(state["n_outputs_"] == units[-1], f"n_outputs_ is {state['n_outputs_']}, and coefs_ have {units[-1]}")
    _require(state["n_features_in_"] == units[0], f"n_features_in_ is {state['n_features_in_']}, not {units[0]}")
    binarizer, classes = state["_label_binarizer"], state["classes_"]
    _require(
        binarizer.classes_.dtype == classes.dtype and binarizer.classes_.tolist() == classes.tolist(),
        "classes_ are not those of its LabelBinarizer",
    )
    n_outputs = 1 if binarizer.y_type_ == "binary" else len(classes)
    _require(n_outputs == units[-1], f"{len(classes)} {binarizer.y_type_} classes do not go with {units[-1]} outputs")
    _require(
        state["out_activation_"] == "logistic" or binarizer.y_type_ == "multiclass",
        f"outputs that are {state['out_activation_']} do not go with {binarizer.y_type_} classes",
    )
    if "best_loss_" in state:
        by_score = state["best_loss_"] is None
        names = ("best_validation_score_", "validation_scores_")
        odd = [name for name in names if (state.get(name) is not None) != by_score]
        # Files of older versions do not say by which score.
        odd += [] if by_score or state.get("_judged_by") is None else ["_judged_by"]
        _require(not odd, f"{', '.join(odd)} and best_loss_ do not go together")
    n_parameters = count_parameters(units)
    _require(
        "_optimizer" not in state or state["_optimizer"]["moments"].shape[1] == n_parameters,
        "the state of the optimizer is of another network",
    )
    _require(
        "_unaveraged" not in state or _is_vector(state["_unaveraged"], n_parameters),
        "the weights behind the average are of another network",
    )


def _check_binarizer(parameters, state):
    _require({"classes_", "y_type_", "sparse_input_"} <= set(state), "its LabelBinarizer is not fitted")
    _require(len(state["classes_"]) <= 2 or state["y_type_"] != "binary", "there are more than two binary classes")


def _check_steps(parameters, state):
    """A pipeline has steps, whose numbers of features fit where they say what they give."""
    steps = parameters["steps"]
    _require(
        bool(steps) and all(type(step) is tuple and len(step) == 2 and type(step[0]) is str for step in steps),
        "the steps of its Pipeline are not pairs of a name and an estimator",
    )
    # It would name a folder to write to.
    _require(parameters["memory"] is None, "its Pipeline has a memory, which is not stored")
    for (name, step), (next_name, next_step) in pairwise(steps):
        given, taken = _n_outputs(step), getattr(next_step, "n_features_in_", None)
        _require(
            given is None or taken is None or given == taken,
            f"step {name} gives {given} features, and step {next_name} takes {taken}",
        )


def _n_outputs(step):
    return getattr(step, "n_features_in_", None) if type(step) in _SAME_FEATURES else None


_SAME_FEATURES = (MaxAbsScaler, MinMaxScaler, StandardScaler)
_CONTAINERS = ("default", "pandas", "polars")
_COMMON = {
    "n_features_in_": lambda value, state: _is_count(value) and value > 0,
    "feature_names_in_": _are_names,
    "image_shape_": _is_shape,
    "_n_features_out": _is_count,
    "_sklearn_output_config": lambda value, state: value in [{"transform": name} for name in _CONTAINERS],
}
_LEARNED = {
    MLPDigitClassifier: {
        "_label_binarizer": _is_binarizer,
        "_judged_by": lambda value, state: value is None or type(value) is str,
        "_no_improvement_count": _is_count,
        "_optimizer": _is_optimizer,
        "_unaveraged": lambda value, state: _is_array(value, 1, "f"),
        "best_loss_": _is_number_or_none,
        "best_validation_score_": _is_number_or_none,
        "classes_": _are_classes,
        "coefs_": _are_layers(2),
        "history_": _is_history,
        "intercepts_": _are_layers(1),
        "loss_": _is_number,
        "loss_curve_": _is_curve,
        "n_iter_": _is_count,
        "n_layers_": _is_count,
        "n_outputs_": _is_count,
        "out_activation_": lambda value, state: value in ("softmax", "logistic"),
        "t_": _is_count,
        "validation_loss_curve_": _is_curve,
        "validation_scores_": _is_curve,
    },
    LabelBinarizer: {
        "classes_": _are_classes,
        "sparse_input_": lambda value, state: type(value) in (bool, np.bool_),
        "y_type_": lambda value, state: value in ("binary", "multiclass", "multilabel-indicator"),
    },
    MaxAbsScaler: {"max_abs_": _is_of_features, "scale_": _is_of_features, "n_samples_seen_": _is_count},
    MinMaxScaler: {
        **dict.fromkeys(("data_max_", "data_min_", "data_range_", "min_", "scale_"), _is_of_features),
        "n_samples_seen_": _is_count,
    },
    StandardScaler: {
        **dict.fromkeys(("mean_", "scale_", "var_"), _is_of_features_or_none),
        "n_samples_seen_": lambda value, state: (
            (_is_number(value) and 0 <= value < np.inf) or _is_of_features(value, state)
        ),
    },
}
_WHOLE = {LabelBinarizer: _check_binarizer, MLPDigitClassifier: _check_network, Pipeline: _check_steps}
