"""Pictures that are kept with the documentation show what the code is."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_layers_are_drawn_as_they_are_enforced():
    draw_layers = runpy.run_path(str(DOCS / "draw_pictures.py"))["draw_layers"]
    drawn = (DOCS / "images" / "layers.svg").read_text()
    assert drawn == draw_layers(), "the layers have changed: run python docs/draw_pictures.py"
