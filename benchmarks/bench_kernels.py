"""What bounds an epoch: its parts, its arithmetic alone, and the machine's own speed of dense arithmetic.

*Dense floor* is as many large products of NumPy's as make up the arithmetic of a dense epoch. *Arithmetic alone* is
what an epoch computes with the zeros left out (the multiplications are counted) and its steps of Adam, by the same
kernels, but on numbers that never leave the first-level cache: no lists, no loss, no memory, no waiting.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import _harness
import numpy as np
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
from skdigits._kernels.tiles import PANEL, TILE, gather, lanes
from skdigits._kernels.updates import adam_update

UNITS = (784, 100, 10)
BATCH = 200
# Multiplications and additions of a dense epoch: forward and gradient of both layers, backward of the second.
OPERATIONS_A_SAMPLE = 2 * (2 * 784 * 100 + 3 * 100 * 10)
# Samples of a list, and numbers of an update, that a first-level cache holds.
LIST, UPDATE = 64, 448


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
def compute(n_products, n_updates, positions, values, held, rows, parameters, gradient, moments, settings):
    """Products of a list with PANEL vectors of four rows, and updates by Adam, again and again on the same numbers."""
    stride = rows.shape[0] // LIST
    for _ in range(n_products):
        gather(PANEL, positions, 0, 1, LIST, values, 0, TILE, 1, held, 0, stride, rows, 0, stride)
    for _ in range(n_updates):
        adam_update(parameters, gradient, moments[0], moments[1], settings)


def count_multiplications(inputs):
    """Multiplications of whole vectors in an epoch: forward and gradient of both layers, backward of the second."""
    n_samples, n_lanes = len(inputs.starts) - 1, lanes(np.float32)
    hidden, outputs = (-(-n // n_lanes) for n in UNITS[1:])
    first = 2 * len(inputs.tiles) * TILE * hidden
    return first + n_samples * (2 * UNITS[1] * outputs + UNITS[2] * hidden)


def make_arithmetic(inputs, settings, n_threads):
    """A callable that does what an epoch computes, and nothing else, in so many threads."""
    n_steps, rng = -(-(len(inputs.starts) - 1) // BATCH), np.random.default_rng(0)
    n_products = round(count_multiplications(inputs) / (LIST * TILE * PANEL) / n_threads)
    n_updates = round(n_steps * sum(a * b for a, b in pairwise(UNITS)) / UPDATE / n_threads)
    width = PANEL * lanes(np.float32)

    def work(_):
        positions = np.arange(LIST, dtype=np.int32).view(np.float32)
        values, held, rows = (
            rng.normal(0, 1e-3, n).astype(np.float32) for n in (LIST * TILE, TILE * width, LIST * width)
        )
        parameters, gradient = (rng.normal(0, 1e-3, UPDATE).astype(np.float32) for _ in range(2))
        mode = flush_denormals()
        compute(
            n_products, n_updates, positions, values, held, rows, parameters, gradient,
            np.zeros((2, UPDATE), np.float32), settings,
        )  # fmt: skip
        restore_denormals(mode)

    def run():
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(work, range(n_threads)))

    return run


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
        n_sections = workspace.forward.list_ends.shape[0]
        bounds = [(s, s * BATCH // n_sections, (s + 1) * BATCH // n_sections) for s in range(n_sections)]
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
            for section, first, last in bounds:
                forward_section(
                    section, first, last, inputs, runner._parameters, layout, objective.activation,
                    objective.output_activation, workspace.forward,
                )  # fmt: skip

        def backward(block):
            for _, first, last in bounds:
                backward_section(
                    first, last, block, runner._targets, runner._sample_weight, layout, objective, workspace
                )

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
        arithmetic = make_arithmetic(inputs, epoch.optimizer.settings(1)[0].astype(np.float32), n_threads)
        sides = {"dense floor": dense, "arithmetic alone": arithmetic, _harness.OURS: epoch.whole}
        with threadpool_limits(n_threads), epoch.runner:
            row = _harness.measure(name, sides, arguments.repeats)
        operations = {
            "dense floor": n_samples * OPERATIONS_A_SAMPLE,
            "arithmetic alone": 2 * lanes(np.float32) * count_multiplications(inputs),
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
