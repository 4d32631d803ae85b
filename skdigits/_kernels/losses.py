"""Cross-entropy of one sample, and its gradient by the logits.

C outputs. `probabilities` and `gradient` have shape (C,), `targets` shape (C,) with entries 0 and 1.
"""

import numpy as np

from skdigits._kernels.jit import kernel


@kernel
def cross_entropy_forward(probabilities, targets, smallest, independent):
    """Cross-entropy of one sample, with probabilities clipped to [smallest, 1 - smallest].

    The classes exclude one another (softmax), or are `independent` of one another (logistic outputs: binary and
    multi-label targets). Clipping is scikit-learn's; it bounds the loss of a sample that is wrong for certain.
    """
    loss = 0.0
    for c in range(probabilities.shape[0]):
        if targets[c] == 0 and not independent:
            continue
        probability = min(max(np.float64(probabilities[c]), smallest), 1 - smallest)
        if probabilities[c] != probabilities[c]:  # min and max may drop a NaN: a diverging fit must show it
            probability = np.nan
        loss -= np.log(probability if targets[c] != 0 else 1 - probability)
    return loss


@kernel
def cross_entropy_backward(probabilities, targets, weight, gradient):
    """Gradient of weight * cross-entropy by the logits, for softmax and for logistic outputs alike."""
    for c in range(probabilities.shape[0]):
        gradient[c] = weight * (probabilities[c] - targets[c])
