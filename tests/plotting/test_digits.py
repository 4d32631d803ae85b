from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier

from skdigits import MLPDigitClassifier
from skdigits.plotting import DigitsDisplay

RED, BLACK = to_rgba("tab:red"), to_rgba("black")


def color_of(ax):
    return to_rgba(ax.title.get_color())


def test_predictions():
    X = np.arange(3 * 16.0).reshape(3, 16)
    display = DigitsDisplay.from_predictions(X, [3, 1, 4], [3, 7, 4], [0.5, 0.987, 0.2])
    panels = display.ax_.ravel()
    assert [ax.get_title() for ax in panels[:3]] == ["3, 50 %", "1 read as 7, 99 %", "4, 20 %"]
    assert [color_of(ax) for ax in panels[:3]] == [BLACK, RED, BLACK]
    assert to_rgba(panels[1].spines["left"].get_edgecolor()) == RED
    assert to_rgba(panels[0].spines["left"].get_edgecolor()) == BLACK
    for row, image in zip(X, display.images_, strict=True):
        np.testing.assert_array_equal(image.get_array(), row.reshape(4, 4))
    assert display.ax_.shape == (2, 2)
    assert not panels[3].axison
    assert display.figure_ is panels[0].figure


def test_axes_for_each_image():
    figure, axes = plt.subplots(1, 5)
    display = DigitsDisplay.from_predictions(np.ones((5, 4)), [0] * 5, [0] * 5, ax=axes)
    assert display.ax_.shape == (1, 5)
    assert list(display.ax_[0]) == list(axes)
    assert all(ax.axison for ax in axes)
    with pytest.raises(ValueError, match=r"draws 5 panels: ax must be None, as many Axes, .* got 4 Axes"):
        DigitsDisplay.from_predictions(np.ones((5, 4)), [0] * 5, [0] * 5, ax=axes[:4])
    plt.close(figure)


def test_probability_is_that_of_the_predicted_label():
    X, y = np.repeat([[0.0, 0, 0, 0], [0.9, 0.9, 0.9, 0.9]], 20, axis=0), np.repeat([0, 8], 20)
    model = FixedThresholdClassifier(LogisticRegression(), threshold=0.999, pos_label=8).fit(X, y)
    display = DigitsDisplay.from_estimator(model, X[[0, -1]], y[[0, -1]])
    assert list(display.y_pred) == [0, 0]
    np.testing.assert_array_equal(display.probabilities, model.predict_proba(X[[0, -1]])[:, 0])
    assert display.probabilities[1] < 0.5


class Reader:
    """Predicts, knows no classes, and takes what it cannot read for -1."""

    def predict(self, X):
        return np.array([3, -1])

    def predict_proba(self, X):
        return np.array([[0.25, 0.75], [0.625, 0.375]])


def test_probability_of_a_label_that_is_no_class_is_the_largest():
    reader = Reader()
    for _ in range(2):
        assert list(DigitsDisplay.from_estimator(reader, np.ones((2, 4)), [3, 7]).probabilities) == [0.75, 0.625]
        reader.classes_ = np.array([7, 3])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_probability_of_the_only_class():
    X = 9 * np.random.default_rng(0).standard_normal((20, 4))
    model = MLPDigitClassifier((8,), max_iter=1, learning_rate_init=1e-9, random_state=0).fit(X, np.zeros(20))
    shown = DigitsDisplay.from_estimator(model, X, np.zeros(20), n_digits=20).probabilities
    np.testing.assert_array_equal(shown, model.predict_proba(X)[:, 0])
    assert (shown < 0.5).any()


@pytest.mark.parametrize("options", [{"which": "wrong"}, {"n_digits": 0}], ids=str)
def test_none_of_a_list(options):
    display = DigitsDisplay.from_predictions([[1.0] * 4, [0.0] * 4], [0, 1], [0, 1], **options)
    assert [text.get_text() for text in display.ax_[0, 0].texts] == ["none"]


def test_panels_have_their_size():
    display = DigitsDisplay.from_predictions(np.ones((2, 4)), [0, 0], [0, 0])
    assert display.figure_.get_size_inches().tolist() == pytest.approx([2 * 1.7, 1.8])


def test_long_labels_are_cut():
    display = DigitsDisplay.from_predictions(np.ones((1, 4)), ["exactly 10"], ["the number eleven"])
    assert display.ax_[0, 0].get_title() == "exactly 10 read as\nthe numbe\N{HORIZONTAL ELLIPSIS}"


def title_extents(display):
    display.figure_.canvas.draw()
    return [[ax.title.get_window_extent() for ax in row] for row in display.ax_]


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("labels", [("3", "5"), ("three", "seven"), ("twenty-one", "forty-four")], ids=str)
def test_titles_do_not_overlap(labels, given):
    true, predicted = ([label] * 25 for label in labels)
    ax = plt.subplots()[1] if given else None
    extents = title_extents(DigitsDisplay.from_predictions(np.ones((25, 4)), true, predicted, np.ones(25), ax=ax))
    for row in extents:
        assert all(left.x1 <= right.x0 for left, right in pairwise(row))
    for above, below in pairwise(extents):
        assert all(below.y1 <= one.y0 for one, below in zip(above, below, strict=True))


def test_titles_in_a_dark_style_are_light():
    with plt.style.context("dark_background"):
        display = DigitsDisplay.from_predictions(np.ones((2, 4)), [0, 1], [0, 2])
        colors = [ax.title.get_color() for ax in display.ax_.flat]
    assert colors == ["white", "tab:red"]


def test_digits_stand_upright_whatever_the_settings():
    with plt.rc_context({"image.origin": "lower", "image.aspect": "auto"}):
        display = DigitsDisplay.from_predictions(np.ones((1, 4)), [0], [0])
    (bottom, top), ax = display.ax_[0, 0].get_ylim(), display.ax_[0, 0]
    assert bottom > top
    assert ax.get_aspect() == 1


def test_labels_are_no_formulas():
    display = DigitsDisplay.from_predictions(np.ones((2, 4)), ["$x^", "<b>"], ["$x^", "$\\no$"])
    assert [ax.get_title() for ax in display.ax_.flat] == ["$x^", "<b> read as\n$\\no$"]
    display.figure_.canvas.draw()


def test_most_confident_mistakes_come_first(fitted):
    display = DigitsDisplay.from_estimator(fitted.pipeline, fitted.X, fitted.y, which="worst", n_digits=10)
    probabilities, predicted = fitted.pipeline.predict_proba(fitted.X), fitted.pipeline.predict(fitted.X)
    mistakes = [(max(row), index) for index, row in enumerate(probabilities) if predicted[index] != fitted.y[index]]
    expected = [index for _, index in sorted(mistakes, key=lambda mistake: -mistake[0])][:10]
    assert len(expected) == 10
    np.testing.assert_array_equal(display.images.reshape(10, -1), fitted.X[expected])
    np.testing.assert_array_equal(display.y_true, fitted.y[expected])
    np.testing.assert_array_equal(display.y_pred, predicted[expected])
    assert all(color_of(ax) == RED for ax in display.ax_.flat[:10])


def test_which_ones(fitted):
    X, y, predicted = fitted.X, fitted.y, fitted.pipeline.predict(fitted.X)
    probabilities = fitted.pipeline.predict_proba(X).max(axis=1)
    first = DigitsDisplay.from_estimator(fitted.pipeline, X, y, n_digits=4)
    np.testing.assert_array_equal(first.images.reshape(4, -1), X[:4])
    np.testing.assert_array_equal(first.probabilities, probabilities[:4])
    wrong = DigitsDisplay.from_estimator(fitted.pipeline, X, y, which="wrong", n_digits=3)
    np.testing.assert_array_equal(wrong.images.reshape(3, -1), X[predicted != y][:3])
    draws = [
        DigitsDisplay.from_estimator(fitted.pipeline, X, y, which="random", n_digits=6, random_state=seed).images
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()
    assert len({image.tobytes() for image in draws[0]}) == 6


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.coo_array, pd.DataFrame, list])
def test_containers(container):
    X = np.arange(12.0).reshape(3, 4)
    display = DigitsDisplay.from_predictions(container(X), [0, 1, 2], [1, 1, 0], which="wrong")
    np.testing.assert_array_equal(display.images.reshape(2, 4), X[[0, 2]])


@pytest.mark.parametrize("container", [np.asarray, list, np.ndarray.tolist])
def test_images_that_are_not_flat(container):
    images = np.arange(18.0).reshape(3, 2, 3)
    display = DigitsDisplay.from_predictions(container(images), [0, 1, 2], [1, 1, 0], which="wrong")
    np.testing.assert_array_equal(display.images, images[[0, 2]])


def test_no_mistakes():
    display = DigitsDisplay.from_predictions(np.ones((2, 4)), [0, 1], [0, 1], which="wrong")
    assert display.images_ == []
    assert [text.get_text() for text in display.ax_[0, 0].texts] == ["none"]


def test_one_digit_on_given_axes():
    figure, ax = plt.subplots()
    display = DigitsDisplay.from_predictions(np.ones((1, 6)), [1], [1], image_shape=(2, 3), ax=ax)
    assert display.ax_[0, 0] is ax
    assert ax.images[0].get_array().shape == (2, 3)
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"which": "best"}, "which must be one of 'first', 'wrong', 'worst', 'random', got 'best'"),
        ({"which": ["first"]}, r"which must be one of .*, got \['first'\]"),
        ({"which": "worst"}, "which='worst' needs probabilities"),
        ({"image_shape": (2, 3)}, r"X has 4 features, but images of image_shape=\(2, 3\) have 6"),
        ({"image_shape": 2}, "image_shape must be 'auto' or two positive integers"),
        ({"X": np.ones((2, 2, 8)), "image_shape": (4, 4)}, r"image_shape=\(4, 4\), but X has images of shape \(2, 8\)"),
        ({"X": np.ones((2, 4, 4, 3))}, r"expected X of shape .* or \(n_samples, height, width\), got \(2, 4, 4, 3\)"),
        ({"probabilities": np.ones((2, 1, 1))}, r"must have one or two dimensions, got shape \(2, 1, 1\)"),
        ({"image_shape": "square"}, "image_shape must be 'auto' or two positive integers"),
        ({"y_pred": [0]}, "inconsistent numbers of samples"),
        ({"y_true": np.eye(2)}, r"expected one label a sample, got labels of shapes \(2, 2\) and \(2,\)"),
        ({"X": np.ones((2, 5))}, r"5 features, which is no square number; pass image_shape=\(height, width\)"),
    ],
)
def test_bad_arguments(options, says):
    arguments = {"X": np.ones((2, 4)), "y_true": [0, 1], "y_pred": [1, 0]} | options
    with pytest.raises(ValueError, match=says):
        DigitsDisplay.from_predictions(**arguments)
    assert plt.get_fignums() == []


def test_what_is_no_classifier():
    with pytest.raises(TypeError, match="expected a fitted classifier with predict_proba, got a NoneType"):
        DigitsDisplay.from_estimator(None, np.ones((2, 4)), [0, 1])


def test_numbers_and_text_are_not_compared():
    with pytest.raises(ValueError, match="Mix of label input types"):
        DigitsDisplay.from_predictions(np.ones((2, 4)), [0, 1], ["0", "1"])


def test_nullable_integers():
    frame = pd.DataFrame([[0, 1, 2, 3]], dtype="Int64")
    display = DigitsDisplay.from_predictions(frame, [1], [1])
    np.testing.assert_array_equal(display.images_[0].get_array(), [[0, 1], [2, 3]])


@pytest.mark.parametrize("n_digits", [-1, 1.5])
def test_number_of_digits_is_checked(n_digits):
    with pytest.raises((TypeError, ValueError), match="n_digits"):
        DigitsDisplay.from_predictions(np.ones((2, 4)), [0, 1], [0, 1], n_digits=n_digits)
