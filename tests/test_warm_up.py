"""In processes of their own: what is compiled is decided once in a process."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import warnings
import numpy as np
import skdigits
import skdigits.preprocessing
from numba.core import event
from scipy import sparse
compiled = []
class Listener(event.Listener):
    def on_start(self, e): compiled.append(e.data["dispatcher"].py_func.__name__)
    def on_end(self, e): pass
with event.install_listener("numba:compile", Listener()):
    skdigits.warm_up(solvers=["sgd"])
    assert "train_epoch" in compiled, compiled
    compiled.clear()
    X = np.random.default_rng(0).random((40, 64)).astype("f4")
    X[X < 0.95] = 0
    full = X + 0.1 * np.arange(1, 41)[:, np.newaxis]
    lit = [samples for array in (X, full) for samples in (array, array.astype("f8"), (20 * array).astype("u1"))]
    for samples in (*lit, sparse.csr_array(X)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = skdigits.MLPDigitClassifier((7, 3), batch_size=10, max_iter=2).fit(samples, np.arange(40) % 3)
        model.predict_proba(samples)
    skdigits.MLPDigitClassifier(
        (7, 3), activation="gelu", solver="adamw", learning_rate="cosine", dropout=0.5, input_dropout=0.1, max_iter=2,
        weight_averaging=0.9, max_grad_norm=1.0, label_smoothing=0.1, class_weight="balanced", batch_size=10,
    ).fit(X, np.arange(40) % 3, X_val=X, y_val=np.arange(40) % 3)
    for samples in (np.tile(X, (5, 1))[:130], X.astype("f8"), (200 * X).astype("u1")):
        skdigits.preprocessing.ElasticDeformer(random_state=0).fit_transform(samples)
        skdigits.make_digit_pipeline()[:-1].fit_transform(samples)
print(compiled)
"""


@pytest.mark.skipif("os.environ.get('NUMBA_DISABLE_JIT') == '1'", reason="nothing is compiled")
def test_nothing_is_left_to_compile():
    environment = {**os.environ, "SKDIGITS_KERNEL_CACHE": "0"}
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM], env=environment, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.strip() == "[]"
