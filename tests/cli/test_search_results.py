"""The picture of a search shows what it says."""

from matplotlib.figure import Figure

from skdigits._cli import search_results


def test_picture_shows_scores_against_size_and_seconds(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda self, stream, **options: drawn.append(self))
    results = {
        "mean_test_score": [0.8, 0.9, None],
        "std_test_score": [0.1, 0.1, None],
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
    assert [text.get_text() for text in figure.axes[0].texts] == ["epochs 1", "epochs 2"]
