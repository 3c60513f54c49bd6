"""The site of these pages, by Sphinx; `make docs` builds it strictly into build/site.

The pages are written for the repository's host too: plain Markdown, no directive in sight. Two conventions make a site of them:

- index.md lists the pages under headings; these lists are the site's navigation. A page that it does not list fails the build.
- A comment ``<!-- api: autoclass tunecurve.Study -->`` on a line of its own becomes that directive of autodoc, with the lines that
  follow in the comment as its options.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx

import tunecurve
from tunecurve.storage.records import Record
from tunecurve.storage.versions import own_version

tunecurve.run = tunecurve.run.run  # type: ignore[assignment]  # the module can be called; its function has the docstring

project = "tunecurve"
author = copyright = "tunecurve contributors"
version = release = own_version()
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "index"
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4
highlight_language = "none"
smartquotes = False  # options begin with two dashes
default_role = "code"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
maximum_signature_line_length = 120

# Nothing is fetched by who reads: the theme has its own style and scripts, and the system's fonts.
html_theme = "furo"
html_title = "tunecurve"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {"top_of_page_buttons": []}
html_static_path = ["site.css"]
html_css_files = ["site.css"]

_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_LISTED = re.compile(r"^- \[([^\]]+)\]\(([\w-]+)\.md\)", re.MULTILINE)
_DIRECTIVE = re.compile(r"^<!-- api: (\w+) ([\w.]+)\n?(.*?) ?-->$", re.MULTILINE | re.DOTALL)


def navigation(index: str) -> str:
    """Return the hidden tables of contents that the lists of the index stand for, one a heading."""
    _, *parts = _SECTION.split(index)
    tables = []
    for heading, text in zip(parts[::2], parts[1::2], strict=True):
        if pages := [f"{title} <{page}>" for title, page in _LISTED.findall(text)]:
            tables.append("\n".join(["```{toctree}", ":hidden:", f":caption: {heading}", "", *pages, "```"]))
    return "\n\n".join(tables)


def _directive(found: re.Match[str]) -> str:
    name, target, options = found.groups()
    lines = [f".. {name}:: {target}", *(f"   {line.strip()}" for line in options.splitlines())]
    return "\n".join(["```{eval-rst}", *lines, "```"])


def as_site(app: Sphinx, name: str, source: list[str]) -> None:
    """Turn what a page says in plain Markdown into what Sphinx reads."""
    if name == root_doc:
        source[0] += "\n" + navigation(source[0]) + "\n"
    source[0] = _DIRECTIVE.sub(_directive, source[0])


def without_constructor(app: Sphinx, what: str, name: str, thing: object, *_: object) -> tuple[str, None] | None:
    """Leave out the signature of classes that only this program fills."""
    is_filled_here = what == "class" and isinstance(thing, type) and issubclass(thing, Record)
    return ("", None) if is_filled_here else None


def keep_colons(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Begin what is said of an attribute with an empty comment: Napoleon takes words before a colon in the first line for a type."""
    if what in ("attribute", "property"):
        lines[:0] = ["..", ""]


def with_dashes(app: Sphinx, doctree: nodes.document, name: str) -> None:
    """Write the dash between a parameter and what is said of it."""
    for text in [text for text in doctree.findall(nodes.Text) if text == " -- "]:
        text.parent.replace(text, nodes.Text(" – "))


def setup(app: Sphinx) -> None:
    """Register the conventions of these pages."""
    app.connect("source-read", as_site)
    app.connect("doctree-resolved", with_dashes)
    app.connect("autodoc-process-docstring", keep_colons, priority=100)
    app.connect("autodoc-process-signature", without_constructor)
