"""A feed-forward network on plain arrays, and its outputs."""

from functools import cached_property
from itertools import pairwise

import numpy as np

from skdigits._engine import parameters as flat
from skdigits._engine.exceptions import NotFiniteError
from skdigits._engine.inputs import refer_to_inputs
from skdigits._engine.team import share_work, useful_threads
from skdigits._engine.workspace import borrow_buffers, ceil_divide, choose_block_size, packed_layout
from skdigits._kernels import codes
from skdigits._kernels.entry_points import predict_rows

# Rows that a thread works on at a time in prediction.
_PREDICTION_BLOCK = 112
# Rows that a thread predicts in one kernel call, at most; between two calls a Ctrl-C is noticed.
_ROWS_A_CALL = 9 * _PREDICTION_BLOCK


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

    def copy(self):
        """The same network over parameters of its own."""
        parameters = flat.copy(self.parameters, self.units)
        return Network(self.units, self.activation, self.out_activation, parameters)

    @property
    def coefs(self):
        """Weight matrices: views of the parameters."""
        return flat.split(self.parameters, self.units)[0]

    @property
    def intercepts(self):
        """Bias vectors: views of the parameters."""
        return flat.split(self.parameters, self.units)[1]

    @cached_property
    def n_multiplications(self):
        """Multiplications that one sample takes in a forward pass over dense input."""
        return sum(n_inputs * n_outputs for n_inputs, n_outputs in pairwise(self.units))

    def is_worth_threads(self, n_samples):
        """Whether a forward pass over so many samples is long enough for more than one thread."""
        return useful_threads(2, n_samples * self.n_multiplications, "new") > 1

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
        n_threads = useful_threads(n_threads, n_samples * self.n_multiplications, "new")
        n_threads = max(1, min(n_threads, n_samples))  # a thread without a sample has nothing to do
        # Written by nobody here, but of the same type as in training, so that both share compiled kernels.
        parameters = flat.writable(self.parameters, self.units)
        layout = packed_layout(self.units, dtype)
        activation = codes.HIDDEN_ACTIVATIONS[self.activation]
        out_activation = codes.OUTPUT_ACTIVATIONS["identity" if logits else self.out_activation]

        n_rows = min(_PREDICTION_BLOCK, n_samples // n_threads)
        block_size = choose_block_size(self.units[0], n_rows, is_full=False)
        # Each thread takes the next piece: one that comes late, or that the system has put aside, keeps nobody waiting.
        pieces = iter(cut_rows(n_samples, n_rows, n_threads))

        def predict_pieces(_):
            with borrow_buffers(self.units, block_size, dtype) as buffers:
                for rows in pieces:
                    if control[codes.STOP_REQUESTED]:
                        return
                    inputs = refer_to_inputs(X[rows], dtype, convert=True)
                    if not predict_rows(inputs, parameters, layout, activation, out_activation, buffers, outputs[rows]):
                        raise NotFiniteError(f"samples {rows.start} to {rows.stop} hold NaN or infinity as {dtype}")

        control = np.zeros(codes.CONTROL_SIZE, np.int64)
        share_work(predict_pieces, n_threads, control)
        return outputs


def cut_rows(n_samples, n_rows, n_threads):
    """Cut samples into pieces that threads take in turns, each half of an even share of what is left.

    Parameters
    ----------
    n_samples : int
    n_rows : int
        Pieces are multiples of it, but for the last one, and at most as many as fit in a kernel call.
    n_threads : int
        One thread takes pieces of the largest size.

    Returns
    -------
    pieces : list of slice
    """
    pieces, start = [], 0
    while start < n_samples:
        share = ceil_divide(n_samples - start, 2 * n_threads if n_threads > 1 else 1)
        stop = min(start + n_rows * min(ceil_divide(share, n_rows), _ROWS_A_CALL // n_rows), n_samples)
        pieces.append(slice(start, stop))
        start = stop
    return pieces
