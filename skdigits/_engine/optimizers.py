"""Optimizers of mini-batch training: settings and explicit state. Their arithmetic is in the kernels.

An optimizer is a dataclass of numbers, strings and one array, so that ``vars(optimizer)`` is all of its state and
``OPTIMIZERS[name](**state)`` continues it.
"""

import math
from dataclasses import dataclass

import numpy as np

from skdigits._kernels import codes


@dataclass
class SGD:
    """Stochastic gradient descent with momentum.

    Parameters
    ----------
    learning_rate_init : float
    lr_schedule : {'constant', 'invscaling', 'adaptive'}
    momentum : float
    nesterov : bool
    power_t : float
        Exponent of 'invscaling'.
    moments : ndarray of shape (1, n_parameters)
        Velocity.
    learning_rate : float or None
        The present one; None stands for `learning_rate_init`.
    """

    learning_rate_init: float
    lr_schedule: str
    momentum: float
    nesterov: bool
    power_t: float
    moments: np.ndarray
    learning_rate: float | None = None

    name = "sgd"
    code = codes.SGD
    n_moments = 1
    beta_1 = beta_2 = 0.0
    t = 0

    def __post_init__(self):
        if self.learning_rate is None:
            self.learning_rate = float(self.learning_rate_init)

    def base_rate(self):
        """Learning rate that the kernel starts from."""
        return self.learning_rate

    def write_settings(self, settings):
        """Write the numbers of a step to an array of shape (n_threads, N_SETTINGS)."""
        settings[:, codes.MOMENTUM] = self.momentum
        settings[:, codes.NESTEROV] = self.nesterov

    def count_steps(self, n_steps):
        """Take note of steps that the kernel has made."""

    def end_epoch(self, n_samples_seen):
        """Adapt the learning rate to the number of samples seen so far, in all epochs."""
        if self.lr_schedule == "invscaling":
            self.learning_rate = float(self.learning_rate_init) / (n_samples_seen + 1) ** self.power_t

    def on_plateau(self):
        """React to epochs without progress.

        Returns
        -------
        stop : bool
        decision : str
            What was decided, for the log.
        """
        if self.lr_schedule != "adaptive":
            return True, "Stopping."
        if self.learning_rate <= 1e-6:
            return True, "Learning rate too small. Stopping."
        self.learning_rate /= 5.0
        return False, f"Setting learning rate to {self.learning_rate:f}"


@dataclass
class Adam:
    """Adam, of Kingma and Ba (2014).

    Parameters
    ----------
    learning_rate_init : float
    beta_1, beta_2 : float
        Decay rates of the moments.
    epsilon : float
        Added to the root of the second moment.
    moments : ndarray of shape (2, n_parameters)
        First and second moment of the gradient.
    t : int
        Steps taken.
    learning_rate : float or None
        The last one used, with the corrections for moments that start at zero.
    """

    learning_rate_init: float
    beta_1: float
    beta_2: float
    epsilon: float
    moments: np.ndarray
    t: int = 0
    learning_rate: float | None = None

    name = "adam"
    code = codes.ADAM
    n_moments = 2

    def __post_init__(self):
        if self.learning_rate is None:
            self.learning_rate = float(self.learning_rate_init)

    def base_rate(self):
        """Learning rate that the kernel starts from."""
        return float(self.learning_rate_init)

    def write_settings(self, settings):
        """Write the numbers of a step to an array of shape (n_threads, N_SETTINGS)."""
        settings[:, codes.BETA_1] = self.beta_1
        settings[:, codes.COMPLEMENT_1] = 1 - self.beta_1
        settings[:, codes.BETA_2] = self.beta_2
        settings[:, codes.COMPLEMENT_2] = 1 - self.beta_2
        settings[:, codes.EPSILON] = self.epsilon

    def count_steps(self, n_steps):
        """Take note of steps that the kernel has made."""
        self.t += n_steps
        if self.t:
            correction = math.sqrt(1 - self.beta_2**self.t) / (1 - self.beta_1**self.t)
            self.learning_rate = float(self.learning_rate_init) * correction

    def end_epoch(self, n_samples_seen):
        """Adam keeps its learning rate."""

    def on_plateau(self):
        """React to epochs without progress: stop. Returns ``(stop, decision)``."""
        return True, "Stopping."


OPTIMIZERS = {optimizer.name: optimizer for optimizer in (SGD, Adam)}
