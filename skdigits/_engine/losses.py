"""Cross-entropy of outputs that have been computed."""

import numpy as np


def mean_cross_entropy(probabilities, targets, sample_weight, *, independent):
    """Weighted mean over the samples, with probabilities clipped as in training; without penalty or smoothing.

    Parameters
    ----------
    probabilities : float array of shape (n_samples, n_outputs)
    targets : bool array of shape (n_samples, n_outputs)
    sample_weight : ndarray of shape (n_samples,) or None
    independent : bool
        Whether outputs are logistic, not softmax.

    Returns
    -------
    loss : float
    """
    smallest = np.finfo(probabilities.dtype).eps
    probabilities = np.clip(probabilities.astype(np.float64), smallest, 1 - smallest)
    losses = -np.log(np.where(targets, probabilities, 1 - probabilities if independent else 1)).sum(axis=1)
    return float(np.average(losses, weights=sample_weight))
