"""What a network is made of, as text."""

from typing import Any, NamedTuple

import numpy as np

from skdigits.plotting._estimators import fitted_network


class Layer(NamedTuple):
    """A layer of units.

    Parameters
    ----------
    name : str
    n_units : int
    activation : str
        Empty for the inputs.
    n_parameters : int
        Weights and biases that lead to it.
    n_bytes : int
        What these take.
    """

    name: str
    n_units: int
    activation: str
    n_parameters: int
    n_bytes: int


def describe_layers(estimator: Any) -> list[Layer]:
    """Layers of a fitted network, inputs first: a list of `Layer`."""
    network = fitted_network(estimator)
    layers = [Layer("input", len(network.coefs_[0]), "", 0, 0)]
    pairs = [list(map(np.asarray, pair)) for pair in zip(network.coefs_, network.intercepts_, strict=True)]
    for number, (coef, intercept) in enumerate(pairs, start=1):
        is_output = number == len(pairs)
        layers.append(
            Layer(
                "output" if is_output else f"hidden {number}",
                coef.shape[1],
                network.out_activation_ if is_output else network.activation,
                coef.size + intercept.size,
                coef.nbytes + intercept.nbytes,
            )
        )
    return layers


def summary(estimator: Any) -> str:
    """Layers, output shapes, parameters and bytes of a fitted network, as a table.

    Needs no matplotlib.

    Parameters
    ----------
    estimator : MLPDigitClassifier, Pipeline or search
        Fitted; a Pipeline ends with the network, and of a search it is the one that it has chosen.

    Returns
    -------
    text : str
        A line a layer, and the total; n is the number of samples.

    Raises
    ------
    NotFittedError
        If `fit` has not been called.
    TypeError
        If no MLPDigitClassifier or MLPClassifier is at the end of `estimator`.

    See Also
    --------
    NetworkDisplay : The same as a drawing.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdigits import MLPDigitClassifier
    >>> from skdigits.plotting import summary
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPDigitClassifier((32, 16), max_iter=300, tol=1e-2, random_state=0).fit(X / 16, y)
    >>> print(summary(model))
    Layer     Output shape  Activation  Parameters
    ----------------------------------------------
    input     (n, 64)                            0
    hidden 1  (n, 32)       relu             2,080
    hidden 2  (n, 16)       relu               528
    output    (n, 10)       softmax            170
    ----------------------------------------------
    2,778 parameters, 11,112 bytes (float32)
    """
    layers = describe_layers(estimator)
    rows = [("Layer", "Output shape", "Activation", "Parameters")]
    rows += [(layer.name, f"(n, {layer.n_units})", layer.activation, f"{layer.n_parameters:,}") for layer in layers]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([*(text.ljust(width) for text, width in zip(row[:3], widths, strict=False)), row[3].rjust(widths[3])])
        for row in rows
    ]
    rule = "-" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:], rule, describe_total(estimator)])


def describe_total(estimator: Any) -> str:
    """Parameters and bytes of a fitted network, in a line."""
    layers, dtype = describe_layers(estimator), np.asarray(fitted_network(estimator).coefs_[0]).dtype
    n_parameters, n_bytes = sum(layer.n_parameters for layer in layers), sum(layer.n_bytes for layer in layers)
    return f"{n_parameters:,} parameters, {n_bytes:,} bytes ({dtype})"
