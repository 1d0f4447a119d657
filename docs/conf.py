"""How Sphinx makes the site; `python docs/build.py` runs it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

from async_kernel import __version__

HERE = Path(__file__).parent

project = "async-kernel"
author = "the async-kernel developers"
version = release = __version__

extensions = [
    "myst_nb",  # Markdown, and notebooks that are executed
    "sphinx.ext.autodoc",  # the reference of the Python API, from docstrings
    "sphinx.ext.viewcode",  # from a name of the API to its source
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}

myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3  # `page.md#a-heading` is checked
suppress_warnings = ["myst.header"]  # pages may begin a list of facts at the third level

# Every notebook is run at each build, by a kernel of this checkout: build.py has made the specs.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
add_module_names = False
python_use_unqualified_type_names = True

linkcheck_ignore = [r"http://127\.0\.0\.1"]  # a server that the reader starts

html_theme = "furo"
pygments_dark_style = "github-dark"
html_title = "async-kernel"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_logo = "_static/logo.svg"
html_favicon = "_static/logo.svg"
html_show_sphinx = False
html_show_copyright = False  # the license says it
html_copy_source = False
html_theme_options = {
    "navigation_with_keys": True,
    "light_css_variables": {"color-brand-primary": "#1f6feb", "color-brand-content": "#1f6feb"},
    "dark_css_variables": {"color-brand-primary": "#79b8ff", "color-brand-content": "#79b8ff"},
}
copybutton_exclude = ".linenos, .gp, .go"

OUTSIDE = {
    "SECURITY.md": "explain/security.md",
    "CONTRIBUTING.md": "contribute/index.md",
    "CODE_OF_CONDUCT.md": "contribute/code-of-conduct.md",
    "benchmarks/README.md": "compare/benchmarks.md",
}
"""Files above this folder, and the pages of the site that hold their text. Pages link to the files, so that the links
work in a checkout; the site links to the pages."""

INCLUDE = re.compile(r"^```\{include\} (\S+)\n```$", re.M)
LINK = re.compile(r"\]\(([^)\s#]+)")


def read_page(app: Sphinx, page: str, source: list[str]) -> None:
    """Put the text of a file in place of an include, and have links to files above this folder lead to their pages."""
    folder = (HERE / page).parent

    def included(found: re.Match[str]) -> str:
        file = (folder / found[1]).resolve()
        text = file.read_text(encoding="utf-8")
        if source[0].startswith("# "):  # the page has a title of its own
            text = text.partition("\n")[2]
        return LINK.sub(lambda link: moved(link, file.parent), text)

    def moved(link: re.Match[str], base: Path) -> str:
        target = (base / link[1]).resolve()
        if ":" in link[1] or not target.exists():  # an address elsewhere, or a fault that the build finds
            return link[0]
        outside = os.path.relpath(target, HERE.parent)
        inside = HERE / OUTSIDE[outside] if outside in OUTSIDE else target
        return f"]({os.path.relpath(inside, folder)}"

    source[0] = LINK.sub(lambda link: moved(link, folder), INCLUDE.sub(included, source[0]))


def read_docstring(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Docstrings of this project are plain text: `code` stands in backquotes, and an indented block is an example."""
    read: list[str] = []
    in_example = False
    for line in lines:
        indented = line.startswith("    ")
        if indented and not in_example:
            read += ["::", ""]
        if line:
            in_example = indented
        read.append(line if in_example else re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", line))
    lines[:] = read


def read_signatures(app: Sphinx, tree: nodes.document) -> None:
    """Take the modules off the names in signatures of several forms, whose types Sphinx cannot parse: `~P` is one."""
    for signature in tree.findall(addnodes.desc_signature):
        for text in list(signature.findall(nodes.Text)):
            if "~" in text:
                text.parent.replace(text, nodes.Text(re.sub(r"~(?:\w+\.)*~?(?=\w)", "", text)))


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("doctree-read", read_signatures)
    app.connect("source-read", read_page)
    app.connect("autodoc-process-docstring", read_docstring)
