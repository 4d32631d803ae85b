import naive
import numpy as np
import pytest

from skdigits._kernels.dropout import drop_units

KEYS = [0, 1, 2**32, 0x0123456789ABCDEF, 2**64 - 1]
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@DTYPES
@pytest.mark.parametrize("layer", [0, 1, 7])
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("first_place", [0, 12])
def test_agrees_with_twin(key, layer, first_place, dtype):
    row = np.linspace(-1, 1, 64).astype(dtype)
    expected = row * naive.drop_mask(key, layer, first_place + 64, 0.3)[first_place:]
    drop_units(row, np.uint64(key), layer, first_place, 0.3)
    np.testing.assert_allclose(row, expected, rtol=2 * np.finfo(dtype).eps)


@DTYPES
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_expectation_is_the_row_itself(rate, dtype):
    keys = np.random.default_rng(0).integers(2**64, size=4000, dtype=np.uint64)
    total = np.zeros(32)
    for key in keys:
        row = np.ones(32, dtype)
        drop_units(row, key, 1, 0, rate)
        total += row
    # Five standard deviations of a mean of as many independent draws.
    np.testing.assert_allclose(total / 4000, 1, atol=5 * np.sqrt(rate / (1 - rate) / 4000))


def test_neighbouring_keys_units_and_layers_are_independent():
    def draw(key, layer):
        row = np.ones(4096)
        drop_units(row, np.uint64(key), layer, 0, 0.5)
        return row - 1

    rows = [draw(5, 1), draw(6, 1), draw(5, 2), np.roll(draw(5, 1), 1), draw(5 + 2**32, 1)]
    correlations = np.corrcoef(rows) - np.eye(len(rows))
    assert np.abs(correlations).max() < 5 / np.sqrt(4096)


def test_dropped_units_are_zero_whatever_they_were():
    row = np.full(16, np.nan)
    drop_units(row, np.uint64(3), 1, 0, 0.5)
    is_kept = naive.drop_mask(3, 1, 16, 0.5) > 0
    np.testing.assert_array_equal(np.isnan(row), is_kept)
    assert (row[~is_kept] == 0).all()
