"""Every kind of X and y that a user may bring, and every one that is refused."""

import joblib
import numpy as np
import pandas
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.datasets import load_digits

from skdigits import MLPDigitClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
X, Y = X[:120], Y[:120]


def make(**parameters):
    return MLPDigitClassifier(**{"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0, **parameters})


@pytest.fixture(scope="module")
def reference():
    return make().fit(X, Y).predict_proba(X)


DTYPES = ["uint8", "int8", "uint16", "int32", "int64", "float16", "float32", "float64", "longdouble"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_real_types_give_the_same_network(dtype, reference):
    converted = X.astype(dtype)
    model = make().fit(converted, Y)
    np.testing.assert_array_equal(model.predict_proba(converted), reference)


def test_booleans_are_zeros_and_ones():
    model = make().fit(X > 8, Y)
    np.testing.assert_array_equal(model.predict_proba(X > 8), model.predict_proba((X > 8).astype(np.float64)))


CONTAINERS = {
    "Fortran order": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "reversed": lambda X: X[::-1].copy()[::-1],
    "list": lambda X: X.tolist(),
    "csr": sparse.csr_array,
    "csc": sparse.csc_array,
    "csr matrix": sparse.csr_matrix,
    "coo": sparse.coo_array,
}


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
def test_containers_give_the_same_network(container, reference):
    model = make().fit(container(X), Y)
    np.testing.assert_allclose(model.predict_proba(container(X)), reference, rtol=1e-5)


@pytest.mark.parametrize("indices", [np.int32, np.int64])
def test_sparse_indices_of_either_width(indices, reference):
    matrix = sparse.csr_array(X)
    matrix.indices, matrix.indptr = matrix.indices.astype(indices), matrix.indptr.astype(indices)
    np.testing.assert_allclose(make().fit(matrix, Y).predict_proba(matrix), reference, rtol=1e-5)


def test_data_frame_gives_feature_names(reference):
    frame = pandas.DataFrame(X, columns=[f"pixel{i}" for i in range(64)])
    model = make().fit(frame, Y)
    assert model.feature_names_in_.tolist() == list(frame.columns)
    np.testing.assert_array_equal(model.predict_proba(frame), reference)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["array", "memory map"])
def test_read_only_input_is_accepted(tmp_path, reference, dtype, kind):
    data = X.astype(dtype)
    data.flags.writeable = False
    if kind == "memory map":
        joblib.dump(data, tmp_path / "X")
        data = joblib.load(tmp_path / "X", mmap_mode="r")
        assert isinstance(data, np.memmap)
    np.testing.assert_array_equal(make().fit(data, Y).predict_proba(data), reference)


@pytest.mark.parametrize("container", [np.array, sparse.csr_array])
def test_input_is_never_written(container):
    data, y, weights = container(X.astype(np.float32)), Y.copy(), np.ones(len(Y))
    model = make(early_stopping=True).fit(data, y, weights)
    model.predict_proba(data)
    values = data.toarray() if sparse.issparse(data) else data
    np.testing.assert_array_equal(values, X)
    np.testing.assert_array_equal(y, Y)
    np.testing.assert_array_equal(weights, 1)


REFUSED = {
    "NaN": (np.where(np.eye(120, 64) > 0, np.nan, X), Y, "NaN"),
    "infinity": (np.where(np.eye(120, 64) > 0, np.inf, X), Y, "infinity"),
    "minus infinity": (np.where(np.eye(120, 64) > 0, -np.inf, X), Y, "infinity"),
    "too large for float32": (X * 1e39, Y, "too large for dtype"),
    "one dimension": (X[0], Y, "Expected 2D array"),
    "three dimensions": (X.reshape(120, 8, 8), Y, "dim 3"),
    "no samples": (X[:0], Y[:0], "0 sample"),
    "no features": (X[:, :0], Y, "0 feature"),
    "complex": (X * 1j, Y, "Complex data"),
    "words": (np.full((120, 2), "ink"), Y, "Expected numbers as X"),
    "fewer labels": (X, Y[:50], "inconsistent numbers of samples"),
    "no labels": (X, None, "requires y to be passed"),
    "continuous labels": (X, Y + 0.5, "Unknown label type|continuous"),
}


@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
@pytest.mark.parametrize(("data", "y", "message"), REFUSED.values(), ids=REFUSED)
def test_bad_input_is_refused(data, y, message):
    with pytest.raises(ValueError, match=message):
        make().fit(data, y)


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array], ids=["dense", "CSR"])
@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
def test_samples_too_large_for_the_network_are_refused(convert):
    model, large = make(dtype="float32").fit(convert(X), Y), convert(X * 1e300)
    for method in (lambda: model.predict(large), lambda: make(dtype="float32").fit(large, Y)):
        with pytest.raises(ValueError, match="Input X contains infinity or a value too large for dtype"):
            method()


@pytest.mark.parametrize("index", [-7, 64, 10**8])
@pytest.mark.parametrize("method", ["fit", "predict"])
def test_sparse_samples_with_indices_beside_the_features(index, method):
    model, samples = make().fit(X, Y), sparse.csr_array(X)
    samples.indices[5] = index
    with pytest.raises(ValueError, match=r"(indices|index values) must be"):
        model.fit(samples, Y) if method == "fit" else model.predict(samples)


@pytest.mark.parametrize("method", ["fit", "predict"])
@pytest.mark.parametrize(
    ("dtype", "way_out"),
    [
        ("U8", r"X\.astype\(float\)"),
        ("S8", r"X\.astype\(float\)"),
        ("datetime64[D]", "Make numbers"),
        ("timedelta64[s]", "Make numbers"),
    ],
)
def test_what_is_no_number_is_refused(method, dtype, way_out):
    samples = X.astype(int).astype(dtype)
    model = make().fit(X, Y)
    with pytest.raises(ValueError, match=f"Expected numbers as X, got values of type .*{way_out}"):
        model.fit(samples, Y) if method == "fit" else model.predict(samples)


TEXT = {
    "objects": X.astype(str).astype(object),
    "an object": np.where(np.eye(120, 64) > 0, "5", X.astype(object)),
    "bytes among objects": np.where(np.eye(120, 64) > 0, b"5", X.astype(object)),
    "list": X.astype(str).tolist(),
    "a word in a list": [["5", *row[1:]] for row in X.tolist()],
    "frame of objects": pandas.DataFrame(X.astype(str).astype(object), dtype=object),
    "categories": pandas.DataFrame(X.astype(str)).astype("category"),
}


@pytest.mark.parametrize("samples", TEXT.values(), ids=TEXT)
@pytest.mark.parametrize("method", ["fit", "predict"])
def test_text_is_refused_wherever_it_hides(method, samples):
    model = make().fit(pandas.DataFrame(X) if isinstance(samples, pandas.DataFrame) else X, Y)
    with pytest.raises(ValueError, match=r"Expected numbers as X, got values of type .*(astype|asarray)"):
        model.fit(samples, Y) if method == "fit" else model.predict(samples)


@pytest.mark.parametrize("form", [lambda X: X.astype(object), lambda X: pandas.DataFrame(X).astype("Int64")])
def test_numbers_may_be_objects(form, reference):
    np.testing.assert_array_equal(make().fit(form(X), Y).predict_proba(form(X)), reference)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("method", ["fit", "predict"])
def test_nan_is_refused_whatever_is_assumed(method, form):
    samples = np.where(np.eye(*X.shape) > 0, np.nan, X)
    model = make().fit(X, Y)
    with config_context(assume_finite=True), pytest.raises(ValueError, match="Input X contains NaN"):
        model.fit(form(samples), Y) if method == "fit" else model.predict(form(samples))


@pytest.mark.parametrize("kind", ["datetime64[s]", "timedelta64[s]"])
def test_frames_of_dates_are_refused(kind):
    frame = pandas.DataFrame(X.astype(int))
    model = make().fit(frame, Y)
    frame[5] = frame[5].astype("int64").astype(kind)
    with pytest.raises(ValueError, match="Expected numbers as X"):
        model.predict(frame)


@pytest.mark.parametrize("method", ["fit", "predict"])
def test_frames_of_text_are_refused(method):
    frame = pandas.DataFrame(X.astype(int)).astype("string")
    model = make().fit(X, Y)
    with pytest.raises(ValueError, match="Expected numbers as X"):
        model.fit(frame, Y) if method == "fit" else model.predict(frame)


def test_sparse_samples_stay_the_object_that_they_were():
    samples = sparse.csr_array(X)
    samples.data, samples.indices = np.append(samples.data, 0), np.append(samples.indices, 0).astype(np.int32)
    samples.indptr = samples.indptr.astype(np.int64)
    before = samples.data, samples.indices, samples.indptr
    model = make().fit(samples, Y)
    model.predict(samples)
    assert all(a is b for a, b in zip(before, (samples.data, samples.indices, samples.indptr), strict=True))
    np.testing.assert_array_equal(model.coefs_[0], make().fit(sparse.csr_array(X), Y).coefs_[0])


def test_sums_of_bytes_do_not_wrap_around():
    entries = np.array([200, 100, 9], np.uint8), np.array([0, 0, 1]), np.array([0, 2, 3])
    model = make().fit(X[:, :4], Y)
    samples = sparse.csr_array(entries, shape=(2, 4))
    expected = model.decision_function([[300.0, 0, 0, 0], [0, 9, 0, 0]])
    np.testing.assert_allclose(model.decision_function(samples), expected, rtol=1e-5)


def test_array_for_a_network_that_knows_names_warns():
    model = make().fit(pandas.DataFrame(X).add_prefix("pixel"), Y)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict(np.ascontiguousarray(X))
