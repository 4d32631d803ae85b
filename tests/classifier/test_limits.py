"""Shapes and values at the edge of what is allowed: the same as scikit-learn, or a clear error."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.neural_network import MLPClassifier

from skdigits import MLPDigitClassifier

RNG = np.random.default_rng(0)
Y = np.arange(30) % 3
X = np.where(RNG.random((30, 11)) < 0.3, RNG.normal(size=(30, 11)), 0)

SAMPLES = {
    "one feature": X[:, :1],
    "two features": X[:, :2],
    "zeros": np.zeros((30, 4)),
    "constant": np.full((30, 5), 0.7),
    "constant features": np.tile(RNG.normal(size=9), (30, 1)),
    "denormal": X * 1e-310,
    "large": X * 1e8,
    "integers": RNG.integers(-5, 200, (30, 6)),
    "booleans": X != 0,
    "bytes": RNG.integers(0, 255, (30, 6)).astype(np.uint8),
    "half precision": X.astype(np.float16),
    "big-endian": X.astype(">f8"),
    "column order": np.asfortranarray(X),
    "every second row and column": np.repeat(np.repeat(X, 2, axis=0), 2, axis=1)[::2, ::2],
    "lists": X.tolist(),
}


def fit_both(X, y, **parameters):
    parameters = {"hidden_layer_sizes": (6,), "max_iter": 4, "random_state": 1, **parameters}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = MLPDigitClassifier(dtype="float64", **parameters).fit(X, y)
        return ours, MLPClassifier(**parameters).fit(X, y)


def assert_equal_learning(ours, theirs, X):
    # scikit-learn computes in half precision where the samples are.
    rtol = 1e-2 if getattr(X, "dtype", None) == np.float16 else 1e-7
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=rtol)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=rtol, atol=rtol)


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_of_any_kind_are_learnt_as_scikit_learn_does(name):
    assert_equal_learning(*fit_both(SAMPLES[name], Y), SAMPLES[name])


@pytest.mark.parametrize(
    "hidden", [(1,), (1, 1, 1), (5000,), (3, 700, 2), (), (2,) * 9, np.array([4, 3], object)], ids=str
)
def test_networks_of_any_shape_are_learnt_as_scikit_learn_does(hidden):
    assert_equal_learning(*fit_both(X, Y, hidden_layer_sizes=hidden, max_iter=2), X)


@pytest.mark.parametrize(("n_samples", "batch_size"), [(2, 1), (2, 2), (30, 1), (30, 7), (30, 29), (30, 30)])
def test_batches_of_any_size(batch_size, n_samples):
    ours, theirs = fit_both(X[:n_samples], Y[:n_samples], batch_size=batch_size)
    assert_equal_learning(ours, theirs, X)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_one_sample(solver):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MLPDigitClassifier((4,), solver=solver, max_iter=3).fit(X[:1], ["seven"])
    assert model.predict(X).tolist() == ["seven"] * 30


def shuffled_entries(X):
    """The same matrix with the entries of each row in another order."""
    indices, data = X.indices.copy(), X.data.copy()
    for start, stop in zip(X.indptr[:-1], X.indptr[1:], strict=True):
        indices[start:stop], data[start:stop] = indices[start:stop][::-1].copy(), data[start:stop][::-1].copy()
    return sparse.csr_array((data, indices, X.indptr), shape=X.shape)


def halved_entries(X):
    """The same matrix with every entry given twice, as half of it."""
    return sparse.csr_array((np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), 2 * X.indptr), shape=X.shape)


def wide_indices(X):
    return sparse.csr_array((X.data, X.indices.astype(np.int64), X.indptr.astype(np.int64)), shape=X.shape)


def stored_zeros(X):
    X = X.copy()
    X.data[::3] = 0
    return X


@pytest.mark.parametrize("change", [shuffled_entries, halved_entries, wide_indices, stored_zeros, sparse.csc_array])
def test_sparse_samples_of_any_form(change):
    samples = change(sparse.csr_array(X))
    ours, _ = fit_both(samples.tocsr(), Y)
    dense, _ = fit_both(samples.toarray(), Y)
    np.testing.assert_allclose(ours.loss_curve_, dense.loss_curve_, rtol=1e-12)
    np.testing.assert_allclose(ours.predict_proba(samples), dense.predict_proba(samples.toarray()), rtol=1e-10)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("scale", "dtype"), [(1.1e-30, "float32"), (3.5e30, "float32"), (2.2e-300, "float64"), (1.8e300, "float64")]
)
def test_weights_beyond_the_type_are_refused_by_name(method, scale, dtype):
    model = MLPDigitClassifier((3,), dtype=dtype)
    more = {"classes": np.unique(Y)} if method == "partial_fit" else {}
    with pytest.raises(ValueError, match="sample_weight: expected weights .* in " + dtype):
        getattr(model, method)(X, Y, sample_weight=np.full(len(X), scale), **more)


def test_weights_are_refused_by_what_class_weights_make_of_them():
    with pytest.raises(ValueError, match=r"between 1.2e-30 and 3.4e\+30 in float32, got 1e\+31"):
        MLPDigitClassifier((3,), class_weight={1: 10.0}).fit(X, Y, sample_weight=np.full(len(X), 1e30))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("dtype", "scale"), [("float32", 1.2e-30), ("float32", 3.4e30), ("float64", 2.3e-300), ("float64", 1.7e300)]
)
def test_weights_within_the_type_only_compare_samples(dtype, scale):
    weights = np.random.default_rng(0).uniform(0.5, 1, len(X))
    weights[0] = 1
    model = MLPDigitClassifier((3,), alpha=0.0, max_iter=3, random_state=0, dtype=dtype)
    plain = model.fit(X, Y, sample_weight=weights).predict_proba(X)
    np.testing.assert_allclose(model.fit(X, Y, sample_weight=scale * weights).predict_proba(X), plain, rtol=1e-5)
