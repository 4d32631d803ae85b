"""Loss, gradient and training: against the NumPy twin, and against central differences."""

import naive
import numpy as np
import pytest
from problems import make_optimizer, make_problem, make_runner
from scipy import sparse

from skdigits._engine import parameters, team
from skdigits._engine import runner as runner_module
from skdigits._engine.exceptions import NotFiniteError, ZeroWeightError
from skdigits._engine.inputs import refer_to_inputs
from skdigits._engine.network import Network, cut_rows
from skdigits._engine.optimizers import SGD, AdamW
from skdigits._engine.tiling import tile_features
from skdigits._kernels.codes import HIDDEN_ACTIVATIONS

N_SAMPLES = 13
CASES = pytest.mark.parametrize("activation", list(HIDDEN_ACTIVATIONS))
OUTPUTS = pytest.mark.parametrize("out_activation", ["softmax", "logistic"])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
SPARSITY = pytest.mark.parametrize("is_sparse", [False, True], ids=["dense", "sparse"])
WEIGHTS = pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])


def twin_loss_and_gradient(network, X, targets, weights, alpha, vector=None):
    vector = network.parameters if vector is None else vector
    coefs, intercepts = parameters.split(vector.astype(np.float64), network.units)
    dense = (X.toarray() if sparse.issparse(X) else X).astype(np.float64)
    weights = np.ones(len(targets)) if weights is None else weights.astype(np.float64)
    smallest = np.finfo(network.parameters.dtype).eps
    loss, coef_gradients, intercept_gradients = naive.loss_and_gradient(
        dense, targets, weights, coefs, intercepts, network.activation, network.out_activation, alpha, smallest
    )
    return loss, np.concatenate([g.ravel() for g in coef_gradients + intercept_gradients])


@pytest.mark.parametrize("units", [(6, 5, 3), (6, 5, 4, 2), (3, 1), (4, 150, 19, 2), (16, 5, 3)])
@CASES
@OUTPUTS
@DTYPES
@SPARSITY
@WEIGHTS
def test_loss_and_gradient_agree_with_twin(units, activation, out_activation, dtype, is_sparse, weighted):
    problem = make_problem(units, activation, out_activation, dtype, is_sparse=is_sparse, weighted=weighted)
    with make_runner(*problem) as runner:
        loss = runner.loss_and_gradient()
    expected_loss, expected = twin_loss_and_gradient(*problem, alpha=0.1)
    tolerance = 2e-6 if dtype == np.float32 else 1e-13
    assert loss == pytest.approx(expected_loss, rel=tolerance)
    np.testing.assert_allclose(runner.gradient, expected, rtol=10 * tolerance, atol=tolerance)


@CASES
@OUTPUTS
@DTYPES
@SPARSITY
@WEIGHTS
def test_gradient_agrees_with_central_differences(activation, out_activation, dtype, is_sparse, weighted):
    network, X, targets, weights = make_problem(
        (5, 4, 3), activation, out_activation, dtype, is_sparse=is_sparse, weighted=weighted
    )
    with make_runner(network, X, targets, weights) as runner:
        runner.loss_and_gradient()
        gradient = runner.gradient.copy()
    # Differences are taken in double precision, whatever the type of the gradient: single precision has no digits left.
    double = Network(network.units, activation, out_activation, network.parameters.astype(np.float64))
    start, step = double.parameters.copy(), 1e-6
    numeric = np.empty_like(start)
    with make_runner(double, X.astype(np.float64), targets, weights) as runner:
        for i in range(len(start)):
            losses = []
            for sign in (1, -1):
                double.parameters[:] = start
                double.parameters[i] += sign * step
                losses.append(runner.loss_and_gradient())
            numeric[i] = (losses[0] - losses[1]) / (2 * step)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=2e-8 if dtype == np.float64 else 2e-6)


@pytest.mark.parametrize("background", [0, 0.5, -3.0])
@pytest.mark.parametrize("density", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("n_features", [6, 16, 400])
@DTYPES
@WEIGHTS
def test_background_of_the_input_changes_nothing(background, density, n_features, dtype, weighted):
    problem = make_problem(
        (n_features, 5, 3), "tanh", "softmax", dtype, weighted=weighted, background=background, density=density
    )
    with make_runner(*problem) as runner:
        loss = runner.loss_and_gradient()
    expected_loss, expected = twin_loss_and_gradient(*problem, alpha=0.1)
    tolerance = 2e-5 if dtype == np.float32 else 1e-13
    assert loss == pytest.approx(expected_loss, rel=tolerance)
    np.testing.assert_allclose(runner.gradient, expected, rtol=10 * tolerance, atol=10 * tolerance)


@pytest.mark.parametrize("batch_size", [4, 5, 13, 300])
@DTYPES
def test_blocks_do_not_change_a_batch(monkeypatch, batch_size, dtype):
    problem = make_problem((6, 5, 3), "tanh", "softmax", dtype)
    monkeypatch.setattr("skdigits._engine.runner.choose_block_size", lambda *_, **__: 4)
    with make_runner(*problem) as runner:
        loss = runner.loss_and_gradient()
    expected_loss, expected = twin_loss_and_gradient(*problem, alpha=0.1)
    assert loss == pytest.approx(expected_loss, rel=1e-6)
    np.testing.assert_allclose(runner.gradient, expected, rtol=1e-5, atol=1e-6)


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


@CASES
@OUTPUTS
@DTYPES
@SPARSITY
def test_forward_agrees_with_twin(activation, out_activation, dtype, is_sparse):
    network, X, *_ = make_problem((6, 5, 4, 3), activation, out_activation, dtype, is_sparse=is_sparse)
    outputs = network.forward(X, 1)
    dense = (X.toarray() if is_sparse else X).astype(np.float64)
    expected = naive.forward(dense, network.coefs, network.intercepts, activation, out_activation)[-1]
    np.testing.assert_allclose(outputs, expected, rtol=2e-5 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("n_features", [240, 300, 784])
@DTYPES
def test_forward_agrees_with_twin_for_many_features(n_features, dtype):
    network, X, *_ = make_problem((n_features, 5, 3), "relu", "softmax", dtype, density=0.2)
    expected = naive.forward(X.astype(np.float64), network.coefs, network.intercepts, "relu", "softmax")[-1]
    np.testing.assert_allclose(network.forward(X, 1), expected, rtol=2e-5 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("n_features", [3, 16, 23, 36])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@SPARSITY
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # without compilation
def test_number_that_is_not_finite_is_found_in_every_feature(n_features, value, is_sparse):
    network, X, *_ = make_problem((n_features, 4, 3), "relu", "softmax", np.float32)
    network.forward(X, 1)
    for feature in range(n_features):
        damaged = X.copy()
        damaged[5, feature] = value
        with pytest.raises(NotFiniteError):
            network.forward(sparse.csr_array(damaged) if is_sparse else damaged, 1)


def test_logits_leave_the_output_activation_out():
    network, X, *_ = make_problem((6, 5, 3), "relu", "softmax", np.float64)
    logits = network.forward(X, 1, logits=True)
    np.testing.assert_allclose(naive.softmax(logits), network.forward(X, 1), rtol=1e-13)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_batch_without_weight_is_refused(monkeypatch, n_threads):
    monkeypatch.setattr(team, "LEAST_WORK", dict.fromkeys(team.LEAST_WORK, 1))
    network, X, targets, _ = make_problem((6, 5, 3), "relu", "softmax", np.float64)
    weights = np.ones(N_SAMPLES)
    weights[4:8] = 0
    optimizer = make_optimizer("adam", len(network.parameters), np.float64)
    runner = make_runner(network, X, targets, weights, batch_size=4, n_threads=n_threads)
    with (
        runner,
        pytest.raises(ZeroWeightError, match="sample_weight, times class_weight, of a mini-batch of 4"),
    ):
        runner.train(optimizer, np.arange(N_SAMPLES))
    assert optimizer.t == 1


def test_sparse_input_with_repeated_entries_is_their_sum():
    repeated = sparse.csr_array((np.array([1.0, 2.0, 4.0]), np.array([1, 1, 0]), np.array([0, 2, 3])), shape=(2, 3))
    inputs = refer_to_inputs(repeated, np.dtype(np.float64))
    assert inputs.values.tolist() == [0.0, 3.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0]
    assert repeated.nnz == 3  # the caller's matrix is left as it was


@pytest.mark.parametrize(("n_samples", "expected"), [(1, False), (1511, False), (1512, True), (10_000, True)])
def test_few_samples_are_not_worth_threads(n_samples, expected):
    units = (784, 100, 10)
    network = Network(units, "relu", "softmax", np.zeros(parameters.count_parameters(units)))
    assert network.is_worth_threads(n_samples) is expected


@pytest.mark.parametrize("n_threads", [1, 2, 3, 8])
@pytest.mark.parametrize(("n_samples", "n_rows"), [(1, 1), (8, 1), (113, 112), (1009, 112), (10_000, 112), (900, 7)])
def test_rows_to_predict_are_cut_into_pieces_of_whole_blocks(n_samples, n_rows, n_threads):
    pieces = cut_rows(n_samples, n_rows, n_threads)
    sizes = [piece.stop - piece.start for piece in pieces]
    assert np.concatenate([np.arange(n_samples)[piece] for piece in pieces]).tolist() == list(range(n_samples))
    assert all(size % n_rows == 0 for size in sizes[:-1])
    assert max(sizes) <= 1008


def test_pieces_become_smaller_at_the_end_so_that_threads_end_together():
    sizes = [piece.stop - piece.start for piece in cut_rows(5000, 100, 2)]
    assert sizes == [1000, 1000, 800, 600, 400, 300, 300, 200, 100, 100, 100, 100]


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


DROP_RATES = (0.2, 0.5, 0.25)


def twin_masks(keys, units, rates, X, split):
    """Factors of all layers. Of each half of a sample only the tiles that are lit have places, one behind the other."""
    masks = [np.ones(X.shape)]
    tiles = np.argsort(tile_features(units[0], in_squares=True).slots)
    for i, key in enumerate(keys):
        mask = naive.drop_mask(int(key), 0, units[0] + 3, rates[0])
        for first, last in ((0, 4 * split), (4 * split, units[0])):
            lit = [tiles[k : k + 4] for k in range(first, last, 4) if X[i, tiles[k : k + 4]].any()]
            for place, features in enumerate(lit):
                masks[0][i, features] = mask[first + 4 * place :][: len(features)]
    for layer, n_units in enumerate(units[1:-1], start=1):
        masks.append(np.array([naive.drop_mask(int(key), layer, n_units, rates[layer]) for key in keys]))
    return masks


def draw_keys(seed, n_samples):
    return np.random.Generator(np.random.PCG64(seed)).integers(2**64, size=n_samples, dtype=np.uint64)


@pytest.mark.parametrize("n_features", [11, 36])
@CASES
@DTYPES
@SPARSITY
def test_gradient_with_dropout_agrees_with_twin_of_the_same_masks(n_features, activation, dtype, is_sparse):
    units = (n_features, 19, 6, 3)
    network, X, targets, weights = make_problem(
        units, activation, "softmax", dtype, is_sparse=is_sparse, weighted=True, density=0.3
    )
    with make_runner(network, X, targets, weights, drop_rates=DROP_RATES) as runner:
        loss = runner.loss_and_gradient(seed=5)
    dense = (X.toarray() if is_sparse else X).astype(np.float64)
    masks = twin_masks(draw_keys(5, N_SAMPLES), units, DROP_RATES, dense, runner.inputs.split)
    expected_loss, coefs, intercepts = naive.loss_and_gradient(
        dense, targets, weights.astype(np.float64), *parameters.split(network.parameters.astype(np.float64), units),
        activation, "softmax", 0.1, np.finfo(dtype).eps, masks=masks,
    )  # fmt: skip
    tolerance = 5e-6 if dtype == np.float32 else 1e-12
    assert loss == pytest.approx(expected_loss, rel=tolerance)
    expected = np.concatenate([g.ravel() for g in coefs + intercepts])
    np.testing.assert_allclose(runner.gradient, expected, rtol=10 * tolerance, atol=tolerance)


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_gradient_with_dropout_agrees_with_central_differences(activation):
    network, X, targets, weights = make_problem((5, 6, 4, 3), activation, "softmax", np.float64, weighted=True)
    options = {"drop_rates": (0.3, 0.5, 0.5), "label_smoothing": 0.1}
    start, step = network.parameters.copy(), 1e-6
    numeric = np.empty_like(start)
    with make_runner(network, X, targets, weights, **options) as runner:
        runner.loss_and_gradient(seed=3)
        gradient = runner.gradient.copy()
        for i in range(len(start)):
            losses = []
            for sign in (1, -1):
                network.parameters[:] = start
                network.parameters[i] += sign * step
                losses.append(runner.loss_and_gradient(seed=3))
            numeric[i] = (losses[0] - losses[1]) / (2 * step)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=2e-8)


@OUTPUTS
@DTYPES
def test_gradient_with_label_smoothing_agrees_with_twin(out_activation, dtype):
    network, X, targets, weights = make_problem((6, 5, 4), "tanh", out_activation, dtype, weighted=True)
    with make_runner(network, X, targets, weights, label_smoothing=0.2) as runner:
        loss = runner.loss_and_gradient()
    expected_loss, coefs, intercepts = naive.loss_and_gradient(
        X.astype(np.float64), targets, weights.astype(np.float64),
        *parameters.split(network.parameters.astype(np.float64), network.units), "tanh", out_activation, 0.1,
        np.finfo(dtype).eps, smoothing=0.2,
    )  # fmt: skip
    tolerance = 2e-6 if dtype == np.float32 else 1e-13
    assert loss == pytest.approx(expected_loss, rel=tolerance)
    expected = np.concatenate([g.ravel() for g in coefs + intercepts])
    np.testing.assert_allclose(runner.gradient, expected, rtol=10 * tolerance, atol=tolerance)


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
