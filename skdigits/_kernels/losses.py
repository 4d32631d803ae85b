"""Cross-entropy of one sample, and its gradient by the logits.

C outputs. `probabilities` and `gradient` have shape (C,), `targets` shape (C,) with entries 0 and 1. The classes
exclude one another (softmax), or are `independent` of one another (logistic outputs). With label smoothing s a target
t becomes (1 - s) t + s / n, over the n outcomes among which it is: all classes, or yes and no.
"""

import numpy as np

from skdigits._kernels.jit import kernel
from skdigits._kernels.numbers import larger, smaller


@kernel
def cross_entropy_forward(probabilities, targets, smallest, independent, smoothing):
    """Cross-entropy of one sample, with probabilities clipped to [smallest, 1 - smallest].

    Clipping is scikit-learn's; it bounds the loss of a sample that is wrong for certain.
    """
    loss = 0.0
    if not independent and smoothing == 0:
        # One class is right. Looked for without a branch, which would be mispredicted for every sample.
        likelihood = 0.0
        for c in range(probabilities.shape[0]):
            likelihood += np.float64(probabilities[c]) * targets[c]
        loss = -np.log(smaller(larger(likelihood, smallest), 1 - smallest))
        return loss if likelihood == likelihood else np.nan
    spread = smoothing / (2 if independent else probabilities.shape[0])
    for c in range(probabilities.shape[0]):
        target = spread + (1 - smoothing if targets[c] != 0 else 0.0)
        probability = smaller(larger(np.float64(probabilities[c]), smallest), 1 - smallest)
        if probabilities[c] != probabilities[c]:  # min and max may drop a NaN: a diverging fit must show it
            probability = np.nan
        if target > 0:
            loss -= target * np.log(probability)
        if independent and target < 1:
            loss -= (1 - target) * np.log(1 - probability)
    return loss


@kernel
def cross_entropy_backward(probabilities, targets, weight, independent, smoothing, gradient):
    """Gradient of weight * cross-entropy by the logits."""
    spread = smoothing / (2 if independent else probabilities.shape[0])
    low = probabilities.dtype.type(spread)
    high = probabilities.dtype.type(1 - smoothing + spread)
    for c in range(probabilities.shape[0]):
        gradient[c] = weight * (probabilities[c] - (high if targets[c] != 0 else low))


@kernel
def is_recognised(probabilities, targets, is_single_label):
    """Whether the largest output is the right one; with several labels, or one output, whether all outputs are."""
    if is_single_label:
        best = 0
        for c in range(1, probabilities.shape[0]):
            if probabilities[c] > probabilities[best]:
                best = c
        return targets[best] != 0
    all_right = True
    for c in range(probabilities.shape[0]):
        all_right &= (probabilities[c] > 0.5) == (targets[c] != 0)
    return all_right
