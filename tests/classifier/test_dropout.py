"""Units and features that are left out at random in training."""

import numpy as np
import pytest
from few_digits import EVERYTHING, X, Y, assert_same, make
from scipy import sparse

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_one_rate_a_layer():
    one = make(hidden_layer_sizes=(16, 8), dropout=[0.3, 0.3]).fit(X, Y)
    assert_same(one, make(hidden_layer_sizes=(16, 8), dropout=0.3).fit(X, Y))
    other = make(hidden_layer_sizes=(16, 8), dropout=[0.3, 0.0]).fit(X, Y)
    assert (one.coefs_[0] != other.coefs_[0]).any()


def test_wrong_number_of_rates():
    with pytest.raises(ValueError, match="dropout has 2 rates for 1 hidden layers"):
        make(dropout=[0.1, 0.2]).fit(X, Y)


def test_without_hidden_layers_only_samples_are_dropped():
    assert make(hidden_layer_sizes=(), dropout=0.5, input_dropout=0.2, max_iter=30).fit(X, Y).score(X, Y) > 0.9


def test_is_repeated_for_a_seed_and_left_out_of_predictions():
    model = make(dropout=0.5, input_dropout=0.2).fit(X, Y)
    assert_same(model, make(dropout=0.5, input_dropout=0.2).fit(X, Y))
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))


@pytest.mark.usefixtures("many_threads")
@pytest.mark.parametrize("n_jobs", [2, 3])
def test_threads_change_nothing(n_jobs):
    parameters = {**EVERYTHING, "hidden_layer_sizes": (32, 16)}
    assert_same(make(**parameters, n_jobs=1).fit(X, Y), make(**parameters, n_jobs=n_jobs).fit(X, Y))


def test_dropped_samples_are_zero_whatever_their_background():
    # With a background, zero is no background: features must become 0, not the background.
    shifted = make(input_dropout=0.5, shuffle=False, max_iter=1).fit(X + 1, Y)
    dense = make(input_dropout=0.5, shuffle=False, max_iter=1).fit(sparse.csr_array(X + 1), Y)
    for ours, theirs in zip(shifted.coefs_, dense.coefs_, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_background_that_is_lit_is_dropped_as_any_other_pixel():
    lit = np.where(np.random.default_rng(0).random(X.shape) < 0.8, 5.0, X)
    parameters = {"input_dropout": 0.5, "dtype": "float64", "max_iter": 3}
    dense, csr = (make(**parameters).fit(form(lit), Y) for form in (np.asarray, sparse.csr_array))
    np.testing.assert_allclose(dense.coefs_[0], csr.coefs_[0], atol=1e-9)


def test_sparse_samples_give_the_same():
    dense, csr = make(**EVERYTHING).fit(X, Y), make(**EVERYTHING).fit(sparse.csr_array(X), Y)
    np.testing.assert_allclose(dense.coefs_[0], csr.coefs_[0], atol=1e-5)
