import numpy as np
import pytest

from skdigits._kernels.sizes import ENTRY, TILE
from skdigits._kernels.tiles import (
    GROUP,
    NOT_FINITE,
    copy_tile,
    count_bits,
    lowest_bit,
    mark_tiles,
    write_entry,
    write_pairs,
)


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


@pytest.mark.parametrize("bits", [0, 1, 0b1011, (1 << 60) - 1, 1 << 62])
def test_bits_are_counted(call, bits):
    assert call(count_bits, bits) == bin(bits).count("1")
