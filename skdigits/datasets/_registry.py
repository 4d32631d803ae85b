"""Names, sizes, checksums and mirrors of data sets: data only."""

from typing import NamedTuple


class DataFile(NamedTuple):
    """One file of a data set."""

    name: str  # without the ".gz" that every mirror adds
    shape: tuple  # of the array that it holds, unsigned bytes
    sha256: str  # of the uncompressed content
    npz_name: str  # of the same array in Keras's mnist.npz


MNIST = {
    "train": (
        DataFile(
            "train-images-idx3-ubyte",
            (60000, 28, 28),
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "x_train",
        ),
        DataFile(
            "train-labels-idx1-ubyte",
            (60000,),
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "y_train",
        ),
    ),
    "test": (
        DataFile(
            "t10k-images-idx3-ubyte",
            (10000, 28, 28),
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "x_test",
        ),
        DataFile(
            "t10k-labels-idx1-ubyte",
            (10000,),
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            "y_test",
        ),
    ),
}

# Each holds the four files under their names with ".gz". yann.lecun.com is not among them: it answers 403.
MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://azureopendatastorage.blob.core.windows.net/mnist/",
)

MNIST_NPZ = "mnist.npz"

MNIST_DESCRIPTION = """\
MNIST database of handwritten digits
------------------------------------

60,000 training and 10,000 test images of the digits 0 to 9, 28 x 28 pixels of 0 (background) to 255 (ink), size
normalised into 20 x 20 pixels and centred by their centre of mass. The writers of the two sets are different people:
half of them employees of the United States Census Bureau, half of them high-school students.

19.1 % of the training pixels are not zero; 717 of the 784 pixel positions are ever used.

Authors: Yann LeCun, Corinna Cortes, Christopher J. C. Burges.
Licence: commonly listed under Creative Commons Attribution-ShareAlike 3.0.

LeCun, Y., Bottou, L., Bengio, Y., and Haffner, P. (1998). Gradient-based learning applied to document recognition.
Proceedings of the IEEE, 86(11), 2278-2324.
"""
