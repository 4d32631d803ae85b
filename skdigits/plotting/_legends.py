"""Legends of curves: inside their panel where there is room, else beneath it, in a figure that is made large enough."""

from collections.abc import Sequence
from typing import Any

# More lines, or a larger share of the area or of the width of the panel, would hide the curves.
_MOST_LINES_INSIDE = 6
_LARGEST_SHARE_INSIDE, _WIDEST_INSIDE = 0.2, 0.7
# Inches beside a panel, and beneath it, for the numbers and the name of its axis.
_MARGIN, _DISTANCE = 0.8, 0.55


def draw_legends(
    panels: Sequence[tuple[Any, Sequence[Any]]], panel_size: tuple[float, float], *, may_grow: bool
) -> None:
    """Draw a legend in each panel, or beneath it where it would hide the curves.

    Parameters
    ----------
    panels : list of tuple of (matplotlib Axes, list of matplotlib Artist)
        Side by side in one figure, each with what its legend shows.
    panel_size : tuple of (width, height)
        In inches, which panels keep where the figure grows.
    may_grow : bool
        Whether the figure is ours: in that of somebody else all legends stay inside.
    """
    from matplotlib.transforms import ScaledTranslation

    widths, heights = [panel_size[0]], [0.0]
    for axes, handles in panels:
        legend = _draw_legend(axes, handles)
        if not may_grow:
            continue
        width, height = _measure(legend)
        share = width * height / (panel_size[0] * panel_size[1])
        is_wide = width > _WIDEST_INSIDE * panel_size[0]
        if len(handles) > _MOST_LINES_INSIDE or share > _LARGEST_SHARE_INSIDE or is_wide:
            beneath = axes.transAxes + ScaledTranslation(0, -_DISTANCE, axes.figure.dpi_scale_trans)
            _draw_legend(
                axes, handles, loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=beneath, borderaxespad=0
            )  # fmt: skip
            widths.append(width + _MARGIN)
            heights.append(height)
    if max(heights):
        figure = panels[0][0].figure
        figure.set_size_inches(max(widths) * len(panels), panel_size[1] + max(heights))


def _draw_legend(axes: Any, handles: Sequence[Any], **place: Any) -> Any:
    legend = axes.legend(handles=handles, fontsize="small", **place)
    for text in legend.get_texts():  # names that somebody has chosen, so dollar signs in them are no formulas
        text.set_parse_math(False)
    return legend


def _measure(legend: Any) -> tuple[float, float]:
    """Width and height in inches."""
    extent = legend.get_window_extent()
    return extent.width / legend.figure.dpi, extent.height / legend.figure.dpi
