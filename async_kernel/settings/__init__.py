"""The settings in an argv or a kernel spec, as typed values.

One table (`options`) defines every option. From it come the parser (`parse`), the argv of a spec (`render`), the help
text and the page in the documentation (`manual`). For every settings value `s`, `parse(render(s)) == Start(s)`.

This room does not know that anything ever runs, nor where a spec goes on disk. It is on the path to a kernel's first
reply, so it imports little: no argparse, pathlib or dataclasses, and `ast` only for a value that needs it.
"""

from .commands import (
    DEFAULT_INTERFACE,
    Add,
    Command,
    Completion,
    Doctor,
    Help,
    List,
    Place,
    Prune,
    Remove,
    Settings,
    Start,
    Version,
)
from .options import attribute
from .parser import merge, parse, render, word

__all__ = [
    "DEFAULT_INTERFACE",
    "Add",
    "Command",
    "Completion",
    "Doctor",
    "Help",
    "List",
    "Place",
    "Prune",
    "Remove",
    "Settings",
    "Start",
    "Version",
    "attribute",
    "merge",
    "parse",
    "render",
    "word",
]
