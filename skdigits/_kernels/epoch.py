"""A whole epoch as one call a thread, and prediction: the one kernel file that imports its siblings.

N samples, K features, L layers of weights, `units` of shape (L + 1,) with K first and C, the number of outputs, last.
P parameters in one flat vector: the L weight matrices (units[l], units[l + 1]), then the L bias vectors. A mini-batch
is worked on in blocks of at most B samples, `block_size`; `position` counts the samples of a block. T threads.

Each block has two phases with a barrier behind each. First every thread takes some of the *samples*: forward, loss,
and the gradient by the logits of each layer. Then every thread takes some of the *rows of the weights*: their gradient
is a sum over the samples of the block, and at the end of the mini-batch the optimizer is applied to the row at once.
No sum is ever split between threads, so that the results are the same bits for any number of them.

The arrays of type S hold the sums over samples. S is the type of the parameters, or double precision where a batch
holds all samples.
"""

from typing import NamedTuple

import numpy as np

from skdigits._kernels import barrier, updates
from skdigits._kernels.activations import LOGISTIC, activation_backward, activation_forward
from skdigits._kernels.jit import kernel
from skdigits._kernels.losses import cross_entropy_backward, cross_entropy_forward
from skdigits._kernels.rows import add_rows, compress, dot_rows, sum_of_squares


class Inputs(NamedTuple):
    """Samples, dense or as CSR; the other kind's arrays are empty. All are read-only views."""

    dense: np.ndarray  # (N, K)
    indptr: np.ndarray  # (N + 1,)
    indices: np.ndarray  # (number of stored entries,)
    values: np.ndarray  # (number of stored entries,)
    is_sparse: bool


class Layout(NamedTuple):
    """Where the layers stand in the flat vector of parameters and in the buffers."""

    units: np.ndarray  # (L + 1,)
    weight_starts: np.ndarray  # (L,): in the vector of parameters
    bias_starts: np.ndarray  # (L,): in the vector of parameters
    unit_starts: np.ndarray  # (L + 1,): units of the layers above the input before this one; 0 for the input itself


class Workspace(NamedTuple):
    """Everything that an epoch writes besides parameters, gradient and moments."""

    activations: np.ndarray  # flat; (B, units[l]) for l = 1 ... L, one behind the other
    logit_gradients: np.ndarray  # flat, of the same layout
    column_positions: np.ndarray  # (K, B): which samples of the block light feature k
    column_values: np.ndarray  # (K, B) of type S: with what value, times the weight of the sample
    column_counts: np.ndarray  # (T, K): how many of the samples of thread t light feature k
    entry_indices: np.ndarray  # (T, longest list of entries)
    entry_values: np.ndarray  # (T, longest list of entries)
    weighted_values: np.ndarray  # (T, B) of type S
    losses: np.ndarray  # (B,)
    penalties: np.ndarray  # (sum of units[:L],): squared norm of each row of the weights
    settings: np.ndarray  # (T, N_SETTINGS)
    control: np.ndarray  # (CONTROL_SIZE,)
    total_loss: np.ndarray  # (1,)


@kernel
def read_entries(inputs, sample, indices, values):
    """Write indices and values of a sample that are not zero, return their number: here dense and sparse input meet."""
    if not inputs.is_sparse:
        return compress(inputs.dense[sample], indices, values)
    start, stop = inputs.indptr[sample], inputs.indptr[sample + 1]
    for j in range(stop - start):
        indices[j] = inputs.indices[start + j]
        values[j] = inputs.values[start + j]
    return stop - start


@kernel
def layer_row(position, layer, layout, block_size):
    """Where the row of a sample starts in a buffer of all layers, for a layer from 1 on."""
    return layout.unit_starts[layer] * block_size + position * layout.units[layer]


@kernel
def forward_sample(
    position, count, indices, values, parameters, layout, activation, output_activation, buffer, block_size
):
    """Activations of all layers for one sample, into row `position` of each layer's part of the buffer.

    `indices` and `values` hold the entries of the sample, `count` of them, and are overwritten.
    """
    n_layers = layout.units.shape[0] - 1
    for layer in range(n_layers):
        n_rows, width = layout.units[layer], layout.units[layer + 1]
        bias_start, weight_start = layout.bias_starts[layer], layout.weight_starts[layer]
        row_start = layer_row(position, layer + 1, layout, block_size)
        row = buffer[row_start : row_start + width]
        for h in range(width):
            row[h] = parameters[bias_start + h]
        weights = parameters[weight_start : weight_start + n_rows * width].reshape((n_rows, width))
        add_rows(indices, values, count, weights, row)
        if layer < n_layers - 1:
            activation_forward(activation, row)
            count = compress(row, indices, values)
        else:
            activation_forward(output_activation, row)


@kernel
def backward_sample(position, parameters, layout, activation, workspace, block_size):
    """Gradient by the logits of the hidden layers for one sample, from that of the output layer."""
    for layer in range(layout.units.shape[0] - 2, 0, -1):
        n_rows, width = layout.units[layer], layout.units[layer + 1]
        above_start = layer_row(position, layer + 1, layout, block_size)
        row_start = layer_row(position, layer, layout, block_size)
        weight_start = layout.weight_starts[layer]
        above = workspace.logit_gradients[above_start : above_start + width]
        gradient = workspace.logit_gradients[row_start : row_start + n_rows]
        weights = parameters[weight_start : weight_start + n_rows * width].reshape((n_rows, width))
        dot_rows(above, weights, gradient)
        activation_backward(activation, workspace.activations[row_start : row_start + n_rows], gradient)


@kernel
def push_entries(position, first_slot, weight, count, workspace, t):
    """Append the entries of a sample to the lists of the features that it lights."""
    for j in range(count):
        feature = workspace.entry_indices[t, j]
        slot = first_slot + workspace.column_counts[t, feature]
        workspace.column_positions[feature, slot] = position
        workspace.column_values[feature, slot] = workspace.entry_values[t, j]
        workspace.column_values[feature, slot] *= weight
        workspace.column_counts[t, feature] += 1


@kernel
def join_column(feature, n_block, workspace, n_threads):
    """Close the gaps between the threads' parts of a feature's list; return its length."""
    count = workspace.column_counts[0, feature]
    for t in range(1, n_threads):
        first_slot = t * n_block // n_threads
        for j in range(workspace.column_counts[t, feature]):
            workspace.column_positions[feature, count] = workspace.column_positions[feature, first_slot + j]
            workspace.column_values[feature, count] = workspace.column_values[feature, first_slot + j]
            count += 1
    return count


@kernel
def backpropagate_samples(
    inputs, targets, sample_weight, block, parameters, layout, activation, output_activation, smallest, workspace,
    block_size, t, n_threads,
):  # fmt: skip
    """Phase one: loss and gradients by the logits for this thread's share of the samples of a block."""
    n_layers = layout.units.shape[0] - 1
    n_outputs = layout.units[n_layers]
    for k in range(workspace.column_counts.shape[1]):
        workspace.column_counts[t, k] = 0
    indices, values = workspace.entry_indices[t], workspace.entry_values[t]
    first_slot = t * block.shape[0] // n_threads
    for position in range(first_slot, (t + 1) * block.shape[0] // n_threads):
        sample = block[position]
        weight = sample_weight[sample]
        count = read_entries(inputs, sample, indices, values)
        push_entries(position, first_slot, weight, count, workspace, t)
        forward_sample(
            position, count, indices, values, parameters, layout, activation, output_activation,
            workspace.activations, block_size,
        )  # fmt: skip
        output_start = layer_row(position, n_layers, layout, block_size)
        probabilities = workspace.activations[output_start : output_start + n_outputs]
        gradient = workspace.logit_gradients[output_start : output_start + n_outputs]
        workspace.losses[position] = weight * cross_entropy_forward(
            probabilities, targets[sample], smallest, output_activation == LOGISTIC
        )
        cross_entropy_backward(probabilities, targets[sample], gradient)
        backward_sample(position, parameters, layout, activation, workspace, block_size)


@kernel
def update(solver, start, stop, parameters, gradient, moments, settings):
    """Apply the optimizer to parameters[start:stop]."""
    if solver == updates.SGD:
        updates.sgd_update(parameters[start:stop], gradient[start:stop], moments[0, start:stop], settings)
    elif solver == updates.ADAM:
        updates.adam_update(
            parameters[start:stop], gradient[start:stop], moments[0, start:stop], moments[1, start:stop], settings
        )


@kernel
def update_parameters(
    block, sample_weight, is_first, is_last, weight_sum, alpha, solver, parameters, gradient, moments, layout,
    workspace, block_size, t, n_threads,
):  # fmt: skip
    """Phase two: gradient of this thread's share of the rows of the weights, and at the end their update."""
    n_block, first_penalty = block.shape[0], 0
    for layer in range(layout.units.shape[0] - 1):
        n_rows, width = layout.units[layer], layout.units[layer + 1]
        above_start, start = layout.unit_starts[layer + 1] * block_size, layout.unit_starts[layer] * block_size
        deltas = workspace.logit_gradients[above_start : above_start + block_size * width].reshape((block_size, width))
        for k in range(t * n_rows // n_threads, (t + 1) * n_rows // n_threads):
            row_start = layout.weight_starts[layer] + k * width
            row = gradient[row_start : row_start + width]
            if is_first:
                for h in range(width):
                    row[h] = 0
            if layer == 0:
                count = join_column(k, n_block, workspace, n_threads)
                add_rows(workspace.column_positions[k], workspace.column_values[k], count, deltas, row)
            else:
                positions, values = workspace.entry_indices[t], workspace.weighted_values[t]
                activations = workspace.activations[start : start + block_size * n_rows].reshape((block_size, n_rows))
                count = compress(activations[:n_block, k], positions, values)
                for j in range(count):
                    values[j] *= sample_weight[block[positions[j]]]
                add_rows(positions, values, count, deltas, row)
            if is_last:
                weights = parameters[row_start : row_start + width]
                workspace.penalties[first_penalty + k] = sum_of_squares(weights)
                for h in range(width):
                    row[h] = (row[h] + alpha * weights[h]) / weight_sum
                update(solver, row_start, row_start + width, parameters, gradient, moments, workspace.settings[t])
        first_penalty += n_rows
        if t == n_threads - 1:
            bias_start = layout.bias_starts[layer]
            row = gradient[bias_start : bias_start + width]
            add_biases(block, sample_weight, is_first, is_last, weight_sum, deltas, row)
            if is_last:
                update(solver, bias_start, bias_start + width, parameters, gradient, moments, workspace.settings[t])


@kernel
def add_biases(block, sample_weight, is_first, is_last, weight_sum, deltas, gradient):
    """Gradient of the biases of a layer: the sum of its gradients by the logits."""
    if is_first:
        for h in range(gradient.shape[0]):
            gradient[h] = 0
    for position in range(block.shape[0]):
        weight = sample_weight[block[position]]
        for h in range(gradient.shape[0]):
            gradient[h] += weight * deltas[position, h]
    if is_last:
        for h in range(gradient.shape[0]):
            gradient[h] /= weight_sum


@kernel
def train_epoch(
    inputs, targets, sample_weight, order, batch_size, block_size, parameters, gradient, moments, layout, activation,
    output_activation, smallest, alpha, solver, learning_rate, beta_1, beta_2, step, workspace, t, n_threads,
):  # fmt: skip
    """Run over all samples once; every one of the T threads calls this with its own number t.

    With ``solver=NO_UPDATE`` and one batch of all samples it leaves the gradient of the objective in `gradient` and
    the parameters alone. The sum of the losses of all mini-batches, each times its number of samples, is written to
    ``workspace.total_loss``, the number of steps taken to ``workspace.control[STEPS_DONE]``.

    Parameters
    ----------
    inputs : Inputs
    targets : uint8 array of shape (N, C)
        Entries 0 and 1.
    sample_weight : array of shape (N,) and type S
    order : int64 array of shape (N,)
        The samples in the order of this epoch.
    batch_size, block_size : int
        Samples a mini-batch, and samples worked on at a time.
    parameters : array of shape (P,)
    gradient : array of shape (P,) and type S
    moments : array of shape (2, P), (1, P) or (0, P)
        What the optimizer remembers of the gradients: velocity, or first and second moment.
    layout : Layout
    activation, output_activation, solver : int
        Codes of the modules that own them.
    smallest : float
        Probabilities are clipped to [smallest, 1 - smallest] in the loss.
    alpha : float of the type of the parameters
        Strength of the L2 penalty.
    learning_rate, beta_1, beta_2 : float
    step : int
        Optimizer steps taken before this epoch.
    workspace : Workspace
    t, n_threads : int
    """
    control, settings = workspace.control, workspace.settings[t]
    total_loss = 0.0
    for batch_start in range(0, order.shape[0], batch_size):
        batch = order[batch_start : batch_start + batch_size]
        weight_sum = 0.0
        for i in range(batch.shape[0]):
            weight_sum += sample_weight[batch[i]]
        if weight_sum == 0:
            control[barrier.ZERO_WEIGHT] = 1  # all threads see the same weights and return here
            return
        step += 1
        settings[updates.RATE] = learning_rate
        if solver == updates.ADAM:
            settings[updates.RATE] = updates.adam_rate(learning_rate, beta_1, beta_2, step)
        batch_loss = 0.0
        for start in range(0, batch.shape[0], block_size):
            block = batch[start : start + block_size]
            backpropagate_samples(
                inputs, targets, sample_weight, block, parameters, layout, activation, output_activation, smallest,
                workspace, block_size, t, n_threads,
            )  # fmt: skip
            if not barrier.wait_for_all(control, n_threads):
                return
            if t == 0:
                for position in range(block.shape[0]):
                    batch_loss += workspace.losses[position]
                # Decided by one thread and read by all behind the barrier, so that all stop at the same step.
                control[barrier.STOP_AGREED] = barrier.read_flag(control, barrier.STOP_REQUESTED)
            update_parameters(
                block, sample_weight, start == 0, start + block_size >= batch.shape[0], weight_sum, alpha, solver,
                parameters, gradient, moments, layout, workspace, block_size, t, n_threads,
            )  # fmt: skip
            if not barrier.wait_for_all(control, n_threads):
                return
        if t == 0:
            penalty = 0.0
            for k in range(workspace.penalties.shape[0]):
                penalty += workspace.penalties[k]
            total_loss += (batch_loss + 0.5 * alpha * penalty) / weight_sum * batch.shape[0]
            workspace.total_loss[0] = total_loss
            control[barrier.STEPS_DONE] += 1
        if control[barrier.STOP_AGREED] != 0:
            return


@kernel
def predict_rows(
    inputs, start, stop, parameters, layout, activation, output_activation, indices, values, buffer, outputs
):
    """Write the outputs of the network for samples start to stop to the rows of the same number of `outputs`.

    `indices`, `values` and `buffer` are this thread's own, as in `Workspace` with B = 1; `outputs` is (N, C).
    """
    n_outputs = outputs.shape[1]
    for sample in range(start, stop):
        count = read_entries(inputs, sample, indices, values)
        forward_sample(0, count, indices, values, parameters, layout, activation, output_activation, buffer, 1)
        for c in range(n_outputs):
            outputs[sample, c] = buffer[buffer.shape[0] - n_outputs + c]
