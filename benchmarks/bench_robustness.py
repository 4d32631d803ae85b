"""Accuracy on changed test images, with and without the preparation of `make_digit_pipeline`.

The networks are trained on MNIST as it is, and have never seen such changes; the way of MNIST-C (Mu and Gilmer, 2019).
"""

import io
import statistics
import warnings
from functools import cache, partial

import _harness
import _results
import numpy as np
from scipy.ndimage import affine_transform, gaussian_filter, grey_dilation, grey_erosion
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdigits import MLPDigitClassifier, make_digit_pipeline
from skdigits.preprocessing import read_digit_image

PARAMETERS = {"hidden_layer_sizes": (100,), "max_iter": 10, "tol": 0.0, "n_iter_no_change": np.inf}
N_SEEDS = 3
TITLE = "Changed test images of MNIST"
_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])


def shift(images, rng):
    """Moved no farther than the margins go, so that nothing is cut off."""
    moves = rng.integers(-4, 5, (len(images), 2))
    for axis in (0, 1):
        is_lit = images.any(axis=2 - axis)
        before, behind = is_lit.argmax(axis=1), is_lit[:, ::-1].argmax(axis=1)
        moves[:, axis] = np.clip(moves[:, axis], -before, behind)
    return np.stack([np.roll(image, move, axis=(0, 1)) for image, move in zip(images, moves, strict=True)])


def deform(images, matrices, side=28):
    """Each image by its own matrix about its middle: where a pixel (y, x) of the new field comes from."""
    middle, new_middle = np.full(2, 13.5), np.full(2, (side - 1) / 2)
    pairs = zip(images, matrices, strict=True)
    return np.stack([affine_transform(i, m, middle - m @ new_middle, (side, side), order=1) for i, m in pairs])


def rotate(images, rng):
    angles = np.radians(rng.uniform(-25, 25, len(images)))
    return deform(images, [np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) for a in angles])


def scale(images, rng):
    return deform(images, [np.eye(2) / factor for factor in rng.uniform(0.6, 1.2, len(images))])


def shear(images, rng):
    return deform(images, [np.array([[1, 0], [k, 1]]) for k in rng.uniform(-0.6, 0.6, len(images))])


def invert(images, rng):
    return 1 - images


def noise(images, rng):
    return np.clip(images + rng.normal(scale=0.15, size=images.shape), 0, 1)


def blur(images, rng):
    return gaussian_filter(images, 1.2, axes=(1, 2))


def light(images, rng):
    """Dark strokes on paper that is lit from one side, from a third to all of the light."""
    angles = rng.uniform(0, 2 * np.pi, len(images))[:, np.newaxis, np.newaxis]
    y, x = 2 * np.indices(images.shape[1:]) / (images.shape[1] - 1) - 1
    lit = 2 / 3 + (np.cos(angles) * x + np.sin(angles) * y) / 3 / np.sqrt(2)
    return lit * (1 - 0.8 * images)


def stripe(images, rng):
    changed = images.copy()
    changed[:, :, :7] = 1 - changed[:, :, :7]
    changed[:, :, 21:] = 1 - changed[:, :, 21:]
    return changed


def thicken(images, rng):
    """By a pixel at each side of every stroke."""
    return grey_dilation(images, footprint=_CROSS[np.newaxis])


def thin(images, rng):
    """By half a pixel at each side of every stroke."""
    doubled = grey_erosion(images.repeat(2, axis=1).repeat(2, axis=2), footprint=_CROSS[np.newaxis])
    return doubled.reshape(len(images), 28, 2, 28, 2).mean(axis=(2, 4))


def photograph(images, rng):
    """JPEG files, three times as large: dark on paper lit from one side, turned by up to 8 degrees, noisy."""
    from PIL import Image

    matrices = []
    for angle, factor in zip(np.radians(rng.uniform(-8, 8, len(images))), rng.uniform(2, 3, len(images)), strict=True):
        matrices.append(np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / factor)
    large = light(deform(images, matrices, side=84), rng)
    for pixels in np.clip(255 * large + rng.normal(scale=6, size=large.shape), 0, 255).astype(np.uint8):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=70)
        yield file


def shrink_photographs(images, rng):
    """Photographs whose pixels are means of nine, and nothing else done to them."""
    from PIL import Image

    large = np.stack([np.asarray(Image.open(file)) for file in photograph(images, rng)])
    return large.reshape(-1, 28, 3, 28, 3).mean(axis=(2, 4)) / 255


def read_photographs(images, rng):
    return np.stack([read_digit_image(file) for file in photograph(images, rng)])


# Row, change.
WORK = {
    "as they are": lambda images, rng: images,
    "shifted by up to 4 pixels, inside the image": shift,
    "scaled by 0.6 to 1.2": scale,
    "rotated by up to 25 degrees": rotate,
    "sheared by up to 0.6": shear,
    "inverted": invert,
    "dark on unevenly lit paper": light,
    "noise, standard deviation 0.15": noise,
    "blurred, standard deviation 1.2 pixels": blur,
    "sides inverted": stripe,
    "thick pen": thicken,
    "thin pen": thin,
    "photographed": shrink_photographs,
    "photographed, read by read_digit_image": read_photographs,
}
SIDES = {
    "MinMaxScaler": lambda **parameters: make_pipeline(MinMaxScaler(), MLPDigitClassifier(**parameters)),
    "make_digit_pipeline": make_digit_pipeline,
}


def fit_models(arguments, n_seeds):
    """The networks of each side, one a seed, after the same number of epochs; test images and their labels."""
    n_samples, n_test = (5000, 500) if arguments.quick else (60_000, 10_000)
    X, y, pixels, y_test = _harness.load_mnist(n_samples, n_test=n_test, scale=False)
    parameters = {**PARAMETERS, "n_jobs": arguments.threads}
    models = {
        side: [make(**parameters, random_state=seed).fit(X, y) for seed in range(n_seeds)]
        for side, make in SIDES.items()
    }
    return models, pixels.reshape(-1, 28, 28) / np.float32(255), y_test


def measure(change, get_models):
    """Accuracies of all networks on images with one change, which is the same for all."""
    models, images, y = get_models()
    changed = change(images, np.random.default_rng(0)).astype(np.float32).reshape(len(images), -1)
    # Networks have been trained on pixels up to 255.
    accuracy = {
        side: [round(float(model.score(255 * changed, y)), 4) for model in each] for side, each in models.items()
    }
    return {"accuracy": accuracy, "ratios": {}}


def render(content):
    """The table of results, as Markdown."""
    lines = [f"| test images of MNIST | {' | '.join(SIDES)} |", f"|{' --- |' * (len(SIDES) + 1)}"]
    for row in content["rows"]:
        cells = [f"{statistics.mean(row['accuracy'][side]):.2%}" for side in SIDES]
        lines.append(f"| {row['work']} | {' | '.join(cells)} |")
    machine, settings = content["machine"], content["settings"]
    lines += [
        "",
        f"Accuracies of 784-100-10, {PARAMETERS['max_iter']} epochs on the training images as they are: means of "
        f"{settings['seeds']} seeds. {_results.versions(machine)}.",
    ]
    return "\n".join(lines) + "\n"


def draw(content, axes):
    """A chart of the accuracies."""
    rows = content["rows"]
    for s, side in enumerate(SIDES):
        means = [100 * statistics.mean(row["accuracy"][side]) for row in rows]
        axes.barh([i + 0.4 * s - 0.2 for i in range(len(rows))], means, 0.38, label=side)
    axes.set(xlabel="accuracy, %", title=TITLE)
    axes.set_yticks(range(len(rows)), [row["work"] for row in rows])
    axes.invert_yaxis()
    axes.figure.legend(loc="outside lower center", ncols=2)


def main():
    arguments = _harness.parse(__doc__, needs=["PIL"])
    warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs was asked for
    settings = {"threads": arguments.threads, "seeds": 1 if arguments.quick else N_SEEDS}
    get_models = cache(lambda: fit_models(arguments, settings["seeds"]))
    rows = {name: partial(measure, change, get_models) for name, change in WORK.items()}
    _harness.report("robustness", arguments, rows, title=TITLE, settings=settings, render=render, draw=draw)


if __name__ == "__main__":
    main()
