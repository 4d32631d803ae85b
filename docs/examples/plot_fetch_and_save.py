"""
Fetch, check, train, save
=========================

A plan for a program that recognises digits: fetch the data set, compare its checksum, unzip it in memory, train, and
save the network by pickle or as weight files, whichever is smaller and loads faster. Here is the plan, carried out, and
a table of sizes and times. What decides in the end is neither.
"""

# %%
# Fetch and check
# ---------------
# :func:`~skdigits.datasets.fetch_mnist` looks into the data folder first. What is missing is downloaded from a list of
# mirrors. Either way the content is unzipped in memory and compared with its published SHA-256; a file that is not the
# right one is refused by name.

import hashlib
import pickle
import tempfile
import time
from pathlib import Path

import joblib
import numpy as np

from skdigits import MLPDigitClassifier
from skdigits.datasets import fetch_mnist
from skdigits.plotting import DigitsDisplay

mnist = fetch_mnist(subset="train")
print(mnist.images.shape, mnist.images.dtype, np.bincount(mnist.target))
print("SHA-256 of the pixels:", hashlib.sha256(mnist.images).hexdigest()[:16], "...")

# %%
# Train
# -----

X = mnist.data / np.float32(255)
model = MLPDigitClassifier(max_iter=5, random_state=0).fit(X, mnist.target)
DigitsDisplay.from_estimator(model, X, mnist.target, n_digits=10)

# %%
# Save
# ----
# The weights alone are 79,510 numbers of four bytes. With Adam the state of the optimizer is twice as large: with it
# training goes on as if it had never been interrupted. A network that is only asked does not need it.

import onnxruntime

from skdigits.persistence import load, load_weights, save, save_weights, to_onnx


def save_small(model, path):
    save_weights(model, path, include_optimizer=False)


formats = {
    "pickle": (
        ".pkl",
        lambda model, path: path.write_bytes(pickle.dumps(model)),
        lambda path: pickle.loads(path.read_bytes()),
    ),
    "joblib": (".joblib", joblib.dump, joblib.load),
    "joblib, compressed": (".joblib", lambda model, path: joblib.dump(model, path, compress=3), joblib.load),
    "weights, npz": (".npz", save_small, load_weights),
    "weights, safetensors": (".safetensors", save_small, load_weights),
    "with the optimizer, npz": (".npz", save_weights, load_weights),
    "skops": (".skops", save, load),
    "ONNX": (".onnx", to_onnx, lambda path: onnxruntime.InferenceSession(path)),
}
rows = []
with tempfile.TemporaryDirectory() as folder:
    for name, (suffix, save_as, load_from) in formats.items():
        path = Path(folder) / f"model{suffix}"
        save_as(model, path)  # whatever has to be imported is imported now
        load_from(path)
        start = time.perf_counter()
        save_as(model, path)
        saved = time.perf_counter()
        load_from(path)
        loaded = time.perf_counter()
        rows.append((name, path.stat().st_size, 1000 * (saved - start), 1000 * (loaded - saved)))
print(f"{'format':24} {'bytes':>10} {'save, ms':>9} {'load, ms':>9}")
for row in sorted(rows, key=lambda row: row[1]):
    print("{:24} {:10,} {:9.1f} {:9.1f}".format(*row))

# %%
# Once the packages are imported, all of them load in no time that anybody would notice. A new process, which has to
# import them, takes 2.7 s until its first prediction from a .skops file, 1.0 to 1.1 s from the others, and 0.13 s from
# an ONNX file, for which skdigits is not needed (``benchmarks/results/persistence.md``). Where that does not matter,
# what decides is whether a file is safe: pickle and joblib run whatever code is in the file. The others hold arrays and
# a description, and :func:`~skdigits.persistence.load` and :func:`~skdigits.persistence.load_weights` build nothing
# that they do not know.
# :doc:`/user_guide/saving_and_serving` says which to take.
