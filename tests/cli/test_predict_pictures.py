import json
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler, minmax_scale

from skdigits import MLPDigitClassifier, make_digit_pipeline
from skdigits._cli import pictures as pictures_module
from skdigits.persistence import load_weights, save_weights
from skdigits.preprocessing import Deskewer, DigitCenterer, read_digit_image

PARAMETERS = {"hidden_layer_sizes": (50,), "learning_rate_init": 0.01, "random_state": 0}


@pytest.fixture(scope="module")
def pictures():
    """Digits of 28 x 28 with values up to 255, and their labels."""
    images, y = load_digits().images, load_digits().target
    return DigitCenterer().fit_transform(images * 255 / 16), y


@pytest.fixture(scope="module")
def models(pictures, tmp_path_factory):
    """Files of a pipeline that scales pixels up to 255, one that prepares images, and a bare network."""
    X, y = pictures
    folder = tmp_path_factory.mktemp("models")
    networks = {
        "scaled.npz": make_pipeline(MinMaxScaler(), MLPDigitClassifier(**PARAMETERS)).fit(X, y),
        "divided.npz": make_pipeline(MaxAbsScaler(), MLPDigitClassifier(**PARAMETERS)).fit(X, y),
        "prepared.npz": make_digit_pipeline(**PARAMETERS).fit(X, y),
        "bare.npz": MLPDigitClassifier(**PARAMETERS).fit(X / 255, y),
        "nested.npz": make_pipeline(
            make_pipeline(Deskewer(), "passthrough", MinMaxScaler()), MLPDigitClassifier(**PARAMETERS)
        ).fit(X, y),
        "named.npz": make_digit_pipeline(**PARAMETERS).set_output(transform="pandas").fit(X, y),
    }
    for name, network in networks.items():
        save_weights(network, folder / name)
    return folder


@pytest.fixture
def folder(pictures, tmp_path):
    """Six scans: dark on light, larger than the training images, the digit not in the middle."""
    X, _ = pictures
    (tmp_path / "scans").mkdir()
    for i in range(6):
        scan = np.pad(np.kron(255 - X[i].reshape(28, 28), np.ones((3, 3))), ((40, 9), (5, 50)), constant_values=255)
        Image.fromarray(scan.astype(np.uint8)).save(tmp_path / "scans" / f"{i}.png")
    return tmp_path / "scans"


@pytest.mark.parametrize("name", ["scaled.npz", "divided.npz", "prepared.npz", "bare.npz", "nested.npz"])
def test_folder_gives_a_line_for_each_file(run, models, folder, pictures, name):
    outcome = run("predict", models / name, folder)
    assert (outcome.status, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    starts = [f"{folder / f'{i}.png'}: {pictures[1][i]} (" for i in range(6)]
    assert [line.startswith(start) for line, start in zip(lines, starts, strict=True)] == [True] * 6
    assert "%), next " in lines[0]


@pytest.mark.parametrize("divisor", [1, 255])
def test_scaler_that_does_not_tell_what_white_is(run, assert_refused, pictures, folder, tmp_path, divisor):
    X, y = pictures
    model = make_pipeline(StandardScaler(), MLPDigitClassifier(**PARAMETERS)).fit(X / divisor, y)
    save_weights(model, tmp_path / "m.npz")
    if divisor == 1:
        assert_refused(
            "predict", tmp_path / "m.npz", folder, says="its StandardScaler does not tell which value is white"
        )
    else:
        assert run("predict", tmp_path / "m.npz", folder).out.splitlines()[0].startswith(f"{folder / '0.png'}: {y[0]}")


def test_label_probability_and_runner_up_of_each_picture(run, models, folder, tmp_path):
    with Image.open(folder / "2.png") as image:
        image.save(tmp_path / "scan.jpg", quality=95)
    outcome = run("predict", models / "prepared.npz", folder / "5.png", tmp_path / "scan.jpg", folder)
    paths = [folder / "5.png", tmp_path / "scan.jpg", *(folder / f"{i}.png" for i in range(6))]
    model = load_weights(models / "prepared.npz")
    lines = []
    for path in paths:
        (row,) = model.predict_proba(255 * read_digit_image(path).reshape(1, -1))
        second, best = np.argsort(row)[-2:]
        lines.append(f"{path}: {best} ({row[best]:.1%}), next {second} ({row[second]:.1%})")
    assert outcome.out.splitlines() == lines
    assert len(set(lines)) == 7  # one twice


def test_json_and_files_of_both_kinds(run, models, folder, pictures, tmp_path):
    np.save(tmp_path / "x.npy", pictures[0][:2])
    outcome = run("predict", models / "scaled.npz", tmp_path / "x.npy", folder / "3.png", "--json", "--proba")
    predictions = outcome.json["predictions"]
    assert [entry["label"] for entry in predictions] == [0, 1, 3]
    assert [entry["input"] for entry in predictions] == [
        f"{tmp_path / 'x.npy'}[0]", f"{tmp_path / 'x.npy'}[1]", str(folder / "3.png"),
    ]  # fmt: skip
    assert all(len(entry["probabilities"]) == 10 for entry in predictions)


def test_show_draws_what_the_network_is_given(run, models, folder):
    plain = run("predict", models / "prepared.npz", folder / "1.png").out
    shown = run("predict", models / "prepared.npz", folder / "1.png", "--show").out
    assert shown.endswith(plain)
    lines = shown.splitlines()[:-1]
    assert len(lines) == 14
    assert max(map(len, lines)) <= 28
    assert "@" in shown


@pytest.mark.parametrize("name", ["prepared.npz", "named.npz", "bare.npz"])
def test_show_draws_what_stands_behind_the_preparation(run, models, folder, name):
    model, image = load_weights(models / name), read_digit_image(folder / "1.png")
    seen = image if name == "bare.npz" else np.asarray(model[:-1].transform(255 * image.reshape(1, -1)))
    drawing = pictures_module.draw(seen.reshape(28, 28) / seen.max())
    shown = run("predict", models / name, folder / "1.png", "--show").out
    assert shown.startswith(drawing)
    assert shown.startswith(pictures_module.draw(image)) == (name == "bare.npz")


def test_preparation_that_makes_no_images_is_left_out():
    samples = np.random.default_rng(0).random((12, 784))
    model = make_pipeline(PCA(3), LogisticRegression()).fit(samples, np.arange(12) % 2)
    images = pictures_module.network_images(samples, model)
    np.testing.assert_allclose(images[5].ravel(), minmax_scale(samples[5]))


def test_page(run, models, pictures, tmp_path):
    page = np.hstack([pictures[0][i].reshape(28, 28) for i in (4, 2, 7)])
    Image.fromarray(255 - np.kron(page, np.ones((2, 2))).astype(np.uint8)).save(tmp_path / "page.png")
    predictions = run("predict", models / "prepared.npz", tmp_path / "page.png", "--page", "--json").json["predictions"]
    assert [entry["label"] for entry in predictions] == [4, 2, 7]
    assert [entry["input"] for entry in predictions] == [f"{tmp_path / 'page.png'}[{i}]" for i in range(3)]


def test_what_cannot_be_read_is_refused(assert_refused, trained, models, folder, tmp_path, monkeypatch):
    model = models / "prepared.npz"
    (tmp_path / "x.png").write_bytes(b"no image")
    (tmp_path / "empty").mkdir()
    assert_refused("predict", model, tmp_path / "x.png", says=[str(tmp_path / "x.png"), "expected an image"])
    assert_refused("predict", model, tmp_path / "y.png", says=f"there is no file {tmp_path / 'y.png'}")
    assert_refused("predict", model, tmp_path / "empty", says=[str(tmp_path / "empty"), "expected image files"])
    assert_refused("predict", trained.path, folder, says="the model was trained on samples of 64 pixels")
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert_refused("predict", model, folder, says='pip install "skdigits[plot]"')


def test_page_that_is_read_as_one_digit_is_said(run, models, pictures, tmp_path):
    page = np.hstack([pictures[0][i].reshape(28, 28) for i in (4, 2, 7)])
    Image.fromarray(page.astype(np.uint8)).save(tmp_path / "page.png")
    outcome = run("predict", models / "prepared.npz", tmp_path / "page.png")
    assert (outcome.status, outcome.out.count("\n")) == (0, 1)
    assert outcome.err.endswith("page.png: 3 digits were found, and one of them is read; --page reads all\n")


@pytest.mark.parametrize("options", [[], ["--page"]])
def test_others_are_read_where_an_image_file_cannot_be(run, models, folder, options):
    (folder / "3.png").write_bytes(b"no image")
    (folder / "5.png").write_bytes(b"")
    outcome = run("predict", models / "prepared.npz", folder, folder / "0.png", *options)
    assert outcome.status == 2
    assert [Path(line.split(".png")[0]).name for line in outcome.out.splitlines()] == ["0", "1", "2", "4", "0"]
    first, second, last = outcome.err.splitlines()
    assert first.startswith(f"skdigits: {folder / '3.png'}: expected an image")
    assert second.startswith(f"skdigits: {folder / '5.png'}: ")
    assert last == "skdigits: 2 image files could not be read"


def test_json_of_image_files_that_cannot_be_read(run, models, folder):
    (folder / "3.png").write_bytes(b"no image")
    outcome = run("predict", models / "prepared.npz", folder / "3.png", folder / "0.png", "--json")
    unread, read = json.loads(outcome.out)["predictions"]
    assert (unread["input"], unread["label"]) == (str(folder / "3.png"), None)
    assert "expected an image" in unread["error"]
    assert (read["label"], "error" in read) == (0, False)
    assert outcome.err.endswith("skdigits: 1 image file could not be read\n")


def test_options_of_pictures_do_nothing_for_arrays(run, models, pictures, tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, pictures[0][:2])
    outcome = run("predict", models / "scaled.npz", path, "--show")
    assert (outcome.out, outcome.err) == (
        "0\n1\n",
        f"skdigits: {path}: no image file, so that --page and --show do nothing\n",
    )


@pytest.mark.parametrize("name", ["scaled.npz", "prepared.npz", "bare.npz"])
def test_blank_picture_has_no_digit(run, models, tmp_path, name):
    path = tmp_path / "blank.png"
    Image.new("L", (50, 60), 255).save(path)
    assert run("predict", models / name, path, "--proba").out == f"{path}: no digit was found\n"
    (prediction,) = run("predict", models / name, path, "--json").json["predictions"]
    assert prediction == {"input": str(path), "label": None, "probability": None}


def test_files_that_are_left_out_are_named(run, models, folder):
    (folder / "a.webp").touch()
    (folder / ".hidden").touch()
    outcome = run("predict", models / "prepared.npz", folder)
    assert outcome.err == f"skdigits: {folder}: no image files, left out: a.webp\n"
    (folder / "notes.txt").touch()
    assert run("predict", models / "prepared.npz", folder).err.endswith("a.webp and 1 more\n")


@pytest.mark.parametrize("missing", ["y.png", "empty"])
def test_others_are_read_where_one_is_missing(run, models, folder, tmp_path, missing):
    (tmp_path / "empty").mkdir()
    outcome = run("predict", models / "prepared.npz", tmp_path / missing, folder / "5.png")
    assert outcome.status == 2
    assert outcome.out.startswith(f"{folder / '5.png'}: ")
    first, last = outcome.err.splitlines()
    assert str(tmp_path / missing) in first
    assert last == "skdigits: 1 image file could not be read"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are of POSIX")
def test_a_pipe_with_the_name_of_an_image_is_refused(assert_refused, models, tmp_path):
    os.mkfifo(tmp_path / "p.png")
    assert_refused("predict", models / "prepared.npz", tmp_path / "p.png", says="p.png is a pipe or a device")


def test_a_link_that_leads_nowhere_is_told(run, models, folder):
    (folder / "broken.png").symlink_to("nowhere")
    assert run("predict", models / "prepared.npz", folder).err.endswith("no image files, left out: broken.png\n")


def test_a_label_a_line_whatever_is_in_a_name(run, models, folder, tmp_path):
    (image, *_) = folder.glob("*.png")
    shutil.copy(image, tmp_path / "two\nlines\t\udcff.png")
    (line,) = run("predict", models / "prepared.npz", tmp_path / "two\nlines\t\udcff.png").out.splitlines()
    assert "two\\nlines\\t\\udcff.png: " in line


def test_images_of_other_kinds_are_refused(assert_refused, models, tmp_path):
    (tmp_path / "x.WEBP").touch()
    assert_refused("predict", models / "prepared.npz", tmp_path / "x.WEBP", says="image files end in .png, .jpg")


def test_model_of_one_class_has_no_runner_up(run, pictures, folder, tmp_path):
    X, _ = pictures
    save_weights(MLPDigitClassifier(**PARAMETERS).fit(X / 255, np.full(len(X), 7)), tmp_path / "one.npz")
    status, out, err = run("predict", tmp_path / "one.npz", folder)
    assert (status, err) == (0, "")
    assert all(re.fullmatch(r".*\.png: 7 \([\d.]+%\)", line) for line in out.splitlines())
    np.save(tmp_path / "x.npy", X[:3] / 255)
    assert run("predict", tmp_path / "one.npz", tmp_path / "x.npy").out == "7\n7\n7\n"


def test_hidden_files_are_left_out(run, models, folder):
    (folder / "._0.png").write_bytes(b"what macOS leaves beside a file")
    outcome = run("predict", models / "bare.npz", folder)
    assert (outcome.status, outcome.err, len(outcome.out.splitlines())) == (0, "", 6)


def test_page_without_digits_among_others(run, models, folder):
    Image.new("L", (60, 40), 255).save(folder / "blank.png")
    outcome = run("predict", models / "bare.npz", folder, "--page")
    assert (outcome.status, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert len(lines) == 7
    assert lines[-1] == f"{folder / 'blank.png'}: no digit was found"


def test_drawings_are_no_json(assert_refused, models, folder):
    assert_refused("predict", models / "bare.npz", folder, "--show", "--json", says="--show does not go with --json")


def test_shades_are_the_nearest():
    assert pictures_module.draw(np.array([[0, 0.06, 0.5, 1]] * 2)) == " .=@"
