import io
import random
import tracemalloc
import zipfile

import numpy as np
import pytest

from skdigits.datasets import fetch_mnist
from skdigits.exceptions import DataFileError


@pytest.fixture
def npz(small_mnist, tmp_path, monkeypatch):
    """Where mnist.npz is looked for, in the folder that the environment names."""
    monkeypatch.setenv("SKDIGITS_DATA", str(tmp_path))
    (tmp_path / "mnist").mkdir()
    return tmp_path / "mnist" / "mnist.npz"


def fetch_test_set():
    return fetch_mnist(subset="test", return_X_y=True, n_retries=0)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("subset", ["train", "test"])
def test_mnist_npz_of_keras_is_read(small_mnist, npz, save, subset):
    save(npz, **small_mnist.npz_arrays())
    X, y = fetch_mnist(subset=subset, return_X_y=True, download_if_missing=False)
    images, labels = small_mnist.arrays[subset]
    np.testing.assert_array_equal(X, images.reshape(len(images), 784))
    np.testing.assert_array_equal(y, labels)
    assert (X.dtype, y.dtype) == (np.uint8, np.int64)
    assert X.flags.writeable


def test_idx_files_go_before_mnist_npz(small_mnist, npz):
    npz.parent.rmdir()
    small_mnist.write(npz.parent.parent)
    npz.write_bytes(b"never looked at")
    X, _ = fetch_test_set()
    np.testing.assert_array_equal(X, small_mnist.arrays["test"][0].reshape(100, 784))


def test_second_version_of_the_header_is_read(small_mnist, npz):
    with zipfile.ZipFile(npz, "w") as archive:
        for name, array in small_mnist.npz_arrays().items():
            stream = io.BytesIO()
            np.lib.format.write_array(stream, array, version=(2, 0))
            archive.writestr(f"{name}.npy", stream.getvalue())
    np.testing.assert_array_equal(fetch_test_set()[1], small_mnist.arrays["test"][1])


# How x_test was changed, and what the error says.
CHANGES = {
    "pickled": (lambda x: x.astype(object), "type object"),
    "shape": (lambda x: x.reshape(100, 784), "got 78,400 bytes of type uint8 and shape (100, 784)"),
    "fewer": (lambda x: x[:-1], "shape (99, 28, 28)"),
    "more": (lambda x: np.concatenate([x, x[:1]]), "shape (101, 28, 28)"),
    "type": (lambda x: x.astype(np.int16), "type int16"),
    "sign": (lambda x: x.view(np.int8), "type int8"),
    "pixel": (lambda x: x ^ 1, "expected the SHA-256 "),
    "columns first": (np.asfortranarray, "expected the SHA-256 "),
    "oversize": (lambda x: np.zeros((100_000, 28, 28), np.uint8), "shape (100000, 28, 28)"),
}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("change", CHANGES)
def test_another_array_is_refused(small_mnist, npz, change, save):
    spoil, complaint = CHANGES[change]
    arrays = small_mnist.npz_arrays()
    save(npz, **{**arrays, "x_test": spoil(arrays["x_test"])})
    assert complaint in refusal(npz)


def refusal(npz):
    with pytest.raises(DataFileError) as caught:
        fetch_test_set()
    message = str(caught.value)
    assert message.startswith(f"{npz}: ")
    assert message.endswith(f"Delete {npz} to have MNIST downloaded again.")
    return message


def test_unpickles_nothing(small_mnist, npz, tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    np.savez(npz, **{**small_mnist.npz_arrays(), "x_test": np.array([Trap()], dtype=object)})
    refusal(npz)
    assert not (tmp_path / "sprung").exists()


def test_missing_member(small_mnist, npz):
    np.savez(npz, x_train=small_mnist.arrays["train"][0])
    assert "x_test.npy" in refusal(npz)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04"])
def test_no_archive(npz, content):
    npz.write_bytes(content)
    assert "expected Keras's mnist.npz" in refusal(npz)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.999])
def test_truncated(small_mnist, npz, save, share):
    save(npz, **small_mnist.npz_arrays())
    content = npz.read_bytes()
    npz.write_bytes(content[: int(share * len(content))])
    assert "expected Keras's mnist.npz" in refusal(npz)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_under_another_compression(small_mnist, npz, method):
    with zipfile.ZipFile(npz, "w", method) as archive:
        archive.writestr("x_test.npy", bytes(50_000))
    content = bytearray(npz.read_bytes())
    content[45:65] = bytes(20)
    npz.write_bytes(content)
    refusal(npz)


@pytest.mark.parametrize(
    "member", [b"", b"\x93NUMPY", b"\x93NUMPY\x03\x00v\x00", b"text", b"\x93NUMPY\x01\x00\x02\x00{)"]
)
def test_member_that_is_no_array(npz, member):
    with zipfile.ZipFile(npz, "w") as archive:
        archive.writestr("x_test.npy", member)
    assert "expected Keras's mnist.npz with x_test.npy" in refusal(npz)


def test_lack_of_memory_is_no_fault_of_the_file(small_mnist, npz, monkeypatch):
    def give_up(*arguments):
        raise MemoryError

    np.savez(npz, **small_mnist.npz_arrays())
    monkeypatch.setattr(zipfile.ZipFile, "open", give_up)
    with pytest.raises(MemoryError):
        fetch_test_set()


@pytest.mark.parametrize("claims_less", [False, True])
def test_bomb_stays_packed(npz, claims_less):
    with zipfile.ZipFile(npz, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x_test.npy", bytes(100_000_000))
    if claims_less:
        size = (100_000_000).to_bytes(4, "little")
        content = npz.read_bytes()
        assert content.count(size) == 2  # before the member, and in the directory at the end
        npz.write_bytes(content.replace(size, (70_000).to_bytes(4, "little")))
    tracemalloc.start()
    try:
        refusal(npz)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_archives_are_refused_or_read_right(small_mnist, npz, save):
    # The labels are stored first, so that few bytes of the file do not matter.
    save(npz, y_test=small_mnist.arrays["test"][1], x_test=small_mnist.arrays["test"][0][:0])
    small = npz.read_bytes()
    generator = random.Random(0)
    n_read = 0
    (npz.parent / "t10k-images-idx3-ubyte").write_bytes(small_mnist.files()["t10k-images-idx3-ubyte"])
    for _ in range(400):
        content = bytearray(small)
        for _ in range(generator.randint(1, 3)):
            content[generator.randrange(len(content))] = generator.randrange(256)
        npz.write_bytes(content)
        try:
            _, y = fetch_test_set()  # any other error fails the test
        except DataFileError:
            continue
        n_read += 1
        np.testing.assert_array_equal(y, small_mnist.arrays["test"][1])
    assert 10 < n_read < 390
