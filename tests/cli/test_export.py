"""Models in other formats: every one of them is read by `predict` and `evaluate`, with the same results."""

import os
import sys

import joblib
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdigits import MLPDigitClassifier, make_digit_pipeline
from skdigits.persistence import save, save_weights
from skdigits.preprocessing import DigitCenterer

for package in ("onnx", "onnxruntime", "safetensors", "skl2onnx", "skops"):
    pytest.importorskip(package)

SUFFIXES = [".onnx", ".npz", ".safetensors", ".skops"]


@pytest.fixture(scope="module", params=SUFFIXES)
def exported(request, run, trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / f"model{request.param}"
    outcome = run("export", trained.path, "--to", path)
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out == f"Wrote {path} ({path.stat().st_size / 1e6:.2f} MB)\n"
    return path


def test_predictions_are_those_of_the_original(run, trained, exported, digits, tmp_path):
    np.save(tmp_path / "samples.npy", digits[0][:50])
    expected = run("predict", trained.path, tmp_path / "samples.npy", "--proba", "--json").json["predictions"]
    predictions = run("predict", exported, tmp_path / "samples.npy", "--proba", "--json").json["predictions"]
    assert [p["label"] for p in predictions] == [p["label"] for p in expected]
    np.testing.assert_allclose(
        [p["probabilities"] for p in predictions], [p["probabilities"] for p in expected], rtol=0, atol=2e-6
    )


def test_the_report_is_that_of_the_original(run, trained, exported):
    expected, report = run("evaluate", trained.path), run("evaluate", exported)
    assert report == expected


def test_a_file_of_this_name_is_replaced(run, trained, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    assert run("export", trained.path, "--to", path).status == 0
    assert path.stat().st_size > 1000
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


def test_photographs_get_the_range_of_pixels_of_training(run, tmp_path):
    images, y = load_digits().images, load_digits().target
    X = DigitCenterer().fit_transform(images * 255 / 16)
    model = make_pipeline(MinMaxScaler(), MLPDigitClassifier((50,), learning_rate_init=0.01, random_state=0))
    save_weights(model.fit(X, y), tmp_path / "model.npz")
    assert run("export", tmp_path / "model.npz", "--to", tmp_path / "model.onnx").status == 0
    Image.fromarray(np.pad(255 - X[3].reshape(28, 28), 20, constant_values=255).astype(np.uint8)).save(
        tmp_path / "three.png"
    )
    outcome = run("predict", tmp_path / "model.onnx", tmp_path / "three.png")
    assert outcome == run("predict", tmp_path / "model.npz", tmp_path / "three.png")
    assert outcome.out.startswith(f"{tmp_path / 'three.png'}: 3 (")


def test_pickles_are_read_only_where_they_are_trusted(run, assert_refused, trained, tmp_path):
    joblib.dump(trained.model, tmp_path / "model.joblib")
    assert_refused("export", tmp_path / "model.joblib", "--to", tmp_path / "model.onnx", says="--trust")
    assert not (tmp_path / "model.onnx").exists()
    assert run("export", tmp_path / "model.joblib", "--trust", "--to", tmp_path / "model.onnx").status == 0


def test_steps_that_a_format_cannot_hold_are_named(assert_refused, digits, tmp_path):
    model = make_pipeline(PCA(5), MLPDigitClassifier((10,), learning_rate_init=0.1, random_state=0, tol=1))
    save(model.fit(*digits), tmp_path / "model.skops")
    assert_refused("export", tmp_path / "model.skops", "--to", tmp_path / "model.npz", says="PCA")


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("model.joblib", ["model.joblib: expected a name that ends in one of", ".onnx, .npz, .safetensors, .skops"]),
        ("model", "expected a name that ends in one of"),
        ("missing/model.onnx", "cannot be written: there is no folder"),
        ("", "is a folder"),
    ],
)
def test_targets_that_cannot_be_written(assert_refused, trained, tmp_path, target, says):
    assert_refused("export", trained.path, "--to", tmp_path / target, says=says)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are of POSIX")
def test_a_pipe_is_left_alone(assert_refused, trained, tmp_path):
    os.mkfifo(tmp_path / "model.npz")
    assert_refused("export", trained.path, "--to", tmp_path / "model.npz", says="is a device or a pipe, not a file")


def test_onnx_is_not_turned_back(run, assert_refused, trained, tmp_path):
    run("export", trained.path, "--to", tmp_path / "model.onnx")
    assert_refused(
        "export", tmp_path / "model.onnx", "--to", tmp_path / "model.npz", says="cannot be turned into another format"
    )


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x08" * 50])
def test_damaged_files(assert_refused, tmp_path, content):
    (tmp_path / "model.onnx").write_bytes(content)
    assert_refused("evaluate", tmp_path / "model.onnx", says=f"{tmp_path / 'model.onnx'} cannot be loaded")


@pytest.mark.parametrize(
    ("package", "suffix"),
    [("skl2onnx", ".onnx"), ("onnxruntime", ".onnx"), ("safetensors", ".safetensors"), ("skops", ".skops")],
)
def test_a_missing_package_is_named(run, assert_refused, trained, tmp_path, monkeypatch, package, suffix):
    path = tmp_path / f"model{suffix}"
    run("export", trained.path, "--to", path)
    for name in {package, *(name for name in sys.modules if name.startswith(f"{package}."))}:
        monkeypatch.setitem(sys.modules, name, None)
    command = ["evaluate", path] if package == "onnxruntime" else ["export", trained.path, "--to", path]
    assert_refused(*command, says=[package, "pip install ", "skdigits[export]"])


def test_photographs_for_a_pipeline_that_prepares_images(run, tmp_path):
    """Its white is 1, for which the file holds no number."""
    images, y = load_digits().images, load_digits().target
    X = DigitCenterer().fit_transform(images * 255 / 16)
    model = make_digit_pipeline(hidden_layer_sizes=(50,), learning_rate_init=0.01, random_state=0)
    save_weights(model.fit(X, y), tmp_path / "model.npz")
    assert run("export", tmp_path / "model.npz", "--to", tmp_path / "model.onnx").status == 0
    Image.fromarray(X[3].reshape(28, 28).astype(np.uint8)).save(tmp_path / "three.png")
    outcome = run("predict", tmp_path / "model.onnx", tmp_path / "three.png")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.startswith(f"{tmp_path / 'three.png'}: 3 (")
