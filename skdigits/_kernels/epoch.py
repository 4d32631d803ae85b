"""A whole epoch as one call a thread, and prediction: the one kernel file that imports its siblings.

The letters of sizes, and all arrays that kernels share, are in arrays.py.

Each block has two phases with a barrier behind each. First every thread takes some of the *samples*: forward, loss,
and the gradient by the logits of each layer. Then every thread takes some of the *rows of the weights*: their gradient
is a sum over the samples of the block, and at the end of the mini-batch the optimizer is applied to the row at once.
No sum is ever split between threads, so that the results are the same bits for any number of them.

Zeros are left out everywhere: a sample, and a hidden layer for a sample, is a list of indices and values; so is a
feature for a block. Input whose background is not zero is held as the difference from a background value a feature,
b: the first layer then starts from its biases + b W, and its gradient has the outer product of b and the sum of the
gradients by its logits.
"""

from skdigits._kernels import barrier, updates
from skdigits._kernels.activations import LOGISTIC, activation_backward, activation_forward
from skdigits._kernels.jit import kernel
from skdigits._kernels.losses import cross_entropy_backward, cross_entropy_forward
from skdigits._kernels.rows import compress, sum_of_squares
from skdigits._kernels.simd import MOST_VECTORS, VECTOR_BYTES, add_rows, prefetch

# Shuffled samples lie anywhere in memory: each is asked for so many samples before it is read.
_SAMPLES_AHEAD = 3


@kernel
def add_whole_rows(indices, values, count, matrix, width, out):
    """`add_rows` over the whole width of an output."""
    n_vectors = -(-width * out.itemsize // VECTOR_BYTES)
    n_passes = -(-n_vectors // MOST_VECTORS)
    for i in range(n_passes):
        first, last = i * n_vectors // n_passes, (i + 1) * n_vectors // n_passes
        add_rows(indices, values, count, matrix, first * VECTOR_BYTES // out.itemsize, last - first, out)


@kernel
def list_samples(inputs, samples, first, last, buffers):
    """Write dense samples[first:last] as lists into the buffers. CSR samples are such lists already."""
    if not inputs.is_sparse:
        for p in range(first, last):
            buffers.list_counts[p] = compress(inputs.dense[samples[p]], buffers.list_indices[p], buffers.list_values[p])


@kernel
def start_layer(first, last, layer, inputs, parameters, layout, buffers):
    """Fill the rows of a layer (from 1 on) with its biases, and b W where the input has a background."""
    n_units, width = layout.units[layer], layout.widths[layer]
    bias_start, stride, start = (
        layout.bias_starts[layer - 1],
        layout.strides[layer - 1],
        layout.weight_starts[layer - 1],
    )
    rows_start = layout.width_starts[layer] * buffers.list_counts.shape[0]
    rows = buffers.activations[rows_start : rows_start + buffers.list_counts.shape[0] * width].reshape(
        (buffers.list_counts.shape[0], width)
    )
    for h in range(width):
        rows[first, h] = parameters[bias_start + h] if h < n_units else 0
    if layer == 1 and inputs.background_indices.shape[0] > 0:
        weights = parameters[start : start + layout.units[0] * stride].reshape((layout.units[0], stride))
        n_background = inputs.background_indices.shape[0]
        add_whole_rows(inputs.background_indices, inputs.background_values, n_background, weights, width, rows[first])
    for position in range(first + 1, last):
        for h in range(width):
            rows[position, h] = rows[first, h]


@kernel
def forward_samples(inputs, samples, first, last, parameters, layout, activation, output_activation, buffers):
    """Activations of all layers for samples[first:last], into their rows of the buffers.

    Dense samples stand as lists in the buffers. Outputs are worked on a few vectors at a time for all samples, so that
    the weights that they need stay in the cache.
    """
    n_layers = layout.units.shape[0] - 1
    block_size = buffers.list_counts.shape[0]
    if first == last:
        return
    for layer in range(1, n_layers + 1):
        start_layer(first, last, layer, inputs, parameters, layout, buffers)
        n_units, width, stride = layout.units[layer], layout.widths[layer], layout.strides[layer - 1]
        start, n_rows = layout.weight_starts[layer - 1], layout.units[layer - 1]
        weights = parameters[start : start + n_rows * stride].reshape((n_rows, stride))
        rows_start = layout.width_starts[layer] * block_size
        rows = buffers.activations[rows_start : rows_start + block_size * width].reshape((block_size, width))
        n_vectors = width * rows.itemsize // VECTOR_BYTES
        n_passes = -(-n_vectors // MOST_VECTORS)
        for i in range(n_passes):
            column = i * n_vectors // n_passes * VECTOR_BYTES // rows.itemsize
            n_now = (i + 1) * n_vectors // n_passes - i * n_vectors // n_passes
            for p in range(first, last):
                if layer == 1 and inputs.is_sparse:
                    entry, stop = inputs.indptr[samples[p]], inputs.indptr[samples[p] + 1]
                    indices, values = inputs.indices[entry:stop], inputs.values[entry:stop]
                    add_rows(indices, values, stop - entry, weights, column, n_now, rows[p])
                else:
                    indices, values = buffers.list_indices[p], buffers.list_values[p]
                    add_rows(indices, values, buffers.list_counts[p], weights, column, n_now, rows[p])
        for p in range(first, last):
            activation_forward(activation if layer < n_layers else output_activation, rows[p, :n_units])
            if layer < n_layers:
                buffers.list_counts[p] = compress(rows[p, :n_units], buffers.list_indices[p], buffers.list_values[p])


@kernel
def backward_sample(position, layout, activation, workspace, t):
    """Gradient by the logits of the hidden layers for one sample, from that of the output layer."""
    block_size = workspace.losses.shape[0]
    for layer in range(layout.units.shape[0] - 2, 0, -1):
        n_units, width, n_above = layout.units[layer], layout.widths[layer], layout.units[layer + 1]
        above_start = layout.width_starts[layer + 1] * block_size + position * layout.widths[layer + 1]
        row_start = layout.width_starts[layer] * block_size + position * width
        start = layout.transposed_starts[layer]
        weights = workspace.transposed[start : start + n_above * width].reshape((n_above, width))
        row = workspace.logit_gradients[row_start : row_start + width]
        for h in range(width):
            row[h] = 0
        above = workspace.logit_gradients[above_start : above_start + n_above]
        indices, values = workspace.entry_indices[t], workspace.entry_values[t]
        add_whole_rows(indices, values, compress(above, indices, values), weights, width, row)
        outputs = workspace.forward.activations[row_start : row_start + n_units]
        activation_backward(activation, outputs, row[:n_units])


@kernel
def push_entries(indices, values, count, position, first_slot, weight, workspace, t):
    """Append entries of a sample to the lists of their features."""
    for j in range(count):
        feature = indices[j]
        slot = first_slot + workspace.column_counts[t, feature]
        workspace.column_positions[feature, slot] = position
        workspace.column_values[feature, slot] = values[j] * weight
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
    t, n_threads,
):  # fmt: skip
    """Phase one: loss and gradients by the logits for this thread's share of the samples of a block."""
    n_layers = layout.units.shape[0] - 1
    n_outputs, width = layout.units[n_layers], layout.widths[n_layers]
    for k in range(workspace.column_counts.shape[1]):
        workspace.column_counts[t, k] = 0
    first, last = t * block.shape[0] // n_threads, (t + 1) * block.shape[0] // n_threads
    list_samples(inputs, block, first, last, workspace.forward)
    for position in range(first, last):
        sample = block[position]
        weight = sample_weight[sample]
        if inputs.is_sparse:
            ahead = block[min(position + _SAMPLES_AHEAD, last - 1)]
            prefetch(inputs.indices, inputs.indptr[ahead], inputs.indptr[ahead + 1])
            prefetch(inputs.values, inputs.indptr[ahead], inputs.indptr[ahead + 1])
            start, count = inputs.indptr[sample], inputs.indptr[sample + 1] - inputs.indptr[sample]
            indices, values = inputs.indices[start : start + count], inputs.values[start : start + count]
            push_entries(indices, values, count, position, first, weight, workspace, t)
        else:
            indices, values = workspace.forward.list_indices[position], workspace.forward.list_values[position]
            count = workspace.forward.list_counts[position]
            push_entries(indices, values, count, position, first, weight, workspace, t)
    forward_samples(inputs, block, first, last, parameters, layout, activation, output_activation, workspace.forward)
    for position in range(first, last):
        sample = block[position]
        start = layout.width_starts[n_layers] * workspace.losses.shape[0] + position * width
        probabilities = workspace.forward.activations[start : start + n_outputs]
        gradient = workspace.logit_gradients[start : start + n_outputs]
        workspace.losses[position] = sample_weight[sample] * cross_entropy_forward(
            probabilities, targets[sample], smallest, output_activation == LOGISTIC
        )
        cross_entropy_backward(probabilities, targets[sample], gradient)
        backward_sample(position, layout, activation, workspace, t)


@kernel
def update(solver, start, parameters, gradient, moments, settings):
    """Apply the optimizer to the parameters from `start` on, as many as there are gradients."""
    stop = start + gradient.shape[0]
    if solver == updates.SGD:
        updates.sgd_update(parameters[start:stop], gradient, moments[0, start:stop], settings)
    elif solver == updates.ADAM:
        updates.adam_update(parameters[start:stop], gradient, moments[0, start:stop], moments[1, start:stop], settings)


@kernel
def sum_gradients(block, sample_weight, deltas, out):
    """Add up weight * gradient by the logits over the samples of a block."""
    for position in range(block.shape[0]):
        weight = sample_weight[block[position]]
        for h in range(out.shape[0]):
            out[h] += weight * deltas[position, h]


@kernel
def transpose_row(k, layer, layout, parameters, transposed):
    """Copy row k of the weights of a layer (from 1 on) to the column k of its transpose."""
    start, width = layout.transposed_starts[layer] + k, layout.widths[layer]
    row_start = layout.weight_starts[layer] + k * layout.strides[layer]
    for h in range(layout.units[layer + 1]):
        transposed[start + h * width] = parameters[row_start + h]


@kernel
def add_row_gradient(k, layer, inputs, block, sample_weight, layout, deltas, workspace, row, t, n_threads):
    """Add what a block contributes to the gradient of row k of the weights of a layer (from 0 on)."""
    width, block_size = layout.widths[layer + 1], workspace.losses.shape[0]
    if layer == 0:
        count = join_column(k, block.shape[0], workspace, n_threads)
        add_whole_rows(workspace.column_positions[k], workspace.column_values[k], count, deltas, width, row)
        return
    positions, values = workspace.entry_indices[t], workspace.weighted_values[t]
    start, below = layout.width_starts[layer] * block_size, layout.widths[layer]
    activations = workspace.forward.activations[start : start + block_size * below].reshape((block_size, below))
    count = compress(activations[: block.shape[0], k], positions, values)
    for j in range(count):
        values[j] *= sample_weight[block[positions[j]]]
    add_whole_rows(positions, values, count, deltas, width, row)


@kernel
def update_parameters(
    inputs, block, sample_weight, is_first, is_last, alpha, solver, parameters, gradient, moments, layout,
    workspace, t, n_threads,
):  # fmt: skip
    """Phase two: gradient of this thread's share of the rows of the weights, and at the end their update."""
    first_penalty, block_size = 0, workspace.losses.shape[0]
    is_whole = is_first and is_last and solver != updates.NO_UPDATE
    next_background, inverse_sum = 0, workspace.inverse_sums[t]
    n_background = inputs.background_indices.shape[0]
    for layer in range(layout.units.shape[0] - 1):
        n_rows, width = layout.units[layer], layout.widths[layer + 1]
        above_start = layout.width_starts[layer + 1] * block_size
        deltas = workspace.logit_gradients[above_start : above_start + block_size * width].reshape((block_size, width))
        gradient_sum = workspace.gradient_sums[t, :width]
        if t == n_threads - 1 or (layer == 0 and n_background > 0):
            for h in range(width):
                gradient_sum[h] = 0
            sum_gradients(block, sample_weight, deltas, gradient_sum)
        for k in range(t * n_rows // n_threads, (t + 1) * n_rows // n_threads):
            row_start = layout.weight_starts[layer] + k * width
            # A row whose gradient is complete at once never leaves the cache.
            row = workspace.row_gradients[t, :width] if is_whole else gradient[row_start : row_start + width]
            if is_first:
                for h in range(width):
                    row[h] = 0
            add_row_gradient(k, layer, inputs, block, sample_weight, layout, deltas, workspace, row, t, n_threads)
            if layer == 0 and n_background > 0:
                while next_background < n_background and inputs.background_indices[next_background] < k:
                    next_background += 1
                if next_background < n_background and inputs.background_indices[next_background] == k:
                    background = inputs.background_values[next_background]
                    for h in range(width):
                        row[h] += background * gradient_sum[h]
            if is_last:
                weights = parameters[row_start : row_start + width]
                workspace.penalties[first_penalty + k] = sum_of_squares(weights)
                for h in range(width):
                    row[h] = (row[h] + alpha * weights[h]) * inverse_sum
                update(solver, row_start, parameters, row, moments, workspace.settings[t])
                if layer > 0 and solver != updates.NO_UPDATE:
                    transpose_row(k, layer, layout, parameters, workspace.transposed)
        first_penalty += n_rows
        if t == n_threads - 1:
            bias_start = layout.bias_starts[layer]
            row = gradient[bias_start : bias_start + width]
            for h in range(width):
                row[h] = gradient_sum[h] if is_first else row[h] + gradient_sum[h]
            if is_last:
                for h in range(width):
                    row[h] *= inverse_sum
                update(solver, bias_start, parameters, row, moments, workspace.settings[t])


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
    for layer in range(1, layout.units.shape[0] - 1):
        n_rows = layout.units[layer]
        for k in range(t * n_rows // n_threads, (t + 1) * n_rows // n_threads):
            transpose_row(k, layer, layout, parameters, workspace.transposed)
    if not barrier.wait_for_all(control, n_threads):
        return
    total_loss = 0.0
    for batch_start in range(0, order.shape[0], batch_size):
        batch = order[batch_start : batch_start + batch_size]
        weight_sum = 0.0
        for i in range(batch.shape[0]):
            weight_sum += sample_weight[batch[i]]
        if weight_sum == 0:
            control[barrier.ZERO_WEIGHT] = 1  # all threads see the same weights and return here
            return
        workspace.inverse_sums[t] = 1 / weight_sum
        step += 1
        settings[updates.RATE] = learning_rate
        if solver == updates.ADAM:
            settings[updates.RATE] = updates.adam_rate(learning_rate, beta_1, beta_2, step)
        batch_loss = 0.0
        for start in range(0, batch.shape[0], block_size):
            block = batch[start : start + block_size]
            backpropagate_samples(
                inputs, targets, sample_weight, block, parameters, layout, activation, output_activation, smallest,
                workspace, t, n_threads,
            )  # fmt: skip
            if not barrier.wait_for_all(control, n_threads):
                return
            if t == 0:
                for position in range(block.shape[0]):
                    batch_loss += workspace.losses[position]
                # Decided by one thread and read by all behind the barrier, so that all stop at the same step.
                control[barrier.STOP_AGREED] = barrier.read_flag(control, barrier.STOP_REQUESTED)
            update_parameters(
                inputs, block, sample_weight, start == 0, start + block_size >= batch.shape[0], alpha, solver,
                parameters, gradient, moments, layout, workspace, t, n_threads,
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
def predict_rows(inputs, samples, parameters, layout, activation, output_activation, buffers, outputs):
    """Write the outputs of the network for some samples to the rows of the same number of `outputs`.

    `buffers` are this thread's own; `outputs` has shape (N, C).
    """
    n_layers, block_size = layout.units.shape[0] - 1, buffers.list_counts.shape[0]
    width = layout.widths[n_layers]
    for start in range(0, samples.shape[0], block_size):
        block = samples[start : start + block_size]
        list_samples(inputs, block, 0, block.shape[0], buffers)
        forward_samples(inputs, block, 0, block.shape[0], parameters, layout, activation, output_activation, buffers)
        for position in range(block.shape[0]):
            row_start = layout.width_starts[n_layers] * block_size + position * width
            for c in range(outputs.shape[1]):
                outputs[block[position], c] = buffers.activations[row_start + c]
