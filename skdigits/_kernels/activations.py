"""Activation functions, and their derivatives.

Arrays are flat and hold whole vectors of any number of rows. What stands in the padding of rows is changed with the
rest. The derivative is a function of what the activation gave, as in scikit-learn, so that the logits need not be
kept; for GELU and SiLU, which give some numbers twice, it is taken from the logits in the forward pass.
"""

from skdigits._kernels.codes import ELU, GELU, LEAK, LEAKY_RELU, LOGISTIC, RELU, SILU, TANH
from skdigits._kernels.jit import kernel
from skdigits._kernels.vectors import (
    elu_vectors,
    gelu_slope_vectors,
    gelu_vectors,
    logistic_vectors,
    silu_slope_vectors,
    silu_vectors,
    tanh_vectors,
)


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
    elif activation == LEAKY_RELU:
        leak = rows.dtype.type(LEAK)
        for i in range(rows.shape[0]):
            if rows[i] < 0:
                rows[i] *= leak
    elif activation == ELU:
        elu_vectors(rows)
    elif activation == GELU:
        gelu_vectors(rows)
    elif activation == SILU:
        silu_vectors(rows)


@kernel
def activation_backward(activation, outputs, gradient):
    """Turn the gradient by a hidden layer's outputs into the gradient by its logits; not for GELU and SiLU."""
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
    elif activation == LEAKY_RELU:
        leak = outputs.dtype.type(LEAK)
        for i in range(outputs.shape[0]):
            if outputs[i] < 0:
                gradient[i] *= leak
    elif activation == ELU:
        for i in range(outputs.shape[0]):
            if outputs[i] < 0:
                gradient[i] *= outputs[i] + 1


@kernel
def activation_forward_with_slopes(activation, rows, slopes):
    """Replace logits by their activations, and write the derivatives."""
    if activation in (GELU, SILU):
        for i in range(rows.shape[0]):
            slopes[i] = rows[i]
        if activation == GELU:
            gelu_slope_vectors(slopes)
        else:
            silu_slope_vectors(slopes)
        activation_forward(activation, rows)
    else:
        activation_forward(activation, rows)
        for i in range(rows.shape[0]):
            slopes[i] = 1
        activation_backward(activation, rows, slopes)
