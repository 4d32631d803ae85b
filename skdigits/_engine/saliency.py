"""What the outputs of a network owe to its inputs: gradients by the samples, in plain NumPy and double precision.

The backward kernels do not give them: they end at the first hidden layer, start from the gradient of the loss instead
of from a logit, and keep no transposed weights of the first layer, which training has no use for.
"""

import numpy as np
from scipy.special import expit, ndtr

from skdigits._kernels.activations import LEAK


def input_gradient(X, coefs, intercepts, activation, logit_weights):
    """Gradient of a weighted sum of the logits of each sample by its features.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    coefs : list of ndarray of shape (n_inputs, n_outputs)
        Weights of each layer.
    intercepts : list of ndarray of shape (n_outputs,)
        Biases of each layer.
    activation : str
        Of the hidden layers, a key of ``ACTIVATIONS_AND_SLOPES``.
    logit_weights : ndarray of shape (n_samples, n_logits)
        Weights of the logits in the sum; a row with a single 1 gives the gradient of one logit.

    Returns
    -------
    gradient : float64 array of shape (n_samples, n_features)
        Where ReLU, leaky ReLU or ELU has a kink, the derivative from below.
    """
    outputs, slopes = np.asarray(X, np.float64), []
    for coef, intercept in zip(coefs[:-1], intercepts[:-1], strict=True):
        outputs, slope = ACTIVATIONS_AND_SLOPES[activation](outputs @ coef + intercept)
        slopes.append(slope)
    gradient = np.asarray(logit_weights, np.float64) @ coefs[-1].T
    for coef, slope in zip(reversed(coefs[:-1]), reversed(slopes), strict=True):
        gradient = (gradient * slope) @ coef.T
    return gradient


def _identity(logits):
    return logits, np.ones_like(logits)


def _logistic(logits):
    outputs = expit(logits)
    return outputs, outputs * (1 - outputs)


def _tanh(logits):
    outputs = np.tanh(logits)
    return outputs, 1 - outputs**2


def _relu(logits):
    return np.maximum(logits, 0), np.where(logits > 0, 1.0, 0.0)


def _leaky_relu(logits):
    slopes = np.where(logits > 0, 1.0, LEAK)
    return logits * slopes, slopes


def _elu(logits):
    # What is not used of the exponential must not overflow.
    below = np.minimum(logits, 0)
    return np.where(logits > 0, logits, np.expm1(below)), np.exp(below)


def _gelu(logits):
    below = ndtr(logits)
    return logits * below, below + logits * np.exp(-(logits**2) / 2) / np.sqrt(2 * np.pi)


def _silu(logits):
    shares = expit(logits)
    return logits * shares, shares * (1 + logits * (1 - shares))


# From the logits of a layer to its outputs and their derivatives.
ACTIVATIONS_AND_SLOPES = {
    "identity": _identity,
    "logistic": _logistic,
    "tanh": _tanh,
    "relu": _relu,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "gelu": _gelu,
    "silu": _silu,
}
