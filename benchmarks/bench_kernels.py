"""What bounds an epoch: its parts, its arithmetic alone, and the machine's own speed of dense arithmetic.

*Dense floor* is as many large products of NumPy's as make up the arithmetic of a dense epoch; *arithmetic alone* what
an epoch computes with the zeros left out (_arithmetic.py).
"""

import _harness
import numpy as np
from _arithmetic import NAME, count_multiplications, make_training
from threadpoolctl import threadpool_limits

from skdigits._engine.initializers import draw_parameters
from skdigits._engine.inputs import compress_inputs
from skdigits._engine.network import EpochRunner, Network
from skdigits._engine.optimizers import Adam
from skdigits._kernels import codes
from skdigits._kernels.backward import backward_section, update_parameters
from skdigits._kernels.denormals import flush_denormals, restore_denormals
from skdigits._kernels.forward import clear_lists, forward_section, push_sample
from skdigits._kernels.jit import kernel
from skdigits._kernels.sizes import lanes

UNITS = (784, 100, 10)
BATCH = 200
# Multiplications and additions of a dense epoch: forward and gradient of both layers, backward of the second.
OPERATIONS_A_SAMPLE = 2 * (2 * 784 * 100 + 3 * 100 * 10)


@kernel
def push_block(block, inputs, buffers):
    """Entries of a block by tile, section by section."""
    n_block, n_sections = block.shape[0], buffers.list_ends.shape[0]
    for section in range(n_sections):
        first, last = section * n_block // n_sections, (section + 1) * n_block // n_sections
        clear_lists(section, first, buffers)
        for position in range(first, last):
            push_sample(block[position], position, section, inputs, buffers)


@kernel
def forward_block(n_block, inputs, parameters, layout, objective, buffers):
    """Forward pass of a block, section by section."""
    n_sections = buffers.list_ends.shape[0]
    for section in range(n_sections):
        first, last = section * n_block // n_sections, (section + 1) * n_block // n_sections
        forward_section(
            section, first, last, inputs, parameters, layout, objective.activation, objective.output_activation, buffers
        )


@kernel
def backward_block(block, targets, sample_weight, layout, objective, workspace):
    """Loss and way back of a block, section by section."""
    n_block, n_sections = block.shape[0], workspace.forward.list_ends.shape[0]
    for section in range(n_sections):
        first, last = section * n_block // n_sections, (section + 1) * n_block // n_sections
        backward_section(first, last, block, targets, sample_weight, layout, objective, workspace)


class Epoch:
    """One network, its samples in lists, and an epoch as a whole or in parts."""

    def __init__(self, inputs, targets, n_threads):
        parameters = draw_parameters(UNITS, "relu", np.random.RandomState(0), np.dtype(np.float32))
        self.network = Network(UNITS, "relu", "softmax", parameters)
        self.runner = EpochRunner(
            self.network, inputs, targets, None, alpha=1e-4, batch_size=BATCH, n_threads=n_threads
        )
        self.optimizer = Adam(learning_rate_init=1e-3, moments=np.zeros((2, len(parameters)), np.float32))
        self.order = np.random.RandomState(0).permutation(len(targets))
        self.order.flags.writeable = False

    def whole(self):
        """An epoch."""
        self.runner.train(self.optimizer, self.order)

    def parts(self):
        """A callable for each part of an epoch in one thread; they are run one after the other."""
        runner, inputs = self.runner, self.runner.inputs
        workspace, layout = runner._workspace, runner._layout
        objective = runner._objective._replace(solver=codes.ADAM)
        settings = self.optimizer.settings(1)[0].astype(np.float32)
        blocks = [self.order[start : start + BATCH] for start in range(0, len(self.order), BATCH)]

        def each_block(work):
            def run():
                mode = flush_denormals()
                for block in blocks:
                    work(block)
                restore_denormals(mode)

            return run

        def forward(block):
            forward_block(BATCH, inputs, runner._parameters, layout, objective, workspace.forward)

        def backward(block):
            backward_block(block, runner._targets, runner._sample_weight, layout, objective, workspace)

        def update(block):
            workspace.next_tiles[:] = 0
            update_parameters(
                inputs, BATCH, True, True, objective, settings, runner._parameters, runner._gradient,
                runner._moments, runner._padded_average, layout, workspace, 0, 1,
            )  # fmt: skip

        return {
            "samples to lists by tile": each_block(lambda block: push_block(block, inputs, workspace.forward)),
            "forward": each_block(forward),
            "loss and backward": each_block(backward),
            "gradient and Adam": each_block(update),
        }


def main():
    arguments = _harness.parse(__doc__, repeats=7)
    n_samples = 2000 if arguments.quick else 60_000
    X, y, *_ = _harness.load_mnist(n_samples)
    targets = np.eye(10, dtype=np.uint8)[y]
    inputs = compress_inputs(X, X.dtype, arguments.threads)
    size = 400 if arguments.quick else 2000
    left = np.random.default_rng(0).random((size, size), dtype=np.float32)
    out = np.empty_like(left)
    dense_share = n_samples * OPERATIONS_A_SAMPLE / (2 * size**3)

    # As many products as make up the arithmetic of a dense epoch: the side is its floor.
    def dense():
        for _ in range(max(1, round(dense_share))):
            np.dot(left, left, out=out)

    rows = []
    for n_threads in sorted({1, arguments.threads}):
        epoch = Epoch(inputs, targets, n_threads)
        name = f"epoch, {n_threads} thread{'s' if n_threads > 1 else ''}"
        arithmetic = make_training(inputs, n_samples, UNITS, batch_size=BATCH, n_epochs=1, n_threads=n_threads)
        sides = {"dense floor": dense, NAME: arithmetic, _harness.OURS: epoch.whole}
        with threadpool_limits(n_threads), epoch.runner:
            row = _harness.measure(name, sides, arguments.repeats)
        operations = {
            "dense floor": n_samples * OPERATIONS_A_SAMPLE,
            NAME: 2 * lanes(np.float32) * count_multiplications(inputs, n_samples, UNITS),
        }
        for side, count in operations.items():
            seconds = row["sides"][side]["median"]
            row["sides"][side]["note"] = f"{count / 1e9:.1f} GFLOP at {count / seconds / 1e9:.0f} GFLOP/s"
        rows.append(row)
    few, many = Epoch(inputs, targets, arguments.threads), Epoch(inputs, targets, 4 * arguments.threads)
    with few.runner, many.runner:
        name = f"epoch, {4 * arguments.threads} threads instead of {arguments.threads}"
        sides = {f"{arguments.threads} threads": few.whole, _harness.OURS: many.whole}
        rows.append(_harness.measure(name, sides, arguments.repeats))
    epoch = Epoch(inputs, targets, 1)
    with epoch.runner:
        epoch.whole()
        for name, part in epoch.parts().items():
            rows.append(_harness.measure(f"{name}, 1 thread", {_harness.OURS: part}, arguments.repeats))
    if not arguments.quick:
        compress = {_harness.OURS: lambda: compress_inputs(X, X.dtype, arguments.threads)}
        rows.append(_harness.measure("lists of tiles, once a fit", compress, arguments.repeats))
    _harness.report("kernels", arguments, rows, title="784-100-10, batch 200, 60,000 samples")


if __name__ == "__main__":
    main()
