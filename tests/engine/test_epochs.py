"""Epochs: steps of the optimizers against the NumPy twin and PyTorch, and what is summed over them."""

import naive
import numpy as np
import pytest
from problems import make_optimizer, make_problem, make_runner, twin_loss_and_gradient

from skdigits._engine import runner as runner_module
from skdigits._engine.optimizers import SGD, AdamW

N_SAMPLES = 13
WEIGHTS = pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])


def test_interruption_before_an_epoch_starts_counts_no_step(monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    network, *samples = make_problem((6, 5, 3), "relu", "softmax", np.float64)
    optimizer = make_optimizer("adam", len(network.parameters), np.float64)
    with make_runner(network, *samples, batch_size=5) as runner:
        runner.train(optimizer, np.arange(N_SAMPLES))
        monkeypatch.setattr(np, "take", interrupt)
        with pytest.raises(KeyboardInterrupt):
            runner.train(optimizer, np.arange(N_SAMPLES))
    assert optimizer.t == 3


@pytest.mark.parametrize("n_allocated", [0, 1])
def test_lack_of_memory_for_moments_is_told_as_such(monkeypatch, n_allocated):
    """And leaves the moments that the optimizer has."""
    network, *samples = make_problem((6, 5, 3), "relu", "softmax", np.float64)
    optimizer = make_optimizer("adam", len(network.parameters), np.float64)
    optimizer.moments[:] = 0.5

    def refuse(*_, **__):
        raise MemoryError

    with make_runner(network, *samples, batch_size=5) as runner:
        monkeypatch.setattr(*((runner, "_zeros", refuse) if n_allocated == 0 else (runner_module, "pad", refuse)))
        with pytest.raises(MemoryError):
            runner.train(optimizer, np.arange(N_SAMPLES))
    assert (optimizer.moments == 0.5).all()


@pytest.mark.parametrize("max_norm", [None, 0.01])
def test_blocks_do_not_change_a_step(monkeypatch, max_norm):
    found = []
    for block_size in (4, N_SAMPLES):
        monkeypatch.setattr("skdigits._engine.runner.choose_block_size", lambda *_, size=block_size, **__: size)
        network, *samples = make_problem((6, 5, 3), "tanh", "softmax", np.float64)
        optimizer = make_optimizer("adam", len(network.parameters), np.float64)
        with make_runner(network, *samples, batch_size=N_SAMPLES, max_norm=max_norm) as runner:
            runner.train(optimizer, np.arange(N_SAMPLES))
        found.append([network.parameters, *optimizer.moments])
    for some, others in zip(*found, strict=True):
        np.testing.assert_allclose(some, others, rtol=1e-9, atol=1e-12)


def test_limit_that_is_never_reached_changes_no_training():
    found = []
    for max_norm in (None, 1e6):
        network, *samples = make_problem((6, 5, 4, 3), "tanh", "softmax", np.float64)
        optimizer = make_optimizer("adam", len(network.parameters), np.float64)
        with make_runner(network, *samples, batch_size=4, max_norm=max_norm) as runner:
            runner.train(optimizer, np.arange(N_SAMPLES))
        found.append(network.parameters)
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("optimizer_name", ["adam", "momentum", "nesterov"])
@pytest.mark.parametrize(
    ("n_features", "density", "background"), [(3, 0.6, 0), (6, 0.6, 0), (16, 0.1, 0.5), (36, 0.1, 0.5), (70, 0.1, 0)]
)
@WEIGHTS
def test_epoch_agrees_with_twin(optimizer_name, n_features, weighted, density, background):
    network, X, targets, weights = make_problem(
        (n_features, 5, 3), "tanh", "softmax", np.float64, weighted=weighted, density=density, background=background
    )
    if weighted:
        weights += 1
    vector, alpha = network.parameters.copy(), 0.1
    optimizer = make_optimizer(optimizer_name, len(vector), np.float64)
    order = np.random.default_rng(2).permutation(N_SAMPLES)
    with make_runner(network, X, targets, weights, batch_size=4) as runner:
        totals = runner.train(optimizer, order)
    moments, total = [np.zeros_like(vector), np.zeros_like(vector)], 0.0
    for step, start in enumerate(range(0, N_SAMPLES, 4), start=1):
        batch = order[start : start + 4]
        batch_weights = None if weights is None else weights[batch]
        batch_loss, gradient = twin_loss_and_gradient(network, X[batch], targets[batch], batch_weights, alpha, vector)
        total += batch_loss * len(batch)
        if optimizer_name == "adam":
            rate = naive.adam_rate(0.01, 0.9, 0.999, step)
            vector, *moments = naive.adam_update(
                vector, gradient, *moments, rate=rate, beta_1=0.9, beta_2=0.999, epsilon=1e-8
            )
        else:
            vector, moments[0] = naive.sgd_update(
                vector, gradient, moments[0], rate=0.1, momentum=0.9, nesterov=optimizer_name == "nesterov"
            )
    assert totals.loss == pytest.approx(total / N_SAMPLES, rel=1e-13)
    assert totals.n_samples == N_SAMPLES
    np.testing.assert_allclose(network.parameters, vector, rtol=1e-9, atol=1e-12)
    for ours, expected in zip(optimizer.moments, moments, strict=False):
        np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("n_multiplications", "batch_size", "deadline", "expected"),
    [
        (45, 4, None, True),
        (45, 4, 1e300, False),  # which the calling thread would not see
        (45, 1, None, True),
        (4_500_000, 13, None, True),
        (4_500_000, 1, None, False),  # whose steps take longer than its samples
        (81_000_000, 13, None, False),
    ],
)
def test_short_epochs_are_run_by_the_calling_thread(monkeypatch, n_multiplications, batch_size, deadline, expected):
    network, X, targets, weights = make_problem((6, 5, 3), "relu", "softmax", np.float64)
    optimizer, seen = make_optimizer("adam", len(network.parameters), np.float64), []

    def run(function, n_threads, control, *, in_caller, deadline):
        seen.append(in_caller)
        raise KeyboardInterrupt

    monkeypatch.setattr(runner_module, "run_together", run)
    with make_runner(network, X, targets, weights, batch_size=batch_size) as runner:
        runner._is_short = runner_module.is_short_epoch(n_multiplications, len(X), batch_size)
        with pytest.raises(KeyboardInterrupt):
            runner.train(optimizer, np.arange(len(X)), deadline=deadline)
    assert seen == [expected]


@pytest.mark.parametrize("max_norm", [0.01, 1e6])
def test_norm_of_the_gradient_is_limited(max_norm):
    problem = make_problem((6, 5, 4, 3), "tanh", "softmax", np.float64)
    with make_runner(*problem) as runner:
        runner.loss_and_gradient()
        free = runner.gradient.copy()
    with make_runner(*problem, max_norm=max_norm) as runner:
        runner.loss_and_gradient()
    norm = np.linalg.norm(free)
    assert 0.01 < norm < 1e6
    np.testing.assert_allclose(runner.gradient, free * min(1, max_norm / norm), rtol=1e-12)


def test_samples_dropped_differ_from_seed_to_seed():
    problem = make_problem((6, 5, 3), "relu", "softmax", np.float64)
    with make_runner(*problem, drop_rates=(0.0, 0.5)) as runner:
        losses = {seed: runner.loss_and_gradient(seed=seed) for seed in (1, 2)}
        assert runner.loss_and_gradient(seed=1) == losses[1] != losses[2]


def test_average_of_a_training_is_the_mean_of_its_steps():
    network, X, targets, _ = make_problem((6, 5, 3), "tanh", "softmax", np.float64)
    average, steps = np.zeros_like(network.parameters), []
    optimizer = SGD(learning_rate_init=0.5, moments=np.zeros((1, len(average))), average_decay=0.75)
    with make_runner(network, X, targets, None, average=average) as runner:
        for _ in range(6):
            runner.train(optimizer, np.arange(N_SAMPLES))  # one mini-batch
            steps.append(network.parameters.copy())
    weights = 0.75 ** np.arange(5, -1, -1)
    np.testing.assert_allclose(average, weights @ steps / weights.sum(), rtol=1e-12)


def test_accuracy_is_that_of_the_outputs_before_the_update():
    network, X, targets, weights = make_problem((6, 5, 3), "tanh", "softmax", np.float64, weighted=True)
    is_right = network.forward(X, 1).argmax(axis=1) == targets.argmax(axis=1)
    optimizer = SGD(learning_rate_init=0.5, moments=np.zeros((1, len(network.parameters))))
    with make_runner(network, X, targets, weights) as runner:
        totals = runner.train(optimizer, np.arange(N_SAMPLES))
    assert totals.accuracy == pytest.approx(np.average(is_right, weights=weights))


def test_adamw_agrees_with_pytorch():
    torch = pytest.importorskip("torch")
    network, X, targets, _ = make_problem((6, 5, 3), "tanh", "softmax", np.float64)
    coefs, biases = ([torch.tensor(a, requires_grad=True) for a in arrays]
                     for arrays in (network.coefs, network.intercepts))  # fmt: skip
    theirs = torch.optim.AdamW([{"params": coefs, "weight_decay": 0.1}, {"params": biases, "weight_decay": 0}], lr=0.01)
    for _ in range(20):
        hidden = torch.tanh(torch.tensor(X) @ coefs[0] + biases[0])
        loss = torch.nn.functional.cross_entropy(hidden @ coefs[1] + biases[1], torch.tensor(targets.argmax(axis=1)))
        theirs.zero_grad()
        loss.backward()
        theirs.step()
    ours = AdamW(learning_rate_init=0.01, alpha=0.1, moments=np.zeros((2, len(network.parameters))))
    with make_runner(network, X, targets, None, alpha=0.0) as runner:
        for _ in range(20):
            runner.train(ours, np.arange(N_SAMPLES))
    for array, tensor in zip(network.coefs + network.intercepts, coefs + biases, strict=True):
        np.testing.assert_allclose(array, tensor.detach().numpy(), rtol=0, atol=1e-6)
