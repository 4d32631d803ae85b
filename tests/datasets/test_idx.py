import gzip
import random
import tracemalloc

import numpy as np
import pytest

from skdigits.datasets._idx import idx_header, read_idx
from skdigits.exceptions import DataFileError

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
# Written by hand from the description of the format: 2 images of 3 rows and 4 columns.
IMAGES_IDX = bytes.fromhex("00000803 00000002 00000003 00000004") + bytes(range(24))


def packed(content, is_compressed):
    return gzip.compress(content, mtime=0) if is_compressed else content


def written(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("is_compressed", [False, True])
def test_reads_a_file_written_by_hand(tmp_path, is_compressed):
    array = read_idx(written(tmp_path / "images", packed(IMAGES_IDX, is_compressed)))
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array, IMAGES)


@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize("shape", [(1,), (300,), (0,), (5, 7), (3, 28, 28), (0, 28, 28), (1, 1, 1)])
def test_round_trip(tmp_path, shape, is_compressed):
    array = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    path = written(tmp_path / "file", packed(idx_header(shape) + array.tobytes(), is_compressed))
    back = read_idx(str(path))
    assert back.shape == shape
    np.testing.assert_array_equal(back, array)


def test_array_may_be_written_to(tmp_path):
    array = read_idx(written(tmp_path / "images", IMAGES_IDX))
    array[0, 0, 0] = 99
    assert array[0, 0, 0] == 99


def test_several_gzip_members_are_one_file(tmp_path):
    content = gzip.compress(IMAGES_IDX[:21]) + gzip.compress(IMAGES_IDX[21:])
    np.testing.assert_array_equal(read_idx(written(tmp_path / "images.gz", content)), IMAGES)


def with_byte(position, value):
    changed = bytearray(IMAGES_IDX)
    changed[position] = value
    return bytes(changed)


BAD_CONTENT = {
    "empty": (b"", "an empty file"),
    "magic": (with_byte(0, 1), "got 01 00 08 03"),
    "second zero": (with_byte(1, 7), "got 00 07 08 03"),
    "type of signed bytes": (with_byte(2, 0x09), "got 00 00 09 03"),
    "no dimension": (with_byte(3, 0), "got 00 00 08 00"),
    "four dimensions": (with_byte(3, 4), "got 00 00 08 04"),
    "cut in the magic": (IMAGES_IDX[:3], "got 00 00 08"),
    "cut in the dimensions": (IMAGES_IDX[:15], "truncated within its header of 16 bytes"),
    "no body": (IMAGES_IDX[:16], "(2, 3, 4)"),
    "cut in the body": (IMAGES_IDX[:-1], "expected 24 bytes for an array of shape (2, 3, 4), got 23"),
    "bytes left over": (IMAGES_IDX + b"\0", "expected to end after an array of shape (2, 3, 4), but more follows"),
    "dimensions that no memory holds": (b"\0\0\x08\x03" + b"\xff" * 12, "more than the file can hold"),
    "dimensions that NumPy refuses": (b"\0\0\x08\x03" + bytes(4) + b"\xff" * 8, "(0, 4294967295, 4294967295)"),
}


@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize("fault", BAD_CONTENT)
def test_refuses(tmp_path, fault, is_compressed):
    content, complaint = BAD_CONTENT[fault]
    path = written(tmp_path / "file", packed(content, is_compressed))
    with pytest.raises(DataFileError) as caught:
        read_idx(path)
    assert complaint in str(caught.value)
    assert str(path) in str(caught.value)


def test_plain_body_shorter_than_promised_is_seen_in_the_size(tmp_path):
    path = written(tmp_path / "file", IMAGES_IDX[:20])
    with pytest.raises(DataFileError, match="truncated or corrupt: get the file again"):
        read_idx(path)


def test_error_calls_the_file_by_the_given_name(tmp_path):
    path = written(tmp_path / "temporary.part", b"")
    with pytest.raises(DataFileError, match=r"^labels\.gz: expected an IDX file") as caught:
        read_idx(path, "labels.gz")
    assert "temporary" not in str(caught.value)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],  # within the length at the end
        lambda content: content[: len(content) // 2],
        lambda content: content[:5],
        lambda content: content[:-8] + bytes([content[-8] ^ 1]) + content[-7:],  # CRC
        lambda content: content[:-4] + b"\x01\x02\x03\x04",  # length
        lambda content: content[:2] + b"\x09" + content[3:],  # method of compression
        lambda content: content[:10] + b"\xff" + content[11:],  # first block of the deflated data
        lambda content: content + b"something else",
    ],
)
def test_refuses_damaged_gzip(tmp_path, damage):
    path = written(tmp_path / "images.gz", damage(gzip.compress(IMAGES_IDX, mtime=0)))
    with pytest.raises(DataFileError, match="gzip data is truncated or corrupt") as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize("dimensions", [b"\xff" * 12, b"\0\0\xff\xff\0\0\xff\xff\0\0\0\x01"])
def test_absurd_dimensions_take_no_memory(tmp_path, dimensions, is_compressed):
    path = written(tmp_path / "file", packed(b"\0\0\x08\x03" + dimensions + bytes(100), is_compressed))
    assert peak_memory_while_refusing(path) < 1_000_000


def test_promise_within_the_reach_of_gzip_takes_no_memory_either(tmp_path):
    noise = np.random.default_rng(0).bytes(20_000)
    path = written(tmp_path / "file.gz", gzip.compress(idx_header((20_000_000,)) + noise))
    assert peak_memory_while_refusing(path) < 5_000_000


def test_gzip_bomb_behind_a_small_array_stays_packed(tmp_path):
    path = written(tmp_path / "bomb.gz", gzip.compress(IMAGES_IDX + bytes(50_000_000)))
    assert peak_memory_while_refusing(path) < 5_000_000


def peak_memory_while_refusing(path):
    tracemalloc.start()
    try:
        with pytest.raises(DataFileError):
            read_idx(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def damaged(content, generator):
    changed = bytearray(content)
    for _ in range(generator.randint(1, 3)):
        changed[generator.randrange(len(changed))] = generator.randrange(256)
    if generator.random() < 0.3:
        del changed[generator.randrange(len(changed)) :]
    return bytes(changed)


@pytest.mark.parametrize("is_compressed", [False, True])
def test_damaged_files_are_refused_or_read_as_they_are(tmp_path, is_compressed):
    generator = random.Random(0)
    path = tmp_path / "file"
    n_read = 0
    for _ in range(500):
        content = damaged(packed(IMAGES_IDX, is_compressed), generator)
        path.write_bytes(content)
        try:
            array = read_idx(path)
        except DataFileError:
            continue
        n_read += 1
        assert array.dtype == np.uint8
        # The CRC of gzip lets no other array through; plain files have none.
        expected = IMAGES_IDX if is_compressed else content
        assert idx_header(array.shape) + array.tobytes() == expected
    assert 10 < n_read < 400  # both ends of the story are told


def test_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "nothing")


def test_blank_images_are_no_bomb(tmp_path):
    content = bytes.fromhex("00000803 000003e8 0000001c 0000001c") + bytes(784_000)
    assert read_idx(written(tmp_path / "blank.gz", packed(content, True))).shape == (1000, 28, 28)
