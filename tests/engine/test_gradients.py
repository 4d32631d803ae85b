"""Losses and gradients: against the NumPy twin, and against central differences."""

import naive
import numpy as np
import pytest
from problems import make_optimizer, make_problem, make_runner, twin_loss_and_gradient

from skdigits._engine import parameters, team
from skdigits._engine.exceptions import ZeroWeightError
from skdigits._engine.network import Network
from skdigits._engine.tiling import tile_features
from skdigits._kernels.codes import HIDDEN_ACTIVATIONS

N_SAMPLES = 13
CASES = pytest.mark.parametrize("activation", list(HIDDEN_ACTIVATIONS))
OUTPUTS = pytest.mark.parametrize("out_activation", ["softmax", "logistic"])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
SPARSITY = pytest.mark.parametrize("is_sparse", [False, True], ids=["dense", "sparse"])
WEIGHTS = pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])


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
