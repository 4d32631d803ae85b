"""Activation functions, and their derivatives.

Arrays are flat and hold whole vectors of any number of rows. What stands in the padding of rows is changed with the
rest. The derivative is a function of what the activation gave, as in scikit-learn, so
that the logits need not be kept.
"""

from skdigits._kernels.codes import LOGISTIC, RELU, TANH
from skdigits._kernels.jit import kernel
from skdigits._kernels.vectors import logistic_vectors, tanh_vectors


@kernel
def activation_forward(activation, rows):
    """Replace logits by their activations. SOFTMAX, which needs to know where rows end, is `softmax_vectors`."""
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
