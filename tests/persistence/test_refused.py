"""What cannot be stored is said when it is saved, and nothing is written."""

import builtins

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdigits import MLPDigitClassifier
from skdigits.exceptions import ModelFormatError
from skdigits.persistence import load, load_weights, save, save_weights

X, Y = make_blobs(30, 4, centers=2, random_state=0)


def make(y=Y, **parameters):
    return MLPDigitClassifier((3,), max_iter=60, tol=10, n_iter_no_change=1, **parameters).fit(X, y)


def diverged():
    model = make()
    model.coefs_[0][0, 0] = np.nan
    return model


class Bender:
    def augment(self, X, random_state, *, out=None, progress=0.0):
        return X


CASES = {
    "scorer": (lambda: make(scoring=lambda model, X, y: 0.0), "scoring is of type function, which is code"),
    "random state": (lambda: make(random_state=np.random.RandomState(0)), "random_state is of type RandomState"),
    "augmenter": (lambda: make(augmenter=Bender()), "augmenter is of type Bender"),
    "not finite": (diverged, "coefs_ of MLPDigitClassifier is not what it should be"),
    "labels": (lambda: make(Y.astype("m8[s]")), r"classes_ of \w+ is not what it should be, of type timedelta64\[s\]"),
    "step": (lambda: make_pipeline(PCA(2), make()).fit(X, Y), "is of type PCA.*persistence.save may hold it"),
    "memory": (lambda: make_pipeline(MinMaxScaler(), make(), memory="cache").fit(X, Y), "has a memory"),
    "long labels": (
        lambda: MLPDigitClassifier((3,), max_iter=60, tol=10).fit(X, np.where(Y, "a" * 2**18, "b")),
        "array",
    ),
}


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("case", CASES)
def test_weights(tmp_path, monkeypatch, case, suffix):
    monkeypatch.chdir(tmp_path)
    thing, says = CASES[case]
    with pytest.raises(ValueError, match=rf"The model cannot be saved as m\{suffix}: .*{says}"):
        save_weights(thing(), f"m{suffix}")
    assert not (tmp_path / f"m{suffix}").exists()


@pytest.mark.filterwarnings("ignore:Some inputs do not have OOB scores", "ignore:invalid value encountered in divide")
def test_attribute_that_is_not_finite_is_named(tmp_path):
    pytest.importorskip("skops")
    model = BaggingClassifier(make(), 1, oob_score=True, random_state=0).fit(X, Y)
    with pytest.raises(ValueError, match="oob_decision_function_ of BaggingClassifier has numbers that are not finite"):
        save(model, tmp_path / "m.skops")


@pytest.mark.parametrize(("write", "name"), [(save_weights, "m.npz"), (save, "m.skops")])
def test_not_fitted(tmp_path, write, name):
    with pytest.raises(NotFittedError):
        write(MLPDigitClassifier(), tmp_path / name)


@pytest.mark.parametrize("model", [LogisticRegression(), make_pipeline(MinMaxScaler()), [1]], ids=str)
def test_weights_of_others(tmp_path, model):
    with pytest.raises(ValueError, match="expected an MLPDigitClassifier, or a Pipeline that ends in one, got"):
        save_weights(model, tmp_path / "m.npz")


def test_weights_of_a_search(tmp_path):
    search = GridSearchCV(MLPDigitClassifier((3,), max_iter=60, tol=10, n_iter_no_change=1), {}, cv=2).fit(X, Y)
    with pytest.raises(ValueError, match="got GridSearchCV: save its best_estimator_"):
        save_weights(search, tmp_path / "m.npz")


@pytest.mark.parametrize("go", [save_weights, lambda model, path: load_weights(path)])
@pytest.mark.parametrize("name", ["m", "m.joblib", "m.skops", "m.npz.gz"])
def test_suffix_of_weights(tmp_path, go, name):
    with pytest.raises(ValueError, match=r"ends in \.npz or \.safetensors, got .*m"):
        go(make(), tmp_path / name)


@pytest.mark.parametrize("go", [save, lambda model, path: load(path)])
@pytest.mark.parametrize("name", ["m", "m.npz"])
def test_suffix_of_pipelines(tmp_path, go, name):
    with pytest.raises(ValueError, match=r"ends in \.skops, got .*m"):
        go(make(), tmp_path / name)


def test_functions_of_the_other_formats_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"npz: load_weights and save_weights are for \.npz"):
        load(tmp_path / "m.npz")
    with pytest.raises(ValueError, match=r"skops: load and save are for \.skops"):
        load_weights(tmp_path / "m.skops")


@pytest.mark.parametrize(
    ("read", "name"), [(load_weights, "m.npz"), (load_weights, "m.safetensors"), (load, "m.skops")]
)
def test_missing_file(tmp_path, read, name):
    with pytest.raises(FileNotFoundError, match=name):
        read(tmp_path / name)


@pytest.mark.parametrize(("write", "read", "package"), [
    (save_weights, load_weights, "safetensors"),
    (save, load, "skops"),
])  # fmt: skip
def test_missing_package(tmp_path, monkeypatch, write, read, package):
    path, model = tmp_path / f"m.{package}", make()
    path.write_bytes(b"old")
    import_module = builtins.__import__

    def hide(name, *arguments, **options):
        if name.split(".")[0] == package:
            raise ImportError(name)
        return import_module(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", hide)
    for go in (lambda: write(model, path), lambda: read(path)):
        with pytest.raises(ImportError, match=rf'\.{package} need {package}: pip install "skdigits\[export\]"'):
            go()
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize(("solver", "share"), [("adam", 1 / 3), ("adamw", 1 / 3), ("sgd", 1 / 2)])
def test_without_the_optimizer_a_file_has_the_weights_only(tmp_path, solver, share):
    model = MLPDigitClassifier((300, 300), solver=solver, max_iter=60, tol=10, n_iter_no_change=1).fit(X, Y)
    for name, include in (("all", True), ("some", False)):
        save_weights(model, tmp_path / f"{name}.npz", include_optimizer=include)
    sizes = [(tmp_path / f"{name}.npz").stat().st_size for name in ("some", "all")]
    assert sizes[0] / sizes[1] == pytest.approx(share, rel=0.1)


def test_without_the_optimizer_a_file_is_smaller_and_predicts_the_same(tmp_path):
    model = make(weight_averaging=0.9)
    save_weights(model, tmp_path / "all.npz")
    save_weights(model, tmp_path / "some.npz", include_optimizer=False)
    assert (tmp_path / "some.npz").stat().st_size < (tmp_path / "all.npz").stat().st_size
    restored = load_weights(str(tmp_path / "some.npz"))
    np.testing.assert_array_equal(restored.predict_proba(X), model.predict_proba(X))
    assert restored.partial_fit(X, Y).t_ == model.t_ + len(X)


def test_error_is_a_value_error():
    assert issubclass(ModelFormatError, ValueError)


def test_weights_can_be_read_without_skdigits(tmp_path):
    model = make()
    save_weights(model, tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["coefs_.0"], model.coefs_[0])
        np.testing.assert_array_equal(arrays["intercepts_.1"], model.intercepts_[1])
