"""Classifiers in ONNX files, as the command line uses them."""

import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdigits import MLPDigitClassifier
from skdigits.exceptions import ModelFormatError
from skdigits.persistence import _onnx_runtime, to_onnx
from skdigits.persistence._onnx_runtime import OnnxClassifier
from skdigits.preprocessing import Deskewer, ImageFlattener

onnx = pytest.importorskip("onnx")
pytest.importorskip("skl2onnx")
pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
X, Y = X[:200], Y[:200]
LABELS = {"integers": Y, "strings": Y.astype(str), "booleans": Y > 4}


def fit(*steps, y=Y, X=X):
    return make_pipeline(*steps, MLPDigitClassifier((10,), max_iter=5, random_state=0)).fit(X, y)


@pytest.mark.parametrize("input_dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("y", LABELS.values(), ids=LABELS)
def test_predictions_are_those_of_the_original(tmp_path, y, input_dtype):
    model = fit(MinMaxScaler(), y=y)
    to_onnx(model, tmp_path / "model.onnx", input_dtype=input_dtype)
    restored = OnnxClassifier(tmp_path / "model.onnx")
    np.testing.assert_allclose(restored.predict_proba(X), model.predict_proba(X), rtol=0, atol=2e-6)
    np.testing.assert_array_equal(restored.predict(X), model.predict(X))
    np.testing.assert_array_equal(restored.classes_, model.classes_)
    assert (restored.n_features_in_, restored.largest_pixel_) == (64, 16)


def test_rows_of_pixels_for_a_model_of_images(tmp_path):
    model = fit(ImageFlattener(), X=X.reshape(-1, 8, 8))
    to_onnx(model, tmp_path / "model.onnx")
    restored = OnnxClassifier(tmp_path / "model.onnx")
    assert (restored.n_features_in_, restored.largest_pixel_) == (64, None)
    np.testing.assert_array_equal(restored.predict(X), model.predict(X))


def test_pixels_beyond_a_byte_are_refused(tmp_path):
    to_onnx(fit(), tmp_path / "model.onnx", input_dtype="uint8")
    with pytest.raises(ValueError, match=r"takes pixels in \[0, 255\], got some in \[0, 256\]"):
        OnnxClassifier(tmp_path / "model.onnx").predict(X * 16)


@pytest.mark.parametrize(
    ("samples", "says"),
    [(X[:, 1:], "63 features"), (X * np.nan, "NaN"), (X[0], "2D array"), (X + 1e300, "too large for dtype")],
)
def test_samples_that_do_not_fit_are_refused(tmp_path, samples, says):
    to_onnx(fit(), tmp_path / "model.onnx")
    with pytest.raises(ValueError, match=says):
        OnnxClassifier(tmp_path / "model.onnx").predict(samples)


def test_a_transformer_is_no_classifier(tmp_path):
    to_onnx(Deskewer().fit(X), tmp_path / "model.onnx")
    with pytest.raises(ModelFormatError, match="no classifier that skdigits has written"):
        OnnxClassifier(tmp_path / "model.onnx")


def test_a_file_without_metadata_is_refused(tmp_path):
    model = to_onnx(fit())
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(ModelFormatError, match="no classifier that skdigits has written"):
        OnnxClassifier(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("classes", '{"a": 1}', "different classes"),
        ("classes", "[]", "different classes"),
        ("classes", "[0, 1, 1]", "different classes"),
        ("classes", "[0, Infinity]", "different classes"),
        ("classes", "[0, [1]]", "different classes"),
        ("classes", '[0, "1"]', "different classes"),
        ("classes", f"[0, {10**30}]", "different classes"),
        ("input_shape", "[64.5]", "as the shape of a sample"),
        ("input_shape", '["a"]', "as the shape of a sample"),
        ("input_shape", "[-64]", "as the shape of a sample"),
        ("input_shape", "64", "as the shape of a sample"),
        ("input_shape", "[8000, 8000]", "at most 50,000,000 pixels"),
        ("largest_pixel", '"x"', "a number as the largest pixel"),
        ("largest_pixel", "NaN", "a number as the largest pixel"),
    ],
)
def test_metadata_that_cannot_be_are_refused(tmp_path, name, value, says):
    model = to_onnx(fit(MinMaxScaler()))
    next(entry for entry in model.metadata_props if entry.key == name).value = value
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(ModelFormatError, match=rf"model\.onnx cannot be loaded: .*{says}"):
        OnnxClassifier(tmp_path / "model.onnx")


def test_classes_of_another_number_than_probabilities_are_refused(tmp_path):
    model = to_onnx(fit())
    next(entry for entry in model.metadata_props if entry.key == "classes").value = "[1, 2]"
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(ModelFormatError, match="no probabilities"):
        OnnxClassifier(tmp_path / "model.onnx").predict(X)


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_a_file_that_is_cut_off_is_refused(tmp_path, share):
    content = to_onnx(fit()).SerializeToString()
    (tmp_path / "model.onnx").write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelFormatError, match=r"model\.onnx cannot be loaded"):
        OnnxClassifier(tmp_path / "model.onnx")


@pytest.fixture(scope="module")
def small():
    return to_onnx(make_pipeline(MinMaxScaler(), MLPDigitClassifier((3,), max_iter=3, random_state=0)).fit(X, Y))


def damaged(content):
    """Every byte changed in one bit and in all bits, and every length that is shorter."""
    for place in range(len(content)):
        for bits in (1 << place % 8, 0xFF):
            yield content[:place] + bytes([content[place] ^ bits]) + content[place + 1 :]
        yield content[:place]


def test_a_damaged_file_is_refused_or_predicts_probabilities(tmp_path, small):
    path, n_loaded, messages = tmp_path / "model.onnx", 0, []
    for content in damaged(small.SerializeToString()):
        path.write_bytes(content)
        try:
            probabilities = OnnxClassifier(path).predict_proba(X[:3])
        except ValueError as error:
            messages.append(str(error))
            continue
        n_loaded += 1
        assert probabilities.shape[0] == 3
        assert ((probabilities >= 0) & (probabilities <= 1.00001)).all()
    assert n_loaded + len(messages) >= 5000
    assert min(n_loaded, len(messages)) > 0
    # A changed shape of the input is found when samples come.
    assert all("model.onnx cannot be loaded" in message or "features" in message for message in messages)


def test_weights_in_other_files_are_not_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = to_onnx(fit())
    onnx.save(model, tmp_path / "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    with pytest.raises(ModelFormatError, match="cannot be loaded"):
        OnnxClassifier(tmp_path / "model.onnx")


def test_damage_is_told_by_an_error_alone(tmp_path, capfd):
    content = to_onnx(fit()).SerializeToString().replace(b"skdigits", b"\xff\xffdigits")
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(ModelFormatError, match="cannot be loaded"):
        OnnxClassifier(tmp_path / "model.onnx")
    assert capfd.readouterr() == ("", "")


def test_a_graph_that_cannot_run_is_told(tmp_path):
    model = to_onnx(fit())
    del model.graph.input[0].type.tensor_type.shape.dim[:]
    metadata = {prop.key: prop for prop in model.metadata_props}
    metadata["input_shape"].value = "[8, 8]"
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(ModelFormatError, match="cannot be loaded"):
        OnnxClassifier(tmp_path / "model.onnx").predict(X)


def test_as_many_threads_as_are_allowed(tmp_path, monkeypatch):
    monkeypatch.setattr(_onnx_runtime, "allowed_threads", lambda n_jobs: 3)
    session = _onnx_runtime.open_session(to_onnx(fit()).SerializeToString())
    assert session.get_session_options().intra_op_num_threads == 3


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    to_onnx(fit(), tmp_path / "model.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match=r'^ONNX files are read with onnxruntime: pip install "skdigits\[export\]"$'):
        OnnxClassifier(tmp_path / "model.onnx")


def test_means_of_pixels_are_rounded_for_a_model_of_bytes(tmp_path):
    to_onnx(fit(), tmp_path / "model.onnx", input_dtype="uint8")
    model = OnnxClassifier(tmp_path / "model.onnx")
    np.testing.assert_array_equal(model.predict_proba(X + 0.6), model.predict_proba(X + 1))
