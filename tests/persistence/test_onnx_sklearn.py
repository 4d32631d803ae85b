"""Transformers of scikit-learn whose graphs are written here, on samples unlike those of training."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer, MaxAbsScaler, MinMaxScaler, Normalizer, OrdinalEncoder, StandardScaler

from skdigits import MLPDigitClassifier
from skdigits.persistence import to_onnx

from .conftest import run_graph

pytest.importorskip("onnx")
pytest.importorskip("skl2onnx")
pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DIGITS, Y = load_digits(return_X_y=True)
DIGITS, Y = DIGITS[:250], Y[:250]
SAMPLES = {
    "digits": DIGITS,
    "brighter": 3 * DIGITS,
    "negative": -DIGITS,
    "blank": np.zeros((3, 64)),
    "next to nothing": np.full((3, 64), 1e-9),
}
TRANSFORMERS = [MaxAbsScaler(), MaxAbsScaler(clip=True), *(Normalizer(norm) for norm in ("l1", "l2", "max"))]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("samples", SAMPLES)
@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=str)
def test_transformers_give_the_same_samples(transformer, samples, dtype):
    X = SAMPLES[samples].astype(dtype)
    transformer.fit(DIGITS.astype(dtype))
    (transformed,) = run_graph(to_onnx(transformer, input_dtype=dtype), X)
    expected = transformer.transform(X)
    assert transformed.dtype == expected.dtype
    np.testing.assert_allclose(transformed, expected, rtol=20 * np.finfo(dtype).eps)


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=str)
@pytest.mark.parametrize("input_dtype", ["float32", "float64", "uint8"])
def test_networks_behind_them(transformer, input_dtype):
    network = MLPDigitClassifier((20,), max_iter=8, random_state=0)
    model = make_pipeline(transformer, StandardScaler(), network).fit(DIGITS, Y)
    X = np.vstack([DIGITS, 3 * DIGITS, np.zeros((1, 64))]).astype(input_dtype)
    labels, probabilities = run_graph(to_onnx(model, input_dtype=input_dtype), X)
    np.testing.assert_allclose(probabilities, model.predict_proba(X), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(labels, model.predict(X))


def test_sparse_labels_behind_a_step_that_is_looked_at():
    labels = sparse.csr_array(np.column_stack([Y > 4, Y % 2, Y < 3]).astype(int))
    model = make_pipeline(PCA(10, random_state=0), MLPDigitClassifier((8,), max_iter=8, random_state=0))
    model.fit(DIGITS, labels)
    X = DIGITS.astype(np.float32)
    np.testing.assert_array_equal(run_graph(to_onnx(model), X)[0], model.predict(X).toarray())


@pytest.mark.parametrize("transformer", [*TRANSFORMERS, Binarizer(threshold=3)], ids=str)
@pytest.mark.parametrize("handle_unknown", ["error", "use_encoded_value"])
def test_behind_a_step_that_gives_whole_numbers(transformer, handle_unknown):
    unknown = -1 if handle_unknown == "use_encoded_value" else None
    encoder = OrdinalEncoder(dtype=np.int64, handle_unknown=handle_unknown, unknown_value=unknown)
    network = MLPDigitClassifier((20,), max_iter=8, random_state=0)
    model = make_pipeline(encoder, transformer, network).fit(DIGITS, Y)
    X = DIGITS.astype(np.float32)
    np.testing.assert_allclose(run_graph(to_onnx(model), X)[1], model.predict_proba(X), rtol=0, atol=1e-5)


@pytest.mark.parametrize("transformer", [Normalizer(), Binarizer(threshold=0.5)], ids=str)
def test_a_step_that_needs_no_fit(transformer):
    scaler = MinMaxScaler().fit(DIGITS)
    network = MLPDigitClassifier((20,), max_iter=8, random_state=0).fit(
        transformer.transform(scaler.transform(DIGITS)), Y
    )
    model = make_pipeline(scaler, transformer, network)
    X = DIGITS.astype(np.float32)
    np.testing.assert_allclose(run_graph(to_onnx(model), X)[1], model.predict_proba(X), rtol=0, atol=1e-5)
