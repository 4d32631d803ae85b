"""Activation functions, and their derivatives.

Arrays are flat and hold whole vectors: one padded row for softmax, any number of rows for the others. What stands in
the padding is changed with the rest. The derivative is a function of what the activation gave, as in scikit-learn, so
that the logits need not be kept.
"""

import numpy as np

from skdigits._kernels.codes import LOGISTIC, RELU, TANH
from skdigits._kernels.jit import kernel
from skdigits._kernels.vectors import exp_vectors, logistic_vectors, tanh_vectors


@kernel
def softmax_forward(row, n_units):
    """Replace n_units logits by exp(logit) / sum(exp(logits)), shifted by the largest logit; the rest by 0."""
    largest = row[0]
    for h in range(1, n_units):
        largest = max(largest, row[h])
    for h in range(n_units):
        row[h] -= largest
    for h in range(n_units, row.shape[0]):
        row[h] = -np.inf
    exp_vectors(row)
    total = row[0]
    for h in range(1, n_units):
        total += row[h]
    for h in range(n_units):
        row[h] /= total


@kernel
def activation_forward(activation, rows):
    """Replace logits by their activations. SOFTMAX, which needs to know where rows end, is left to its own kernel."""
    if activation == RELU:
        for i in range(rows.shape[0]):
            # Written so that NaN passes through.
            if rows[i] < 0:
                rows[i] = 0
    elif activation == LOGISTIC:
        logistic_vectors(rows)
    elif activation == TANH:
        tanh_vectors(rows)


@kernel
def activation_backward(activation, outputs, gradient):
    """Turn the gradient by a hidden layer's outputs into the gradient by its logits."""
    if activation == RELU:
        for i in range(outputs.shape[0]):
            if outputs[i] == 0:
                gradient[i] = 0
    elif activation == LOGISTIC:
        for i in range(outputs.shape[0]):
            gradient[i] *= outputs[i] * (1 - outputs[i])
    elif activation == TANH:
        for i in range(outputs.shape[0]):
            gradient[i] *= 1 - outputs[i] * outputs[i]
