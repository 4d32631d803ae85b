"""Training and prediction give the same bits for any number of threads."""

import numpy as np
import pytest
from problems import make_optimizer, make_problem, make_runner

from skdigits._engine import team
from skdigits._engine.optimizers import AdamW

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
SPARSITY = pytest.mark.parametrize("is_sparse", [False, True], ids=["dense", "sparse"])
THREADS = pytest.mark.parametrize("n_threads", [2, 3, 8])
# Tiles of neighbours, and square ones.
FEATURES = pytest.mark.parametrize("n_features", [9, 36])
# All but the second are worked on by halves of the tiles, of which the first leaves one empty.
SHAPES = pytest.mark.parametrize(("n_features", "batch_size"), [(3, 2), (9, 20), (23, 20), (36, 20)])


@pytest.fixture(autouse=True)
def threads_for_little_work(monkeypatch):
    monkeypatch.setattr(team, "LEAST_WORK", dict.fromkeys(team.LEAST_WORK, 1))


@THREADS
@SHAPES
@DTYPES
@SPARSITY
def test_training_gives_the_same_bits_for_any_number_of_threads(n_threads, n_features, dtype, is_sparse, batch_size):
    results = []
    for threads in (1, n_threads):
        problem = make_problem((n_features, 7, 5, 3), "relu", "softmax", dtype, is_sparse=is_sparse, n_samples=61)
        optimizer = make_optimizer("adam", len(problem[0].parameters), dtype)
        with make_runner(*problem, batch_size=batch_size, n_threads=threads) as runner:
            assert runner.n_threads == min(threads, batch_size)
            losses = [runner.train(optimizer, np.arange(61)) for _ in range(3)]
        results.append((losses, problem[0].parameters.tobytes(), optimizer.moments.tobytes()))
    assert results[0] == results[1]


@THREADS
def test_training_with_a_background_gives_the_same_bits_for_any_number_of_threads(n_threads):
    results = []
    for threads in (1, n_threads):
        problem = make_problem((36, 7, 3), "relu", "softmax", np.float64, background=0.5, density=0.1, n_samples=61)
        optimizer = make_optimizer("adam", len(problem[0].parameters), np.float64)
        with make_runner(*problem, batch_size=20, n_threads=threads) as runner:
            assert runner.inputs.background_tiles.size
            runner.train(optimizer, np.arange(61))
        results.append(problem[0].parameters.tobytes())
    assert results[0] == results[1]


@pytest.mark.parametrize("n_samples", [1, 50])
@THREADS
@FEATURES
@DTYPES
def test_forward_gives_the_same_bits_for_any_number_of_threads(n_threads, n_features, dtype, n_samples):
    network, X, *_ = make_problem((n_features, 7, 3), "tanh", "softmax", dtype, n_samples=n_samples)
    np.testing.assert_array_equal(network.forward(X, n_threads), network.forward(X, 1))


def everything_on(n_features, dtype, n_threads, *, is_sparse=False, batch_size=20):
    """Three epochs with all that an epoch can do; all numbers that come out."""
    units = (n_features, 7, 5, 3)
    problem = make_problem(units, "gelu", "softmax", dtype, is_sparse=is_sparse, n_samples=61, weighted=True)
    problem[-1][:] += 1
    moments, average = np.zeros((2, len(problem[0].parameters)), dtype), np.zeros_like(problem[0].parameters)
    optimizer = AdamW(
        learning_rate_init=0.01, lr_schedule="one_cycle", n_epochs=3, average_decay=0.9, alpha=0.1, moments=moments
    )
    options = {"alpha": 0.0, "max_norm": 0.5, "drop_rates": (0.1, 0.5, 0.2), "label_smoothing": 0.1}
    with make_runner(*problem, batch_size=batch_size, n_threads=n_threads, average=average, **options) as runner:
        assert runner.n_threads == min(n_threads, batch_size)
        totals = [runner.train(optimizer, np.arange(61), seed=epoch) for epoch in range(3)]
    return totals, problem[0].parameters, moments, average


@THREADS
@SHAPES
@DTYPES
@SPARSITY
def test_everything_gives_the_same_bits_for_any_number_of_threads(n_threads, n_features, dtype, is_sparse, batch_size):
    options = {"is_sparse": is_sparse, "batch_size": batch_size}
    expected_totals, *expected = everything_on(n_features, dtype, 1, **options)
    totals, *arrays = everything_on(n_features, dtype, n_threads, **options)
    assert totals == expected_totals
    for array, other in zip(arrays, expected, strict=True):
        assert array.tobytes() == other.tobytes()
