"""What the outputs of a network owe to its inputs: gradients by the samples, by the kernels of training."""

import numpy as np

from skdigits._engine import parameters as flat
from skdigits._engine.inputs import as_read_only, refer_to_inputs
from skdigits._engine.memory import aligned_zeros
from skdigits._engine.workspace import (
    allocate_buffers,
    ceil_divide,
    choose_block_size,
    count_padded,
    make_layout,
    pad,
)
from skdigits._kernels.codes import HIDDEN_ACTIVATIONS, NEED_LOGITS
from skdigits._kernels.entry_points import input_gradients, transpose_weights
from skdigits._kernels.sizes import TILE

# Of samples that go through the network at a time.
_LARGEST_BLOCK = 112


def input_gradient(X, coefs, intercepts, activation, logit_weights):
    """Gradient of a weighted sum of the logits of each sample by its features, computed in double precision.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_features)
        Finite.
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
        At the kink of ReLU the derivative from below, which is 0; at that of leaky ReLU the one from above, 1.
    """
    dtype, units = np.dtype(np.float64), (len(coefs[0]), *(len(intercept) for intercept in intercepts))
    layout = make_layout(units, dtype, padded=True)
    parameters = aligned_zeros(count_padded(layout), dtype)
    pad(flat.join(coefs, intercepts, dtype), units, layout, parameters)
    n_transposed = layout.transposed_starts[0] + ceil_divide(units[1], TILE) * TILE * layout.strides[0]
    transposed = aligned_zeros(int(n_transposed), dtype)
    transpose_weights(parameters, layout, transposed)

    outputs = np.empty((X.shape[0], units[0]), dtype)
    block_size = choose_block_size(units[0], max(1, min(X.shape[0], _LARGEST_BLOCK)), is_full=False)
    buffers = allocate_buffers(layout, block_size, 1, dtype, keep_slopes=activation in NEED_LOGITS)
    gradients = aligned_zeros(int(buffers.starts[0] + block_size * layout.strides[0]), dtype)
    weights = as_read_only(np.ascontiguousarray(logit_weights, dtype))
    for start in range(0, X.shape[0], block_size):
        block = slice(start, start + block_size)
        input_gradients(
            refer_to_inputs(X[block], dtype, convert=True), weights[block], parameters, transposed, layout,
            HIDDEN_ACTIVATIONS[activation], buffers, gradients, outputs[block],
        )  # fmt: skip
    return outputs
