import re

import matplotlib.pyplot as plt
import numpy as np

from skdigits.plotting import NetworkDisplay, summary


def test_drawing(fit_digits):
    fitted = fit_digits(hidden_layer_sizes=(30, 20), max_iter=1, activation="gelu")
    figure, ax = plt.subplots()
    display = NetworkDisplay.from_estimator(fitted.pipeline, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert [text.get_text() for text in display.texts_] == [
        "input",
        "hidden 1\ngelu\n1,950 parameters",
        "hidden 2\ngelu\n620 parameters",
        "output\nsoftmax\n210 parameters",
    ]
    heights = [column.get_height() for column in display.columns_]
    np.testing.assert_allclose(heights, np.log([65, 31, 21, 11]))
    sizes = [text.get_text() for text in ax.texts if text not in display.texts_]
    assert sizes == ["64", "30", "20", "10"]
    assert ax.get_title() == "2,780 parameters, 11,120 bytes (float32)"


def test_columns_and_texts_are_inside(fit_digits):
    display = NetworkDisplay.from_estimator(fit_digits(hidden_layer_sizes=(3, 900), max_iter=1).network)
    display.figure_.canvas.draw()
    for artist in (*display.columns_, *display.texts_):
        box = artist.get_window_extent()
        assert display.figure_.bbox.x0 <= box.x0 < box.x1 <= display.figure_.bbox.x1
        assert display.figure_.bbox.y0 <= box.y0 < box.y1 <= display.figure_.bbox.y1


def test_summary_counts_what_is_there(fit_digits):
    network = fit_digits(hidden_layer_sizes=(7, 6, 5), max_iter=1, dtype="float64").network
    arrays = [*network.coefs_, *network.intercepts_]
    lines = summary(network).splitlines()
    counts = [int(line.split()[-1].replace(",", "")) for line in lines[2:-2]]
    assert counts == [0, 64 * 7 + 7, 7 * 6 + 6, 6 * 5 + 5, 5 * 10 + 10]
    total = sum(array.size for array in arrays)
    assert lines[-1] == f"{total} parameters, {sum(array.nbytes for array in arrays):,} bytes (float64)"
    assert re.findall(r"\(n, (\d+)\)", summary(network)) == ["64", "7", "6", "5", "10"]
    assert len({len(line) for line in lines[:-1]}) == 1
