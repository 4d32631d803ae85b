"""Outputs of a network: against the NumPy twin; and how prediction is shared between threads."""

import naive
import numpy as np
import pytest
from problems import make_problem
from scipy import sparse

from skdigits._engine import parameters
from skdigits._engine.exceptions import NotFiniteError
from skdigits._engine.inputs import refer_to_inputs
from skdigits._engine.network import Network, cut_rows
from skdigits._kernels.codes import HIDDEN_ACTIVATIONS

CASES = pytest.mark.parametrize("activation", list(HIDDEN_ACTIVATIONS))
OUTPUTS = pytest.mark.parametrize("out_activation", ["softmax", "logistic"])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
SPARSITY = pytest.mark.parametrize("is_sparse", [False, True], ids=["dense", "sparse"])


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
