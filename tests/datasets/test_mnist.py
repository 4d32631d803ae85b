import gzip
import re
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from skdigits.datasets import fetch_mnist
from skdigits.datasets._idx import idx_header
from skdigits.datasets._mnist import data_folder
from skdigits.exceptions import DataFileError, DownloadError

N_SAMPLES = {"train": 200, "test": 100, "all": 300}


def expected_arrays(small_mnist, subset):
    parts = [small_mnist.arrays[name] for name in (("train", "test") if subset == "all" else (subset,))]
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


@pytest.mark.parametrize("subset", N_SAMPLES)
def test_subset_is_what_was_asked_for(small_mnist, tmp_path, subset):
    small_mnist.write(tmp_path)
    digits = fetch_mnist(data_home=tmp_path, subset=subset)
    images, labels = expected_arrays(small_mnist, subset)
    np.testing.assert_array_equal(digits.images, images)
    np.testing.assert_array_equal(digits.data, images.reshape(-1, 784))
    np.testing.assert_array_equal(digits.target, labels)


def test_training_samples_are_the_default(small_mnist, tmp_path):
    small_mnist.write(tmp_path)
    X, y = fetch_mnist(data_home=tmp_path, return_X_y=True)
    images, labels = small_mnist.arrays["train"]
    np.testing.assert_array_equal(X, images.reshape(200, 784))
    np.testing.assert_array_equal(y, labels)


@pytest.mark.parametrize("subset", N_SAMPLES)
def test_fields_of_the_bunch(small_mnist, tmp_path, subset):
    small_mnist.write(tmp_path)
    digits = fetch_mnist(data_home=tmp_path, subset=subset)
    n = N_SAMPLES[subset]
    assert set(digits) == {"data", "images", "target", "frame", "feature_names", "target_names", "DESCR"}
    assert (digits.data.shape, digits.data.dtype) == ((n, 784), np.uint8)
    assert (digits.images.shape, digits.images.dtype) == ((n, 28, 28), np.uint8)
    assert (digits.target.shape, digits.target.dtype) == ((n,), np.int64)
    assert digits.frame is None
    assert digits.feature_names == [f"pixel{i}" for i in range(1, 785)]
    assert digits.target_names.tolist() == list(range(10))
    assert "LeCun" in digits.DESCR


@pytest.mark.parametrize("subset", N_SAMPLES)
def test_arrays_may_be_written_to(small_mnist, tmp_path, subset):
    small_mnist.write(tmp_path)
    X, y = fetch_mnist(data_home=tmp_path, subset=subset, return_X_y=True)
    assert X.flags.writeable
    assert y.flags.writeable


@pytest.mark.parametrize("subset", N_SAMPLES)
def test_as_frame(small_mnist, tmp_path, subset):
    small_mnist.write(tmp_path)
    digits = fetch_mnist(data_home=tmp_path, subset=subset, as_frame=True)
    images, labels = expected_arrays(small_mnist, subset)
    assert isinstance(digits.data, pd.DataFrame)
    assert isinstance(digits.target, pd.Series)
    assert digits.data.columns.tolist() == digits.feature_names
    assert set(digits.data.dtypes) == {np.dtype(np.uint8)}
    assert digits.target.name == "class"
    np.testing.assert_array_equal(digits.data, images.reshape(-1, 784))
    np.testing.assert_array_equal(digits.target, labels)
    pd.testing.assert_frame_equal(digits.frame, digits.data.assign(**{"class": digits.target}))


def test_as_frame_with_return_x_y(small_mnist, tmp_path):
    small_mnist.write(tmp_path)
    X, y = fetch_mnist(data_home=tmp_path, subset="test", as_frame=True, return_X_y=True)
    assert (type(X), X.shape) == (pd.DataFrame, (100, 784))
    assert (type(y), y.shape) == (pd.Series, (100,))


def test_plain_file_is_taken_before_a_compressed_one(small_mnist, tmp_path):
    folder = small_mnist.write(tmp_path, compressed=False)
    for name in small_mnist.files():
        (folder / f"{name}.gz").write_bytes(b"never looked at")
    X, _ = fetch_mnist(data_home=tmp_path, subset="test", return_X_y=True)
    np.testing.assert_array_equal(X, small_mnist.arrays["test"][0].reshape(100, 784))


def test_argument_goes_before_the_environment(small_mnist, monkeypatch, tmp_path):
    small_mnist.write(tmp_path / "argument")
    monkeypatch.setenv("SKDIGITS_DATA", str(tmp_path / "environment"))
    digits = fetch_mnist(data_home=tmp_path / "argument", subset="test", download_if_missing=False)
    assert len(digits.target) == 100


def test_argument_alone_is_looked_at(small_mnist, monkeypatch, tmp_path):
    small_mnist.write(tmp_path / "environment")
    monkeypatch.setenv("SKDIGITS_DATA", str(tmp_path / "environment"))
    with pytest.raises(DownloadError, match=re.escape(str(tmp_path / "argument" / "mnist"))):
        fetch_mnist(data_home=tmp_path / "argument", subset="test", download_if_missing=False)


def test_working_directory_is_named_where_it_is_the_folder_of_the_files(small_mnist, tmp_path, monkeypatch):
    small_mnist.write(tmp_path)
    monkeypatch.chdir(tmp_path / "mnist")
    with pytest.raises(DownloadError, match=rf"point .* to {re.escape(str(tmp_path))}\."):
        fetch_mnist(data_home=".", subset="test", download_if_missing=False)


@pytest.mark.parametrize("download_if_missing", [False, True])
def test_folder_of_the_files_instead_of_its_parent(small_mnist, tmp_path, download_if_missing):
    small_mnist.write(tmp_path)
    with pytest.raises(DownloadError, match=rf"its files are in .*: point .* to {re.escape(str(tmp_path))}\."):
        fetch_mnist(data_home=tmp_path / "mnist", subset="test", download_if_missing=download_if_missing)
    assert not (tmp_path / "mnist" / "mnist").exists()


def test_environment_goes_before_the_home_folder(small_mnist, monkeypatch, tmp_path):
    small_mnist.write(tmp_path / "environment")
    monkeypatch.setenv("SKDIGITS_DATA", str(tmp_path / "environment"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(fetch_mnist(subset="test", download_if_missing=False).target) == 100


def test_home_folder_is_the_default(small_mnist, monkeypatch, tmp_path):
    small_mnist.write(tmp_path / "skdigits_data")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(fetch_mnist(subset="test", download_if_missing=False).target) == 100


@pytest.mark.parametrize(
    ("data_home", "environment", "expected"),
    [
        (None, None, "/home/ada/skdigits_data"),
        (None, "", "/home/ada/skdigits_data"),
        (None, "/srv/data", "/srv/data"),
        (None, "~/data", "/home/ada/data"),
        ("~/mine", "/srv/data", "/home/ada/mine"),
        ("here", "/srv/data", "here"),
    ],
)
def test_data_folder(monkeypatch, data_home, environment, expected):
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("SKDIGITS_DATA", raising=False)
    if environment is not None:
        monkeypatch.setenv("SKDIGITS_DATA", environment)
    assert str(data_folder(data_home)) == expected


def test_missing_files_without_download(small_mnist, tmp_path):
    with pytest.raises(DownloadError, match="Pass download_if_missing=True") as caught:
        fetch_mnist(data_home=tmp_path, subset="test", download_if_missing=False)
    assert str(tmp_path / "mnist") in str(caught.value)
    assert not (tmp_path / "mnist").exists()


def test_one_missing_file_without_download(small_mnist, tmp_path):
    folder = small_mnist.write(tmp_path)
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DownloadError, match="neither t10k-labels-idx1-ubyte,"):
        fetch_mnist(data_home=tmp_path, subset="test", download_if_missing=False)


def altered(content):
    return content[:-1] + bytes([content[-1] ^ 1])


# What happened to the plain content of the test images, and what the error says.
DAMAGE = {
    "altered": (altered, "expected the SHA-256 "),
    "cut": (lambda content: content[:-1], "truncated: expected 78,400 bytes"),
    "another shape": (lambda content: b"\0\0\x08\x02\0\0\0\x02\0\0\0\x02abcd", "expected an array of shape"),
    "empty": (lambda content: b"", "got an empty file"),
    "html": (lambda content: b"<html></html>", "expected an IDX file"),
}


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("damage", DAMAGE)
def test_corrupt_file_on_disk(small_mnist, tmp_path, damage, compressed):
    folder = small_mnist.write(tmp_path, compressed=compressed)
    path = folder / ("t10k-images-idx3-ubyte.gz" if compressed else "t10k-images-idx3-ubyte")
    spoil, complaint = DAMAGE[damage]
    content = spoil(small_mnist.files()["t10k-images-idx3-ubyte"])
    path.write_bytes(gzip.compress(content) if compressed else content)
    with pytest.raises(DataFileError) as caught:
        fetch_mnist(data_home=tmp_path, subset="test")
    assert str(caught.value).startswith(f"{path}: ")
    assert complaint in str(caught.value)
    assert str(caught.value).endswith(f"Delete {path} to have MNIST downloaded again.")
    assert path.exists()  # a user's file is not ours to remove


def test_bomb_stays_packed(small_mnist, tmp_path):
    path = small_mnist.write(tmp_path) / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx_header((2000, 100, 1000)) + bytes(200_000_000), compresslevel=1))
    tracemalloc.start()
    try:
        with pytest.raises(DataFileError, match=r"expected an array of shape \(.*got \(2000, 100, 1000\)"):
            fetch_mnist(data_home=tmp_path, subset="test")
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_links_that_lead_to_one_another(tmp_path):
    (tmp_path / "one").symlink_to(tmp_path / "other")
    (tmp_path / "other").symlink_to(tmp_path / "one")
    with pytest.raises(DownloadError, match="MNIST is not complete"):
        fetch_mnist(data_home=tmp_path / "one", download_if_missing=False)


def test_cut_gzip_on_disk(small_mnist, tmp_path):
    path = small_mnist.write(tmp_path) / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-6])
    with pytest.raises(DataFileError, match="truncated or corrupt") as caught:
        fetch_mnist(data_home=tmp_path, subset="test")
    assert str(caught.value).endswith(f"Delete {path} to have MNIST downloaded again.")


def test_files_of_the_other_subset_are_not_read(small_mnist, tmp_path):
    folder = small_mnist.write(tmp_path)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"corrupt")
    assert len(fetch_mnist(data_home=tmp_path, subset="test").target) == 100


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("subset", "x"),
        ("subset", None),
        ("data_home", 3),
        ("timeout", 0),
        ("timeout", -1.0),
        ("timeout", float("inf")),
        ("timeout", float("nan")),
        ("timeout", None),
        ("n_retries", -1),
        ("n_retries", 1.5),
        ("download_if_missing", "no"),
        ("return_X_y", 3),
        ("as_frame", "auto"),
    ],
)
def test_invalid_parameter(small_mnist, tmp_path, name, value):
    small_mnist.write(tmp_path)
    with pytest.raises(ValueError, match=f"The '{name}' parameter of fetch_mnist must be"):
        fetch_mnist(**{"data_home": tmp_path, name: value})
