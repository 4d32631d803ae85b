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
from skdigits._kernels.forward import finish_section, sum_both_halves
from skdigits._kernels.jit import kernel

UNITS = (784, 100, 10)
BATCH = 200
PARTS = ("samples to lists by tile", "forward", "loss and backward", "gradient and Adam")
# Multiplications and additions of a dense epoch: forward and gradient of both layers, backward of the second.
OPERATIONS_A_SAMPLE = 2 * (2 * 784 * 100 + 3 * 100 * 10)


@kernel
def list_block(block, ahead, keys, inputs, buffers):
    """Entries of a block by tile, section by section."""
    n_block, n_sections = block.shape[0], buffers.list_ends.shape[0]
    for section in range(n_sections):
        first, last = section * n_block // n_sections, (section + 1) * n_block // n_sections
        list_section(section, first, last, 0, 2, inputs, block, ahead, keys, buffers)


@kernel
def forward_block(n_block, inputs, parameters, layout, objective, workspace):
    """Forward pass of a block, section by section."""
    buffers, n_sections = workspace.buffers, workspace.buffers.list_ends.shape[0]
    for section in range(n_sections):
        first, last = section * n_block // n_sections, (section + 1) * n_block // n_sections
        sum_both_halves(section, first, last, inputs, parameters, layout, buffers, workspace.second_sums)
        finish_section(
            first, last, inputs, parameters, layout, objective.activation, objective.output_activation, buffers
        )


@kernel
def backward_block(targets, sample_weight, layout, objective, workspace):
    """Loss and way back of a block, section by section."""
    n_block, n_sections = targets.shape[0], workspace.buffers.list_ends.shape[0]
    for section in range(n_sections):
        first, last = section * n_block // n_sections, (section + 1) * n_block // n_sections
        backward_section(first, last, targets, sample_weight, layout, objective, workspace)


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
        starts = range(0, len(self.order), BATCH)
        keys = np.empty(0, np.uint64)

        def each_block(work):
            def run():
                mode = flush_denormals()
                for start in starts:
                    work(start)
                restore_denormals(mode)

            return run

        def forward(_):
            forward_block(BATCH, inputs, runner._parameters, layout, objective, workspace)

        def backward(start):
            samples = slice(start, start + BATCH)
            backward_block(runner._targets[samples], runner._sample_weight[samples], layout, objective, workspace)

        def update(_):
            workspace.next_tiles[:] = 0
            update_parameters(
                inputs, BATCH, True, True, objective, settings, runner._parameters, runner._gradient,
                runner._moments, runner._padded_average, layout, workspace, 0, 1,
            )  # fmt: skip

        def list_samples(start):
            block, ahead = self.order[start : start + BATCH], self.order[start + BATCH :]
            list_block(block, ahead if len(ahead) else block, keys, inputs, workspace.buffers)

        return dict(zip(PARTS, map(each_block, (list_samples, forward, backward, update)), strict=True))


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
        epoch = Epoch(inputs, targets, n_threads)
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
        few, many = (Epoch(*self.samples[1:], n) for n in (n_threads, 4 * n_threads))
        with few.runner, many.runner:
            sides = {f"{n_threads} threads": few.whole, _harness.OURS: many.whole}
            return _harness.measure(sides, self.arguments.repeats)

    def part(self, name):
        """A part of an epoch, after the parts before it."""
        epoch = Epoch(*self.samples[1:], 1)
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
