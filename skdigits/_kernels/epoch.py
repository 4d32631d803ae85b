"""A whole epoch as one call a thread.

The letters of sizes, and all arrays that kernels share, are in arrays.py.

Each block has two phases with a barrier after each. First every thread takes some of the *sections* of the samples:
entries by tile, forward, loss, and the gradient by the logits of each layer. Then every thread takes some of the *rows
of the weights*, four at a time: their gradient is a sum over the samples of the block, and at the end of the mini-batch
the optimizer is applied to the rows at once.

Where samples have more features than a block has samples, the first layer's weights are more than its logits. They are
then kept from going back and forth between cores: a phase before these makes the lists of one *half of the tiles*, and
what they add to the logits, in half of the threads, and of the other half in the others. Lists and weights of a half
are read by those that write them; logits are added up in the next phase. An odd number of threads does without, each
for both halves of its own sections.

Whether there are halves, and where they meet, does not depend on threads, and all other sums are made by one thread
each, so that the results are the same bits for any number of them, whoever takes what.

Input whose background is not zero is held as the difference from a background value a feature, b: the first layer then
starts from its biases + b W, and its gradient has the outer product of b and the sum of the gradients by its logits.
"""

from skdigits._kernels import barrier, codes
from skdigits._kernels.atomics import atomic_load
from skdigits._kernels.backward import backward_section, transpose_tile, update_clipped, update_parameters
from skdigits._kernels.block_lists import list_section
from skdigits._kernels.denormals import flush_denormals, restore_denormals
from skdigits._kernels.forward import finish_section, sum_tiles
from skdigits._kernels.jit import kernel
from skdigits._kernels.numbers import smaller
from skdigits._kernels.shares import open_share, tiles_of_layer
from skdigits._kernels.sizes import TILE


@kernel
def backpropagate_block(start, stop, epoch, t, n_threads):
    """Loss and gradients by the logits of each layer, section by section; False where another thread has failed."""
    inputs, layout, objective, workspace = epoch.inputs, epoch.layout, epoch.objective, epoch.workspace
    parameters, buffers = epoch.parameters, workspace.buffers
    block, keys, n_block = epoch.order[start:stop], epoch.keys[start:stop], stop - start
    ahead = epoch.order[stop:] if stop < epoch.order.shape[0] else block
    for layer in range(layout.units.shape[0] - 1):
        n_tiles, split = tiles_of_layer(layer, layout, inputs)
        open_share(layer, split, n_tiles, t, n_threads, workspace.next_tiles)
    has_halves, n_sections = workspace.second_sums.shape[0] > 0, buffers.list_ends.shape[0]
    in_groups = has_halves and n_threads % 2 == 0
    if in_groups:
        group_size = n_threads // 2
        half, member = t // group_size, t % group_size
        out = workspace.second_sums if half == 1 else buffers.activations
        for section in range(member * n_sections // group_size, (member + 1) * n_sections // group_size):
            first, last = section * n_block // n_sections, (section + 1) * n_block // n_sections
            list_section(section, first, last, half, half + 1, inputs, block, ahead, keys, buffers)
            if first < last:
                sum_tiles(section, first, last, half, half + 1, inputs, parameters, layout, buffers, out)
        if not barrier.wait_for_all(workspace.control, n_threads):
            return False
        n_sections *= 2  # now those of one half are shared by the threads of both
    for section in range(t * n_sections // n_threads, (t + 1) * n_sections // n_threads):
        first, last = section * n_block // n_sections, (section + 1) * n_block // n_sections
        if not in_groups:
            list_section(section, first, last, 0, 2, inputs, block, ahead, keys, buffers)
        if first == last:
            continue
        if not in_groups:
            sum_tiles(
                section, first, last, 0, 1 if has_halves else 2, inputs, parameters, layout, buffers,
                buffers.activations,
            )  # fmt: skip
            if has_halves:
                sum_tiles(section, first, last, 1, 2, inputs, parameters, layout, buffers, workspace.second_sums)
        if has_halves:
            add_second_sums(first, last, layout, workspace)
        finish_section(
            first, last, inputs, parameters, layout, objective.activation, objective.output_activation, buffers
        )
        backward_section(
            first, last, epoch.targets[start:stop], epoch.sample_weight[start:stop], layout, objective, workspace
        )
    return True


@kernel
def add_second_sums(first, last, layout, workspace):
    """Add what the second half of the tiles brings to the logits of the first layer."""
    start, stride = workspace.buffers.starts[1], layout.strides[1]
    logits = workspace.buffers.activations[start + first * stride : start + last * stride]
    others = workspace.second_sums[start + first * stride : start + last * stride]
    for i in range(logits.shape[0]):
        logits[i] += others[i]


@kernel
def sum_weights(sample_weight):
    """Weight of all samples of a mini-batch."""
    total = 0.0
    for i in range(sample_weight.shape[0]):
        total += sample_weight[i]
    return total


@kernel
def add_totals(n_samples, batch_loss, recognised, weight_sum, alpha, workspace):
    """Add a mini-batch to the totals of the epoch."""
    penalty = 0.0
    for k in range(workspace.penalties.shape[0]):
        penalty += workspace.penalties[k]
    workspace.totals[codes.LOSS] += (batch_loss + 0.5 * alpha * penalty) / weight_sum * n_samples
    workspace.totals[codes.RECOGNISED] += recognised
    workspace.totals[codes.WEIGHT] += weight_sum
    workspace.control[codes.STEPS_DONE] += 1


@kernel
def train_epoch(epoch, t, n_threads):
    """Do what `run_epoch` does, with denormal numbers flushed to zero, whatever the calling thread does with them.

    Here and not in Python, where an interruption could come in between and leave them flushed.
    """
    mode = flush_denormals()
    run_epoch(epoch, t, n_threads)
    restore_denormals(mode)


@kernel
def run_epoch(epoch, t, n_threads):
    """Run over all samples once; every one of the T threads calls this with its own number t.

    With ``solver=NO_UPDATE`` and one batch of all samples it leaves the gradient of the objective in `gradient` and
    the parameters alone. What is summed over the epoch is added to ``workspace.totals``, the number of steps taken
    to ``workspace.control[STEPS_DONE]``.

    Parameters
    ----------
    epoch : Epoch
    t, n_threads : int
    """
    layout, workspace, n_samples = epoch.layout, epoch.workspace, epoch.order.shape[0]
    control = workspace.control
    for layer in range(1, layout.units.shape[0] - 1):
        n_tiles = -(-layout.units[layer] // TILE)
        for tile in range(t * n_tiles // n_threads, (t + 1) * n_tiles // n_threads):
            transpose_tile(tile, layer, layout, epoch.parameters, workspace.transposed)
    if not barrier.wait_for_all(control, n_threads):
        return
    for batch_start in range(0, n_samples, epoch.batch_size):
        batch_stop = smaller(batch_start + epoch.batch_size, n_samples)
        settings = epoch.settings[batch_start // epoch.batch_size]
        weight_sum = sum_weights(epoch.sample_weight[batch_start:batch_stop])
        if weight_sum == 0:
            control[codes.ZERO_WEIGHT] = 1  # all threads see the same weights and return here
            return
        workspace.inverse_sums[t] = 1 / weight_sum
        batch_loss, recognised = 0.0, 0.0
        for start in range(batch_start, batch_stop, epoch.block_size):
            stop = smaller(start + epoch.block_size, batch_stop)
            if not backpropagate_block(start, stop, epoch, t, n_threads):
                return
            if not barrier.wait_for_all(control, n_threads):
                return
            if t == 0:
                for position in range(stop - start):
                    batch_loss += workspace.losses[position]
                    recognised += workspace.recognised[position]
                # Decided by one thread and read by all after the barrier, so that all stop at the same step.
                control[codes.STOP_AGREED] = atomic_load(control, codes.STOP_REQUESTED)
            is_first, is_last = start == batch_start, stop == batch_stop
            update_parameters(stop - start, is_first, is_last, settings, epoch, t, n_threads)
            if not barrier.wait_for_all(control, n_threads):
                return
            if is_last and epoch.objective.max_norm > 0:
                update_clipped(settings, epoch, t, n_threads)
                if not barrier.wait_for_all(control, n_threads):
                    return
        if t == 0:
            n_batch, alpha = batch_stop - batch_start, epoch.objective.alpha
            add_totals(n_batch, batch_loss, recognised, weight_sum, alpha, workspace)
        if control[codes.STOP_AGREED] != 0:
            return
