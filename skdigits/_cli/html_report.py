"""``skdigits train --report``: a page that holds all of its pictures, and opens without a network."""

import base64
import io
import platform
from collections.abc import Callable, Mapping
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import ConfusionMatrixDisplay

from skdigits._typing import ImageShape
from skdigits._version import __version__
from skdigits.persistence._files import check_folder, replaced_whole
from skdigits.plotting import (
    DigitsDisplay,
    HiddenUnitsDisplay,
    LearningCurvesDisplay,
    NetworkDisplay,
    SaliencyDisplay,
    summary,
)
from skdigits.plotting._axes import check_matplotlib

_PACKAGES = ("numpy", "scipy", "scikit-learn", "numba", "matplotlib")
_SCORES = {"precision": ".4f", "recall": ".4f", "f1-score": ".4f", "support": ",.0f"}
_DOTS_PER_INCH = 110
# Of so many mistakes it is shown what spoke for them.
_EXPLAINED = 5

# By which a page is known as a report.
_GENERATOR = '<meta name="generator" content="skdigits">'
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{generator}
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ margin-bottom: 0; }}
h2 {{ margin-top: 2.5rem; border-bottom: 1px solid #ddd; }}
img {{ max-width: 100%; height: auto; display: block; margin: 1rem auto; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: 0.15rem 0.9rem 0.15rem 0; text-align: left; vertical-align: top; overflow-wrap: anywhere; }}
table.numbers td, table.numbers th + th {{ text-align: right; font-variant-numeric: tabular-nums; }}
pre {{ overflow-x: auto; background: #f6f6f6; padding: 1rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
{sections}
</body>
</html>
"""


def check_report(folder: Path) -> None:
    """Raise an error where a report could not be written: before hours of training, not after.

    Parameters
    ----------
    folder : Path
        It may be missing, but not the one that holds it.
    """
    try:
        check_matplotlib("--report")
    except ImportError as error:
        raise ValueError(str(error)) from error
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--report {folder} is a file, not a folder")
    if (folder / "index.html").is_dir():
        raise ValueError(f"--report {folder} cannot be written: {folder / 'index.html'} is a folder")
    page = folder / "index.html"
    if page.exists() and not (page.is_file() and _GENERATOR.encode() in page.read_bytes()):
        raise ValueError(f"--report {folder}: {page} is a page of something else: give another folder")
    check_folder(folder if folder.is_dir() else folder.parent, f"--report {folder}")


def write_report(
    folder: Path, model: Any, X: NDArray, y: NDArray, result: dict[str, Any], *, image_shape: ImageShape = "auto"
) -> None:
    """Write the page; a page that is there is replaced whole or not at all.

    Parameters
    ----------
    folder : Path
        Made if it is missing.
    model : Pipeline
        Fitted; its last step is the network.
    X : ndarray of shape (n_samples, n_features)
        Test images.
    y : ndarray of shape (n_samples,)
        Their labels.
    result : dict
        What ``skdigits train --json`` prints.
    image_shape : 'auto' or tuple of (height, width), default='auto'
        'auto' is for square images. The steps before the network keep another shape.
    """
    page = make_page(model, X, y, result, image_shape)
    folder.mkdir(exist_ok=True)
    with replaced_whole(folder / "index.html") as stream:
        stream.write(page.encode(errors="backslashreplace"))


def make_page(model: Any, X: NDArray, y: NDArray, result: dict[str, Any], image_shape: ImageShape = "auto") -> str:
    """The page as text. Parameters as in `write_report`."""
    network = model[-1]
    sections = [
        _table(
            {
                "Test accuracy": f"{result['test_accuracy']:.4f}",
                "Training images": f"{result['n_samples']:,}",
                "Test images": f"{len(X):,}",
                "Recipe": result["recipe"] or "none",
                "Steps": ", ".join(_name_step(step) for _, step in model.steps),
                "Epochs": result["n_iter"],
                "Seconds of training": f"{result['train_seconds']:.2f}",
                f"Loss of the last {'batch' if 'samples_per_second' in result else 'epoch'}": f"{result['loss']:.4f}",
                "Model": result["model"],
            }
        ),
        _heading("Learning curves"),
        _picture("Loss and score in the course of training", (9.6, 3.8), _plot_curves, model, result),
        _heading("Test images"),
        _picture("Confusion matrix", (5.6, 5.4), _plot_confusion_matrix, result),
        _score_table(result["classification_report"]),
        *_worst_mistakes(model, X, y, image_shape),
        _heading("Weights of the first layer", "Ink where a unit is red excites it, where it is blue inhibits it."),
        _picture(
            "Weights of the first layer",
            (7.5, 7.5),
            HiddenUnitsDisplay.from_estimator,
            network,
            image_shape=image_shape,
        ),
        _heading("Network"),
        _picture("Layers", (1.6 * network.n_layers_, 3.6), NetworkDisplay.from_estimator, network),
        f"<pre>{escape(summary(network))}</pre>",
        _heading("Parameters"),
        _table(result["parameters"]),
        _heading("Versions"),
        _table(_versions()),
    ]
    title = f"skdigits: {escape(str(result['dataset']))}"
    return _PAGE.format(generator=_GENERATOR, title=title, sections="\n".join(sections))


def _name_step(step: Any) -> str:
    """A step of a pipeline as text, but for the network, whose parameters have a table of their own."""
    return str(step) if isinstance(step, str) or not hasattr(step, "predict") else type(step).__name__


def _worst_mistakes(model: Any, X: NDArray, y: NDArray, image_shape: ImageShape) -> list[str]:
    """Digits that were surely wrong, and what spoke for the wrong labels of the first ones."""
    figure = _make_figure(8.5, 9.0)
    worst = DigitsDisplay.from_estimator(model, X, y, which="worst", image_shape=image_shape, ax=figure.subplots())
    elements = [
        _heading("Worst mistakes", "Mistakes on the test images, those first of which the network was surest."),
        _image("Worst mistakes", figure),
    ]
    rows = worst.images[:_EXPLAINED].reshape(-1, X.shape[1])
    if len(rows):
        figure = _make_figure(1.9 * len(rows) + 1, 4.0)
        # The steps before the network may change the number of pixels.
        inputs = model[:-1].transform(rows)
        SaliencyDisplay.from_estimator(model[-1], inputs, image_shape=image_shape, ax=figure.subplots())
        elements += [
            _heading(
                "What misled it",
                "The first of them as the network sees them: red pixels spoke for the wrong label, blue ones against.",
            ),
            _image("What misled it", figure),
        ]
    return elements


def _plot_curves(model: Any, result: dict[str, Any], *, ax: Any) -> None:
    display = LearningCurvesDisplay.from_estimator(model, ax=ax)
    if "samples_per_second" in result:  # a stream, each of whose batches is a call of partial_fit
        for axes in display.ax_:
            axes.set_xlabel("Batch")


def _plot_confusion_matrix(result: dict[str, Any], *, ax: Any) -> None:
    display = ConfusionMatrixDisplay(np.array(result["confusion_matrix"]), display_labels=result["labels"])
    display.plot(ax=ax, cmap="Blues", colorbar=False)
    for label in (*ax.get_xticklabels(), *ax.get_yticklabels()):
        label.set_parse_math(False)


def _picture(
    description: str, size: tuple[float, float], plot: Callable[..., object], *arguments: object, **options: object
) -> str:
    """An image element of what a function draws."""
    figure = _make_figure(*size)
    plot(*arguments, **options, ax=figure.subplots())
    return _image(description, figure)


def _make_figure(width: float, height: float) -> Any:
    """A figure that pyplot knows nothing of, which needs no screen."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _image(description: str, figure: Any) -> str:
    """An image element that holds the figure itself."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=_DOTS_PER_INCH)
    content = base64.b64encode(stream.getvalue()).decode()
    return f'<img alt="{escape(description)}" src="data:image/png;base64,{content}">'


def _heading(title: str, text: str = "") -> str:
    return f"<h2>{escape(title)}</h2>" + (f"\n<p>{escape(text)}</p>" if text else "")


def _table(entries: Mapping[str, object]) -> str:
    rows = (f"<tr><th>{escape(str(name))}</th><td>{escape(str(value))}</td></tr>" for name, value in entries.items())
    return "<table>\n" + "\n".join(rows) + "\n</table>"


def _score_table(report: Mapping[str, Any]) -> str:
    """Precision, recall and the like of each label, as scikit-learn reports them."""
    head = "".join(f"<th>{name}</th>" for name in ("label", *_SCORES))
    rows = [
        f"<tr><th>{escape(str(label))}</th>"
        + "".join(f"<td>{scores[name]:{spec}}</td>" for name, spec in _SCORES.items())
        + "</tr>"
        for label, scores in report.items()
        if isinstance(scores, dict)  # accuracy is a number of its own
    ]
    return '<table class="numbers">\n' + "\n".join([f"<tr>{head}</tr>", *rows]) + "\n</table>"


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in _PACKAGES}
    return {"skdigits": __version__, **packages, "Python": platform.python_version(), "System": platform.platform()}
