"""The documentation: ``python -m sphinx -W --keep-going -b html docs docs/_build/html``."""

import os
import sys
import warnings
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sklearn.exceptions import ConvergenceWarning

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
os.environ["MPLBACKEND"] = "agg"

import skdigits  # noqa: E402

# Examples train for the epochs that they name, converged or not.
warnings.filterwarnings("ignore", category=ConvergenceWarning)

project = "skdigits"
author = "The skdigits developers"
copyright = author
version = release = skdigits.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "demo", "examples"]
templates_path = ["_templates"]
suppress_warnings = ["config.cache"]  # the order of the gallery is a class, which Sphinx cannot keep

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
# Members stand on the page of their class; those that scikit-learn gives are described there.
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "doc_module": ("skdigits",),
    "capture_repr": (),
    "backreferences_dir": "api/backreferences",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "within_subsection_order": "ExampleTitleSortKey",
}

highlight_language = "none"  # of blocks that name no language
html_theme = "pydata_sphinx_theme"
html_title = "skdigits"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_show_sourcelink = False
html_math_renderer = "mathml"
html_theme_options = {
    "navbar_align": "left",
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
}


def _skip_member(app, what, name, member, skip, options):
    """Leave out what scikit-learn's metadata routing adds to a class."""
    return True if name.startswith("set_") and name.endswith("_request") else None


def _write_inline(writer, node):
    writer.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def _write_block(writer, node):
    writer.body.append(tex2mathml(node.astext(), as_block=True))
    raise nodes.SkipNode


def setup(app):
    """Sphinx calls this."""
    app.connect("autodoc-skip-member", _skip_member)
    # Formulas that browsers draw themselves: the pages need no network.
    app.add_html_math_renderer("mathml", (_write_inline, None), (_write_block, None))
