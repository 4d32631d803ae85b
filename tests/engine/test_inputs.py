import numpy as np
import pytest
from scipy import sparse

from skdigits._engine import team
from skdigits._engine.inputs import choose_index_dtype, compress_inputs, refer_to_inputs
from skdigits._engine.tiling import tile_features


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("n_threads", [2, 3, 8])
def test_lists_are_the_same_for_any_number_of_threads(monkeypatch, convert, n_threads):
    monkeypatch.setattr(team, "LEAST_WORK", dict.fromkeys(team.LEAST_WORK, 1))
    X = np.random.default_rng(0).choice([0.0, 0.5, 1.0], size=(21, 18), p=[0.9, 0.05, 0.05])
    alone, shared = (compress_inputs(convert(X), np.dtype(np.float32), n) for n in (1, n_threads))
    for name in ("starts", "tiles", "values"):
        np.testing.assert_array_equal(getattr(shared, name), getattr(alone, name), err_msg=name)
    assert alone.starts[-1] > 21


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("n_features", [16, 18, 36, 1296])
def test_training_reads_squares_where_they_can_be(convert, n_features):
    X = np.random.default_rng(0).choice([0.0, 0.5], size=(30, n_features), p=[0.95, 0.05])
    inputs, tiling = compress_inputs(convert(X), np.dtype(np.float64), 1), tile_features(n_features, in_squares=True)
    rebuilt = np.zeros((30, 4 * len(tiling.first_features)))
    for i in range(30):
        for entry in range(inputs.starts[2 * i], inputs.starts[2 * i + 2]):
            rebuilt[i, 4 * inputs.tiles[entry] :][:4] = inputs.values[4 * entry :][:4]
    np.testing.assert_array_equal(rebuilt[:, tiling.slots], X)


@pytest.mark.parametrize(("n_tiles", "expected"), [(256, "u1"), (257, "u2"), (2**16, "u2"), (2**16 + 1, "i4")])
def test_index_of_the_last_tile_fits_its_type(n_tiles, expected):
    assert choose_index_dtype(n_tiles) == expected
    assert np.iinfo(expected).max >= n_tiles - 1


@pytest.mark.parametrize(("options", "second_pair"), [({}, 2), ({"in_squares": True}, 4)])
def test_prediction_reads_neighbours(options, second_pair):
    assert refer_to_inputs(np.ones((2, 16)), np.dtype(np.float64), **options).second_pair == second_pair


def test_background_is_in_the_order_of_the_tiles():
    X = np.tile(np.arange(16.0), (20, 1))
    background = compress_inputs(X, np.dtype(np.float64), 1).background_values
    assert background.tolist() == [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15]


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array])
def test_both_halves_of_the_tiles_have_about_as_many_entries(convert):
    X = np.random.default_rng(0).random((300, 256))
    X *= np.linspace(0.2, 0, 256) > X
    inputs = compress_inputs(convert(X), np.dtype(np.float32), 1)
    counts = np.diff(inputs.starts).reshape(-1, 2).sum(axis=0)
    assert inputs.split < 32
    assert abs(counts[0] / counts.sum() - 0.5) < 0.08


@pytest.mark.parametrize("n_features", [1, 4, 15, 16, 17, 64, 784])
@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_half_never_ends_behind_the_last_whole_tile(n_features, convert, value):
    X = np.zeros((5, n_features))
    X[:, -1] = value
    assert 0 <= compress_inputs(convert(X), np.dtype(np.float32), 1).split <= n_features // 4


@pytest.mark.parametrize("density", [0.3, 0.9])
def test_halves_are_the_same_for_dense_and_sparse_samples(density):
    X = (np.random.default_rng(0).random((40, 100)) < density).astype(np.float64)
    X[:, 70:] = 0
    inputs, other = (compress_inputs(form, np.dtype(np.float64), 1) for form in (X, sparse.csr_array(X)))
    assert inputs.split == other.split < 12
