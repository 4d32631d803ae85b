"""Coverage-guided fuzzing of what reads files from elsewhere, with atheris: not a test that pytest collects.

``python tests/fuzz/fuzz_readers.py idx -max_total_time=60`` (or npz, image, weights); further options are libFuzzer's.
Anything but an error of ours, or arrays of the right kind, ends it and leaves the input in a file ``crash-...``.
"""

import contextlib
import gzip
import io
import os
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["skdigits", "zipfile", "numpy.lib"]):
    import numpy as np

    from skdigits import MLPDigitClassifier
    from skdigits.datasets import _idx, _mnist
    from skdigits.datasets._registry import MNIST
    from skdigits.exceptions import DataFileError, ModelFormatError
    from skdigits.persistence import load_weights, save_weights
    from skdigits.preprocessing import read_digit_image

_FILE = MNIST["test"][0]._replace(shape=(1, 8, 8))
_FOLDER = Path(tempfile.mkdtemp(prefix="skdigits-fuzz-"))


def _written(content, suffix):
    path = _FOLDER / f"input{suffix}"
    path.write_bytes(content)
    return path


def _check(condition, what):
    if not condition:
        raise RuntimeError(what)


def read_idx(content):
    """IDX, plain."""
    with contextlib.suppress(DataFileError):
        array = _idx.read_idx(_written(content, ""))
        _check(isinstance(array, np.ndarray) and array.nbytes <= len(content), "an array larger than its file")


def read_npz(content):
    """The one file that Keras keeps MNIST in."""
    with contextlib.suppress(DataFileError):
        # One of which the content, not the published one, is of no matter.
        _mnist._read_npz(_written(content, ".npz"), _FILE)


def read_image(content):
    """Photographs and scans."""
    with contextlib.suppress(ValueError, OSError):
        image = read_digit_image(io.BytesIO(content))
        _check(image.shape == (28, 28), "an image of another size")


def read_weights(content):
    """Saved models."""
    with contextlib.suppress(ModelFormatError):
        model = load_weights(_written(content, ".npz"))
        _check(isinstance(model, MLPDigitClassifier) or hasattr(model, "steps"), "no model")


def _seeds():
    """Sound files of each kind, from which the fuzzer starts."""
    pixels = np.arange(64, dtype=np.uint8).reshape(1, 8, 8)
    idx = b"\0\0\x08\3" + np.array(pixels.shape, ">u4").tobytes() + pixels.tobytes()
    npz = io.BytesIO()
    np.savez(npz, x_train=pixels, y_train=np.zeros(1, np.uint8), x_test=pixels, y_test=np.zeros(1, np.uint8))
    model = MLPDigitClassifier((2,), solver="lbfgs", max_iter=1).fit(np.eye(4), [0, 1, 0, 1])
    save_weights(model, _FOLDER / "seed.npz")
    from PIL import Image

    images = {form: io.BytesIO() for form in ("PNG", "BMP", "TIFF", "JPEG")}
    for form, stream in images.items():
        Image.fromarray(pixels[0]).save(stream, form)
    return {
        "idx": [idx, gzip.compress(idx, mtime=0)],
        "npz": [npz.getvalue()],
        "image": [stream.getvalue() for stream in images.values()],
        "weights": [(_FOLDER / "seed.npz").read_bytes()],
    }


TARGETS = {"idx": read_idx, "npz": read_npz, "image": read_image, "weights": read_weights}


def main():
    """Fuzz the target that the first argument names."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: {sys.argv[0]} {'|'.join(TARGETS)} [options of libFuzzer]")
    name = sys.argv.pop(1)
    warnings.simplefilter("ignore")
    corpus = _FOLDER / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(_seeds()[name]):
        (corpus / f"seed-{number}").write_bytes(seed)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    atheris.Setup([*sys.argv, "-rss_limit_mb=4096", "-timeout=20", str(corpus)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
