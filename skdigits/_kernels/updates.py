"""One step of an optimizer on one row of parameters.

H parameters. `parameters`, `gradient` and the moments have shape (H,). `settings` holds the numbers of a step in the
type of the parameters, so that arithmetic in single precision stays in single precision.
"""

import numpy as np

from skdigits._kernels.codes import (
    AVERAGE,
    BETA_1,
    BETA_2,
    COMPLEMENT_1,
    COMPLEMENT_2,
    DECAY,
    EPSILON,
    MOMENTUM,
    NESTEROV,
    RATE,
)
from skdigits._kernels.estimates import adam_vector, count_estimated
from skdigits._kernels.jit import kernel
from skdigits._kernels.sizes import VECTOR_BYTES


@kernel
def sgd_update(parameters, gradient, velocity, settings):
    """Momentum, of Nesterov's kind where settings[NESTEROV] is not 0."""
    rate, momentum, nesterov = settings[RATE], settings[MOMENTUM], settings[NESTEROV] != 0
    for h in range(parameters.shape[0]):
        update = momentum * velocity[h] - rate * gradient[h]
        velocity[h] = update
        if nesterov:
            update = momentum * update - rate * gradient[h]
        parameters[h] += update


@kernel
def adam_update(parameters, gradient, first_moment, second_moment, settings):
    """Kingma and Ba (2014), algorithm 1; settings[RATE] carries the corrections for moments
    that start at zero.
    """
    rate, epsilon = settings[RATE], settings[EPSILON]
    beta_1, complement_1 = settings[BETA_1], settings[COMPLEMENT_1]
    beta_2, complement_2 = settings[BETA_2], settings[COMPLEMENT_2]
    n_done = count_estimated(parameters, gradient, first_moment, second_moment)
    for h in range(0, n_done, VECTOR_BYTES // parameters.itemsize):
        adam_vector(
            parameters, gradient, first_moment, second_moment, h, rate, beta_1, complement_1, beta_2, complement_2,
            epsilon,
        )  # fmt: skip
    for h in range(n_done, parameters.shape[0]):
        first = beta_1 * first_moment[h] + complement_1 * gradient[h]
        second = beta_2 * second_moment[h] + complement_2 * (gradient[h] * gradient[h])
        first_moment[h] = first
        second_moment[h] = second
        parameters[h] -= rate * first / (np.sqrt(second) + epsilon)


@kernel
def decay_weights(parameters, settings):
    """Decay of Loshchilov and Hutter (2019), decoupled from the gradient."""
    kept = 1 - settings[DECAY]
    for h in range(parameters.shape[0]):
        parameters[h] *= kept


@kernel
def follow_average(average, parameters, settings):
    """Move an average towards the parameters."""
    share = settings[AVERAGE]
    for h in range(parameters.shape[0]):
        average[h] += share * (parameters[h] - average[h])
