"""How Sphinx builds the site: `sphinx-build -W docs OUT`.

Notebooks are shown as they are written; `-D nb_execution_mode=force` runs them, too.
"""

import inspect
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import keras
from made_tables import fill_in

import keras_multigrid

project = "keras_multigrid"
author = "keras_multigrid contributors"
copyright = author
release = version = keras_multigrid.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build"]
highlight_language = "none"  # of blocks that name none: commands, and what programs print

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True
nb_output_stderr = "remove"  # warnings of libraries

default_role = "code"  # our docstrings have code in single backquotes, as Keras' do
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False  # Keras' are in Markdown
autodoc_default_options = {"members": True, "exclude-members": "build, call, get_config"}
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = ["Input shape", "Output shape", ("Call arguments", "params_style")]

html_theme = "pydata_sphinx_theme"
html_title = "keras_multigrid"
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": [], "faq": [], "changelog": [], "citing": []}
html_show_sourcelink = False


def part_plurals(app, kind, name, value, options, lines):
    """Code with a letter after it, such as `Pair`s, is Markdown's and not reStructuredText's."""
    lines[:] = [re.sub(r"(`[^`]+`)(?=[a-z])", r"\1\\ ", line) for line in lines]


def own_signature(app, kind, name, value, options, signature, returned):
    """Keras' layers have a `__new__` that takes anything; what `__init__` takes is wanted."""
    if kind == "class" and issubclass(value, keras.Operation):
        _, *parameters = inspect.signature(value.__init__).parameters.values()
        signature = str(inspect.Signature(parameters))
    return signature, returned


def setup(app):
    app.connect("source-read", fill_in)
    app.connect("autodoc-process-docstring", part_plurals)
    app.connect("autodoc-process-signature", own_signature)
