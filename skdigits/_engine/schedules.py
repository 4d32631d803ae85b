"""Learning rate as a function of the step, for schedules that are known from the start."""

import numpy as np

# PyTorch's: the share of the steps in which the rate rises, its first value, and its last one.
_RISING_SHARE = 0.3
_FIRST = 1 / 25
_LAST = 1 / 25 / 1e4


def cosine(steps, n_steps):
    """Half a wave from 1 towards 0 (Loshchilov and Hutter, 2017, without restarts).

    Parameters
    ----------
    steps : ndarray
        Numbers of steps, from 0 on; after the last one the rate of the last one.
    n_steps : int
        All steps of the schedule.

    Returns
    -------
    factors : ndarray
        Learning rates as multiples of the largest one.
    """
    return (1 + np.cos(np.pi * np.minimum(steps, n_steps - 1) / n_steps)) / 2


def one_cycle(steps, n_steps):
    """From 1/25 up to 1 and down to 1/250,000, each as half a wave (Smith and Topin, 2018; PyTorch's OneCycleLR).

    Parameters
    ----------
    steps : ndarray
        Numbers of steps, from 0 on; after the last one the rate of the last one.
    n_steps : int
        All steps of the schedule.

    Returns
    -------
    factors : ndarray
        Learning rates as multiples of the largest one.
    """
    last = max(n_steps - 1, 1)
    # Of one to three steps the first has the largest rate; PyTorch's single one would have the smallest.
    top = max(_RISING_SHARE * n_steps - 1, 0)
    steps = np.minimum(steps, last)
    up = _between(_FIRST, 1, steps / top) if top > 0 else np.ones(len(steps))
    return np.where(steps <= top, up, _between(1, _LAST, (steps - top) / (last - top)))


def _between(start, end, share):
    return end + (start - end) / 2 * (1 + np.cos(np.pi * share))


SCHEDULES = {"cosine": cosine, "one_cycle": one_cycle}
