import naive
import numpy as np
import pytest

from skdigits._kernels.sizes import ENTRY, TILE, lanes
from skdigits._kernels.tiles import (
    GROUP,
    NOT_FINITE,
    PANEL,
    copy_tile,
    gather,
    lowest_bit,
    mark_tiles,
    scatter,
    write_entry,
    write_pairs,
)

N_ROWS = 50

VECTORS = pytest.mark.parametrize("n_vectors", range(1, PANEL + 1))
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


@VECTORS
@TYPES
@COUNTS
def test_scatter_agrees_with_twin(call, rng, n_vectors, value_dtype, dtype, count):
    width = (n_vectors + 1) * lanes(dtype)
    positions = np.sort(rng.permutation(N_ROWS)[:count])
    values = rng.normal(size=(count, TILE)).astype(value_dtype)
    weights, out = rng.normal(size=(8, width)).astype(dtype), rng.normal(size=(N_ROWS, width)).astype(dtype)
    columns = slice(lanes(dtype), None)
    expected = out.copy()
    expected[:, columns] = naive.scatter(positions, values, weights[3 : 3 + TILE, columns], out[:, columns])
    entries, start = make_entries(positions, values), lanes(dtype)
    call(scatter, n_vectors, entries, TILE, ENTRY, count, entries, 0, ENTRY, 1, weights.ravel(), 3 * width + start,
        width, out.reshape(-1), start, width,
    )  # fmt: skip
    np.testing.assert_allclose(out, expected, **tolerance(dtype))


@VECTORS
@TYPES
@COUNTS
def test_gather_agrees_with_twin(call, rng, n_vectors, value_dtype, dtype, count):
    width = (n_vectors + 1) * lanes(dtype)
    positions = np.sort(rng.permutation(N_ROWS)[:count])
    values = rng.normal(size=(count, TILE)).astype(value_dtype)
    rows, out = rng.normal(size=(N_ROWS, width)).astype(dtype), rng.normal(size=(8, width)).astype(dtype)
    columns = slice(lanes(dtype), None)
    expected = out.copy()
    expected[3 : 3 + TILE, columns] = naive.gather(positions, values, rows[:, columns], out[3 : 3 + TILE, columns])
    entries, start = make_entries(positions, values), lanes(dtype)
    call(gather, n_vectors, entries, TILE, ENTRY, count, entries, 0, ENTRY, 1, out.reshape(-1), 3 * width + start,
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
    call(gather, 1, positions, 0, 1, 20, values.ravel(), 0, 1, step, out.reshape(-1), 0, width, rows.ravel(), 0, width)
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
                gather, 1, entries, start + TILE, ENTRY, count, entries, start, ENTRY, 1, out, 0, width, rows, 0, width
            )
            first += count
        results.append(out.tobytes())
    assert results[0] == results[1] == results[2]


def test_nan_and_infinity_pass_through(call):
    width = lanes("f8")
    weights, out = np.zeros(TILE * width), np.zeros(width)
    weights[0], weights[width + 1] = np.nan, np.inf
    entries = make_entries(np.array([0]), np.ones((1, TILE)))
    call(scatter, 1, entries, TILE, ENTRY, 1, entries, 0, ENTRY, 1, weights, 0, width, out, 0, width)
    assert np.isnan(out[0])
    assert np.isinf(out[1])


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_entry_holds_values_and_position(call, dtype):
    values, entries = np.array([9, 9, 1, 0, 255, 3, 9], dtype), np.zeros(3 * ENTRY, dtype)
    call(write_entry, values, 2, 70_000, entries, ENTRY)
    assert entries[ENTRY : ENTRY + TILE].tolist() == [1, 0, 255, 3]
    assert entries[ENTRY + TILE :][:1].view(f"i{entries.itemsize}")[0] == 70_000
    assert not entries[:ENTRY].any()
    assert not entries[2 * ENTRY :].any()


@pytest.mark.parametrize("source_dtype", ["f4", "f8", "u1"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_tile_is_copied_in_another_type(call, source_dtype, dtype):
    source, out = np.array([9, 9, 1, 0, 255, 3, 9], source_dtype), np.zeros(8, dtype)
    assert call(copy_tile, source, 2, 2, out, 3) == 1
    assert out.tolist() == [0, 0, 0, 1, 0, 255, 3, 0]


@pytest.mark.parametrize("dtype", ["f4", "f8", "u1"])
def test_tile_of_two_pairs_is_copied(call, dtype):
    source, out = np.array([9, 1, 2, 9, 9, 9, 3, 4, 9], dtype), np.zeros(4, "f4")
    assert call(copy_tile, source, 1, 5, out, 0) == 1
    assert out.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("source_dtype", ["f4", "f8", "u1"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_entry_of_two_pairs_holds_values_and_position(call, source_dtype, dtype):
    source, entries = np.array([9, 1, 2, 9, 9, 9, 0, 4, 9], source_dtype), np.zeros(3 * ENTRY, dtype)
    assert call(write_pairs, source, 1, 5, 70_000, entries, ENTRY) == 1
    assert entries[ENTRY : ENTRY + TILE].tolist() == [1, 2, 0, 4]
    assert entries[ENTRY + TILE :][:1].view(f"i{entries.itemsize}")[0] == 70_000
    assert not entries[:ENTRY].any()
    assert not entries[2 * ENTRY :].any()


IN_SINGLE_PRECISION = pytest.mark.parametrize(
    ("values", "is_lit", "is_finite"),
    [
        ([0, 0, 0, 0], False, True),
        ([0, -0.0, 0, 0], False, True),
        ([0, 0, 0, -1], True, True),
        ([0, np.nan, 0, 0], True, False),
        ([-np.inf, 0, 0, 0], True, False),
        ([0, 1, 1e300, 0], True, False),
        ([1e-300, 0, 0, 0], False, True),
    ],
)


@IN_SINGLE_PRECISION
def test_tile_is_lit_in_the_type_of_the_copy(call, values, is_lit, is_finite):
    assert call(copy_tile, np.array(values), 0, 2, np.zeros(4, "f4"), 0) == is_lit


@IN_SINGLE_PRECISION
def test_tile_is_lit_in_the_type_of_the_entry(call, values, is_lit, is_finite):
    assert call(write_pairs, np.array(values), 0, 2, 0, np.zeros(ENTRY, "f4"), 0) == is_lit


@IN_SINGLE_PRECISION
@pytest.mark.parametrize("tile", range(TILE))
def test_marks_of_a_group_in_another_type(call, values, is_lit, is_finite, tile):
    group = np.zeros(3 + GROUP)
    group[:3], group[3 + TILE * tile :][:TILE] = np.nan, values
    expected = (1 << tile if is_lit else 0) | (0 if is_finite else NOT_FINITE)
    assert call(mark_tiles, group, 3, np.zeros(1, "f4")) == expected


@pytest.mark.parametrize("source_dtype", ["f4", "f8", "u1"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_every_number_of_a_group_marks_its_tile(call, source_dtype, dtype):
    for lit in np.eye(GROUP, dtype=source_dtype):
        assert call(mark_tiles, lit, 0, np.zeros(1, dtype)) == 1 << lit.argmax() // TILE
    assert call(mark_tiles, np.ones(GROUP, source_dtype), 0, np.zeros(1, dtype)) == 0b1111


@pytest.mark.parametrize("place", range(63))
def test_lowest_bit(call, place):
    assert call(lowest_bit, 1 << place) == place
    assert call(lowest_bit, 1 << 62 | 1 << place) == place
