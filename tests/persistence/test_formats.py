"""Files of every format version load, and newer ones are refused with a sentence."""

import json
import pickle
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline

from skdigits import MLPDigitClassifier
from skdigits.exceptions import ModelFormatError
from skdigits.persistence import load, load_weights, save, save_weights
from skdigits.preprocessing import ElasticDeformer

FIXTURES = Path(__file__).parent / "fixtures"
STORED = ["format-0.joblib", "format-1.joblib", "format-1.npz", "format-1.safetensors", "format-1.skops"]
READERS = {".joblib": joblib.load, ".npz": load_weights, ".safetensors": load_weights, ".skops": load}


def read(name):
    suffix = Path(name).suffix
    if suffix in (".safetensors", ".skops"):
        pytest.importorskip(suffix[1:])
    return READERS[suffix](FIXTURES / name)


# Of scikit-learn's own objects, where it is not the version that wrote them.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")


@pytest.fixture(scope="module")
def model():
    X, y = load_digits(return_X_y=True)
    return MLPDigitClassifier((3,), max_iter=60, tol=10, n_iter_no_change=1, random_state=0).fit(X[:50], y[:50])


def test_every_stored_file_is_read():
    assert sorted(path.name for path in FIXTURES.glob("format-*")) == sorted(STORED)


@pytest.mark.parametrize("name", STORED)
def test_old_file_predicts_what_it_did(name):
    restored = read(name)
    probabilities = restored.predict_proba(load_digits().data[:20])
    np.testing.assert_allclose(probabilities, np.load(FIXTURES / "probabilities.npy"), rtol=1e-4, atol=1e-6)
    assert restored.classes_.tolist() == sorted(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    )


@pytest.mark.parametrize("name", STORED)
def test_old_file_goes_on_with_training(name):
    X, y = load_digits(return_X_y=True)
    restored = read(name)
    classifier, t = restored[-1], restored[-1].t_
    classifier.partial_fit(X / 16, restored.classes_[y])
    assert classifier.t_ == t + len(X)


@pytest.mark.parametrize("name", STORED)
def test_old_file_can_be_saved_anew(name, tmp_path):
    restored = read(name)
    save_weights(restored, tmp_path / "m.npz")
    X = load_digits().data
    np.testing.assert_array_equal(load_weights(tmp_path / "m.npz").predict_proba(X), restored.predict_proba(X))


def test_state_says_its_format_and_the_estimator_does_not(model):
    assert model.__getstate__()["_skdigits_format"] == 1
    assert "_skdigits_format" not in vars(pickle.loads(pickle.dumps(model)))
    assert "_skdigits_format" not in clone(model).get_params()


@pytest.mark.parametrize("found", [2, 10**9, -1, "1", None, True, 1.0])
def test_state_of_another_format_is_refused(model, found):
    state = {**model.__getstate__(), "_skdigits_format": found}
    with pytest.raises(ModelFormatError, match=r"is of format .*reads formats up to 1.* Update skdigits"):
        MLPDigitClassifier.__new__(MLPDigitClassifier).__setstate__(state)


def rewritten(path, name, change):
    """The same zip file with one member changed."""
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    members[name] = change(members[name])
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)


def test_parameters_newer_than_a_pickle_have_their_defaults(model):
    state = model.__getstate__()
    del state["augmenter"], state["max_time"]
    restored = MLPDigitClassifier.__new__(MLPDigitClassifier)
    restored.__setstate__(state)
    assert restored.get_params() == model.get_params()


@pytest.mark.parametrize(("write", "read", "name"), [(save_weights, load_weights, "m.npz"), (save, load, "m.skops")])
def test_parameters_newer_than_a_file_have_their_defaults(model, tmp_path, monkeypatch, write, read, name):
    if name == "m.skops":
        pytest.importorskip("skops")
    old = make_pipeline(ElasticDeformer(), clone(model)).fit(*load_digits(return_X_y=True))
    del old[0].sigma, old[-1].max_time
    with monkeypatch.context() as patch:
        patch.setattr("skdigits.persistence._values.check_state", lambda kind, state: None)
        patch.setattr("skdigits.persistence._skops.check_state", lambda kind, state: None)
        patch.setattr("skdigits.persistence._skops.fill_in", lambda kind, state: None)
        write(old, tmp_path / name)
    restored = read(tmp_path / name)
    assert (restored[0].sigma, restored[-1].max_time) == (5.0, None)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_weights_of_a_newer_format_are_refused(model, tmp_path, monkeypatch, suffix):
    if suffix == ".safetensors":
        pytest.importorskip("safetensors")
    path = tmp_path / f"m{suffix}"
    with monkeypatch.context() as patch:
        patch.setattr("skdigits.persistence._weights._FORMAT", 2)
        save_weights(model, path)
    with pytest.raises(ModelFormatError, match=rf"m\{suffix} cannot be loaded: it is of format 2, .* update skdigits"):
        load_weights(path)


def test_pipeline_with_a_state_of_a_newer_format_is_refused(model, tmp_path):
    pytest.importorskip("skops")

    def raise_format(content):
        schema = json.loads(content)
        stamp = schema["content"]["content"]["_skdigits_format"]
        stamp["content"], stamp["__id__"] = "2", 1
        return json.dumps(schema)

    path = tmp_path / "m.skops"
    save(model, path)
    rewritten(path, "schema.json", raise_format)
    with pytest.raises(ModelFormatError, match=r"m\.skops cannot be loaded: .* is of format 2, .* Update skdigits"):
        load(path)
