"""How well a model does on labelled samples: as text and as JSON."""

import json
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import classification_report, confusion_matrix


def score_model(model: Any, X: NDArray, y: NDArray) -> tuple[dict[str, Any], str]:
    """Accuracy, classification report and confusion matrix, as plain numbers.

    Returns
    -------
    scores : dict
        ``accuracy``, ``classification_report`` (scikit-learn's dict), ``confusion_matrix`` (rows are true labels)
        and ``labels``; ready for JSON.
    text : str
        The report as scikit-learn prints it, and the confusion matrix below.
    """
    predicted = model.predict(X)
    labels = np.unique(np.concatenate([y, predicted]))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "A single label was found", UserWarning)  # though labels are given
        matrix = confusion_matrix(y, predicted, labels=labels)
    scores = {
        "accuracy": float(np.mean(predicted == y)),
        "classification_report": classification_report(y, predicted, labels=labels, output_dict=True, zero_division=0),
        "confusion_matrix": matrix.tolist(),
        "labels": labels.tolist(),
    }
    report = classification_report(y, predicted, labels=labels, digits=3, zero_division=0)
    return scores, f"{report}\nConfusion matrix (rows: true, columns: predicted)\n{_format_matrix(matrix, labels)}"


def _format_matrix(matrix: NDArray, labels: NDArray) -> str:
    rows = [["", *map(str, labels)], *([str(label), *map(str, row)] for label, row in zip(labels, matrix, strict=True))]
    width = max(len(entry) for row in rows for entry in row) + 1
    return "\n".join("".join(entry.rjust(width) for entry in row) for row in rows)


def as_json(value: Any) -> Any:
    """A value as JSON knows it: null for what is no finite number."""
    if isinstance(value, dict):
        return {name: as_json(entry) for name, entry in value.items()}
    if isinstance(value, (tuple, list)):
        return [as_json(entry) for entry in value]
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not np.isfinite(value) else value


def print_json(content: object) -> None:
    """Print one JSON object."""
    print(json.dumps(as_json(content), allow_nan=False))
