"""Where the figures come from: rounds, ratios, what a lower bound counts, and what rivals begin with."""

from types import SimpleNamespace

import numpy as np
import pytest
from benchmark_rows import parse
from matplotlib.figure import Figure

from skdigits._engine.initializers import draw_parameters


def test_rounds_are_interleaved_and_the_first_does_not_count(modules, monkeypatch):
    monkeypatch.setattr(modules.harness, "_PAUSE", 0)
    order, clock = [], [0.0]
    monkeypatch.setattr(modules.harness.time, "perf_counter", lambda: clock[0])

    def side(letter, seconds):
        def work():
            order.append(letter)
            clock[0] += seconds

        return work

    row = modules.harness.measure({"rival": side("r", 0.02), "ours": side("o", 0.01)}, 2, calls=3)
    assert "".join(order) == 3 * "rrrooo"
    assert [len(side["seconds"]) for side in row["sides"].values()] == [2, 2]
    # Of one call, not of three.
    assert row["sides"]["ours"]["seconds"] == pytest.approx([0.01, 0.01])


def test_ratio_is_the_median_of_those_of_the_rounds(modules):
    row = modules.harness.make_row({"rival": [2.0, 8.0, 3.0], "ours": [1.0, 2.0, 2.0]})
    assert row["ratios"] == {"rival": {"median": 2.0, "least": 1.5, "most": 4.0}}


@pytest.mark.parametrize(("options", "n_rounds"), [(["--quick"], 1), ([], 5), (["--repeats", 3], 3)])
def test_number_of_rounds(modules, monkeypatch, tmp_path, options, n_rounds):
    assert parse(modules, monkeypatch, *options, "--output", tmp_path).repeats == n_rounds


def test_chart_shows_the_spread(modules):
    axes = Figure().subplots()
    side = {"seconds": [], "median": 2.0, "least": 1.0, "most": 5.0}
    modules.results.draw_sides({"title": "", "rows": [{"work": "w", "sides": {"skdigits": side}}]}, axes)
    (bar,) = axes.collections
    assert bar.get_segments()[0][:, 0].tolist() == [1.0, 5.0]


@pytest.mark.parametrize("activation", ["relu", "logistic"])
def test_torch_begins_with_the_same_weights(modules, activation):
    pytest.importorskip("torch")
    model = modules.rivals.TorchMLP((3,), activation)._make_model(4, 2, np.random.RandomState(0))
    flat = draw_parameters((4, 3, 2), activation, np.random.RandomState(0), np.float32)
    np.testing.assert_array_equal(model[0].weight.detach().numpy().T.ravel(), flat[:12])


def test_multiplications_of_dense_samples(modules):
    """Forward, gradients of all layers, and errors of the hidden one, in half vectors."""
    units = (8, 40, 10)
    _, hidden, outputs = modules.arithmetic.count_halves(units)
    inputs = SimpleNamespace(is_listed=False, first_features=range(2))
    expected = 3 * (2 * 8 * hidden + 2 * 40 * outputs + 10 * hidden)
    assert (hidden, outputs) == (5, 2)
    assert modules.arithmetic.count_multiplications(inputs, 3, units) == expected
