"""Where displays draw: on axes that they are given, or on a new figure."""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.colors

# One Axes, an array-like of as many as there are panels, or None for a new figure.
AxesLike: TypeAlias = "matplotlib.axes.Axes | Sequence[matplotlib.axes.Axes] | NDArray | None"
Colormap: TypeAlias = "str | matplotlib.colors.Colormap"


# Characters of a label in the title of an image, and points of the smallest title that can be read.
_LONGEST_LABEL, _SMALLEST_TITLE = 10, 5.0


def check_matplotlib(caller: str) -> None:
    """Raise an ImportError that says what to install where matplotlib is missing.

    Parameters
    ----------
    caller : str
        What needs it.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ImportError(f'{caller} needs matplotlib: pip install "skdigits[plot]"') from error


def make_axes(
    ax: AxesLike,
    n_rows: int,
    n_columns: int,
    panel_size: tuple[float, float],
    caller: str,
    n_panels: int | None = None,
) -> NDArray:
    """Axes for a table of panels.

    Parameters
    ----------
    ax : matplotlib Axes, array-like of Axes or None
        None: those of a new figure of pyplot. One Axes is used as it is for a single panel; for more it is switched
        off, and the panels share its place. An array has one for each panel.
    n_rows, n_columns : int
    panel_size : tuple of (width, height)
        In inches, of each panel of a new figure.
    caller : str
        What draws, for errors.
    n_panels : int or None, default=None
        Of the table, those in use. None: all.

    Returns
    -------
    axes : ndarray of shape (n_rows, n_columns)
        Of matplotlib Axes; of shape (1, n_panels) where just so many are given.
    """
    check_matplotlib(caller)
    import matplotlib.axes

    if ax is None:
        import matplotlib.pyplot as plt

        size = panel_size[0] * n_columns, panel_size[1] * n_rows
        return plt.subplots(n_rows, n_columns, figsize=size, squeeze=False, layout="constrained")[1]
    given = np.atleast_1d(np.asarray(ax, object))
    strangers = [type(entry).__name__ for entry in given.flat if not isinstance(entry, matplotlib.axes.Axes)]
    if strangers:
        raise TypeError(f"{caller}: ax must be matplotlib Axes, an array of them or None, got a {strangers[0]}")
    if given.size == n_rows * n_columns:
        return given.reshape(n_rows, n_columns)
    if n_panels and given.size == n_panels:
        return given.reshape(1, n_panels)
    if given.size != 1 or given.flat[0].get_subplotspec() is None:
        raise ValueError(
            f"{caller} draws {n_panels or n_rows * n_columns} panels: ax must be None, as many Axes, or one Axes made "
            f"by subplots, got {given.size} Axes"
        )
    if not given.flat[0].axison:  # as scikit-learn's displays find out
        raise ValueError(f"{caller}: panels have taken the place of this Axes before; pass them, or new Axes, as ax")
    return _divide(given.flat[0], n_rows, n_columns)


def _divide(ax: Any, n_rows: int, n_columns: int) -> NDArray:
    from matplotlib.gridspec import GridSpecFromSubplotSpec

    ax.set_axis_off()
    # Room for titles, and for what stands beside the axes of curves.
    grid = GridSpecFromSubplotSpec(n_rows, n_columns, subplot_spec=ax.get_subplotspec(), hspace=0.5, wspace=0.4)
    axes = np.empty((n_rows, n_columns), object)
    for place in np.ndindex(n_rows, n_columns):
        axes[place] = ax.figure.add_subplot(grid[place])
    return axes


def make_table(ax: AxesLike, n_panels: int, panel_size: tuple[float, float], caller: str) -> NDArray:
    """Axes for panels in a table that is about square, and rather wide than high; what is left over is switched off.

    Parameters
    ----------
    ax, panel_size, caller
        As in `make_axes`.
    n_panels : int

    Returns
    -------
    axes : ndarray of shape (n_rows, n_columns)
        Of matplotlib Axes; panels stand row by row. Of shape (1, n_panels) where just so many are given.
    """
    n_columns = max(1, math.ceil(math.sqrt(n_panels)))
    table = make_axes(ax, max(1, math.ceil(n_panels / n_columns)), n_columns, panel_size, caller, n_panels)
    for axes in table.flat[n_panels:]:
        axes.set_axis_off()
    return table


def brief(label: Any) -> str:
    """A label as text that leaves room for others beside it."""
    text = str(label)
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}\N{HORIZONTAL ELLIPSIS}"


def show_image(ax: Any, image: NDArray, title: str, **options: Any) -> Any:
    """Draw pixels and a title, without ticks, in place of an image that was there; return what matplotlib has drawn.

    A title is a label that somebody has chosen, so dollar signs in it are no formulas.
    """
    for former in [*ax.images]:
        if former.colorbar is not None:
            former.colorbar.remove()
        former.remove()
    # Whatever the user's settings are: a digit stands upright.
    drawn = ax.imshow(image, interpolation="nearest", origin="upper", aspect="equal", **options)
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize="medium", parse_math=False)
    return drawn


def distinct_colors(n: int) -> list[Any]:
    """So many colours: those of the style, as long as there are enough, else from one end of a rainbow to the other."""
    import matplotlib

    style = matplotlib.rcParams["axes.prop_cycle"].by_key().get("color", ["C0"])
    return style[:n] if n <= len(style) else list(matplotlib.colormaps["turbo"](np.linspace(0, 1, n)))


def fit_titles(axes: Iterable[Any]) -> None:
    """Make the titles of a table so small that none reaches into the panel beside it."""
    titles = [panel.title for panel in axes]
    widths = [title.get_window_extent().width / title.axes.get_window_extent().width for title in titles]
    for title in titles:
        title.set_fontsize(max(_SMALLEST_TITLE, title.get_fontsize() / max(1.0, *widths)))
