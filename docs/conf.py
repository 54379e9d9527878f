"""How Sphinx builds these pages: ``scripts/docs``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pygments.lexers.python import PythonLexer

import topgun

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "topgun"
author = "the topgun developers"
copyright = author
release = version = topgun.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"topgun {release}"

default_role = "code"  # what docstrings put between single backticks
myst_heading_anchors = 3
autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
nitpicky = False


def setup(app: Sphinx) -> None:
    """Teach the highlighter the fence of code that is only a part of a program and is not run by the tests."""
    app.add_lexer("py-fragment", PythonLexer)
