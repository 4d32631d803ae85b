"""Eight threads predict with one estimator while another is fitted; SKDIGITS_SECONDS=60 for a whole minute."""

import os
import threading
import time

import numpy as np
import pytest
from sklearn.datasets import load_digits

from skdigits import MLPDigitClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
X = X.astype(np.float32)
SECONDS = float(os.environ.get("SKDIGITS_SECONDS", "3"))


@pytest.mark.usefixtures("many_threads")
def test_no_wrong_answer_while_another_estimator_is_fitted():
    model = MLPDigitClassifier((30, 20), max_iter=3, random_state=0, n_jobs=2).fit(X, Y)
    other = MLPDigitClassifier((30, 20), max_iter=3, random_state=1, n_jobs=2)
    expected, trained = model.predict_proba(X), other.fit(X, Y).predict_proba(X)
    end, wrong, counts = time.monotonic() + SECONDS, [], []

    def predict(number):
        rng, n_calls = np.random.default_rng(number), 0
        while time.monotonic() < end and not wrong:
            start, length = rng.integers(len(X)), rng.integers(1, 400)
            rows = slice(start, start + length)
            # Products of other numbers of rows may be summed in the same order only: the answer is the same bits.
            if not np.array_equal(model.predict_proba(X[rows]), expected[rows]):
                wrong.append((number, rows))
            n_calls += 1
        counts.append(n_calls)

    threads = [threading.Thread(target=predict, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    n_fits = 0
    while time.monotonic() < end:
        other.fit(X, Y)
        n_fits += 1
    for thread in threads:
        thread.join()
    assert wrong == []
    np.testing.assert_array_equal(other.predict_proba(X), trained)
    assert min(counts) > 0
    assert n_fits > 0
