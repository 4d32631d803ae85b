import gzip
import io

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

from skdigits import MLPDigitClassifier
from skdigits._cli.samples import read_samples
from skdigits.persistence import save_weights


def idx(array):
    array = array.astype(np.uint8)
    return b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def csv(X, **options):
    stream = io.StringIO()
    np.savetxt(stream, X, delimiter=",", fmt="%g", comments="", **options)
    return stream.getvalue().encode()


def images(X):
    return X.reshape(-1, 8, 8)


# Suffix and content of a file for samples of 64 pixels.
FORMS = {
    "idx of images": ("", lambda X: idx(images(X))),
    "idx of rows": (".idx", idx),
    "idx.gz": (".gz", lambda X: gzip.compress(idx(images(X)))),
    "npy of rows": (".npy", npy),
    "npy of images": (".npy", lambda X: npy(images(X))),
    "npy of images with a channel": (".npy", lambda X: npy(X.reshape(-1, 8, 8, 1))),
    "npy of bytes": (".NPY", lambda X: npy(X.astype(np.uint8))),
    "npy of float32": (".npy", lambda X: npy(X.astype(np.float32))),
    "npy of float16": (".npy", lambda X: npy(X.astype(np.float16))),
    "npy of int64, columns first": (".npy", lambda X: npy(np.asfortranarray(X.astype(np.int64)))),
    "npy of another byte order": (".npy", lambda X: npy(X.astype(">f8"))),
    "csv": (".csv", csv),
    "csv with names": (".csv", lambda X: csv(X, header=",".join(f"pixel{i}" for i in range(64)))),
    "csv with the columns of pandas": (".csv", lambda X: pd.DataFrame(X).to_csv(index=False).encode()),
    "csv with a byte order mark": (".CSV", lambda X: b"\xef\xbb\xbf" + csv(X)),
    "csv of Windows": (".csv", lambda X: csv(X, newline="\r\n")),
    "csv without a last newline": (".csv", lambda X: csv(X).rstrip()),
}


@pytest.mark.parametrize("n_samples", [1, 2, 8, 64])  # 8 and 64 make arrays square
@pytest.mark.parametrize("form", FORMS)
def test_labels_are_those_of_the_model(run, trained, digits, tmp_path, form, n_samples):
    suffix, content = FORMS[form]
    X = digits[0][100 : 100 + n_samples]
    path = tmp_path / f"samples{suffix}"
    path.write_bytes(content(X))
    outcome = run("predict", trained.path, path)
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out == "".join(f"{label}\n" for label in trained.model.predict(X))


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".npy", lambda x: npy(x.reshape(8, 8))),
        (".npy", npy),
        ("", lambda x: idx(x.reshape(8, 8))),
        ("", idx),
    ],
)
def test_one_image_alone(run, trained, digits, tmp_path, suffix, content):
    path = tmp_path / f"image{suffix}"
    path.write_bytes(content(digits[0][3]))
    assert run("predict", trained.path, path).out == f"{trained.model.predict(digits[0][3:4])[0]}\n"


def test_row_of_numbers_is_no_header(run, trained, tmp_path):
    X = np.array([np.arange(64) % 17, np.arange(64) % 13])
    path = tmp_path / "samples.csv"
    path.write_bytes(csv(X))
    assert run("predict", trained.path, path).out.count("\n") == 2


def test_first_pixels_that_count_are_no_header(run, tmp_path):
    joblib.dump(DecisionTreeClassifier().fit([[0, 1], [1, 0]], [5, 7]), tmp_path / "tree")
    (tmp_path / "samples.csv").write_text("0,1\n1,0\n")
    assert run("predict", "--trust", tmp_path / "tree", tmp_path / "samples.csv").out == "5\n7\n"


def test_files_in_the_order_given(run, trained, digits, tmp_path):
    X = digits[0]
    np.save(tmp_path / "a.npy", X[:3])
    (tmp_path / "b.csv").write_bytes(csv(X[3:5]))
    outcome = run("predict", trained.path, tmp_path / "b.csv", tmp_path / "a.npy", "--json")
    assert [(entry["input"], entry["label"]) for entry in outcome.json["predictions"]] == [
        (f"{tmp_path / name}[{index}]", trained.model.predict(X[row : row + 1])[0])
        for name, index, row in [("b.csv", 0, 3), ("b.csv", 1, 4), ("a.npy", 0, 0), ("a.npy", 1, 1), ("a.npy", 2, 2)]
    ]


def test_proba(run, trained, digits, tmp_path):
    X = digits[0][:5]
    np.save(tmp_path / "x.npy", X)
    rows = [line.split(" ") for line in run("predict", trained.path, tmp_path / "x.npy", "--proba").out.splitlines()]
    assert [int(row[0]) for row in rows] == trained.model.predict(X).tolist()
    np.testing.assert_allclose(np.array(rows, float)[:, 1:], trained.model.predict_proba(X), rtol=0, atol=5.1e-7)


def test_json(run, trained, digits, tmp_path):
    X = digits[0][:5]
    np.save(tmp_path / "x.npy", X)
    outcome = run("predict", trained.path, tmp_path / "x.npy", "--json")
    assert (outcome.status, outcome.err, outcome.out.count("\n")) == (0, "", 1)
    predictions = outcome.json["predictions"]
    assert outcome.json["model"] == trained.path
    keys = {"input", "label", "probability", "runner_up", "runner_up_probability"}
    assert [set(entry) for entry in predictions] == [keys] * 5
    assert [entry["label"] for entry in predictions] == trained.model.predict(X).tolist()
    probabilities = trained.model.predict_proba(X)
    for key, place in (("probability", -1), ("runner_up_probability", -2)):
        expected = np.sort(probabilities)[:, place]
        np.testing.assert_allclose([entry[key] for entry in predictions], expected, rtol=1e-6)
    assert [entry["runner_up"] for entry in predictions] == np.argsort(probabilities)[:, -2].tolist()


def test_json_with_proba(run, trained, digits, tmp_path):
    X = digits[0][:3]
    np.save(tmp_path / "x.npy", X)
    predictions = run("predict", trained.path, tmp_path / "x.npy", "--json", "--proba").json["predictions"]
    probabilities = np.array([entry["probabilities"] for entry in predictions])
    np.testing.assert_allclose(probabilities, trained.model.predict_proba(X), rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "expected"), [([], "b\na\n"), (["--proba"], "b 0.000000 1.000000\na 1.000000 0.000000\n")]
)
def test_labels_that_are_words(run, tmp_path, arguments, expected):
    joblib.dump(DecisionTreeClassifier().fit([[0.0], [1.0]], ["a", "b"]), tmp_path / "tree")
    (tmp_path / "x.csv").write_text("1\n0\n")
    assert run("predict", "--trust", tmp_path / "tree", tmp_path / "x.csv", *arguments).out == expected


def test_labels_that_are_words_in_json(run, tmp_path):
    joblib.dump(DecisionTreeClassifier().fit([[0.0], [1.0]], np.array(["a", "b"], object)), tmp_path / "tree")
    (tmp_path / "x.csv").write_text("1\n")
    (prediction,) = run("predict", "--trust", tmp_path / "tree", tmp_path / "x.csv", "--json").json["predictions"]
    assert prediction == {
        "input": f"{tmp_path / 'x.csv'}[0]", "label": "b", "probability": 1.0, "runner_up": "a",
        "runner_up_probability": 0.0,
    }  # fmt: skip


def test_input_is_never_written_to(run, trained, digits, tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, digits[0][:9])
    before = path.read_bytes()
    run("predict", trained.path, path)
    assert path.read_bytes() == before


def test_csv_has_no_comments(assert_refused, trained, tmp_path):
    """A row that was left out would move all labels behind it."""
    row = ",".join(["0"] * 64)
    (tmp_path / "x.csv").write_text(f"{row}\n#{row}\n{row}\n")
    assert_refused("predict", trained.path, tmp_path / "x.csv", says="expected rows of comma-separated pixels")


@pytest.mark.parametrize("arguments", [[], ["--json"]], ids=["text", "json"])
def test_equal_probabilities_are_of_the_first_class(run, tmp_path, arguments):
    X, y = np.eye(4, dtype=np.float32), np.arange(4)
    model = MLPDigitClassifier((), random_state=0).partial_fit(X, y, classes=y)
    model.coefs_, model.intercepts_ = [np.zeros((4, 4))], [np.array([0.0, 1, 1, 0])]
    save_weights(model, tmp_path / "m.npz")
    np.save(tmp_path / "x.npy", X[:1])
    outcome = run("predict", tmp_path / "m.npz", tmp_path / "x.npy", *arguments)
    label = outcome.json["predictions"][0]["label"] if arguments else int(outcome.out)
    assert label == model.predict(X[:1])[0] == 1


def test_samples_of_zeros_have_a_label(run, trained, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((1, 64)))
    (prediction,) = run("predict", trained.path, tmp_path / "x.npy", "--json").json["predictions"]
    assert prediction["label"] == trained.model.predict(np.zeros((1, 64)))[0]


def test_first_line_of_a_tiny_image_may_look_like_numbers_of_columns(tmp_path):
    (tmp_path / "x.csv").write_text("0,1,2\n3,4,5\n")
    np.testing.assert_array_equal(read_samples(tmp_path / "x.csv", 3), [[0, 1, 2], [3, 4, 5]])
