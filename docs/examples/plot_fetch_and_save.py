"""
Fetch, check, train, save
=========================

A plan for a program that recognises digits: fetch the data set, compare its checksum, unzip it in memory, train, and
save the network, "by pickle or as weight files, whichever is smaller and loads faster". Here is the plan, carried out,
and the table that decides it.
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
# The weights alone are 79,510 numbers of four bytes. Whatever else a file has is parameters, names and the state of
# the optimizer, with which training goes on where it ended.


def save_npz(path):
    arrays = {f"coef{i}": coef for i, coef in enumerate(model.coefs_)}
    arrays |= {f"intercept{i}": intercept for i, intercept in enumerate(model.intercepts_)}
    np.savez(path, **arrays)


def load_npz(path):
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


formats = {
    "pickle": (lambda path: path.write_bytes(pickle.dumps(model)), lambda path: pickle.loads(path.read_bytes())),
    "joblib": (lambda path: joblib.dump(model, path), joblib.load),
    "joblib, compressed": (lambda path: joblib.dump(model, path, compress=3), joblib.load),
    "npz, weights alone": (save_npz, load_npz),
}
print(f"{'format':20} {'bytes':>10} {'save, ms':>9} {'load, ms':>9}")
with tempfile.TemporaryDirectory() as folder:
    for name, (save, load) in formats.items():
        path = Path(folder) / "model.npz"
        seconds = []
        for work in (save, load):
            start = time.perf_counter()
            work(path)
            seconds.append(time.perf_counter() - start)
        print(f"{name:20} {path.stat().st_size:10,} {1000 * seconds[0]:9.2f} {1000 * seconds[1]:9.2f}")

# %%
# All of them load in a few milliseconds. So size and time do not decide it: what decides is that a pickle can run code
# when it is loaded, and files of plain arrays cannot.
