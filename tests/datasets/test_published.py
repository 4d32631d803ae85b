"""The real MNIST, where it is on disk."""

import numpy as np
import pytest

from skdigits.datasets import fetch_mnist

# Published counts of the digits 0 to 9.
TRAIN_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_shapes_and_types(mnist):
    X_train, X_test, y_train, y_test = mnist
    assert (X_train.shape, X_train.dtype) == ((60000, 784), np.uint8)
    assert (X_test.shape, X_test.dtype) == ((10000, 784), np.uint8)
    assert (y_train.shape, y_train.dtype) == ((60000,), np.int64)
    assert (y_test.shape, y_test.dtype) == ((10000,), np.int64)


def test_label_counts(mnist):
    _, _, y_train, y_test = mnist
    assert np.bincount(y_train).tolist() == TRAIN_COUNTS
    assert np.bincount(y_test).tolist() == TEST_COUNTS


def test_first_labels(mnist):
    _, _, y_train, y_test = mnist
    assert y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert y_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


def test_share_of_ink(mnist):
    lit = mnist[0] != 0
    assert round(100 * lit.mean(), 2) == 19.12
    assert lit.any(axis=0).sum() == 717


@pytest.mark.parametrize(("subset", "n_samples"), [("train", 60000), ("test", 10000)])
def test_mnist_npz_of_the_real_arrays(mnist, tmp_path, subset, n_samples):
    X_train, X_test, y_train, y_test = mnist
    path = tmp_path / "mnist" / "mnist.npz"
    path.parent.mkdir()
    arrays = {
        "x_train": X_train.reshape(-1, 28, 28),
        "y_train": y_train.astype(np.uint8),
        "x_test": X_test.reshape(-1, 28, 28),
        "y_test": y_test.astype(np.uint8),
    }
    np.savez(path, **{name: array for name, array in arrays.items() if subset in name})
    X, y = fetch_mnist(data_home=tmp_path, subset=subset, return_X_y=True, download_if_missing=False)
    path.unlink()  # pytest keeps the folders of the last runs
    assert len(X) == n_samples
    np.testing.assert_array_equal(X, X_train if subset == "train" else X_test)
    np.testing.assert_array_equal(y, y_train if subset == "train" else y_test)
