"""Gradients and updates: down the layers for samples, then across the samples for each four rows of weights.

The letters of sizes, and all arrays that kernels share, are in arrays.py.
"""

import numpy as np

from skdigits._kernels import codes, updates
from skdigits._kernels.activations import activation_backward
from skdigits._kernels.jit import kernel
from skdigits._kernels.losses import cross_entropy_backward, cross_entropy_forward, is_recognised
from skdigits._kernels.microkernels import PANEL, gather
from skdigits._kernels.numbers import smaller
from skdigits._kernels.prefetching import L2, prefetch, prefetch_to_write
from skdigits._kernels.products import add_products
from skdigits._kernels.shares import start_of_share, take_tile, tiles_of_layer
from skdigits._kernels.sizes import ENTRY, HALF_BYTES, TILE


@kernel
def backward_section(first, last, targets, sample_weight, layout, objective, workspace):
    """Losses of the samples of a section, and their weighted gradients by the logits of each layer.

    Parameters
    ----------
    first, last : int
        Positions of the section.
    targets : uint8 array of shape (n_block, C)
    sample_weight : array of shape (n_block,) and type D
    layout : Layout
    objective : Objective
    workspace : Workspace
    """
    independent, smoothing = objective.output_activation == codes.LOGISTIC, objective.label_smoothing
    n_layers = layout.units.shape[0] - 1
    # The rows of the first hidden layer, which other threads have read.
    row, stride = workspace.buffers.starts[1], layout.strides[1]
    prefetch_to_write(workspace.logit_gradients, row + first * stride, row + last * stride)
    starts, gradients = workspace.buffers.starts, workspace.logit_gradients
    for position in range(first, last):
        row = starts[n_layers] + position * layout.strides[n_layers]
        probabilities = workspace.buffers.activations[row : row + layout.units[n_layers]]
        gradient = gradients[row : row + layout.units[n_layers]]
        weight = sample_weight[position]
        workspace.losses[position] = weight * cross_entropy_forward(
            probabilities, targets[position], objective.smallest, independent, smoothing
        )
        is_right = is_recognised(probabilities, targets[position], objective.is_single_label)
        workspace.recognised[position] = weight if is_right else 0
        clear_rows(position, 1, layout, starts, gradients)
        cross_entropy_backward(probabilities, targets[position], weight, independent, smoothing, gradient)
    for layer in range(n_layers - 1, 0, -1):
        multiply_by_transposed(layer, first, last, layout, workspace.buffers, workspace.transposed, gradients)
        multiply_by_slopes(layer, first, last, objective.activation, layout, workspace.buffers, gradients)


@kernel
def clear_rows(position, first_layer, layout, starts, gradients):
    """Zeros for the gradient of a sample by the outputs of some layers, before products are added.

    Between two losses, and not for all samples at once: each line has to be fetched from the core that has read it.
    """
    for layer in range(first_layer, layout.units.shape[0] - 1):
        start, stride = starts[layer] + position * layout.strides[layer], layout.strides[layer]
        row = gradients[start : start + stride]
        for h in range(stride):
            row[h] = 0


@kernel
def multiply_by_transposed(layer, first, last, layout, buffers, transposed, gradients):
    """Add the gradient of a section by the outputs of a layer, from the gradient by the logits of the layer above."""
    starts, stride, stride_above = buffers.starts, layout.strides[layer], layout.strides[layer + 1]
    n_lanes = HALF_BYTES // gradients.itemsize
    add_products(
        last - first, layout.units[layer + 1], -(-layout.units[layer] // n_lanes), buffers.every_position,
        gradients, starts[layer + 1] + first * stride_above, stride_above,
        transposed, layout.transposed_starts[layer], stride, gradients, starts[layer] + first * stride, stride,
    )  # fmt: skip


@kernel
def multiply_by_slopes(layer, first, last, activation, layout, buffers, gradients):
    """Turn the gradient of a section by the outputs of a hidden layer into the gradient by its logits."""
    stride = layout.strides[layer]
    start, stop = buffers.starts[layer] + first * stride, buffers.starts[layer] + last * stride
    rows = gradients[start:stop]
    if buffers.slopes.shape[0] > 0:
        slopes = buffers.slopes[start:stop]
        for i in range(rows.shape[0]):
            rows[i] *= slopes[i]
    else:
        activation_backward(activation, buffers.activations[start:stop], rows)


@kernel
def transpose_tile(tile, layer, layout, parameters, transposed):
    """Copy four rows of the weights of a layer (from 1 on) to columns of its transpose."""
    stride, weight_stride = layout.strides[layer], layout.weight_strides[layer]
    start, column = layout.weight_starts[layer] + TILE * tile * weight_stride, layout.transposed_starts[layer]
    weights = parameters[start : start + TILE * weight_stride]
    columns = transposed[column + TILE * tile : column + layout.units[layer + 1] * stride]
    for h in range(layout.units[layer + 1]):
        for r in range(TILE):
            columns[h * stride + r] = weights[r * weight_stride + h]


@kernel
def sum_gradients(layer, n_block, layout, workspace, out_start):
    """Add up the weighted gradients by the logits of a layer over the samples of a block."""
    start, stride = workspace.buffers.starts[layer], layout.strides[layer]
    out = workspace.gradient_sums[out_start : out_start + stride]
    for h in range(stride):
        out[h] = 0
    for position in range(n_block):
        row = workspace.logit_gradients[start + position * stride : start + (position + 1) * stride]
        for h in range(stride):
            out[h] += row[h]


@kernel
def prefetch_rows(n_block, layout, workspace, t, n_threads):
    """Ask for the gradients by the logits of the first layer that other threads have written."""
    start, stride = workspace.buffers.starts[1], layout.strides[1]
    first, last = t * n_block // n_threads, (t + 1) * n_block // n_threads
    prefetch(workspace.logit_gradients, start, start + first * stride, L2)
    prefetch(workspace.logit_gradients, start + last * stride, start + n_block * stride, L2)


@kernel
def sum_tile(tile, layer, n_block, is_first, inputs, layout, workspace, sum_start, rows, row_start):
    """Add a block to the gradient of four rows of weights, which the first block of a mini-batch starts anew."""
    buffers, stride = workspace.buffers, layout.strides[layer + 1]
    n_lanes = HALF_BYTES // workspace.logit_gradients.itemsize
    n_half_vectors, n_sections = -(-layout.units[layer + 1] // n_lanes), buffers.list_ends.shape[0]
    if is_first:
        row = rows[row_start : row_start + TILE * stride]
        for i in range(row.shape[0]):
            row[i] = 0
    for piece in range(0, n_half_vectors, PANEL):
        n_now, column = smaller(PANEL, n_half_vectors - piece), piece * n_lanes
        above = buffers.starts[layer + 1] + column
        if layer > 0:
            gather(
                n_now, buffers.every_position, 0, 1, n_block, buffers.activations,
                buffers.starts[layer] + TILE * tile, layout.strides[layer], 1, rows, row_start + column, stride,
                workspace.logit_gradients, above, stride,
            )  # fmt: skip
            continue
        for section in range(n_sections):
            start = tile * buffers.list_stride + ENTRY * (section * n_block // n_sections)
            count = (buffers.list_ends[section, tile] - start) // ENTRY
            if count > 0:
                gather(
                    n_now, buffers.entries, start + TILE, ENTRY, count, buffers.entries, start, ENTRY, 1, rows,
                    row_start + column, stride, workspace.logit_gradients, above, stride,
                )  # fmt: skip
        if inputs.background_tiles.shape[0] > 0:
            gather(
                n_now, buffers.every_position, 0, 1, 1, inputs.background_values, TILE * tile, TILE, 1, rows,
                row_start + column, stride, workspace.gradient_sums, sum_start + column, stride,
            )  # fmt: skip


@kernel
def update(start, is_weights, gradient, settings, epoch):
    """Apply the optimizer to the parameters from `start` on, as many as there are gradients."""
    solver, moments, stop = epoch.objective.solver, epoch.moments, start + gradient.shape[0]
    rows = epoch.parameters[start:stop]
    if is_weights and settings[codes.DECAY] > 0:
        updates.decay_weights(rows, settings)
    if solver == codes.SGD:
        updates.sgd_update(rows, gradient, moments[0, start:stop], settings)
    elif solver == codes.ADAM:
        updates.adam_update(rows, gradient, moments[0, start:stop], moments[1, start:stop], settings)
    if epoch.average.shape[0] > 0:
        updates.follow_average(epoch.average[start:stop], rows, settings)


@kernel
def finish_tile(gradient, alpha, inverse_sum, parameters):
    """Turn summed gradients into those of the objective; return the sum of the squared parameters."""
    penalty = parameters[0] - parameters[0]
    for i in range(gradient.shape[0]):
        penalty += parameters[i] * parameters[i]
        gradient[i] = (gradient[i] + alpha * parameters[i]) * inverse_sum
    return penalty


@kernel
def squared_norm(gradient):
    """Sum of the squares of a part of the gradient, which single precision need not hold."""
    total = 0.0
    for i in range(gradient.shape[0]):
        entry = np.float64(gradient[i])
        total += entry * entry
    return total


@kernel
def update_parameters(n_block, is_first, is_last, settings, epoch, t, n_threads):
    """Gradient of the rows of the weights that this thread takes, and at the end of a mini-batch their update.

    Where the norm of the gradient is limited nothing is updated here: `update_clipped` does it when the norm is known.

    Parameters
    ----------
    n_block : int
        Samples in the block.
    is_first, is_last : bool
        Whether the block is the first, or the last, of its mini-batch.
    settings : array of shape (N_SETTINGS,)
    epoch : Epoch
    t, n_threads : int
    """
    inputs, objective, layout, workspace = epoch.inputs, epoch.objective, epoch.layout, epoch.workspace
    parameters, gradient = epoch.parameters, epoch.gradient
    solver, is_clipped = objective.solver, objective.max_norm > 0
    first_tile, inverse_sum = 0, workspace.inverse_sums[t]
    is_whole = is_first and is_last and solver != codes.NO_UPDATE and not is_clipped
    largest_stride = workspace.gradient_sums.shape[0] // n_threads
    prefetch_rows(n_block, layout, workspace, t, n_threads)
    sum_start = t * largest_stride
    for layer in range(layout.units.shape[0] - 1):
        n_rows, stride = layout.units[layer], layout.strides[layer + 1]
        n_tiles, split = tiles_of_layer(layer, layout, inputs)
        if t == n_threads - 1 or (layer == 0 and inputs.background_tiles.shape[0] > 0):
            sum_gradients(layer + 1, n_block, layout, workspace, sum_start)
        tile = take_tile(layer, split, n_tiles, t, n_threads, workspace.next_tiles)
        while tile >= 0:
            start = layout.weight_starts[layer] + TILE * tile * stride
            if solver != codes.NO_UPDATE:
                prefetch_to_write(parameters, start, start + TILE * stride)  # which all threads have read
            # Rows whose gradient is complete at once never leave the cache.
            rows = workspace.tile_gradients if is_whole else gradient
            row_start = TILE * sum_start if is_whole else start
            sum_tile(tile, layer, n_block, is_first, inputs, layout, workspace, sum_start, rows, row_start)
            if is_last:
                size = smaller(TILE, n_rows - TILE * tile) * stride
                row = rows[row_start : row_start + size]
                workspace.penalties[first_tile + tile] = finish_tile(
                    row, objective.alpha, inverse_sum, parameters[start : start + size]
                )
                if is_clipped:
                    workspace.norms[first_tile + tile] = squared_norm(row)
                else:
                    update(start, True, row, settings, epoch)
                    if layer > 0 and solver != codes.NO_UPDATE:
                        transpose_tile(tile, layer, layout, parameters, workspace.transposed)
            tile = take_tile(layer, split, n_tiles, t, n_threads, workspace.next_tiles)
        first_tile += n_tiles
        if t == n_threads - 1:
            start = layout.bias_starts[layer]
            row = gradient[start : start + stride]
            for h in range(stride):
                total = workspace.gradient_sums[sum_start + h]
                row[h] = total if is_first else row[h] + total
            if is_last:
                for h in range(stride):
                    row[h] *= inverse_sum
                if is_clipped:
                    workspace.norms[workspace.penalties.shape[0] + layer] = squared_norm(row)
                else:
                    update(start, False, row, settings, epoch)


@kernel
def clip(gradient, factor):
    """Shorten a part of the gradient."""
    factor = gradient.dtype.type(factor)
    for i in range(gradient.shape[0]):
        gradient[i] *= factor


@kernel
def update_clipped(settings, epoch, t, n_threads):
    """Where the norm of the gradient is limited: shorten it (Pascanu et al., 2013), and update.

    Every thread adds up the norms of all parts, in the same order, and updates its share of the rows of the weights.
    """
    objective, layout, workspace, gradient = epoch.objective, epoch.layout, epoch.workspace, epoch.gradient
    total = 0.0
    for part in range(workspace.norms.shape[0]):
        total += workspace.norms[part]
    norm = np.sqrt(total)
    # Not a minimum: a norm that is no number must show in the parameters.
    factor = objective.max_norm / norm if not norm <= objective.max_norm else 1.0
    for layer in range(layout.units.shape[0] - 1):
        n_rows, stride = layout.units[layer], layout.strides[layer + 1]
        n_tiles, split = tiles_of_layer(layer, layout, epoch.inputs)
        first = start_of_share(t, n_threads, split, n_tiles)
        for tile in range(first, start_of_share(t + 1, n_threads, split, n_tiles)):
            start = layout.weight_starts[layer] + TILE * tile * stride
            row = gradient[start : start + smaller(TILE, n_rows - TILE * tile) * stride]
            clip(row, factor)
            if objective.solver != codes.NO_UPDATE:
                update(start, True, row, settings, epoch)
                if layer > 0:
                    transpose_tile(tile, layer, layout, epoch.parameters, workspace.transposed)
        if t == n_threads - 1:
            start = layout.bias_starts[layer]
            row = gradient[start : start + stride]
            clip(row, factor)
            if objective.solver != codes.NO_UPDATE:
                update(start, False, row, settings, epoch)
