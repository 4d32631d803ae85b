"""``skdigits train --stream``: on more images than memory holds, batch by batch."""

import contextlib
import math
import warnings
from pathlib import Path

import numpy as np
from sklearn.base import clone

from skdigits._cli.data import check_shape, load_split
from skdigits._cli.progress import TrainingBar
from skdigits._cli.remarks import counted, warnings_as_lines
from skdigits._interrupts import held_interrupts
from skdigits._threads import with_threads_of
from skdigits._typing import ImageShape
from skdigits.datasets import iter_digit_batches
from skdigits.datasets._batches import open_parts
from skdigits.exceptions import TrainingInterruptedWarning
from skdigits.preprocessing import ElasticDeformer
from skdigits.recipes import RECIPES

_BATCH = 5_000
_MOST_HELD_OUT = 10_000


def check_arguments(arguments):
    """Refuse options that do not go with ``--stream``, or without it."""
    if arguments.stream is None:
        for name in ("deformed", "test"):
            if getattr(arguments, name) is not None:
                raise ValueError(f"--{name} is for --stream")
        return
    if arguments.resume:
        raise ValueError("--resume does not go with --stream, whose training is not saved on the way")
    if arguments.validation is not None:
        raise ValueError("--validation does not go with --stream: pass images for testing with --test")
    if arguments.solver == "lbfgs":
        raise ValueError("--solver lbfgs does not go with --stream: it needs all images at once")
    if arguments.deformed is not None and arguments.epochs is not None:
        raise ValueError("--deformed says how many images there are in all: leave --epochs out")


class ImageStream:
    """Training images that come in batches, and test images in memory.

    Parameters
    ----------
    arguments : argparse.Namespace
        Of ``skdigits train``.
    n_epochs : int
        Passes where ``--deformed`` does not say how many images there are in all.

    Attributes
    ----------
    n_samples : int
        To train on, all passes together.
    n_epochs : float
        Passes through the source.
    X_test, y_test : ndarray
    image_shape : 'auto' or tuple of (height, width)
    """

    def __init__(self, arguments, n_epochs):
        self._seed, self._is_deformed = arguments.seed, arguments.deformed is not None
        self._held_out_places = np.zeros(0, int)
        if arguments.stream:
            self._source = _named_source("--stream", arguments.stream)
        else:
            X_train, X_test, y_train, y_test = load_split(arguments.dataset)
            self._source = X_train, y_train
        self._parts = open_parts(self._source)
        self._n_source = sum(part.n_samples for part in self._parts)
        if arguments.test is not None:
            X_test, y_test = _read_whole(_named_source("--test", arguments.test), self._parts[0].n_features)
        elif arguments.stream:
            self._held_out_places = _choose_held_out(self._n_source)
            X_test, y_test = self._held_out()
        if (y_test.dtype.kind == "U") != (self._parts[0].labels.kind == "U"):
            raise ValueError("--test: expected labels of the kind of those of --stream, got numbers and text")
        shape = self._parts[0].images.shape[1:]
        self.image_shape: ImageShape = shape if len(shape) == 2 else "auto"
        option = "--stream" if arguments.test is None else "--test"
        places = self._held_out_places if len(self._held_out_places) else range(len(X_test))
        self.X_test, self.y_test = _as_pixels(X_test, option, places), y_test
        _check_labels(y_test, option)
        if self._is_deformed or _deforms(arguments.recipe):
            check_shape(self.image_shape, self.X_test.shape[1], "--deformed" if self._is_deformed else "--recipe")
        self._n_drawn = arguments.deformed or n_epochs * self._n_source
        self.n_epochs = self._n_drawn / self._n_source
        self.n_samples = self._n_drawn - self._count_held_out()
        if self.n_samples < 1:
            n = f"--deformed {arguments.deformed}" if self._n_source > 1 and arguments.deformed else self._n_source
            raise ValueError(f"--stream: expected at least two images, one of them for testing, got {n}")

    def fit(self, model):
        """Train a pipeline of scaler and classifier; return whether Ctrl-C ended it, or raise it between batches."""
        scaler, classifier = model[0], model[-1].set_callbacks()
        batch_size = _BATCH if classifier.batch_size == "auto" else max(_BATCH, classifier.batch_size)
        deformer = self._deformer(classifier.augmenter) if self._is_deformed else None
        # An int would give every batch the same order. Schedules end after max_iter calls.
        classifier.set_params(
            random_state=np.random.RandomState(self._seed),
            max_iter=math.ceil(self.n_samples / batch_size),
            augmenter=None if self._is_deformed else self._fitting(classifier.augmenter),
        )
        batches = iter_digit_batches(
            self._source, batch_size=batch_size, n_samples=self._n_drawn, random_state=self._seed,
            augmenter=with_threads_of(classifier.n_jobs, deformer),
        )  # fmt: skip
        classes = self._classes()
        try:
            with contextlib.closing(TrainingBar(self.n_samples)) as bar:
                for X, y in self._to_train_on(batches, batch_size):
                    # The scaler has nothing to learn but how many pixels there are.
                    X = scaler.transform(X) if hasattr(classifier, "classes_") else scaler.fit_transform(X)
                    if _train_on_batch(classifier, X, y, classes):
                        return True
                    self._tell(bar, classifier)
        finally:
            # The model tells how it was trained; its max_iter stays the number of calls, which schedules go by.
            with held_interrupts():
                classifier.set_params(random_state=self._seed, augmenter=deformer or classifier.augmenter)
        return False

    def _tell(self, bar, classifier):
        n_done = classifier.t_
        state = f"loss {classifier.loss_:.4f}  {n_done / bar.seconds:,.0f} images/s"
        bar.advance(n_done, state, f"{n_done:,}/{self.n_samples:,} images")

    def describe(self, classifier):
        """How many epochs were trained for, and the words for what was done."""
        return self.n_epochs, counted(classifier.t_, "image")

    def _deformer(self, augmenter):
        return self._fitting(ElasticDeformer() if augmenter is None else augmenter)

    def _fitting(self, augmenter):
        """The augmenter of a recipe, for images of this shape."""
        return None if augmenter is None else clone(augmenter).set_params(image_shape=self.image_shape)

    def _classes(self):
        """All labels of the source, which the first batch need not have."""
        pieces = (np.unique(piece) for part in self._parts for piece in part.labels.pieces(_BATCH))
        classes = next(pieces)
        for piece in pieces:
            classes = np.union1d(classes, piece)
        _check_labels(classes, "--stream")
        return classes

    def _held_out(self):
        kept, start = [], 0
        for X, y in iter_digit_batches(self._source, batch_size=_BATCH):
            first, last = np.searchsorted(self._held_out_places, [start, start + len(X)])
            chosen = self._held_out_places[first:last] - start
            kept.append((X[chosen], y[chosen]))
            start += len(X)
        return (np.concatenate(arrays) for arrays in zip(*kept, strict=True))

    def _count_held_out(self):
        n_passes, rest = divmod(self._n_drawn, self._n_source)
        return n_passes * len(self._held_out_places) + int(np.searchsorted(self._held_out_places, rest))

    def _to_train_on(self, batches, batch_size):
        """Batches as large as those that are read, without the images held out."""
        rest = []
        for batch in self._without_held_out(batches):
            rest.append(batch)
            while sum(len(y) for _, y in rest) >= batch_size:
                X, y = (np.concatenate(arrays) if len(rest) > 1 else arrays[0] for arrays in zip(*rest, strict=True))
                yield X[:batch_size], y[:batch_size]
                rest = [(X[batch_size:], y[batch_size:])] if len(y) > batch_size else []
        if rest:
            yield tuple(np.concatenate(arrays) for arrays in zip(*rest, strict=True))

    def _without_held_out(self, batches):
        start = 0
        for X, y in batches:
            places = np.arange(start, start + len(X)) % self._n_source
            X = _as_pixels(X, "--stream", places)
            if len(self._held_out_places):
                is_kept = np.isin(places, self._held_out_places, invert=True)
                X, y = X[is_kept], y[is_kept]
            start += len(places)
            if len(y):
                yield X, y


def _deforms(recipe):
    """Whether a recipe, or none, deforms the images that it trains on."""
    return recipe is not None and RECIPES[recipe].get("augmenter") is not None


def _choose_held_out(n_samples):
    """Places of the images to test on, the same in every pass: one of each ten, or more, that follow one another.

    Which one is drawn, because labels may come in turns, but not by --seed, so that no other network that is trained on
    the same images has seen them.
    """
    starts = np.arange(0, n_samples, max(10, math.ceil(n_samples / _MOST_HELD_OUT)))
    return np.random.RandomState(0).randint(starts, [*starts[1:], n_samples])


def _named_source(option, names):
    """A folder, or a pair of files, as `iter_digit_batches` takes them."""
    if len(names) == 1:
        if not Path(names[0]).is_dir():
            raise ValueError(f"{option} {names[0]}: there is no such folder; two files are given as IMAGES LABELS")
        return names[0]
    if len(names) == 2:
        for name in names:
            if not Path(name).exists():
                raise ValueError(f"{option}: there is no file {name}")
            if not Path(name).is_file():  # a pipe would be waited for
                raise ValueError(f"{option} {name}: expected a file, got a folder, a pipe or a device")
        return tuple(names)
    raise ValueError(f"{option}: expected a folder or two files, IMAGES LABELS, got {len(names)} names")


def _read_whole(source, n_features):
    batches = list(iter_digit_batches(source, batch_size=_BATCH))
    X, y = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
    if X.shape[1] != n_features:
        raise ValueError(f"--test: expected images of {n_features} pixels, as for training, got {X.shape[1]}")
    return X, y


def _as_pixels(X, option, places):
    """In single precision: the scaler would make float64 of bytes. All finite, or an error that says where not."""
    with np.errstate(over="ignore"):
        pixels = np.asarray(X, np.float32)
    if not np.isfinite(pixels).all():
        image, pixel = np.argwhere(~np.isfinite(pixels))[0]
        raise ValueError(
            f"{option}: expected finite pixels, got {X[image, pixel]} in pixel {pixel} of image {places[image]}, "
            "counted from 0"
        )
    return pixels


def _check_labels(labels, option):
    """Raise ValueError for numbers that are no whole ones."""
    is_whole = np.isfinite(labels) & (labels == np.rint(labels)) if labels.dtype.kind == "f" else np.array(True)
    if not is_whole.all():
        first = labels[~is_whole][0]
        raise ValueError(f"{option}: expected whole numbers or text as labels, got {first}")


def _train_on_batch(classifier, X, y, classes):
    """One call of `partial_fit`, with warnings as lines; return whether Ctrl-C ended it."""
    is_first = not hasattr(classifier, "classes_")
    with warnings_as_lines() as interruptions:
        # What would be said of later batches has been said, or is about a last one that is short.
        warnings.simplefilter("always" if is_first else "ignore")
        warnings.simplefilter("always", TrainingInterruptedWarning)
        classifier.partial_fit(X, y, classes=classes)
    return bool(interruptions)
