"""Classifiers as ONNX graphs: ONNX Runtime's labels and probabilities are those of the classifier."""

import json
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_multilabel_classification
from sklearn.exceptions import NotFittedError

from skdigits import MLPDigitClassifier, __version__
from skdigits._kernels.codes import HIDDEN_ACTIVATIONS
from skdigits.persistence import to_onnx

onnx = pytest.importorskip("onnx")
pytest.importorskip("skl2onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
X, Y = X[:300] / 16, Y[:300]
# Single precision adds up in another order; double precision leaves as little of that as it can.
TOLERANCES = {"float32": 1e-6, "float64": 1e-12}

WORDS = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
LABELS = {
    "integers": Y,
    "integers from -5 in steps": 3 * Y - 5,
    "unsigned bytes": Y.astype(np.uint8),
    "strings": WORDS[Y],
    "strings as objects": WORDS[Y].astype(object),
    "characters of other scripts": np.array(list("零一二三四五六七八九"))[Y],
    "floats": Y.astype(np.float64),
    "two integers": Y % 2,
    "two strings": np.array(["even", "odd"])[Y % 2],
    "booleans": Y % 2 == 1,
    "one class": np.full(len(Y), 7),
    "several at once": (Y[:, np.newaxis] & [1, 2, 4] > 0).astype(int),
}


def fit(y=Y, X=X, **parameters):
    parameters = {"hidden_layer_sizes": (20, 15), "max_iter": 8, "learning_rate_init": 0.01, **parameters}
    return MLPDigitClassifier(random_state=0, **parameters).fit(X, y)


def run(model, X):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["label", "probabilities"], {"X": X})


def assert_agrees(classifier, X, input_dtype, tolerance):
    X = X.astype(input_dtype)
    labels, probabilities = run(to_onnx(classifier, input_dtype=input_dtype), X)
    np.testing.assert_allclose(probabilities, classifier.predict_proba(X), rtol=0, atol=tolerance)
    np.testing.assert_array_equal(labels, classifier.predict(X))


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("output_activation", ["softmax", "logistic"])
@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
def test_probabilities_of_all_activations_and_outputs(activation, output_activation, dtype):
    classifier = fit(activation=activation, output_activation=output_activation, dtype=dtype)
    assert_agrees(classifier, X, dtype, TOLERANCES[dtype])


@pytest.mark.parametrize("activation", ["leaky_relu", "elu", "gelu", "silu"])
def test_activations_far_from_zero(activation):
    classifier = fit(activation=activation, dtype="float64", max_iter=1)
    # Logits of hidden units between about -60 and 60, where exponentials come to nothing or become large.
    classifier.coefs_ = [30 * classifier.coefs_[0], *classifier.coefs_[1:]]
    assert_agrees(classifier, X, "float64", 1e-11)


@pytest.mark.parametrize("output_activation", ["auto", "logistic"])
@pytest.mark.parametrize("y", LABELS.values(), ids=LABELS)
def test_labels_of_all_types(y, output_activation):
    assert_agrees(fit(y, output_activation=output_activation), X, "float32", 1e-6)


def test_one_label_of_many():
    X, y = make_multilabel_classification(n_samples=200, n_features=12, n_classes=5, random_state=0)
    assert_agrees(fit(y, X / X.max()), X / X.max(), "float32", 1e-6)


def test_saturated_logistic_outputs_that_exclude_one_another():
    classifier = fit(output_activation="logistic", dtype="float64", hidden_layer_sizes=())
    classifier.coefs_ = [600 * coef for coef in classifier.coefs_]
    assert np.ptp(classifier.decision_function(X)) > 1500
    assert_agrees(classifier, X, "float64", 1e-12)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("input_dtype", ["float32", "float64", "uint8"])
def test_pixels_of_all_types(input_dtype, dtype):
    assert_agrees(fit(X=16 * X, dtype=dtype, max_iter=2), 16 * X, input_dtype, 2e-6 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("n_samples", [0, 1, 2, 299])
def test_any_number_of_samples(n_samples):
    classifier = fit()
    labels, probabilities = run(to_onnx(classifier), X[:n_samples].astype(np.float32))
    assert labels.shape == (n_samples,)
    assert probabilities.shape == (n_samples, 10)
    if n_samples:
        np.testing.assert_allclose(probabilities, classifier.predict_proba(X[:n_samples]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("hidden_layer_sizes", [(), (5,), (7, 6, 5)])
def test_any_number_of_layers(hidden_layer_sizes):
    assert_agrees(fit(hidden_layer_sizes=hidden_layer_sizes), X, "float32", 1e-6)


def test_weights_that_a_user_has_replaced():
    classifier = fit()
    classifier.coefs_ = [coef.astype(np.float64) for coef in classifier.coefs_]
    classifier.intercepts_ = [intercept + 1.0 for intercept in classifier.intercepts_]
    assert_agrees(classifier, X, "float64", 1e-12)


def test_weights_of_half_precision():
    classifier = fit()
    classifier.coefs_ = [coef.astype(np.float16) for coef in classifier.coefs_]
    assert_agrees(classifier, X, "float32", 1e-6)


def test_metadata():
    model = to_onnx(fit(WORDS[Y]))
    metadata = {prop.key: prop.value for prop in model.metadata_props}
    assert (model.producer_name, model.producer_version) == ("skdigits", __version__)
    assert metadata["skdigits_version"] == __version__
    assert json.loads(metadata["classes"]) == sorted(WORDS)
    assert json.loads(metadata["input_shape"]) == [64]
    assert json.loads(metadata["image_shape"]) == [8, 8]


def test_the_graph_is_one_that_any_program_reads():
    model = to_onnx(fit(activation="gelu"))
    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} == {""}
    assert {opset.domain: opset.version for opset in model.opset_import}[""] == 18
    assert [value.name for value in model.graph.input] == ["X"]
    assert [value.name for value in model.graph.output] == ["label", "probabilities"]
    assert {value.type.tensor_type.shape.dim[0].dim_param for value in model.graph.output} == {"n_samples"}


def test_the_file_holds_the_model(tmp_path):
    model = to_onnx(fit(), tmp_path / "model.onnx")
    assert onnx.load(tmp_path / "model.onnx") == model
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


def test_a_path_may_be_text(tmp_path):
    to_onnx(fit(), str(tmp_path / "model.onnx"))
    assert (tmp_path / "model.onnx").exists()


def test_the_same_classifier_gives_the_same_bytes():
    assert to_onnx(fit()).SerializeToString() == to_onnx(fit()).SerializeToString()


def test_what_is_not_fitted_is_refused(tmp_path):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        to_onnx(MLPDigitClassifier(), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("classes", "type_name"),
    [
        (np.array([(0,), "one", *range(2, 10)], dtype=object), "object"),
        pytest.param(
            np.arange(10, dtype=np.longdouble),
            str(np.dtype(np.longdouble)),
            marks=pytest.mark.skipif(np.longdouble is np.float64, reason="no longer type than float64 on this system"),
        ),
    ],
)
def test_labels_without_a_type_are_refused(classes, type_name):
    classifier = fit()
    classifier.classes_ = classes
    with pytest.raises(ValueError, match=f"MLPDigitClassifier cannot be expressed in ONNX: labels of type {type_name}"):
        to_onnx(classifier)


@pytest.mark.parametrize("input_dtype", ["int8", "float16", np.float32, None])
def test_other_types_of_pixels_are_refused(input_dtype):
    with pytest.raises(ValueError, match="input_dtype must be one of float32, float64, uint8, got"):
        to_onnx(fit(max_iter=1), input_dtype=input_dtype)


@pytest.mark.parametrize("package", ["onnx", "skl2onnx"])
def test_a_missing_package_is_named(monkeypatch, package):
    classifier = fit(max_iter=1)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r'^to_onnx needs onnx and skl2onnx: pip install "skdigits\[export\]"$'):
        to_onnx(classifier)
