"""Activation functions on one row of values, and their derivatives.

H units of a layer. Every array has shape (H,). The derivative is a function of what the activation gave, as in
scikit-learn, so that the logits need not be kept.
"""

import numpy as np

from skdigits._kernels.jit import kernel

IDENTITY, LOGISTIC, TANH, RELU, SOFTMAX = range(5)


@kernel
def logistic(logit):
    """1 / (1 + exp(-logit)), without an overflow for any logit."""
    if logit >= 0:
        return 1 / (1 + np.exp(-logit))
    exponential = np.exp(logit)
    return exponential / (1 + exponential)


@kernel
def softmax_forward(row):
    """Replace logits by exp(logit) / sum(exp(logits)), shifted by the largest logit."""
    largest = row[0]
    for h in range(1, row.shape[0]):
        largest = max(largest, row[h])
    total = row[0] - row[0]
    for h in range(row.shape[0]):
        row[h] = np.exp(row[h] - largest)
        total += row[h]
    for h in range(row.shape[0]):
        row[h] /= total


@kernel
def activation_forward(activation, row):
    """Replace the logits of a row by their activations."""
    if activation == RELU:
        for h in range(row.shape[0]):
            # Written so that NaN passes through.
            if row[h] < 0:
                row[h] = 0
    elif activation == LOGISTIC:
        for h in range(row.shape[0]):
            row[h] = logistic(row[h])
    elif activation == TANH:
        for h in range(row.shape[0]):
            row[h] = np.tanh(row[h])
    elif activation == SOFTMAX:
        softmax_forward(row)


@kernel
def activation_backward(activation, outputs, gradient):
    """Turn the gradient by a hidden layer's outputs into the gradient by its logits."""
    if activation == RELU:
        for h in range(outputs.shape[0]):
            if outputs[h] == 0:
                gradient[h] = 0
    elif activation == LOGISTIC:
        for h in range(outputs.shape[0]):
            gradient[h] *= outputs[h] * (1 - outputs[h])
    elif activation == TANH:
        for h in range(outputs.shape[0]):
            gradient[h] *= 1 - outputs[h] * outputs[h]


HIDDEN_ACTIVATIONS = {"identity": IDENTITY, "logistic": LOGISTIC, "tanh": TANH, "relu": RELU}
OUTPUT_ACTIVATIONS = {"identity": IDENTITY, "logistic": LOGISTIC, "softmax": SOFTMAX}
