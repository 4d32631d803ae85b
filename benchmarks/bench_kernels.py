"""What bounds an epoch: its parts, its arithmetic alone, and the machine's own speed of dense arithmetic.

*Dense floor* is as many large products of NumPy's as make up the arithmetic of a dense epoch; *arithmetic alone* what
an epoch computes with the zeros left out (_arithmetic.py).
"""

from functools import cached_property, partial

import _harness
import numpy as np
from _arithmetic import N_LANES, NAME, count_multiplications, make_training
from threadpoolctl import threadpool_limits

from skdigits._engine.initializers import draw_parameters
from skdigits._engine.inputs import compress_inputs
from skdigits._engine.network import Network
from skdigits._engine.optimizers import Adam
from skdigits._engine.runner import EpochRunner
from skdigits._kernels import codes
from skdigits._kernels.backward import backward_section, update_parameters
from skdigits._kernels.block_lists import list_section
from skdigits._kernels.denormals import flush_denormals, restore_denormals
from skdigits._kernels.epoch import add_second_sums
from skdigits._kernels.forward import finish_section, sum_tiles
from skdigits._kernels.jit import kernel
from skdigits._kernels.packing import Packed

UNITS = (784, 100, 10)
BATCH = 200
PARTS = ("samples to lists by tile", "forward", "loss and backward", "gradient and Adam")
# Multiplications and additions of a dense epoch: forward and gradient of both layers, backward of the second.
OPERATIONS_A_SAMPLE = 2 * (2 * 784 * 100 + 3 * 100 * 10)


@kernel
def list_block(start, epoch):
    """Entries of a block by tile, section by section."""
    buffers, block, keys = epoch.workspace.buffers, epoch.order[start : start + BATCH], epoch.keys[start:start]
    ahead = epoch.order[start + BATCH :] if start + BATCH < epoch.order.shape[0] else block
    n_sections = buffers.list_ends.shape[0]
    for section in range(n_sections):
        first, last = section * BATCH // n_sections, (section + 1) * BATCH // n_sections
        list_section(section, first, last, 0, 2, epoch.inputs, block, ahead, keys, buffers)


@kernel
def forward_block(start, epoch):
    """Forward pass of a block, section by section."""
    inputs, parameters, layout, objective = epoch.inputs, epoch.parameters, epoch.layout, epoch.objective
    buffers, second_sums = epoch.workspace.buffers, epoch.workspace.second_sums
    n_sections = buffers.list_ends.shape[0]
    for section in range(n_sections):
        first, last = section * BATCH // n_sections, (section + 1) * BATCH // n_sections
        sum_tiles(section, first, last, 0, 1, inputs, parameters, layout, buffers, buffers.activations)
        sum_tiles(section, first, last, 1, 2, inputs, parameters, layout, buffers, second_sums)
        add_second_sums(first, last, layout, epoch.workspace)
        finish_section(
            first, last, inputs, parameters, layout, objective.activation, objective.output_activation, buffers
        )


@kernel
def backward_block(start, epoch):
    """Loss and way back of a block, section by section."""
    n_sections = epoch.workspace.buffers.list_ends.shape[0]
    targets, weights = epoch.targets[start : start + BATCH], epoch.sample_weight[start : start + BATCH]
    for section in range(n_sections):
        first, last = section * BATCH // n_sections, (section + 1) * BATCH // n_sections
        backward_section(first, last, targets, weights, epoch.layout, epoch.objective, epoch.workspace)


@kernel
def update_block(start, epoch):
    """Gradient of all weights and the optimizer's step."""
    epoch.workspace.next_tiles[:] = 0
    update_parameters(BATCH, True, True, epoch.settings[0], epoch, 0, 1)


class EpochOfMnist:
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
        self.whole()  # so that the runner has moments
        settings = self.optimizer.settings(1)
        epoch = Packed(self.runner.describe_epoch(self.order, codes.ADAM, settings, seed=0))

        def each_block(work):
            def run():
                mode = flush_denormals()
                for start in range(0, len(self.order), BATCH):
                    work(start, epoch)
                restore_denormals(mode)

            return run

        return dict(zip(PARTS, map(each_block, (list_block, forward_block, backward_block, update_block)), strict=True))


def make_dense(n_samples, size):
    """A callable with as many products as make up the arithmetic of a dense epoch: its floor."""
    left = np.random.default_rng(0).random((size, size), dtype=np.float32)
    out = np.empty_like(left)
    n_products = max(1, round(n_samples * OPERATIONS_A_SAMPLE / (2 * size**3)))

    def dense():
        for _ in range(n_products):
            np.dot(left, left, out=out)

    return dense


class Rows:
    """MNIST in lists, and what is measured of it."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.n_samples = 2000 if arguments.quick else 60_000

    @cached_property
    def samples(self):
        """Images, their lists and their targets."""
        X, y, *_ = _harness.load_mnist(self.n_samples)
        return X, compress_inputs(X, X.dtype, self.arguments.threads), np.eye(10, dtype=np.uint8)[y]

    def epoch(self, n_threads):
        """An epoch, beside its arithmetic and that of a dense one."""
        _, inputs, targets = self.samples
        epoch = EpochOfMnist(inputs, targets, n_threads)
        arithmetic = make_training(inputs, self.n_samples, UNITS, batch_size=BATCH, n_epochs=1, n_threads=n_threads)
        dense = make_dense(self.n_samples, 400 if self.arguments.quick else 2000)
        sides = {"dense floor": dense, NAME: arithmetic, _harness.OURS: epoch.whole}
        with threadpool_limits(n_threads), epoch.runner:
            row = _harness.measure(sides, self.arguments.repeats)
        operations = {
            "dense floor": self.n_samples * OPERATIONS_A_SAMPLE,
            NAME: 2 * N_LANES * count_multiplications(inputs, self.n_samples, UNITS),
        }
        for side, count in operations.items():
            seconds = row["sides"][side]["median"]
            row["sides"][side]["note"] = f"{count / 1e9:.1f} GFLOP at {count / seconds / 1e9:.0f} GFLOP/s"
        return row

    def oversubscribed(self):
        """An epoch in four times as many threads."""
        n_threads = self.arguments.threads
        few, many = (EpochOfMnist(*self.samples[1:], n) for n in (n_threads, 4 * n_threads))
        with few.runner, many.runner:
            sides = {f"{n_threads} threads": few.whole, _harness.OURS: many.whole}
            return _harness.measure(sides, self.arguments.repeats)

    def part(self, name):
        """A part of an epoch, after the parts before it."""
        epoch = EpochOfMnist(*self.samples[1:], 1)
        with epoch.runner:
            epoch.whole()
            parts = epoch.parts()
            for before in list(parts)[: list(parts).index(name)]:
                parts[before]()
            return _harness.measure({_harness.OURS: parts[name]}, self.arguments.repeats)

    def lists(self):
        """The lists of all images."""
        X, *_ = self.samples
        compress = {_harness.OURS: lambda: compress_inputs(X, X.dtype, self.arguments.threads)}
        return _harness.measure(compress, self.arguments.repeats)


def main():
    arguments = _harness.parse(__doc__, repeats=7)
    measured, n_threads = Rows(arguments), arguments.threads
    rows = {f"epoch, {n} thread{'s' if n > 1 else ''}": partial(measured.epoch, n) for n in sorted({1, n_threads})}
    rows[f"epoch, {4 * n_threads} threads instead of {n_threads}"] = measured.oversubscribed
    rows |= {f"{part}, 1 thread": partial(measured.part, part) for part in PARTS}
    if not arguments.quick:
        rows["lists of tiles, once a fit"] = measured.lists
    _harness.report("kernels", arguments, rows, title="784-100-10, batch 200, 60,000 samples")


if __name__ == "__main__":
    main()
