"""The passes of training, up the layers and down again, but from the logits on and down to the features.

The letters of sizes, and all arrays that kernels share, are in arrays.py. Two of them have room for more than in
training: for the transposed weights of the first layer, too, and, where `starts[0]` of the buffers tells, for the
gradient by the features.
"""

from skdigits._kernels.backward import clear_rows, multiply_by_slopes, multiply_by_transposed, transpose_tile
from skdigits._kernels.block_lists import clear_lists, push_sample
from skdigits._kernels.codes import IDENTITY
from skdigits._kernels.forward import forward_block
from skdigits._kernels.jit import kernel
from skdigits._kernels.sizes import TILE


@kernel
def transpose_weights(parameters, layout, transposed):
    """Write the transposed weights of all layers."""
    for layer in range(layout.units.shape[0] - 1):
        for tile in range(-(-layout.units[layer] // TILE)):
            transpose_tile(tile, layer, layout, parameters, transposed)


@kernel
def input_gradients(inputs, logit_weights, parameters, transposed, layout, activation, buffers, gradients, out):
    """Write the gradient of a weighted sum of the logits by the features, for each of at most B samples.

    Parameters
    ----------
    inputs : Inputs
    logit_weights : array of shape (N, C)
        Weights of the logits in the sum.
    parameters : array of shape (P,)
        Padded.
    transposed : array
        As `transpose_weights` leaves it.
    layout : Layout
    activation : int
        Of the hidden layers.
    buffers : Buffers
        With one section.
    gradients : array
        By the logits of each layer, laid out like the activations; zero in the padding.
    out : array of shape (N, K)
    """
    n_samples, n_layers = out.shape[0], layout.units.shape[0] - 1
    clear_lists(0, 0, 0, 2, inputs, buffers)
    for sample in range(n_samples):
        push_sample(sample, sample, 0, 0, 2, inputs, buffers)
    forward_block(n_samples, inputs, parameters, layout, activation, IDENTITY, buffers)
    for sample in range(n_samples):
        clear_rows(sample, 0, layout, buffers.starts, gradients)
        row = buffers.starts[n_layers] + sample * layout.strides[n_layers]
        for c in range(logit_weights.shape[1]):
            gradients[row + c] = logit_weights[sample, c]
    for layer in range(n_layers - 1, -1, -1):
        multiply_by_transposed(layer, 0, n_samples, layout, buffers, transposed, gradients)
        if layer > 0:
            multiply_by_slopes(layer, 0, n_samples, activation, layout, buffers, gradients)
    for sample in range(n_samples):
        row = buffers.starts[0] + sample * layout.strides[0]
        for k in range(out.shape[1]):
            out[sample, k] = gradients[row + k]
