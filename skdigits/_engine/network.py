"""A feed-forward network on plain arrays: outputs, loss and gradient."""

from itertools import pairwise

import numpy as np

from skdigits._engine import parameters as flat
from skdigits._engine.exceptions import NotFiniteError, ZeroWeightError
from skdigits._engine.inputs import as_read_only, refer_to_inputs
from skdigits._engine.team import ThreadTeam, useful_threads
from skdigits._engine.workspace import (
    LARGEST_FULL_BLOCK,
    aligned_zeros,
    allocate_workspace,
    borrow_buffers,
    choose_block_size,
    count_padded,
    make_layout,
    pad,
    unpad,
)
from skdigits._kernels import codes
from skdigits._kernels.denormals import flush_denormals, restore_denormals
from skdigits._kernels.epoch import train_epoch
from skdigits._kernels.forward import predict_rows

# Rows that a thread works on at a time in prediction.
_PREDICTION_BLOCK = 112
# Rows that a thread predicts in one kernel call; between two calls a Ctrl-C is noticed.
_ROWS_A_CALL = 1024


class Network:
    """Layers of units with one hidden activation, over one flat vector of parameters.

    Parameters
    ----------
    units : sequence of int
        Layer sizes, inputs first, outputs last.
    activation : str
        Of the hidden layers, a key of ``HIDDEN_ACTIVATIONS``.
    out_activation : str
        Of the outputs, a key of ``OUTPUT_ACTIVATIONS``.
    parameters : ndarray of shape (n_parameters,)
        Not copied: training writes into it.
    """

    def __init__(self, units, activation, out_activation, parameters):
        self.units = tuple(int(n) for n in units)
        self.activation = activation
        self.out_activation = out_activation
        self.parameters = parameters

    @property
    def coefs(self):
        """Weight matrices: views of the parameters."""
        return flat.split(self.parameters, self.units)[0]

    @property
    def intercepts(self):
        """Bias vectors: views of the parameters."""
        return flat.split(self.parameters, self.units)[1]

    @property
    def n_multiplications(self):
        """Multiplications that one sample takes in a forward pass over dense input."""
        return sum(n_inputs * n_outputs for n_inputs, n_outputs in pairwise(self.units))

    def is_worth_threads(self, n_samples):
        """Whether a forward pass over so many samples is long enough for more than one thread."""
        return useful_threads(2, n_samples * self.n_multiplications, are_new=True) > 1

    def forward(self, X, n_threads, *, logits=False):
        """Outputs of the network.

        Parameters
        ----------
        X : ndarray or CSR array of shape (n_samples, n_features)
            Dense samples of another type than the network's are converted some thousand at a time.
        n_threads : int
            At most so many threads are used. Each sample's outputs are the same bits whatever their number.
        logits : bool, default=False
            Whether to leave the output activation out.

        Returns
        -------
        outputs : ndarray of shape (n_samples, units[-1])

        Raises
        ------
        NotFiniteError
            If a dense sample has a value that is infinite or NaN in the type of the network.
        """
        dtype, n_samples = self.parameters.dtype, X.shape[0]
        outputs = np.empty((n_samples, self.units[-1]), dtype)
        n_threads = useful_threads(n_threads, n_samples * self.n_multiplications, are_new=True)
        # Written by nobody here, but of the same type as in training, so that both share compiled kernels.
        parameters = flat.writable(self.parameters, self.units)
        layout = make_layout(self.units, dtype, padded=False)
        activation = codes.HIDDEN_ACTIVATIONS[self.activation]
        out_activation = codes.OUTPUT_ACTIVATIONS["identity" if logits else self.out_activation]

        def predict_share(t):
            stop = (t + 1) * n_samples // n_threads
            n_rows = min(_PREDICTION_BLOCK, n_samples // n_threads)
            block_size = choose_block_size(self.units[0], n_rows, is_full=False)
            with borrow_buffers(self.units, block_size, dtype) as buffers:
                for start in range(t * n_samples // n_threads, stop, _ROWS_A_CALL):
                    if control[codes.STOP_REQUESTED] or control[codes.ABORT]:
                        return
                    rows = slice(start, min(start + _ROWS_A_CALL, stop))
                    inputs = refer_to_inputs(X[rows], dtype, convert=True)
                    if not predict_rows(inputs, parameters, layout, activation, out_activation, buffers, outputs[rows]):
                        raise NotFiniteError(f"samples {start} to {rows.stop} hold NaN or infinity as {dtype}")

        control = np.zeros(codes.CONTROL_SIZE, np.int64)
        with ThreadTeam(n_threads, in_caller=True) as team:
            team.run(predict_share, control)
        return outputs


class EpochRunner:
    """Runs epochs, or evaluates the objective, over one set of samples with buffers of its own.

    Parameters
    ----------
    network : Network
        Its parameters are written in training.
    inputs : Inputs
    targets : uint8 array of shape (n_samples, units[-1])
        Entries 0 and 1.
    sample_weight : ndarray of shape (n_samples,) or None
    alpha : float
        Strength of the L2 penalty.
    batch_size : int
    n_threads : int
        At most so many threads are used; the result is the same bits whatever their number.
    samples : int array or None, default=None
        The samples to train on, where others are set aside for validation; None for all.
    """

    def __init__(self, network, inputs, targets, sample_weight, *, alpha, batch_size, n_threads, samples=None):
        dtype = network.parameters.dtype
        self._samples = samples
        n_samples = len(targets) if samples is None else len(samples)
        # A gradient over a few samples is summed in double precision: a weight of two is then a sample given twice to
        # the last bit. Of more samples, and of mini-batches, sums are as exact as scikit-learn's in the same type.
        is_full = batch_size >= n_samples
        sum_dtype = np.dtype(np.float64) if is_full and n_samples <= LARGEST_FULL_BLOCK else dtype
        self._network = network
        self._inputs = inputs
        self._targets = as_read_only(np.ascontiguousarray(targets, np.uint8))
        weights = np.ones(len(targets)) if sample_weight is None else sample_weight
        self._sample_weight = as_read_only(np.ascontiguousarray(weights, sum_dtype))
        self._alpha = dtype.type(alpha)
        self._batch_size = int(batch_size)
        self._block_size = choose_block_size(network.units[0], batch_size, is_full=is_full)
        n_threads = min(useful_threads(n_threads, 3 * self._block_size * network.n_multiplications), self._block_size)
        self._layout = make_layout(network.units, dtype, padded=True)
        self._workspace = allocate_workspace(self._layout, self._block_size, n_threads, dtype, sum_dtype)
        n_padded = count_padded(self._layout)
        self._parameters = aligned_zeros(n_padded, dtype)
        self._gradient = aligned_zeros(n_padded, sum_dtype)
        self._optimizer, self._moments = None, aligned_zeros((0, n_padded), dtype)
        self.n_threads = n_threads
        self._team = ThreadTeam(
            n_threads, in_caller=n_threads == 1 and n_samples * network.n_multiplications < 50_000_000
        )
        self.gradient = np.zeros(network.parameters.shape, sum_dtype)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._team.__exit__(*exception)
        for moments, padded in zip(getattr(self._optimizer, "moments", ()), self._moments, strict=True):
            unpad(padded, self._network.units, self._layout, moments)

    def train(self, optimizer, order):
        """One epoch of mini-batches in the given order of the samples to train on.

        The moments of the optimizer are worked on in a padded copy, and written back when the ``with`` block ends.

        Returns
        -------
        loss : float
            Mean over the samples of the objective of their mini-batch, each before its update.

        Raises
        ------
        ZeroWeightError
            If the weights of a mini-batch sum to zero.
        """
        optimizer.write_settings(self._workspace.settings)
        if optimizer is not self._optimizer:
            self._optimizer = optimizer
            self._moments = aligned_zeros((len(optimizer.moments), len(self._parameters)), self._parameters.dtype)
            for moments, padded in zip(optimizer.moments, self._moments, strict=True):
                pad(moments, self._network.units, self._layout, padded)
        samples = order if self._samples is None else self._samples[order]
        try:
            return self._run(
                samples, optimizer.code, optimizer.base_rate(), optimizer.beta_1, optimizer.beta_2, optimizer.t
            )
        finally:
            unpad(self._parameters, self._network.units, self._layout, self._network.parameters)
            optimizer.count_steps(int(self._workspace.control[codes.STEPS_DONE]))

    def loss_and_gradient(self):
        """Objective over all samples; its gradient by the parameters is left in ``gradient``."""
        loss = self._run(np.arange(len(self._targets)), codes.NO_UPDATE, 0.0, 0.0, 0.0, 0)
        unpad(self._gradient, self._network.units, self._layout, self.gradient)
        return loss

    def _run(self, order, solver, learning_rate, beta_1, beta_2, step):
        network, workspace = self._network, self._workspace
        pad(network.parameters, network.units, self._layout, self._parameters)
        arguments = (
            self._inputs, self._targets, self._sample_weight, as_read_only(order), self._batch_size, self._block_size,
            self._parameters, self._gradient, self._moments, self._layout,
            codes.HIDDEN_ACTIVATIONS[network.activation], codes.OUTPUT_ACTIVATIONS[network.out_activation],
            float(np.finfo(network.parameters.dtype).eps), self._alpha, solver, float(learning_rate), float(beta_1),
            float(beta_2), int(step), workspace,
        )  # fmt: skip
        workspace.total_loss[0] = 0

        def work(t):
            mode = flush_denormals()
            try:
                train_epoch(*arguments, t, self.n_threads)
            finally:
                restore_denormals(mode)

        self._team.run(work, workspace.control)
        if workspace.control[codes.ZERO_WEIGHT]:
            raise ZeroWeightError(
                "Weights sum to zero, can't be normalized: all samples of a mini-batch of "
                f"{self._batch_size} have sample_weight 0. Drop such samples or set a larger batch_size."
            )
        return float(workspace.total_loss[0] / order.shape[0])
