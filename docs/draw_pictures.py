"""Draws the layers when they have changed; ``python docs/draw_pictures.py digits`` draws the README's picture, too."""

import sys
import tomllib
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"

WIDTH, BOX_HEIGHT, GAP = 860, 34, 26
COLORS = ["#dbe9f6", "#d5eadb", "#fbe8cf", "#f3dbe3", "#e4def2"]


def draw_layers():
    """The layers that import-linter enforces, as SVG: imports point down only.

    Returns
    -------
    svg : str
    """
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = [[name.strip().removeprefix("skdigits.") for name in layer.split("|")] for layer in contracts[0]["layers"]]
    height = len(layers) * (BOX_HEIGHT + GAP) - GAP + 2
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="monospace" font-size="14">',
        '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="4" refY="4" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#777"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
    ]
    for number, names in enumerate(layers):
        top, width = 1 + number * (BOX_HEIGHT + GAP), WIDTH / len(names)
        for place, name in enumerate(names):
            left = place * width
            lines.append(
                f'<rect x="{left + 3:.1f}" y="{top}" width="{width - 6:.1f}" height="{BOX_HEIGHT}" rx="5" '
                f'fill="{COLORS[number % len(COLORS)]}" stroke="#777"/>'
                f'<text x="{left + width / 2:.1f}" y="{top + BOX_HEIGHT / 2 + 5:.1f}" text-anchor="middle">'
                f"{escape(name)}</text>"
            )
        if number + 1 < len(layers):
            bottom = top + BOX_HEIGHT
            lines.append(
                f'<line x1="{WIDTH / 2}" y1="{bottom + 3}" x2="{WIDTH / 2}" y2="{bottom + GAP - 6}" stroke="#777" '
                f'stroke-width="1.5" marker-end="url(#tip)"/>'
            )
    return "\n".join([*lines, "</svg>"]) + "\n"


def draw_digits(path):
    """What spoke for and against a class in five test images of MNIST: the picture of the README."""
    import numpy as np
    from matplotlib.figure import Figure

    from skdigits import MLPDigitClassifier
    from skdigits.datasets import fetch_mnist
    from skdigits.plotting import SaliencyDisplay
    from skdigits.recipes import RECIPES

    X, y = fetch_mnist(subset="train", return_X_y=True)
    X_test, y_test = fetch_mnist(subset="test", return_X_y=True)
    model = MLPDigitClassifier(**RECIPES["quick"], random_state=0).fit(X / np.float32(255), y)
    some = [int(np.flatnonzero(y_test == digit)[0]) for digit in (7, 2, 4, 9, 5)]
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    SaliencyDisplay.from_estimator(model, X_test[some] / np.float32(255), ax=figure.subplots())
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    (IMAGES / "layers.svg").write_text(draw_layers())
    if "digits" in sys.argv[1:]:
        draw_digits(IMAGES / "digits.png")
