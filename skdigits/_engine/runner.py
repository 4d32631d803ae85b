"""Epochs of a network over one set of samples: losses, gradients and the optimizer's steps."""

from functools import partial
from typing import NamedTuple

import numpy as np

from skdigits._engine.exceptions import ZeroWeightError
from skdigits._engine.inputs import as_read_only
from skdigits._engine.memory import Pool
from skdigits._engine.team import run_together, useful_threads
from skdigits._engine.workspace import (
    LARGEST_FULL_BLOCK,
    allocate_workspace,
    ceil_divide,
    choose_block_size,
    count_padded,
    make_layout,
    pad,
    unpad,
)
from skdigits._kernels import codes
from skdigits._kernels.arrays import Epoch, Objective
from skdigits._kernels.entry_points import train_epoch
from skdigits._kernels.packing import Packed

# Multiplications with which an epoch takes up to some tenths of a second, and how many a step costs for a parameter.
_LONG_EPOCH = 1_000_000_000
_STEP_COST = 25


class EpochTotals(NamedTuple):
    """What an epoch has brought, each sample seen before the update of its mini-batch.

    Parameters
    ----------
    loss : float
        Mean over the samples of the objective of their mini-batch.
    accuracy : float
        Weighted share of the samples that were recognised.
    n_samples : int
        All of them, unless the epoch was ended early.
    """

    loss: float
    accuracy: float
    n_samples: int


class EpochRunner:
    """Runs epochs, or evaluates the objective, over one set of samples with buffers of its own.

    Parameters
    ----------
    network : Network
        Its parameters are written in training.
    inputs : Inputs
        Their tiles are squares where they can be. The attribute of this name may be set to others, of as many samples,
        between two epochs.
    targets : uint8 array of shape (n_samples, units[-1])
        Entries 0 and 1.
    sample_weight : ndarray of shape (n_samples,) or None
    batch_size : int
    n_threads : int
        At most so many threads are used; the result is the same bits whatever their number.
    alpha : float, default=0.0
        Strength of the L2 penalty.
    label_smoothing : float, default=0.0
        Share of a target that is spread over all outcomes.
    max_norm : float or None, default=None
        Of the gradient of a mini-batch.
    drop_rates : sequence of float, default=()
        Of the inputs of each layer; empty where nothing is dropped.
    is_single_label : bool, default=True
        Whether a sample is recognised if its largest output is right; else all its outputs have to be.
    samples : int array or None, default=None
        The samples to train on, where others are set aside for validation; None for all.
    average : ndarray of shape (n_parameters,) or None, default=None
        Where a moving average of the parameters is to be written.

    Attributes
    ----------
    n_samples, n_steps : int
        Of an epoch.
    draws_keys : bool
        Whether something is dropped, so that each epoch needs a seed of its own.
    gradient : ndarray of shape (n_parameters,)
        Of the last call of `loss_and_gradient`.
    """

    def __init__(
        self,
        network,
        inputs,
        targets,
        sample_weight,
        *,
        batch_size,
        n_threads,
        alpha=0.0,
        label_smoothing=0.0,
        max_norm=None,
        drop_rates=(),
        is_single_label=True,
        samples=None,
        average=None,
    ):
        dtype = network.parameters.dtype
        n_samples = len(targets) if samples is None else len(samples)
        # A gradient over a few samples is summed in double precision: a weight of two is then a sample given twice to
        # the last bit. Of more samples, and of mini-batches, sums are as exact as scikit-learn's in the same type.
        is_full = batch_size >= n_samples
        sum_dtype = np.dtype(np.float64) if is_full and n_samples <= LARGEST_FULL_BLOCK else dtype
        self._network, self.inputs, self._samples = network, inputs, samples
        self._targets = np.ascontiguousarray(targets, np.uint8)
        weights = np.ones(len(targets)) if sample_weight is None else sample_weight
        self._sample_weight = np.ascontiguousarray(weights, sum_dtype)
        self._objective = _describe_objective(
            network, alpha=alpha, label_smoothing=label_smoothing, max_norm=max_norm, is_single_label=is_single_label
        )
        self._batch_size = int(batch_size)
        self._block_size = choose_block_size(network.units[0], batch_size, is_full=is_full)
        self.n_threads = _choose_threads(n_threads, network, self._block_size, n_samples)
        self._is_short = is_short_epoch(network.n_multiplications, n_samples, self._batch_size)
        # Halves of the tiles keep the weights in the cache of a core, and logits cross instead. They change the order
        # of sums, so what decides is the shape of the data, and not where a sample given twice is to weigh as two.
        by_halves = network.units[0] > self._block_size and not is_full
        self._layout = make_layout(network.units, dtype, padded=True)
        self.n_samples, self.n_steps = n_samples, ceil_divide(n_samples, self._batch_size)
        self.draws_keys, self.average = any(drop_rates), average
        self._zeros = Pool().zeros
        self._workspace = allocate_workspace(
            self._layout, self._block_size, self.n_threads, dtype, sum_dtype, by_halves=by_halves, zeros=self._zeros,
            drop_rates=drop_rates if self.draws_keys else (),
            keep_slopes=self.draws_keys or network.activation in codes.NEED_LOGITS,
        )  # fmt: skip
        n_padded = count_padded(self._layout)
        self._parameters = self._zeros(n_padded, dtype)
        self._gradient = self._zeros(n_padded, sum_dtype)
        self._optimizer, self._moments = None, self._zeros((0, n_padded), dtype)
        self._padded_average = self._zeros(0 if average is None else n_padded, dtype)
        self.gradient = np.zeros(network.parameters.shape, sum_dtype)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.store_moments()

    @property
    def parameters(self):
        """The parameters that are trained, of shape (n_parameters,)."""
        return self._network.parameters

    @property
    def evaluated(self):
        """The parameters that predictions are made with: those that are trained, or their moving average."""
        return self.parameters if self.average is None else self.average

    def _pad(self, flat, out):
        pad(flat, self._network.units, self._layout, out, in_squares=True)

    def _unpad(self, padded, out):
        unpad(padded, self._network.units, self._layout, out, in_squares=True)

    def store_moments(self):
        """Write the moments of the optimizer back from the padded copy that they are worked on in."""
        for moments, padded in zip(getattr(self._optimizer, "moments", ()), self._moments, strict=True):
            self._unpad(padded, moments)

    def train(self, optimizer, order, *, seed=0, deadline=None):
        """One epoch of mini-batches in the given order of the samples to train on.

        The moments of the optimizer are worked on in a padded copy, and written back by `store_moments` and when the
        ``with`` block ends.

        Parameters
        ----------
        optimizer : Optimizer
        order : int array
        seed : int, default=0
            Decides what is dropped, together with the place of a sample in the order.
        deadline : float or None, default=None
            Of :func:`time.monotonic`, at which the epoch ends after the present mini-batch.

        Returns
        -------
        totals : EpochTotals

        Raises
        ------
        ZeroWeightError
            If the weights of a mini-batch sum to zero.
        """
        if optimizer is not self._optimizer:
            padded_moments = self._zeros((len(optimizer.moments), len(self._parameters)), self._parameters.dtype)
            for moments, padded in zip(optimizer.moments, padded_moments, strict=True):
                self._pad(moments, padded)
            if self.average is not None:
                self._pad(self.average, self._padded_average)
            # Last: where this ends early, `store_moments` has nothing to write back.
            self._optimizer, self._moments = optimizer, padded_moments
        samples = order if self._samples is None else self._samples[order]
        settings = optimizer.settings(ceil_divide(len(order), self._batch_size))
        try:
            return self._run(samples, optimizer.code, settings, seed, deadline)
        finally:
            self._unpad(self._parameters, self._network.parameters)
            if self.average is not None:
                self._unpad(self._padded_average, self.average)
            optimizer.advance(int(self._workspace.control[codes.STEPS_DONE]), optimizer.rates(len(settings)))

    def loss_and_gradient(self, *, seed=0):
        """Objective over all samples; its gradient by the parameters is left in ``gradient``."""
        settings = np.zeros((1, codes.N_SETTINGS))
        totals = self._run(np.arange(len(self._targets)), codes.NO_UPDATE, settings, seed, None)
        self._unpad(self._gradient, self.gradient)
        return totals.loss

    def describe_epoch(self, order, solver, settings, seed):
        """All that kernels need to know of an epoch in the given order of all samples."""
        n_keys = len(order) if self.draws_keys else 0
        # In the order of the epoch, so that threads find them in a row, and not all over memory.
        targets, weights = (
            as_read_only(np.take(array, order, axis=0)) for array in (self._targets, self._sample_weight)
        )
        return Epoch(
            inputs=self.inputs, order=as_read_only(order), targets=targets, sample_weight=weights,
            keys=np.random.Generator(np.random.PCG64(seed)).integers(2**64, size=n_keys, dtype=np.uint64),
            batch_size=self._batch_size, block_size=self._block_size, settings=settings.astype(self.parameters.dtype),
            objective=self._objective._replace(solver=solver), layout=self._layout, parameters=self._parameters,
            gradient=self._gradient, moments=self._moments, average=self._padded_average, workspace=self._workspace,
        )  # fmt: skip

    def _run(self, order, solver, settings, seed, deadline):
        workspace = self._workspace
        # At once: an interruption before the threads start must not count what the last epoch has done.
        workspace.control[codes.STEPS_DONE] = workspace.totals[:] = 0
        self._pad(self.parameters, self._parameters)
        epoch = partial(train_epoch, Packed(self.describe_epoch(order, solver, settings, seed)))
        in_caller = self._is_short and deadline is None
        run_together(epoch, self.n_threads, workspace.control, in_caller=in_caller, deadline=deadline)
        if workspace.control[codes.ZERO_WEIGHT]:
            raise ZeroWeightError(
                "Weights sum to zero, can't be normalized: sample_weight, times class_weight, of a mini-batch of "
                f"{self._batch_size} samples. Drop samples of weight 0 or set a larger batch_size."
            )
        n_seen = min(len(order), int(workspace.control[codes.STEPS_DONE]) * self._batch_size)
        totals = workspace.totals
        return EpochTotals(
            float(totals[codes.LOSS] / n_seen), float(totals[codes.RECOGNISED] / totals[codes.WEIGHT]), n_seen
        )


def _describe_objective(network, *, alpha, label_smoothing, max_norm, is_single_label):
    dtype = network.parameters.dtype
    return Objective(
        activation=codes.HIDDEN_ACTIVATIONS[network.activation],
        output_activation=codes.OUTPUT_ACTIVATIONS[network.out_activation],
        solver=codes.NO_UPDATE,
        smallest=float(np.finfo(dtype).eps),
        alpha=dtype.type(alpha),
        label_smoothing=float(label_smoothing),
        max_norm=float(max_norm or 0),
        is_single_label=bool(is_single_label and network.units[-1] > 1),
    )


def is_short_epoch(n_multiplications, n_samples, batch_size):
    """Whether an epoch is so short that a Ctrl-C may wait for its end; a sample takes a multiplication a weight."""
    return (n_samples + _STEP_COST * ceil_divide(n_samples, batch_size)) * n_multiplications < _LONG_EPOCH


def _choose_threads(n_threads, network, block_size, n_samples):
    """As many as the work of a block, and that of an epoch, are worth."""
    n_threads = useful_threads(n_threads, 3 * block_size * network.n_multiplications, "waiting")
    n_threads = useful_threads(n_threads, 3 * n_samples * network.n_multiplications, "new")
    return min(n_threads, block_size)
