"""The picture of a search shows what it says."""

from itertools import pairwise

import pytest
from matplotlib.figure import Figure

from skdigits._cli import search_results


def test_picture_shows_scores_against_size_and_seconds(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda self, stream, **options: drawn.append(self))
    results = {
        "mean_test_score": [0.8, 0.9, None],
        "std_test_score": [0.1, 0.1, None],
        "rank_test_score": [2, 1, 3],
        "n_parameters": [10, 20, 30],
        "mean_fit_time": [1.0, 2.0, None],
        "mean_score_time": [7.0, 8.0, None],
        "params": [{"x__max_iter": n} for n in (1, 2, 3)],
    }
    assert search_results.draw_picture(tmp_path / "p.png", results, ["x__max_iter"])
    (figure,) = drawn
    assert [ax.get_xlabel() for ax in figure.axes] == ["parameters of the network", "seconds of a fit"]
    # Both are better than whatever is smaller or faster.
    assert [ax.lines[-1].get_xdata().tolist() for ax in figure.axes] == [[10, 20], [1.0, 2.0]]
    assert [text.get_text() for text in figure.axes[0].texts] == ["2", "1"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["1: epochs 2", "2: epochs 1"]


@pytest.mark.parametrize("seconds", [[0.31, 0.32, 0.33], [0.02, 0.5, 4.0], [1.0, 1000.0, 10.0]], ids=str)
def test_numbers_of_the_axes_do_not_meet(tmp_path, monkeypatch, seconds):
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda self, stream, **options: drawn.append(self))
    results = {
        "mean_test_score": [0.8, 0.9, 0.85],
        "std_test_score": [0.1, 0.1, 0.1],
        "rank_test_score": [3, 1, 2],
        "n_parameters": [1_000, 2_000_000, 30_000],
        "mean_fit_time": seconds,
        "params": [{"x__max_iter": n} for n in (1, 2, 3)],
    }
    search_results.draw_picture(tmp_path / "p.png", results, ["x__max_iter"])
    drawn[0].canvas.draw()
    for axes in drawn[0].axes:
        left, right = axes.get_xlim()
        ticks = zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
        extents = [label.get_window_extent() for place, label in ticks if left <= place <= right]
        assert len(extents) >= 2
        assert all(one.x1 < other.x0 for one, other in pairwise(extents))
