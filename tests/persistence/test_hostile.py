"""Files that were damaged, or made to do harm: an error that names them, and memory of ten times the file and 1 MiB."""

import copy
import errno
import io
import json
import os
import struct
import warnings
import zipfile
import zlib

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdigits import MLPDigitClassifier
from skdigits.exceptions import ModelFormatError
from skdigits.persistence import load, load_weights, save, save_weights

from .conftest import within_allowance, within_seconds

X, Y = make_blobs(30, 4, centers=2, random_state=0)
WAYS = {".npz": (save_weights, load_weights), ".safetensors": (save_weights, load_weights), ".skops": (save, load)}


@pytest.fixture(scope="module")
def model():
    classifier = MLPDigitClassifier((3,), solver="sgd", max_iter=60, tol=10, n_iter_no_change=1, random_state=0)
    return make_pipeline(MinMaxScaler(), classifier).fit(X, Y)


@pytest.fixture(params=WAYS)
def suffix(request):
    if request.param != ".npz":
        pytest.importorskip(request.param[1:])
    return request.param


@pytest.fixture
def saved(model, suffix, tmp_path):
    path = tmp_path / f"model{suffix}"
    WAYS[suffix][0](model[-1], path)
    return path, path.read_bytes(), WAYS[suffix][1]


def assert_sound(classifier):
    """As good as a model that was trained: the same shapes, and finite numbers."""
    assert [coef.shape for coef in classifier.coefs_] == [(4, 3), (3, 1)]
    assert [intercept.shape for intercept in classifier.intercepts_] == [(3,), (1,)]
    for array in (*classifier.coefs_, *classifier.intercepts_, classifier._optimizer["moments"]):
        assert np.isfinite(array).all()


def load_or_refuse(path, read, *, with_memory=True):
    """Whether a damaged file was loaded; it is then sound. To measure memory takes four times as long."""
    restored = None
    with within_allowance(path) if with_memory else within_seconds():
        try:
            restored = read(path)
        except ModelFormatError as error:
            message = str(error)
    if restored is None:
        assert str(path) in message
        return False
    assert_sound(restored)
    return True


def test_a_flipped_byte_does_no_harm(saved):
    path, content, read = saved
    generator = np.random.default_rng(0)
    places = np.tile(np.arange(len(content)), -(-5000 // len(content)))
    n_loaded = 0
    with open(path, "r+b", buffering=0) as stream:  # a new file for each would take most of the time
        for place in places.tolist():
            os.pwrite(stream.fileno(), bytes([content[place] ^ int(generator.integers(1, 256))]), place)
            n_loaded += load_or_refuse(path, read, with_memory=place % 5 == 0)
            os.pwrite(stream.fileno(), content[place : place + 1], place)
    assert path.read_bytes() == content
    assert len(places) >= 5000
    assert n_loaded < len(places) / 3  # zip files say times, permissions and versions that nobody checks


def test_a_file_cut_off_is_refused(saved):
    path, content, read = saved
    for length in range(len(content) - 1, 0, -1):
        os.truncate(path, length)
        assert not load_or_refuse(path, read)


def test_a_byte_left_out_does_no_harm(saved):
    path, content, read = saved
    for place in range(0, len(content), len(content) // 300):
        path.write_bytes(content[:place] + content[place + 1 :])
        load_or_refuse(path, read)


@pytest.mark.parametrize("zipped_suffix", [".npz", ".skops"])
def test_a_flipped_byte_under_a_right_check_sum_does_no_harm(model, tmp_path, zipped_suffix):
    """In any member; the largest one is the description, which has a share of its own."""
    if zipped_suffix == ".skops":
        pytest.importorskip("skops")
    path = tmp_path / f"model{zipped_suffix}"
    write, read = WAYS[zipped_suffix]
    write(model[-1], path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    largest = max(members, key=lambda name: len(members[name]))
    generator = np.random.default_rng(0)
    for turn in range(700):
        name = largest if turn % 2 else generator.choice(list(members))
        damaged = bytearray(members[name])
        damaged[generator.integers(len(damaged))] ^= int(generator.integers(1, 256))
        path.write_bytes(zipped({**members, name: bytes(damaged)}))
        load_or_refuse(path, read)


def refusal(read, path):
    """The error, for which no more memory was taken than is allowed."""
    with within_allowance(path), pytest.raises(ModelFormatError, match=path.name) as error:
        read(path)
    return str(error.value)


def npy(header_shape, dtype="<f4", data=b""):
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {header_shape}, }}".encode()
    header += b" " * (117 - len(header)) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def zipped(members, compression=zipfile.ZIP_STORED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of members of one name
        for name, content in members.items() if isinstance(members, dict) else members:
            archive.writestr(name, content)
    return stream.getvalue()


def with_long_list_of_members(n_members, *, first=None, last=None):
    """Entries without members, of which only a record for large files tells the number.

    There may be two such records: the first is where the locator points, and the last straight before it.
    """
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 3, 20, *[0] * 15)
    size = n_members * len(entry)
    records = [
        struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, told, told, told * len(entry), 0)
        for told in (first, last)
        if told is not None
    ]
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, size, 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(entry), 0, 0)
    return n_members * entry + b"".join(records) + locator + end


def zipped_with_lies(change):
    """A member of 400 bytes, of which the list of members says something else."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.npy", npy("(68,)", data=bytes(272)))
        change(archive.filelist)
    return stream.getvalue()


def listed_again(members):
    """Members of other names at the same place, which together are larger than the file."""
    for name in "bcd":
        members.append(copy.copy(members[0]))
        members[-1].filename = f"{name}.npy"


def described(text, **members):
    """A file of weights with a description and members."""
    if isinstance(text, dict):
        text = json.dumps(text).encode()
    return zipped({"description.npy": npy(f"({len(text)},)", "|u1", text), **members})


def of_model(model):
    return {"format": 1, "model": model}


class Pickled:
    def __reduce__(self):
        return print, ("code was run",)


OBJECTS = io.BytesIO()
np.save(OBJECTS, np.array([Pickled()], object), allow_pickle=True)
MIB = 2**20
WEIGHTS = {
    "nothing": (b"", "cut off"),
    "text": (b"no model\n" * 100, "cut off"),
    "no description": (zipped({"a.npy": npy("(1,)", data=b"1234")}), "no description"),
    "many members": (with_long_list_of_members(30_000, last=30_000), "list of members is too long"),
    "many members before one": (with_long_list_of_members(30_000, first=30_000, last=1), "list of members is too long"),
    "many members behind one": (with_long_list_of_members(30_000, first=1, last=30_000), "list of members is too long"),
    "one place": (zipped_with_lies(listed_again), "its members are larger than the file"),
    "grown": (zipped_with_lies(lambda members: setattr(members[0], "file_size", 401)), "a.npy is compressed"),
    "compressed": (zipped({"a.npy": npy("(8,)", data=bytes(32))}, zipfile.ZIP_DEFLATED), "a.npy is compressed"),
    "zip bomb": (zipped({"a.npy": bytes(200 * MIB)}, zipfile.ZIP_DEFLATED), "a.npy is compressed"),
    "two of a name": (zipped([("a.npy", npy("()", data=bytes(4)))] * 2), "two members have the same name"),
    "one without a suffix": (described({}, a=npy("()", data=bytes(4))), "member 'a' is no array by its name"),
    "huge shape": (described({}, **{"a.npy": npy("(10000000000, 100)", data=bytes(400))}), "cannot have the shape"),
    "huge and empty shape": (described({}, **{"a.npy": npy("(10000000000, 0)")}), "cannot have the shape"),
    "negative shape": (described({}, **{"a.npy": npy("(-1, -100)", data=bytes(400))}), "cannot have the shape"),
    "shape of true": (described({}, **{"a.npy": npy("(True,)", data=bytes(4))}), "cannot be loaded"),
    "too many bytes": (described({}, **{"a.npy": npy("(1,)", data=bytes(400))}), "asks for 4"),
    "objects": (described({}, **{"a.npy": OBJECTS.getvalue()}), "of type object"),
    "text array": (described({}, **{"a.npy": npy("(1,)", "<U1", bytes(4))}), "of type <U1"),
    "other byte order": (described({}, **{"a.npy": npy("(1,)", ">f4", bytes(4))}), "of type >f4"),
    "header that is code": (described({}, **{"a.npy": npy("(print(1),)", data=bytes(4))}), "cannot be loaded"),
    "no JSON": (described(b"{"), "cannot be loaded"),
    "no format": (described({}), "of which format"),
    "format 0": (described({"format": 0}), "of format 0"),
    "format 2": (described({"format": 2}), "of format 2"),
    "infinity": (described(b'{"format": 1, "model": Infinity}'), "Infinity"),
    "too large": (described(b'{"format": 1, "model": [1e999]}'), "too large"),
    "long number": (described(b'{"format": 1, "model": ' + b"9" * 100000 + b"}"), "cannot be loaded"),
    "deep": (described(b'{"format": 1, "model": ' + b"[" * 100000 + b"]" * 100000 + b"}"), "cannot be loaded"),
    "a little deep": (described(b'{"format": 1, "model": ' + b"[" * 50 + b"]" * 50 + b"}"), "too deeply"),
    "many values": (described(b'{"format": 1, "model": [' + b"[]," * 300000 + b"1]}"), "too many values"),
    "long description": (described(b" " * (MIB + 1)), "too long"),
    "unknown type": (described(of_model({"type": "Popen", "state": {}})), "'Popen'"),
    "no classifier": (described(of_model([1])), "expected an MLPDigitClassifier"),
    "unknown tag": (described(of_model({"eval": "1"})), "unknown keys: eval"),
    "missing array": (described(of_model({"array": "a"})), "lacks the array 'a'"),
    "spare array": (described(of_model(None), **{"a.npy": npy("()", data=bytes(4))}), "refers to its array a"),
    "no parameters": (
        described(of_model({"type": "MLPDigitClassifier", "state": {}})),
        "lacks activation",
    ),
    "long labels": (described(of_model({"text": [10**9, ["a"]]})), "room for 1000000000 characters"),
    "many long labels": (described(of_model([{"text": [2**17, [""]]}] * 2000)), "more room than a file"),
    "unhashable": (described(of_model({"dict": [[[], 1]]})), "key of type list"),
    "key without a value": (described(of_model({"dict": [[1]]})), "a dict that is none"),
    "unknown number": (described(of_model({"scalar": ["object", 1]})), "number of type 'object'"),
    "number that is none": (described(of_model({"scalar": ["float64", [1]]})), "number of type 'float64'"),
    "text that is none": (described(of_model({"scalar": ["str", 1]})), "number of type 'str'"),
    "whole floats": (described(of_model({"floats": "a"}), **{"a.npy": npy("(1,)", "<i8", bytes(8))}), "not a list"),
    "table of floats": (described(of_model({"floats": "a"}), **{"a.npy": npy("(1, 1)", "<f8", bytes(8))}), "not a li"),
    "no label": (described(of_model({"objects": [None]})), "other things than labels"),
    "no text": (described(of_model({"text": [1, [1]]})), "other things than labels"),
    "state without names": (described(of_model({"type": "Pipeline", "state": []})), "not given by name"),
}


@pytest.mark.parametrize("fault", WEIGHTS)
def test_hostile_npz(tmp_path, fault):
    content, says = WEIGHTS[fault]
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    assert says in refusal(load_weights, path)


def safetensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


ENTRY = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
TENSORS = {
    "nothing": (b"", "cannot be loaded"),
    "header beyond the file": (safetensors({}, length=10**6), "cannot be loaded"),
    "huge header": (safetensors({}, length=2**62), "too long"),
    "huge shape": (safetensors({"a": {**ENTRY, "shape": [10**10, 100]}}, bytes(4)), "cannot be loaded"),
    "overflowing shape": (safetensors({"a": {**ENTRY, "shape": [2**33, 2**33]}}, bytes(4)), "cannot be loaded"),
    "overlap": (safetensors({"a": ENTRY, "b": ENTRY}, bytes(4)), "cannot be loaded"),
    "other type": (safetensors({"a": {**ENTRY, "dtype": "BF16", "shape": [2]}}, bytes(4)), "of type BF16"),
    "no description": (safetensors({"a": ENTRY}, bytes(4)), "no description"),
    "no check sum": (safetensors({"__metadata__": {"description": "{}"}}), "check sum"),
    "neither true nor false": (safetensors({"a": {**ENTRY, "dtype": "BOOL", "shape": [4]}}, b"\0\1\2\3"), "neither"),
    "deep": (safetensors(b"[" * 100000), "cannot be loaded"),
}


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no device without end")
@pytest.mark.parametrize("suffix", [".npz", ".skops"])
def test_a_device_is_not_read_to_its_end(tmp_path, suffix):
    if suffix == ".skops":
        pytest.importorskip("skops")
    path = tmp_path / f"model{suffix}"
    path.symlink_to("/dev/zero")
    assert "cut off, or of another kind" in refusal(WAYS[suffix][1], path)


@pytest.mark.parametrize("error", [OSError(errno.EMFILE, "Too many open files"), MemoryError("no more")])
def test_what_is_no_fault_of_the_file_is_not_laid_to_it(model, tmp_path, monkeypatch, error):
    def fail(*arguments):
        raise error

    save_weights(model, tmp_path / "model.npz")
    monkeypatch.setattr(np.lib.format, "read_array_header_1_0", fail)
    with pytest.raises(type(error), match=str(error.args[-1])):
        load_weights(tmp_path / "model.npz")


@pytest.mark.parametrize("fault", TENSORS)
def test_hostile_safetensors(tmp_path, fault):
    pytest.importorskip("safetensors")
    content, says = TENSORS[fault]
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    assert says in refusal(load_weights, path)


def test_hostile_description_in_safetensors(tmp_path):
    """The check sum is no secret: what it covers is checked like any other description."""
    pytest.importorskip("safetensors")
    text = '{"format": 1, "model": {"type": "Popen", "state": {}}}'
    metadata = {"description": text, "crc32": str(zlib.crc32(text.encode()))}
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors({"__metadata__": metadata}))
    assert "'Popen'" in refusal(load_weights, path)


def edited(model, tmp_path, change):
    """A file of weights whose description was changed."""
    path = tmp_path / "model.npz"
    save_weights(model, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    description = json.loads(np.load(io.BytesIO(members["description.npy"])).tobytes())
    change(description["model"]["state"]["steps"][1]["tuple"][1]["state"], members)
    text = json.dumps(description).encode()
    path.write_bytes(zipped({**members, "description.npy": npy(f"({len(text)},)", "|u1", text)}))
    return path


def first_weight(value):
    def change(state, members):
        name = "steps.1.1.coefs_.0.npy"
        members[name] = members[name][:-4] + struct.pack("<f", value)

    return change


def state(**values):
    return lambda state, members: state.update(values)


def array(name, header_shape, dtype, data):
    """Replace an array, of which others still say what they did."""
    return lambda state, members: members.__setitem__(f"steps.{name}.npy", npy(header_shape, dtype, data))


def with_array(name, values):
    """Add an attribute that is an array."""

    def change(state, members):
        stream = io.BytesIO()
        np.save(stream, values)
        members["added.npy"], state[name] = stream.getvalue(), {"array": "added"}

    return change


def three_binary_classes(state, members):
    state["_label_binarizer"]["state"]["classes_"] = {"text": [1, ["a", "b", "c"]]}


def only_parameters(state, members):
    for values in (state, members):
        for name in [*values]:
            if name not in MLPDigitClassifier._parameter_constraints and not name.startswith(("steps.0", "desc")):
                del values[name]


LIES = {
    "nan": (first_weight(np.nan), "coefs_"),
    "infinity": (first_weight(np.inf), "coefs_"),
    "layers": (state(n_layers_=4), "n_layers_ is 4"),
    "outputs": (state(n_outputs_=2), "n_outputs_ is 2"),
    "features": (state(n_features_in_=5), "n_features_in_ is 5"),
    "activation": (state(activation="eval"), "'activation'"),
    "output activation": (state(out_activation_="softmax"), "softmax"),
    "units": (state(hidden_layer_sizes=0), "hidden_layer_sizes"),
    "swapped layers": (lambda state, members: state["coefs_"].reverse(), "do not fit together as a network"),
    "swapped biases": (
        lambda state, members: state["intercepts_"].reverse(),
        "intercepts_ of the sizes .* do not fit together",
    ),
    "method": (state(predict=1), "unknown attributes predict"),
    "classes": (state(classes_={"text": [1, ["a", "b"]]}), "classes_ are not those"),
    "classes not in order": (state(classes_={"text": [1, ["b", "a"]]}), "classes_ of"),
    "no classes": (lambda state, members: state.pop("classes_"), "lacks classes_"),
    "optimizer": (lambda state, members: state["_optimizer"]["dict"].pop(), "_optimizer of"),
    "n_iter": (state(n_iter_=-1), "n_iter_ of"),
    "curve": (state(best_loss_="low"), "best_loss_ of"),
    "no score that decides": (state(best_loss_=None), "validation_scores_ and best_loss_ do not go together"),
    "score that does not decide": (state(_judged_by="accuracy"), "_judged_by and best_loss_ do not go together"),
    "name of a score": (state(_judged_by=1), "_judged_by of"),
    "half precision": (array("1.1.coefs_.0", "(4, 3)", "<f2", bytes(24)), "coefs_ of"),
    "layer without units": (array("1.1.intercepts_.0", "(0,)", "<f4", b""), "intercepts_ of"),
    "moments": (array("1.1._optimizer.moments", "(1, 3)", "<f4", bytes(12)), "optimizer is of another network"),
    "two sorts of moments": (array("1.1._optimizer.moments", "(2, 19)", "<f4", bytes(152)), "_optimizer of"),
    "unaveraged": (with_array("_unaveraged", np.zeros(3, "f4")), "behind the average are of another network"),
    "unaveraged nan": (with_array("_unaveraged", np.full(19, np.nan, "f4")), "_unaveraged of"),
    "history": (state(history_={"dict": [["loss", [1, 2]], ["accuracy", [1]]]}), "history_ of"),
    "history of nothing": (state(history_={"dict": [["loss", None]]}), "history_ of"),
    "shape of images": (state(image_shape_={"tuple": [0, 4]}), "image_shape_ of"),
    "shape of a cube": (state(image_shape_={"tuple": [2, 2, 1]}), "image_shape_ of"),
    "names of features": (state(feature_names_in_={"objects": ["a", "b", "c"]}), "feature_names_in_ of"),
    "numbered features": (state(feature_names_in_={"objects": [1, 2, 3, 4]}), "feature_names_in_ of"),
    "three binary classes": (three_binary_classes, "more than two binary classes"),
    "scale": (array("0.1.scale_", "(3,)", "<f8", bytes(24)), "scale_ of MinMaxScaler"),
    "scale that is not finite": (array("0.1.scale_", "(4,)", "<f8", b"\xff" * 32), "scale_ of MinMaxScaler"),
    "scale that is true": (array("0.1.scale_", "(4,)", "|b1", bytes(4)), "scale_ of MinMaxScaler"),
    "not fitted": (only_parameters, "a classifier that is not fitted"),
}


@pytest.mark.parametrize("lie", LIES)
def test_weights_that_do_not_fit_one_another(model, tmp_path, lie):
    change, says = LIES[lie]
    with pytest.raises(ModelFormatError, match=says):
        load_weights(edited(model, tmp_path, change))


def test_steps_that_do_not_fit_one_another(model, tmp_path):
    other = make_pipeline(MinMaxScaler().fit(X[:, :3]), model[-1])
    with pytest.raises(ValueError, match="step minmaxscaler gives 3 features, and step mlpdigitclassifier takes 4"):
        save_weights(other, tmp_path / "m.npz")
