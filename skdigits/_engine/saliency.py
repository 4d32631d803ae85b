"""What the outputs of a network owe to its inputs: gradients by the samples, in double precision.

Activations and their derivatives come from the kernels of training. Its backward pass through the weights does not do:
it ends at the first hidden layer and starts from the gradient of the loss; here the products are NumPy's.
"""

import numpy as np

from skdigits._engine.workspace import aligned_zeros, count_up
from skdigits._kernels.activations import activation_forward_with_slopes
from skdigits._kernels.codes import HIDDEN_ACTIVATIONS
from skdigits._kernels.tiles import lanes


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
        Of the hidden layers, a key of ``HIDDEN_ACTIVATIONS``.
    logit_weights : ndarray of shape (n_samples, n_logits)
        Weights of the logits in the sum; a row with a single 1 gives the gradient of one logit.

    Returns
    -------
    gradient : float64 array of shape (n_samples, n_features)
        Where ReLU, leaky ReLU or ELU has a kink, the derivative from below.
    """
    outputs, slopes = np.asarray(X, np.float64), []
    for coef, intercept in zip(coefs[:-1], intercepts[:-1], strict=True):
        outputs, slope = _activate(activation, outputs @ coef + intercept)
        slopes.append(slope)
    gradient = np.asarray(logit_weights, np.float64) @ coefs[-1].T
    for coef, slope in zip(reversed(coefs[:-1]), reversed(slopes), strict=True):
        gradient = (gradient * slope) @ coef.T
    return gradient


def _activate(activation, logits):
    """Outputs of a hidden layer, and the derivatives by its logits, from the kernel of training."""
    n_padded = count_up(logits.size, lanes(logits.dtype)) * lanes(logits.dtype)
    outputs, slopes = aligned_zeros(n_padded, logits.dtype), aligned_zeros(n_padded, logits.dtype)
    outputs[: logits.size] = logits.ravel()
    activation_forward_with_slopes(HIDDEN_ACTIVATIONS[activation], outputs, slopes)
    return (values[: logits.size].reshape(logits.shape) for values in (outputs, slopes))
