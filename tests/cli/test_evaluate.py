import joblib
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import classification_report, confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier


@pytest.fixture
def held_out():
    """The quarter of the digits that no model of the command line is trained on."""
    X, y = load_digits(return_X_y=True)
    _, X_test, _, y_test = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
    return X_test, y_test


@pytest.fixture
def expected(trained, held_out):
    X, y = held_out
    return y, trained.model.predict(X)


def test_scores(run, trained, expected):
    result = run("evaluate", trained.path, "--json").json
    assert result["model"] == trained.path
    assert result["dataset"] == "digits"
    assert result["accuracy"] == pytest.approx(np.mean(np.equal(*expected)), abs=1e-12)
    assert result["confusion_matrix"] == confusion_matrix(*expected).tolist()
    assert result["classification_report"] == classification_report(*expected, output_dict=True)
    assert result["labels"] == list(range(10))


def test_json_is_all_of_the_output(run, trained):
    outcome = run("evaluate", trained.path, "--json")
    assert (outcome.status, outcome.err, outcome.out.count("\n")) == (0, "", 1)
    assert isinstance(outcome.json, dict)


def test_text(run, trained, expected):
    outcome = run("evaluate", trained.path)
    assert (outcome.status, outcome.err) == (0, "")
    assert classification_report(*expected, digits=3) in outcome.out
    assert "Confusion matrix" in outcome.out
    accuracy = np.mean(np.equal(*expected))
    assert outcome.out.endswith(f"\nAccuracy on the 450 test images of digits: {accuracy:.4f}\n")


def test_agrees_with_the_report_of_training(run, trained):
    def report(text):
        return text[text.index("precision") : text.index("ccuracy", text.index("Confusion"))]

    assert report(run("evaluate", trained.path).out)[:-1] == report(trained.outcome.out).removesuffix("Test a")


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_model_of_several_labels_a_sample_is_refused(assert_refused, tmp_path, command):
    X, y = load_digits(return_X_y=True)
    joblib.dump(DecisionTreeClassifier(max_depth=2).fit(X, np.eye(10, dtype=int)[y]), tmp_path / "m.joblib")
    np.save(tmp_path / "x.npy", X)
    files = [tmp_path / "x.npy"] if command == "predict" else []
    assert_refused(command, tmp_path / "m.joblib", *files, "--trust", says="predicts several labels a sample")


def test_model_of_truths_is_refused(assert_refused, tmp_path):
    X, y = load_digits(return_X_y=True)
    joblib.dump(DecisionTreeClassifier(max_depth=2).fit(X, y > 4), tmp_path / "m.joblib")
    assert_refused("evaluate", tmp_path / "m.joblib", "--trust", says="predicts labels such as False")


def test_dataset_is_told_by_the_size_of_the_images(run, small_mnist, tmp_path, monkeypatch):
    small_mnist.write(tmp_path)
    monkeypatch.setenv("SKDIGITS_DATA", str(tmp_path))
    images, labels = small_mnist.arrays["test"]
    joblib.dump(DecisionTreeClassifier().fit(images.reshape(100, 784), labels), tmp_path / "tree")
    result = run("evaluate", tmp_path / "tree", "--json", "--trust").json
    assert (result["dataset"], result["accuracy"]) == ("mnist", 1.0)


def test_digit_that_is_never_predicted(run, held_out, tmp_path):
    X, y = held_out
    joblib.dump(DecisionTreeClassifier().fit(X[y < 5], y[y < 5]), tmp_path / "tree")
    outcome = run("evaluate", tmp_path / "tree", "--json", "--trust")
    assert (outcome.status, outcome.err) == (0, "")
    assert np.sum(outcome.json["confusion_matrix"]) == 450
    assert np.sum(outcome.json["confusion_matrix"], axis=0)[5:].tolist() == [0] * 5


def test_no_dataset_fits(assert_refused, tmp_path):
    joblib.dump(DecisionTreeClassifier().fit(np.eye(5), range(5)), tmp_path / "tree")
    assert_refused("evaluate", tmp_path / "tree", "--trust", says=["5 pixels", "digits has 64", "mnist has 784"])


def test_dataset_that_does_not_fit(assert_refused, small_mnist, trained, tmp_path, monkeypatch):
    small_mnist.write(tmp_path)
    monkeypatch.setenv("SKDIGITS_DATA", str(tmp_path))
    assert_refused("evaluate", trained.path, "--dataset", "mnist", says=["784 pixels", "images of 64"])


def test_labels_of_another_kind(assert_refused, held_out, tmp_path):
    X, y = held_out
    joblib.dump(DecisionTreeClassifier().fit(X, np.array(list("abcdefghij"))[y]), tmp_path / "m.joblib")
    says = "predicts labels such as a, and those of digits are numbers"
    assert_refused("evaluate", "--trust", tmp_path / "m.joblib", says=says)
