"""First weights of a network."""

from itertools import pairwise

import numpy as np

from skdigits._engine.parameters import allocate


def _uniform(bound):
    def draw(random_state, n_inputs, n_outputs):
        limit = bound(n_inputs, n_outputs)
        return random_state.uniform(-limit, limit, n_inputs * n_outputs)

    return draw


def _normal(variance):
    def draw(random_state, n_inputs, n_outputs):
        return random_state.normal(0, np.sqrt(variance / n_inputs), n_inputs * n_outputs)

    return draw


# Glorot and Bengio (2010); He, Zhang, Ren and Sun (2015); LeCun, Bottou, Orr and Mueller (1998).
INITIALIZERS = {
    "glorot_uniform": _uniform(lambda n_inputs, n_outputs: np.sqrt(6 / (n_inputs + n_outputs))),
    "he_uniform": _uniform(lambda n_inputs, _: np.sqrt(6 / n_inputs)),
    "he_normal": _normal(2),
    "lecun_normal": _normal(1),
}


def draw_parameters(units, activation, random_state, dtype, weight_init="auto"):
    """Draw the weights, layer by layer, in double precision, and round them to `dtype`.

    With 'auto' they are scikit-learn's for the same seed: weights, then biases, of each layer, uniform within Glorot
    and Bengio's bound of sqrt(6 / (n_inputs + n_outputs)), with 2 in place of 6 for logistic units. With anything
    else the biases are zero.

    Parameters
    ----------
    units : sequence of int
        Layer sizes, inputs first.
    activation : str
        Name of the hidden activation.
    random_state : numpy.random.RandomState
    dtype : numpy dtype
    weight_init : str, default='auto'
        'auto' or one of ``INITIALIZERS``.

    Returns
    -------
    parameters : ndarray of shape (n_parameters,)
    """
    gain = 2.0 if activation == "logistic" else 6.0
    coefs, intercepts = [], []
    for n_inputs, n_outputs in pairwise(units):
        if weight_init == "auto":
            bound = np.sqrt(gain / (n_inputs + n_outputs))
            coefs.append(random_state.uniform(-bound, bound, n_inputs * n_outputs))
            intercepts.append(random_state.uniform(-bound, bound, n_outputs))
        else:
            coefs.append(INITIALIZERS[weight_init](random_state, n_inputs, n_outputs))
            intercepts.append(np.zeros(n_outputs))
    parameters = allocate(units, dtype)
    return np.concatenate(coefs + intercepts, out=parameters, casting="same_kind")
