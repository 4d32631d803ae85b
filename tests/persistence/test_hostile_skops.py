"""Files of skops with what does not belong there: refused by name before anything is built."""

import io
import json
import zipfile

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler
from sklearn.tree import DecisionTreeClassifier

from skdigits import MLPDigitClassifier
from skdigits.exceptions import ModelFormatError
from skdigits.persistence import load, save
from skdigits.persistence._skops import TRUSTED
from skdigits.preprocessing import Deskewer

from .conftest import within_allowance

skops_io = pytest.importorskip("skops.io")
X, Y = make_blobs(30, 4, centers=2, random_state=0)


class Strange(MinMaxScaler):
    built = 0

    def __setstate__(self, state):
        Strange.built += 1


def make(**parameters):
    return MLPDigitClassifier((3,), max_iter=60, tol=10, n_iter_no_change=1, random_state=0, **parameters).fit(X, Y)


@pytest.fixture(scope="module")
def model():
    return make_pipeline(MinMaxScaler(), make()).fit(X, Y)


def test_one_type_of_ours_needs_trust_besides_transformers(model):
    assert skops_io.get_untrusted_types(data=skops_io.dumps(model)) == ["skdigits.classifier.MLPDigitClassifier"]
    pipeline = make_pipeline(Deskewer(), model[-1]).fit(X, Y)
    assert set(skops_io.get_untrusted_types(data=skops_io.dumps(pipeline))) < set(TRUSTED)
    assert len(TRUSTED) == 6


REFUSED = {
    "a tree": (lambda: DecisionTreeClassifier().fit(X, Y), "sklearn.tree._classes.DecisionTreeClassifier"),
    "a function": (lambda: FunctionTransformer(np.sqrt).fit(X), "FunctionTransformer"),
    "a type of others": (lambda: Strange().fit(X), "test_hostile_skops.Strange"),
    "no estimator": (lambda: {"a": 1}, "no estimator"),
    "bytes": (lambda: [b"bytes"], "bytes"),
    "code": (lambda: [print], "builtins.print"),
    "a method": (lambda: [MinMaxScaler().fit], "MinMaxScaler"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_types_are_refused_by_name(tmp_path, case):
    thing, name = REFUSED[case]
    skops_io.dump(thing(), tmp_path / "m.skops")
    Strange.built = 0
    with pytest.raises(ModelFormatError, match=name):
        load(tmp_path / "m.skops")
    assert Strange.built == 0


@pytest.mark.parametrize("step", [FunctionTransformer(), DecisionTreeClassifier(), Strange()], ids=str)
def test_what_load_would_refuse_is_not_saved(tmp_path, step):
    with pytest.raises(ValueError, match=rf"cannot be saved as .*m\.skops: .*{type(step).__name__}"):
        save(make_pipeline(step).fit(X, Y), tmp_path / "m.skops")
    assert list(tmp_path.iterdir()) == []


def test_keys_that_would_come_back_wrong_are_not_saved(tmp_path):
    classifier = make().set_params(class_weight={None: 2})
    with pytest.raises(ValueError, match=r"NoneType"):
        save(classifier, tmp_path / "m.skops")


def changed(model, tmp_path, change=None, **members):
    """A file whose schema or members were changed, with the check sums of zip files put right."""
    path = tmp_path / "m.skops"
    save(model, path)
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(content["schema.json"])
    if change is not None:
        schema = change(schema, content) or schema
    content["schema.json"] = json.dumps(schema, separators=(",", ":"))
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**content, **members}.items():
            archive.writestr(name, data)
    return path


def classifier_state(schema):
    return schema["content"]["content"]["steps"]["content"][1]["content"][1]["content"]["content"]


def first_layer(schema, content):
    return classifier_state(schema)["coefs_"]["content"][0]["file"]


def set_array(value):
    def change(schema, content):
        stream = io.BytesIO()
        np.save(stream, value)
        content[first_layer(schema, content)] = stream.getvalue()

    return change


def huge_array(schema, content):
    name = first_layer(schema, content)
    content[name] = content[name].replace(b"(4, 3)", b"(4, 9)").replace(b"'shape': (4,", b"'shape': (4000000000,")


def one_array_often(schema, content):
    coefs = classifier_state(schema)["coefs_"]["content"]
    coefs.extend({**coefs[0], "__id__": 10 + place} for place in range(100))


def many_references(schema, content):
    """Each list has the one before twice: as a tree it has 2 ** 40 entries."""
    node = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "__id__": 1, "content": []}
    for number in range(2, 42):
        short = {**node, "content": []}
        node = {**node, "__id__": number, "content": [node, short]}
    classifier_state(schema)["coefs_"] = node


def cached(schema, content):
    classifier_state(schema)["coefs_"]["__loader__"] = "CachedNode"


def in_json(text):
    def change(schema, content):
        classifier_state(schema)["alpha"].update(content=text, __id__=1)

    return change


def position_outside(schema, content):
    """Of the generator, which would read where this points."""
    state = classifier_state(schema)["random_state"]["content"]["content"]["state"]["content"]
    state["pos"].update(content="2000000000", __id__=1)


FAULTS = {
    "another array": (set_array(np.zeros((4, 4), np.float32)), "do not fit together as a network"),
    "nan": (set_array(np.full((4, 3), np.nan, np.float32)), "coefs_ of"),
    "whole numbers": (set_array(np.zeros((4, 3), int)), "coefs_ of"),
    "huge array": (huge_array, "cannot have the shape"),
    "one array often": (one_array_often, "one array twice"),
    "many references": (many_references, "cannot be loaded"),
    "cached": (cached, "CachedNode"),
    "value that is a list": (in_json("[1, 2]"), "no number and no text"),
    "value that is no JSON": (in_json("1 2"), "cannot be loaded"),
    "negative parameter": (in_json("-1"), "'alpha'"),
    "list": (lambda schema, content: [schema], "cannot be loaded"),
    "protocol": (lambda schema, content: {**schema, "protocol": 99}, "protocol 99"),
    "no number": (lambda schema, content: {**schema, "__id__": 0}, "of one number"),
    "no content": (lambda schema, content: {**schema, "content": None}, "cannot be loaded"),
    "bare": (lambda schema, content: {name: schema[name] for name in schema if name != "content"}, "cannot be loaded"),
    "other class": (lambda schema, content: {**schema, "__class__": "Popen"}, r"sklearn\.pipeline\.Popen"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_changed_schema(model, tmp_path, fault):
    change, says = FAULTS[fault]
    path = changed(model, tmp_path, change)
    with within_allowance(path), pytest.raises(ModelFormatError, match=says):
        load(path)


def test_random_state_that_would_read_elsewhere(tmp_path):
    model = make_pipeline(MinMaxScaler(), make().set_params(random_state=np.random.RandomState(0))).fit(X, Y)
    # Newer versions of NumPy look at the position themselves.
    by_us_or_numpy = "random_state of MLPDigitClassifier is no state of an MT19937|state position must be between"
    with pytest.raises(ModelFormatError, match=by_us_or_numpy):
        load(changed(model, tmp_path, position_outside))


def test_other_generators_are_not_saved(tmp_path):
    model = make().set_params(random_state=np.random.RandomState(np.random.Philox(0)))
    with pytest.raises(
        ValueError, match=r"cannot be saved .*: random_state of MLPDigitClassifier is no state of an MT"
    ):
        save(model, tmp_path / "m.skops")


def test_member_that_nothing_speaks_of(model, tmp_path):
    with pytest.raises(ModelFormatError, match="its arrays are not those"):
        load(changed(model, tmp_path, **{"spare.npy": b"x"}))


def test_schema_has_no_blanks(model, tmp_path):
    save(model, tmp_path / "m.skops")
    with zipfile.ZipFile(tmp_path / "m.skops") as archive:
        assert b"\n" not in archive.read("schema.json")


def test_zip_bomb(model, tmp_path):
    path = tmp_path / "m.skops"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b" " * 2**27)
    with within_allowance(path), pytest.raises(ModelFormatError, match="is compressed"):
        load(path)


def test_many_entries_take_no_more_memory_than_allowed(model, tmp_path):
    """Short ones, so that what skops makes of them is much larger than the file."""

    def change(schema, content):
        entry = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": "1"}
        curve = classifier_state(schema)["loss_curve_"]["content"]
        curve.extend({**entry, "__id__": 1 + number} for number in range(30000))

    path = changed(model, tmp_path, change)
    with within_allowance(path), pytest.raises(ModelFormatError, match=r"too (large|many values)"):
        load(path)


def test_a_long_curve_is_loaded_within_the_allowance(model, tmp_path):
    classifier = make()
    classifier.loss_curve_ = [float(value) for value in np.random.default_rng(0).random(3000)]
    save(classifier, tmp_path / "m.skops")
    with within_allowance(tmp_path / "m.skops"):
        loaded = load(tmp_path / "m.skops")
    assert loaded.loss_curve_ == classifier.loss_curve_
