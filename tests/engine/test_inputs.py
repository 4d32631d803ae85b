import numpy as np
import pytest
from scipy import sparse

from skdigits._engine import team
from skdigits._engine.inputs import compress_inputs


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("n_threads", [2, 3, 8])
def test_lists_are_the_same_for_any_number_of_threads(monkeypatch, convert, n_threads):
    monkeypatch.setattr(team, "WORTH_A_NEW_THREAD", 1)
    X = np.random.default_rng(0).choice([0.0, 0.5, 1.0], size=(21, 18), p=[0.9, 0.05, 0.05])
    alone, shared = (compress_inputs(convert(X), np.dtype(np.float32), n) for n in (1, n_threads))
    for name in ("starts", "tiles", "values"):
        np.testing.assert_array_equal(getattr(shared, name), getattr(alone, name), err_msg=name)
    assert alone.starts[-1] > 21
