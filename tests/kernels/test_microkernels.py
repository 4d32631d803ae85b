import naive
import numpy as np
import pytest

from skdigits._kernels.microkernels import PANEL, gather, scatter
from skdigits._kernels.sizes import ENTRY, HALF_BYTES, TILE, lanes

N_ROWS = 50

HALVES = pytest.mark.parametrize("n_half_vectors", range(1, PANEL + 1))
# Type of the values, and of everything else: sums over all samples are in double precision.
TYPES = pytest.mark.parametrize(("value_dtype", "dtype"), [("f4", "f4"), ("f8", "f8"), ("f4", "f8")])
COUNTS = pytest.mark.parametrize("count", [0, 1, 2, 7, 40])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def tolerance(dtype):
    return {"rtol": 0, "atol": 3e-5 if dtype == "f4" else 1e-13}


def make_entries(positions, values):
    """A list of entries, as one flat array."""
    entries = np.zeros((len(positions), ENTRY), values.dtype)
    entries[:, :TILE] = values
    entries[:, TILE].view(f"i{values.itemsize}")[:] = positions
    return entries.ravel()


@HALVES
@TYPES
@COUNTS
def test_scatter_agrees_with_twin(call, rng, n_half_vectors, value_dtype, dtype, count):
    n_lanes = HALF_BYTES // np.dtype(dtype).itemsize
    width = (n_half_vectors + 2) * n_lanes
    positions = np.sort(rng.permutation(N_ROWS)[:count])
    values = rng.normal(size=(count, TILE)).astype(value_dtype)
    weights, out = rng.normal(size=(8, width)).astype(dtype), rng.normal(size=(N_ROWS, width)).astype(dtype)
    columns = slice(n_lanes, -n_lanes)  # what stands beside them is not touched
    expected = out.copy()
    expected[:, columns] = naive.scatter(positions, values, weights[3 : 3 + TILE, columns], out[:, columns])
    entries, start = make_entries(positions, values), n_lanes
    call(scatter, n_half_vectors, entries, TILE, ENTRY, count, entries, 0, ENTRY, 1, weights.ravel(), 3 * width + start,
        width, out.reshape(-1), start, width,
    )  # fmt: skip
    np.testing.assert_allclose(out, expected, **tolerance(dtype))


@HALVES
@TYPES
@COUNTS
def test_gather_agrees_with_twin(call, rng, n_half_vectors, value_dtype, dtype, count):
    n_lanes = HALF_BYTES // np.dtype(dtype).itemsize
    width = (n_half_vectors + 2) * n_lanes
    positions = np.sort(rng.permutation(N_ROWS)[:count])
    values = rng.normal(size=(count, TILE)).astype(value_dtype)
    rows, out = rng.normal(size=(N_ROWS, width)).astype(dtype), rng.normal(size=(8, width)).astype(dtype)
    columns = slice(n_lanes, -n_lanes)  # what stands beside them is not touched
    expected = out.copy()
    expected[3 : 3 + TILE, columns] = naive.gather(positions, values, rows[:, columns], out[3 : 3 + TILE, columns])
    entries, start = make_entries(positions, values), n_lanes
    call(gather, n_half_vectors, entries, TILE, ENTRY, count, entries, 0, ENTRY, 1, out.reshape(-1), 3 * width + start,
        width, rows.ravel(), start, width,
    )  # fmt: skip
    np.testing.assert_allclose(out, expected, **tolerance(dtype))


@TYPES
def test_values_of_an_entry_may_stand_apart(call, rng, value_dtype, dtype):
    width, step = lanes(dtype), 31
    values = rng.normal(size=(TILE, step)).astype(value_dtype)
    rows, out = rng.normal(size=(20, width)).astype(dtype), rng.normal(size=(TILE, width)).astype(dtype)
    positions = np.arange(20, dtype=f"i{np.dtype(value_dtype).itemsize}").view(value_dtype)
    expected = out + values[:, :20] @ rows
    call(gather, 2, positions, 0, 1, 20, values.ravel(), 0, 1, step, out.reshape(-1), 0, width, rows.ravel(), 0, width)
    np.testing.assert_allclose(out, expected, **tolerance(dtype))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_gather_in_pieces_gives_the_same_bits(call, rng, dtype):
    width = lanes(dtype)
    values, rows = rng.normal(size=(40, TILE)).astype(dtype), rng.normal(size=40 * width).astype(dtype)
    entries, results = make_entries(np.arange(40), values), []
    for pieces in ([40], [13, 27], [1, 0, 30, 9]):
        out, first = np.zeros(TILE * width, dtype), 0
        for count in pieces:
            start = ENTRY * first
            call(
                gather, 2, entries, start + TILE, ENTRY, count, entries, start, ENTRY, 1, out, 0, width, rows, 0, width
            )
            first += count
        results.append(out.tobytes())
    assert results[0] == results[1] == results[2]


def test_nan_and_infinity_pass_through(call):
    width = lanes("f8")
    weights, out = np.zeros(TILE * width), np.zeros(width)
    weights[0], weights[width + 1] = np.nan, np.inf
    entries = make_entries(np.array([0]), np.ones((1, TILE)))
    call(scatter, 2, entries, TILE, ENTRY, 1, entries, 0, ENTRY, 1, weights, 0, width, out, 0, width)
    assert np.isnan(out[0])
    assert np.isinf(out[1])
