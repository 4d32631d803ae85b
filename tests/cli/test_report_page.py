import base64
import io
import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdigits import MLPDigitClassifier
from skdigits._cli import html_report
from skdigits._cli.report import score_model
from skdigits.persistence import load_weights
from skdigits.plotting import DigitsDisplay, summary

VOID = {"meta", "img"}


class Page(HTMLParser):
    """What a browser would find: text by element, images, and whatever leads elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.links, self.images, self.rows, self.texts = [], [], [], {}, [], {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        self.links += [attributes[name] for name in ("src", "href", "srcset", "action") if name in attributes]
        if tag == "img":
            kind, content = attributes["src"].split(",")
            assert kind == "data:image/png;base64"
            self.images[attributes["alt"]] = base64.b64decode(content, validate=True)
        if tag == "tr":
            self.rows.append([])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1].append(data)
        elif self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    @property
    def table(self):
        """Rows by what they begin with."""
        return {row[0]: row[1:] for row in self.rows}


class Reported(NamedTuple):
    """A page, and what else the command has left."""

    text: str
    result: dict
    model: object

    @property
    def page(self):
        return Page(self.text)


@pytest.fixture(scope="module")
def reported(train, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reported")
    options = ("--epochs", 8, "--hidden", 20, "--validation", 0.2, "--output", folder / "m.npz")
    result = train(*options, "--report", folder / "new")
    assert result["report"] == str(folder / "new" / "index.html")
    assert [path.name for path in (folder / "new").iterdir()] == ["index.html"]
    return Reported((folder / "new" / "index.html").read_text(), result, load_weights(folder / "m.npz"))


def test_pictures_are_images(reported):
    images = reported.page.images
    assert list(images) == [
        "Loss and score in the course of training",
        "Confusion matrix",
        "Worst mistakes",
        "What misled it",
        "Weights of the first layer",
        "Layers",
    ]
    for content in images.values():
        with Image.open(io.BytesIO(content)) as image:
            assert image.format == "PNG"
            pixels = np.asarray(image.convert("L"))
        assert pixels.shape[0] > 200
        assert pixels.shape[1] > 300
        assert (pixels < 128).any()


def test_page_needs_nothing_else(reported):
    assert all(link.startswith("data:") for link in reported.page.links)
    assert not {"script", "link", "iframe"} & set(reported.page.tags)
    assert "http" not in reported.text.replace("http-equiv", "")
    assert "url(" not in reported.text
    assert "@import" not in reported.text


def test_numbers_are_those_of_the_json_output(reported):
    table, result = reported.page.table, reported.result
    assert table["Test accuracy"] == [f"{result['test_accuracy']:.4f}"]
    assert table["Test images"] == ["450"]
    assert table["Epochs"] == [str(result["n_iter"])]
    assert table["Loss of the last epoch"] == [f"{result['loss']:.4f}"]
    assert table["Seconds of training"] == [f"{result['train_seconds']:.2f}"]
    assert table["Model"] == [result["model"]]
    assert table["Training images"] == [f"{result['n_samples']:,}"]
    assert table["Recipe"] == ["none"]
    assert table["Steps"][0].endswith("Deskewer(), MinMaxScaler(clip=True), MLPDigitClassifier")
    for name, value in result["parameters"].items():
        assert table[name] == [str(value)]
    for label in (*map(str, range(10)), "macro avg", "weighted avg"):
        scores = result["classification_report"][label]
        assert table[label] == [
            f"{scores['precision']:.4f}", f"{scores['recall']:.4f}", f"{scores['f1-score']:.4f}",
            f"{int(scores['support'])}",
        ]  # fmt: skip


def test_summary_and_versions(reported):
    page = reported.page
    assert "".join(page.texts["pre"]) == summary(reported.model)
    for name in ("numpy", "scikit-learn", "numba", "matplotlib"):
        assert page.table[name] == [html_report.version(name)]
    assert page.table["Python"] == [".".join(map(str, sys.version_info[:3]))]


@pytest.fixture(scope="module")
def strange():
    """A network whose labels are no digits and mean something to HTML and to matplotlib, and samples."""
    X, y = load_digits(return_X_y=True)
    labels = np.array(["<b>&\"'", "$x^", "</table>"])[y % 3]
    model = make_pipeline(MinMaxScaler(), MLPDigitClassifier((5,), max_iter=1, random_state=0))
    with pytest.warns(ConvergenceWarning):
        model.fit(X[:300], labels[:300])
    return model, X[300:500], labels[300:500]


def page_of(model, X, y):
    scores, _ = score_model(model, X, y)
    result = {
        "dataset": "<i>x</i>", "recipe": None, "n_samples": 10,
        "test_accuracy": scores.pop("accuracy"), "train_seconds": 1.0, "n_iter": 1,
        "loss": 1.0, "model": "a<b>", "parameters": {"alpha": "<u>"}, **scores,
    }  # fmt: skip
    return Page(html_report.make_page(model, X, y, result))


def test_what_means_something_to_html_is_escaped(strange):
    page = page_of(*strange)
    assert not {"b", "i", "u"} & set(page.tags)
    assert page.texts["h1"] == ["skdigits: <i>x</i>"]
    assert page.table["alpha"] == ["<u>"]
    assert page.table["Model"] == ["a<b>"]
    assert {"<b>&\"'", "$x^", "</table>"} <= set(page.table)


def test_pictures_leave_pyplot_alone(strange):
    page_of(*strange)
    assert plt.get_fignums() == []


def test_without_mistakes(strange):
    model, X, _ = strange
    page = page_of(model, X, model.predict(X))
    assert page.table["Test accuracy"] == ["1.0000"]
    assert "Worst mistakes" in page.images
    assert "What misled it" not in page.images


@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
def test_text_output_names_the_page(run, tmp_path, solver):
    (tmp_path / "index.html").write_text(html_report._GENERATOR)
    options = ("--epochs", 1, "--solver", solver, "--output", tmp_path / "m.npz")
    status, out, _ = run("train", *options, "--report", tmp_path)
    assert status == 0
    assert out.endswith(f"Model saved to {tmp_path / 'm.npz'}\nReport written to {tmp_path / 'index.html'}\n")
    page = Page((tmp_path / "index.html").read_text())
    assert page.table["Test accuracy"] == [out.split("Test accuracy: ")[1].split()[0]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.html", "m.npz"]
    assert (tmp_path / "index.html").stat().st_mode & 0o777 == 0o644


def test_failure_leaves_the_old_page_alone(tmp_path, monkeypatch):
    def fail(source, target):
        raise OSError("no rename")

    (tmp_path / "index.html").write_text("old")
    monkeypatch.setattr(html_report, "make_page", lambda *arguments: "new")
    monkeypatch.setattr("skdigits.persistence._files.os.replace", fail)
    with pytest.raises(OSError, match="no rename"):
        html_report.write_report(tmp_path, None, None, None, None)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"index.html": "old"}


@pytest.fixture
def no_training(monkeypatch):
    """Fails where the command goes on to train."""

    def fit(*arguments):
        pytest.fail("trained first, looked later")

    monkeypatch.setattr("skdigits._cli.train._ImagesInMemory.fit", fit)


@pytest.mark.usefixtures("no_training")
def test_bad_folders_are_refused_before_training(assert_refused, tmp_path):
    arguments = ("train", "--output", tmp_path / "m.npz", "--report")
    (tmp_path / "file").write_text("")
    (tmp_path / "full" / "index.html").mkdir(parents=True)
    assert_refused(*arguments, tmp_path / "file", says=[f"--report {tmp_path / 'file'}", "is a file, not a folder"])
    assert_refused(*arguments, tmp_path / "a" / "b", says=[str(tmp_path / "a" / "b"), "there is no folder"])
    assert_refused(*arguments, tmp_path / "full", says=["cannot be written", "index.html is a folder"])
    (tmp_path / "index.html").write_text("<html>")
    assert_refused(*arguments, tmp_path, says=[f"--report {tmp_path}: ", "index.html is a page of something else"])
    assert (tmp_path / "index.html").read_text() == "<html>"
    assert not (tmp_path / "m.npz").exists()


@pytest.mark.usefixtures("no_training")
def test_locked_folder_is_refused_before_training(assert_refused, tmp_path, monkeypatch):
    (tmp_path / "locked").mkdir()
    # As root all is open.
    monkeypatch.setattr("skdigits.persistence._files.os.access", lambda path, mode: path != tmp_path / "locked")
    says = [f"--report {tmp_path / 'locked'} cannot be written", "no permission"]
    assert_refused("train", "--output", tmp_path / "m.npz", "--report", tmp_path / "locked", says=says)


@pytest.mark.usefixtures("no_training")
def test_missing_matplotlib_is_said_before_training(assert_refused, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.figure", raising=False)
    says = '--report needs matplotlib: pip install "skdigits[plot]"'
    assert_refused("train", "--output", tmp_path / "m.npz", "--report", tmp_path / "r", says=says)
    assert not (tmp_path / "r").exists()


def test_help(run):
    assert "--report DIR" in run("train", "--help").out


# Writes what was found into the title, which stands in the rendered page.
SCRIPT = """<script>
const sizes = [...document.images].map(image => image.naturalWidth > 300 && image.clientHeight > 100);
document.title = [...sizes, performance.getEntriesByType("resource").filter(entry => /^http/.test(entry.name)).length,
                  document.body.scrollWidth <= window.innerWidth].join();
</script>"""


@pytest.fixture(scope="module")
def drawn(reported, digits):
    """Texts of each figure of the page, by its description, and the test images."""
    X, y = digits
    _, X_test, _, y_test = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
    figures, make_image = {}, html_report._image
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            html_report, "_image", lambda name, figure: figures.setdefault(name, figure) and make_image(name, figure)
        )
        html_report.make_page(reported.model, X_test, y_test, reported.result)
    return {name: texts_of(figure) for name, figure in figures.items()}, X_test, y_test


def texts_of(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


@pytest.mark.parametrize(
    ("of_a_stream", "label"), [({}, "Epoch"), ({"samples_per_second": 1.0}, "Batch")], ids=["epochs", "stream"]
)
def test_learning_curves_have_a_point_for_each(reported, monkeypatch, of_a_stream, label):
    figures = []
    monkeypatch.setattr(html_report, "_image", lambda name, figure: figures.append(figure) or "")
    result = reported.result | of_a_stream
    html_report.make_page(reported.model, np.zeros((2, 64)), np.arange(2), result)
    assert {text for text in texts_of(figures[0]) if text in ("Batch", "Epoch")} == {label}


def test_confusion_matrix_is_the_one_of_the_test_images(reported, drawn):
    texts, X_test, y_test = drawn
    display = ConfusionMatrixDisplay.from_predictions(y_test, reported.model.predict(X_test), colorbar=False)
    assert len(texts_of(display.figure_)) > 100
    assert texts["Confusion matrix"] == texts_of(display.figure_)
    plt.close(display.figure_)


def test_worst_mistakes_are_those_on_the_test_images(reported, drawn):
    texts, X_test, y_test = drawn
    display = DigitsDisplay.from_estimator(reported.model, X_test, y_test, which="worst")
    assert len(texts_of(display.figure_)) > 3
    assert texts["Worst mistakes"] == texts_of(display.figure_)
    plt.close(display.figure_)


def test_five_mistakes_are_explained(drawn):
    assert sum(text.startswith("for ") for text in drawn[0]["What misled it"]) == 5


@pytest.fixture
def browse(tmp_path):
    """Call a browser without a screen for a page, and return what it says; no address can be reached from it."""
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    if browser is None:
        give_up = pytest.fail if os.environ.get("SKDIGITS_REQUIRE_BROWSER") else pytest.skip
        give_up(f"none of {', '.join(names)} is installed")

    def browse(page, *options):
        command = [
            browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={tmp_path / 'profile'}", *options, f"file://{page}",
        ]  # fmt: skip
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    return browse


def test_a_browser_shows_all_pictures(reported, browse, tmp_path):
    (tmp_path / "index.html").write_text(reported.text.replace("</body>", f"{SCRIPT}</body>"))
    shown = browse(tmp_path / "index.html", "--window-size=1000,800", "--dump-dom")
    assert f"<title>{','.join(['true'] * 6)},0,true</title>" in shown
    for text in ("Test accuracy", f"{reported.result['test_accuracy']:.4f}", *reported.page.images):
        assert text in shown


def test_a_browser_paints_the_page(reported, browse, tmp_path):
    (tmp_path / "index.html").write_text(reported.text)
    browse(tmp_path / "index.html", "--window-size=1000,3000", f"--screenshot={tmp_path / 'page.png'}")
    with Image.open(tmp_path / "page.png") as image:
        pixels = np.asarray(image.convert("L"))
    assert pixels.shape == (3000, 1000)
    # Something dark in each part of the page.
    assert ((pixels < 128).reshape(10, -1).sum(axis=1) > 50).all()


def test_labels_are_no_formulas():
    figure = html_report._make_figure(3, 3)
    result = {"confusion_matrix": [[1, 0], [0, 1]], "labels": ["$\\x$", "b"]}
    html_report._plot_confusion_matrix(result, ax=figure.subplots())
    figure.savefig(io.BytesIO())
