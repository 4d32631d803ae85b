"""First weights of a network, drawn in scikit-learn's order, so that a seed means the same network."""

from itertools import pairwise

import numpy as np

from skdigits._engine.parameters import allocate


def draw_parameters(units, activation, random_state, dtype):
    """Weights and biases drawn uniformly within Glorot and Bengio's bound (2010).

    The bound of a layer is sqrt(6 / (n_inputs + n_outputs)), with 2 in place of 6 for logistic units. Everything is
    drawn in double precision, layer by layer, weights before biases, and then rounded to `dtype`.

    Parameters
    ----------
    units : sequence of int
        Layer sizes, inputs first.
    activation : str
        Name of the hidden activation.
    random_state : numpy.random.RandomState
    dtype : numpy dtype

    Returns
    -------
    parameters : ndarray of shape (n_parameters,)
    """
    gain = 2.0 if activation == "logistic" else 6.0
    coefs, intercepts = [], []
    for n_inputs, n_outputs in pairwise(units):
        bound = np.sqrt(gain / (n_inputs + n_outputs))
        coefs.append(random_state.uniform(-bound, bound, n_inputs * n_outputs))
        intercepts.append(random_state.uniform(-bound, bound, n_outputs))
    parameters = allocate(units, dtype)
    return np.concatenate(coefs + intercepts, out=parameters, casting="same_kind")
