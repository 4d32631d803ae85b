"""Optimizers of mini-batch training: settings and explicit state. Their arithmetic is in the kernels.

An optimizer is a dataclass of numbers, strings and arrays, so that ``vars(optimizer)`` is all of its state and
``OPTIMIZERS[name](**state)`` continues it.
"""

from dataclasses import dataclass

import numpy as np

from skdigits._engine.schedules import SCHEDULES
from skdigits._kernels import codes


@dataclass(kw_only=True)
class Optimizer:
    """What all optimizers have in common.

    Parameters
    ----------
    learning_rate_init : float
        The largest one of a schedule.
    moments : ndarray of shape (n_moments, n_parameters)
    lr_schedule : str, default='constant'
        One of ``SCHEDULES``, or what a subclass knows.
    n_epochs : int, default=1
        Epochs of the schedule, and of what follows the progress of training.
    average_decay : float or None, default=None
        Of the moving average of the parameters, where one is kept.
    t : int, default=0
        Steps taken.
    learning_rate : float or None, default=None
        The last one used; None stands for `learning_rate_init`.
    """

    learning_rate_init: float
    moments: np.ndarray
    lr_schedule: str = "constant"
    n_epochs: int = 1
    average_decay: float | None = None
    t: int = 0
    learning_rate: float = None  # type: ignore[assignment]  # that of the beginning

    def __post_init__(self):
        if self.learning_rate is None:
            self.learning_rate = float(self.learning_rate_init)

    def rates(self, n_steps):
        """Learning rates of the next steps, as many as an epoch has."""
        if self.lr_schedule not in SCHEDULES:
            return np.full(n_steps, self.learning_rate)
        steps = self.t + np.arange(n_steps)
        return self.learning_rate_init * SCHEDULES[self.lr_schedule](steps, float(self.n_epochs * n_steps))

    def share_done(self, n_steps):
        """Share of `n_epochs` that is done, in [0, 1], where an epoch has so many steps."""
        return min(self.t / (self.n_epochs * n_steps), 1.0)

    def settings(self, n_steps):
        """Settings of the next steps, of shape (n_steps, N_SETTINGS)."""
        settings = np.zeros((n_steps, codes.N_SETTINGS))
        settings[:, codes.RATE] = self.rates(n_steps)
        steps = self.t + np.arange(1, n_steps + 1)
        if self.average_decay is not None:
            # The weights of all parameters so far sum to one, so that nothing remains of where the average started,
            # unless that is behind other steps.
            settings[:, codes.AVERAGE] = (1 - self.average_decay) / (1 - self.average_decay**steps)
        self._complete(settings, steps)
        return settings

    def _complete(self, settings, steps):
        raise NotImplementedError

    def advance(self, n_done, rates):
        """Take note of steps that the kernel has made."""
        self.t += n_done
        if n_done:
            self.learning_rate = float(rates[n_done - 1])

    def end_epoch(self, n_samples_seen):
        """Adapt the learning rate to the number of samples seen so far, in all epochs."""

    def on_plateau(self):
        """React to epochs without progress.

        Returns
        -------
        stop : bool
        decision : str
            What was decided, for the log.
        """
        return True, "Stopping."


@dataclass(kw_only=True)
class SGD(Optimizer):
    """Stochastic gradient descent with momentum, and the schedules 'invscaling' and 'adaptive' besides.

    Parameters
    ----------
    momentum : float
    nesterov : bool
    power_t : float
        Exponent of 'invscaling'.
    """

    momentum: float = 0.9
    nesterov: bool = True
    power_t: float = 0.5

    name = "sgd"
    code = codes.SGD
    n_moments = 1

    def _complete(self, settings, steps):
        settings[:, codes.MOMENTUM] = self.momentum
        settings[:, codes.NESTEROV] = self.nesterov

    def end_epoch(self, n_samples_seen):
        """Adapt the learning rate to the number of samples seen so far, in all epochs."""
        if self.lr_schedule == "invscaling":
            self.learning_rate = float(self.learning_rate_init) / (n_samples_seen + 1) ** float(self.power_t)

    def on_plateau(self):
        """With 'adaptive' a fifth of the learning rate, until it is too small. Returns ``(stop, decision)``."""
        if self.lr_schedule != "adaptive":
            return super().on_plateau()
        if self.learning_rate <= 1e-6:
            return True, "Learning rate too small. Stopping."
        self.learning_rate /= 5.0
        return False, f"Setting learning rate to {self.learning_rate:f}"


@dataclass(kw_only=True)
class Adam(Optimizer):
    """Adam, of Kingma and Ba (2014), in the form that scikit-learn has taken: epsilon beside the uncorrected root.

    Parameters
    ----------
    beta_1, beta_2 : float
        Decay rates of the moments.
    epsilon : float
        Added to the root of the second moment.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    name = "adam"
    code = codes.ADAM
    n_moments = 2

    def _complete(self, settings, steps):
        settings[:, codes.RATE] *= np.sqrt(1 - self.beta_2**steps) / (1 - self.beta_1**steps)
        settings[:, codes.BETA_1] = self.beta_1
        settings[:, codes.COMPLEMENT_1] = 1 - self.beta_1
        settings[:, codes.BETA_2] = self.beta_2
        settings[:, codes.COMPLEMENT_2] = 1 - self.beta_2
        settings[:, codes.EPSILON] = self.epsilon


@dataclass(kw_only=True)
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019), epsilon beside the corrected root as PyTorch's.

    Parameters
    ----------
    alpha : float
        Each step takes the share ``learning_rate * alpha`` off the weights; biases do not decay.
    """

    alpha: float = 0.0

    name = "adamw"

    def _complete(self, settings, steps):
        settings[:, codes.DECAY] = self.alpha * settings[:, codes.RATE]
        super()._complete(settings, steps)
        settings[:, codes.EPSILON] *= np.sqrt(1 - self.beta_2**steps)


OPTIMIZERS = {optimizer.name: optimizer for optimizer in (SGD, Adam, AdamW)}
