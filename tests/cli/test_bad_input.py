import pickle

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.tree import DecisionTreeClassifier

from skdigits import MLPDigitClassifier


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "COMMAND (see skdigits --help)"),
        (["recognise"], "'recognise'"),
        (["train", "--nope"], "unrecognized arguments: --nope"),
        (["train", "two\nlines"], "unrecognized arguments: two lines"),
        (["train", "--dataset", "letters"], "'letters'"),
        (["train", "--solver", "magic"], "'magic'"),
        (["train", "--activation", "swish"], "'swish'"),
        (["train", "--epochs", "0"], "--epochs: expected a whole number of at least 1, got '0'"),
        (["train", "--epochs", "1.5"], "--epochs: expected a whole number of at least 1, got '1.5'"),
        (["train", "--epochs"], "--epochs"),
        (["train", "--hidden", "0"], "--hidden: expected whole numbers of at least 1, as in 64 or 64,32, got '0'"),
        (["train", "--hidden", "30", "-3"], "--hidden: expected whole numbers of at least 1"),
        (["train", "--dropout", "0.2"], "unrecognized arguments: --dropout 0.2 (see skdigits train --help)"),
        (["--nonsense", "train"], "unrecognized arguments: --nonsense (see skdigits train --help)"),
        (["train", "--hidden"], "--hidden"),
        (["train", "--hidden", "many"], "got 'many'"),
        (["train", "--batch-size", "0"], "--batch-size: expected a whole number of at least 1, got '0'"),
        (["train", "--learning-rate", "0"], "--learning-rate: expected a number above 0, got '0'"),
        (["train", "--learning-rate", "nan"], "--learning-rate: expected a number above 0, got 'nan'"),
        (["train", "--learning-rate", "inf"], "--learning-rate: expected a number above 0, got 'inf'"),
        (["train", "--validation", "2"], "--validation: expected a number above 0 and below 1, got '2'"),
        (["train", "--validation", "0"], "--validation: expected a number above 0 and below 1, got '0'"),
        (["train", "--seed", "-1"], "--seed: expected a whole number from 0 to 4294967295, got '-1'"),
        (["train", "--seed", "4294967296"], "got '4294967296'"),
        (["train", "--jobs", "0"], "--jobs: expected a whole number other than 0, got '0'"),
        (["evaluate"], "MODEL"),
        (["predict"], "MODEL, FILE"),
        (["predict", "model"], "FILE"),
        (["fetch"], "dataset"),
        (["fetch", "letters"], "'letters'"),
    ],
)
def test_arguments(assert_refused, arguments, says):
    assert_refused(*arguments, says=["--help)", says])


def test_output_folder_is_missing(assert_refused, tmp_path):
    path = tmp_path / "nowhere" / "m.npz"
    assert_refused("train", "--output", path, says=[str(path), "there is no folder"])


def test_output_is_a_folder(assert_refused, tmp_path):
    assert_refused("train", "--output", tmp_path, says=[str(tmp_path), "is a folder"])


def test_output_folder_is_locked(assert_refused, tmp_path, monkeypatch):
    monkeypatch.setattr("skdigits.persistence._files.os.access", lambda path, mode: False)  # as root all is open
    assert_refused("train", "--output", tmp_path / "m.npz", says=[str(tmp_path / "m.npz"), "no permission"])


def pickled(thing):
    return pickle.dumps(thing)


BAD_MODELS = {
    "random bytes": (np.random.default_rng(0).bytes(1000), "cannot be read as a model"),
    "empty": (b"", "cannot be read as a model"),
    "text": (b"no model\n", "cannot be read as a model"),
    "unknown module": (b"cno_such_module\nThing\n.", "cannot be read as a model"),
    "dict": (pickled({"weights": [1.0]}), "holds a dict, not a fitted classifier"),
    "array": (pickled(np.zeros(3)), "holds a ndarray, not a fitted classifier"),
    "not fitted": (pickled(make_pipeline(MinMaxScaler(), MLPDigitClassifier())), "not a fitted classifier"),
    "regressor": (pickled(LinearRegression().fit([[0.0], [1.0]], [0, 1])), "not a fitted classifier"),
}


@pytest.mark.parametrize("command", ["evaluate", "predict"])
@pytest.mark.parametrize("fault", BAD_MODELS)
def test_model(assert_refused, tmp_path, fault, command):
    content, complaint = BAD_MODELS[fault]
    (tmp_path / "m").write_bytes(content)
    inputs = ["x.csv"] if command == "predict" else []
    assert_refused(command, "--trust", tmp_path / "m", *inputs, says=[str(tmp_path / "m"), complaint])


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_cut_model(assert_refused, trained, tmp_path, share):
    with open(trained.path, "rb") as stream:
        content = stream.read()
    (tmp_path / "m.npz").write_bytes(content[: int(share * len(content))])
    assert_refused("evaluate", tmp_path / "m.npz", says=[str(tmp_path / "m.npz"), "cannot be loaded"])


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_missing_model(assert_refused, tmp_path, command):
    inputs = ["x.csv"] if command == "predict" else []
    assert_refused(command, tmp_path / "m", *inputs, says=f"there is no model file {tmp_path / 'm'}")


def test_model_is_a_folder(assert_refused, tmp_path):
    assert_refused("evaluate", tmp_path, says=f"{tmp_path} is no file")


ROW = ",".join(["1"] * 64) + "\n"

BAD_TEXT = {
    "missing value": (ROW + ROW.replace("1,1", "1,nan", 1), "expected finite pixels, got nan at [1, 1]"),
    "infinite": (ROW.replace("1,1", "1,-inf", 1), "expected finite pixels, got -inf at [0, 1]"),
    "text": (ROW + ROW.replace("1,1", "1,ink", 1), "'ink'"),
    "text in the first row": (ROW.replace("1,1", "1,ink", 1), "'ink'"),
    "empty": ("", "expected at least one sample"),
    "blank lines": ("\n\n", "expected at least one sample"),
    "header alone": ("a,b,c\n", "got no numbers, but 'a,b,c'"),
    "row too short": (ROW + "1,2\n", "number of columns changed from 64 to 2 at row 2\n"),
    "too few pixels": ("1,2,3\n", "expected samples of 64 pixels, as the model was trained on, got 3"),
    "labels": ("7," + ROW, "got 65: leave a column of labels, or of row numbers, out"),
    "names of columns and rows": (",a,1\n0,1,2\n", "expected rows of comma-separated pixels, and nothing else"),
    "image as a table": ("1,2,3,4,5,6,7,8\n" * 8, "got 8"),
    "semicolons": (ROW.replace(",", ";"), "got no numbers, but '1;1;1;"),
}


@pytest.mark.parametrize("fault", BAD_TEXT)
def test_csv(assert_refused, trained, tmp_path, fault):
    content, complaint = BAD_TEXT[fault]
    (tmp_path / "x.csv").write_text(content)
    assert_refused("predict", trained.path, tmp_path / "x.csv", says=[str(tmp_path / "x.csv"), complaint])


@pytest.mark.parametrize("name", ["x.npz", "x.txt"])
def test_file_of_another_kind(assert_refused, trained, tmp_path, name):
    np.savez(tmp_path / "x.npz", np.zeros((2, 64)))
    (tmp_path / "x.txt").write_text(ROW)
    says = [str(tmp_path / name), "expected an IDX file", "Files of other kinds end in .npy, .csv, .png"]
    assert_refused("predict", trained.path, tmp_path / name, says=says)


@pytest.mark.parametrize("content", [ROW.encode("utf-16"), b"\xff\x00\x01", ROW.encode() + b"1,\0\n"])
def test_csv_that_is_no_text(assert_refused, trained, tmp_path, content):
    (tmp_path / "x.csv").write_bytes(content)
    assert_refused("predict", trained.path, tmp_path / "x.csv", says=[str(tmp_path / "x.csv"), "comma-separated"])


BAD_ARRAYS = {
    "objects": (np.array([[None] * 64]), "expected a NumPy array of numbers"),
    "text": (np.array([["1"] * 64]), "expected numbers, got values of type <U1"),
    "complex": (np.ones((2, 64), complex), "expected numbers, got values of type complex128"),
    "fields": (np.zeros(2, [("a", int)]), "expected numbers"),
    "dates": (np.zeros((2, 64), "M8[s]"), "expected numbers"),
    "none": (np.zeros((0, 64)), "expected"),
    "one number": (np.array(3.0), "expected samples of 64 pixels, as the model was trained on, got 1"),
    "too few pixels": (np.zeros((2, 63)), "expected samples of 64 pixels, as the model was trained on, got 63"),
    "larger image": (np.zeros((28, 28)), "got 784"),
    "larger images": (np.zeros((5, 28, 28)), "got 784"),
    "missing value": (np.where(np.arange(128) == 70, np.nan, 0).reshape(2, 64), "got nan at [1, 6]"),
}


@pytest.mark.parametrize("fault", BAD_ARRAYS)
def test_npy(assert_refused, trained, tmp_path, fault):
    array, complaint = BAD_ARRAYS[fault]
    np.save(tmp_path / "x.npy", array)
    assert_refused("predict", trained.path, tmp_path / "x.npy", says=[str(tmp_path / "x.npy"), complaint])


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content[:130],
        lambda content: content[:50],
        lambda content: content[:7],
        lambda content: b"",
        lambda content: b"PK\x03\x04" + content,
        lambda content: content.replace(b"}", b")"),
        lambda content: content.replace(b" 'shape'", b"b'shape'"),
        lambda content: content.replace(b"<f8", b"<08"),
        lambda content: content.replace(b"(2, 64)", b"(-2,64)"),
        lambda content: content.replace(b"(2, 64), }          ", b"(20000000000, 64),}"),
    ],
)
def test_damaged_npy(assert_refused, trained, tmp_path, damage):
    path = tmp_path / "x.npy"
    np.save(path, np.zeros((2, 64)))
    before = path.read_bytes()
    path.write_bytes(damage(before))
    assert path.read_bytes() != before
    assert_refused("predict", trained.path, path, says=f"{path}: expected a NumPy array of numbers")


def test_archive_under_the_name_of_an_array(assert_refused, trained, tmp_path):
    np.savez(tmp_path / "x.npz", np.zeros((2, 64)))
    (tmp_path / "x.npz").rename(tmp_path / "x.npy")
    assert_refused("predict", trained.path, tmp_path / "x.npy", says="expected a NumPy array of numbers")


def test_npy_that_may_not_be_read_is_not_called_damaged(run, trained, tmp_path, monkeypatch):
    def refuse(path, mode):
        raise PermissionError(13, "Permission denied", str(path))

    path = tmp_path / "x.npy"
    np.save(path, np.zeros((2, 64)))
    monkeypatch.setattr(np.lib.format, "open_memmap", refuse)  # as root all may be read
    assert run("predict", trained.path, path) == (2, "", f"skdigits: [Errno 13] Permission denied: '{path}'\n")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "an empty file"),
        (b"an image, I swear", "expected an IDX file"),
        (b"\0\0\x08\x02\0\0\0\x02\0\0\0\x40" + bytes(127), "truncated"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "more than the file can hold"),
        (b"\0\0\x08\x03\0\0\0\0" + b"\xff" * 8, "its header promises"),
        (b"\0\0\x08\x02\0\0\0\0\0\0\0\x40", "expected at least one sample"),
        (b"\0\0\x08\x02\0\0\0\x01\0\0\0\x3f" + bytes(63), "expected samples of 64 pixels"),
        (b"\x1f\x8b\x08\0", "gzip data is truncated or corrupt"),
    ],
)
def test_idx(assert_refused, trained, tmp_path, content, says):
    (tmp_path / "x").write_bytes(content)
    assert_refused("predict", trained.path, tmp_path / "x", says=[f"{tmp_path / 'x'}: ", says])


@pytest.mark.parametrize("name", ["x.npy", "x.csv", "x.gz", "x"])
def test_missing_input(assert_refused, trained, tmp_path, name):
    assert_refused("predict", trained.path, tmp_path / name, says=f"there is no file {tmp_path / name}")


def test_input_is_a_folder(assert_refused, trained, tmp_path):
    assert_refused("predict", trained.path, tmp_path, says=[str(tmp_path), "expected image files in this folder"])


def test_json_of_bad_input_is_nothing(assert_refused, trained, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 64)))
    assert_refused("predict", trained.path, tmp_path / "x.npy", tmp_path / "y.npy", "--json", says="y.npy")


def test_mnist_that_is_corrupt(assert_refused, small_mnist, tmp_path, monkeypatch):
    path = small_mnist.write(tmp_path) / "train-labels-idx1-ubyte.gz"
    path.write_bytes(b"corrupt")
    monkeypatch.setenv("SKDIGITS_DATA", str(tmp_path))
    assert_refused("train", "--dataset", "mnist", "--output", tmp_path / "m.npz", says=f"Delete {path}")
    assert not (tmp_path / "m.npz").exists()


def test_model_for_other_images(assert_refused, tmp_path):
    joblib.dump(DecisionTreeClassifier().fit(np.eye(4), [0, 1, 0, 1]), tmp_path / "m")
    np.save(tmp_path / "x.npy", np.zeros((2, 64)))
    assert_refused("predict", "--trust", tmp_path / "m", tmp_path / "x.npy", says="expected samples of 4 pixels")
