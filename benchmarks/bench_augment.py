"""Deforming training images: beside SciPy's functions image by image, and beside the epoch that the images are for."""

from functools import partial

import _harness
import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from skdigits import MLPDigitClassifier
from skdigits.preprocessing import ElasticDeformer

SIDE = 28
SCIPY_GOAL, EPOCH_GOAL = 15, 4


def deform_with_scipy(images, deformer, rng):
    """What `ElasticDeformer` does, as it is usually written: filtered uniform noise for each image."""
    centre = (SIDE - 1) / 2
    y, x = np.indices((SIDE, SIDE)) - centre
    out = np.empty_like(images)
    for i, image in enumerate(images):
        angle = np.radians(deformer.rotation) * rng.uniform(-1, 1)
        cosine, sine = np.cos(angle), np.sin(angle)
        shear = np.array([[1, deformer.shear * rng.uniform(-1, 1)], [0, 1]])
        scale = np.diag(1 + deformer.scale * rng.uniform(-1, 1, 2))
        matrix = np.array([[cosine, -sine], [sine, cosine]]) @ shear @ scale
        shift_x, shift_y = deformer.shift * rng.uniform(-1, 1, 2)
        field_x, field_y = (
            deformer.alpha * gaussian_filter(rng.uniform(-1, 1, (SIDE, SIDE)), deformer.sigma, mode="constant")
            for _ in range(2)
        )
        from_x = matrix[0, 0] * x + matrix[0, 1] * y + centre + shift_x + field_x
        from_y = matrix[1, 0] * x + matrix[1, 1] * y + centre + shift_y + field_y
        map_coordinates(
            image.reshape(SIDE, SIDE), [from_y, from_x], order=1, mode="grid-constant",
            output=out[i].reshape(SIDE, SIDE),
        )  # fmt: skip
    return out


def note_time_an_image(row, n_images):
    """Write beside the seconds of each side what they are for one image."""
    for side in row["sides"].values():
        side["note"] = f"{1e6 * side['median'] / n_images:.3g} µs an image"


def beside_scipy(n_images, n_threads, repeats):
    """The row of some images."""
    X, *_ = _harness.load_mnist(n_images)
    deformer, out = ElasticDeformer(n_jobs=n_threads), np.empty_like(X)
    random_state, rng = np.random.RandomState(0), np.random.default_rng(0)
    sides = {
        "SciPy": lambda: deform_with_scipy(X, deformer, rng),
        _harness.OURS: lambda: deformer.augment(X, random_state, out=out),
    }
    row = _harness.measure(sides, repeats, goals={"SciPy": SCIPY_GOAL})
    note_time_an_image(row, n_images)
    return row


def beside_an_epoch(n_images, n_threads, repeats):
    """The row of all images, and of the network that learns from them."""
    X, y, *_ = _harness.load_mnist(n_images)
    deformer, random_state, out = ElasticDeformer(n_jobs=n_threads), np.random.RandomState(0), np.empty_like(X)
    network = MLPDigitClassifier((800,), batch_size=200, random_state=0, n_jobs=n_threads)
    deformed = deformer.augment(X, random_state)
    sides = {
        "epoch": lambda: network.partial_fit(deformed, y, classes=np.arange(10)),
        _harness.OURS: lambda: deformer.augment(X, random_state, out=out),
    }
    row = _harness.measure(sides, repeats, goals={"epoch": EPOCH_GOAL})
    note_time_an_image(row, n_images)
    return row


def main():
    arguments = _harness.parse(__doc__, repeats=9)
    n_few, n_many = (100, 2000) if arguments.quick else (2000, 60_000)
    rows = {}
    for n_threads in sorted({1, arguments.threads}):
        threads = f"{n_threads} thread{'s' if n_threads > 1 else ''}"
        remark = ", SciPy in one" if n_threads > 1 else ""  # its functions have no threads
        rows[f"{n_few:,} images, {threads}{remark}"] = partial(beside_scipy, n_few, n_threads, arguments.repeats)
        rows[f"{n_many:,} images, and an epoch of 784-800-10 with them, {threads}"] = partial(
            beside_an_epoch, n_many, n_threads, arguments.repeats
        )
    _harness.report("augment", arguments, rows, title="Deformed copies of MNIST's images, 28 x 28, float32")


if __name__ == "__main__":
    main()
