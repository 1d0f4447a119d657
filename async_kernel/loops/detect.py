"""The offers of this interpreter and its surroundings: loops, backends, toolkits, a display.

Nothing is imported to find out. Every fact comes in by a parameter, so that each platform can be tested on any.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec as find_module
from typing import NamedTuple

from async_kernel.settings.hosts import HOSTS

__all__ = ["Found", "detect", "running_backend"]

MODULES = ("uvloop", "winloop", "trio", *(name for row in HOSTS.values() for name in (*row.modules, *row.bindings)))
DISPLAY_VARIABLES = {name for row in HOSTS.values() for name in (*row.displays, row.windowless[0]) if name}


class Found(NamedTuple):
    """The loops, toolkits and displays that were found.

    `platform` is `sys.platform`, `interpreter` the path of the Python that looked, `modules` the names of the modules
    that can be found (not: that import without an error), `display` the environment variables that say where windows
    go, for example `{"DISPLAY": ":0"}`.
    """

    platform: str
    interpreter: str
    modules: frozenset[str]
    display: Mapping[str, str]
    version: tuple[int, int] = sys.version_info[:2]
    """That of the interpreter, for example (3, 12)."""


def detect(
    platform: str | None = None,
    environ: Mapping[str, str] | None = None,
    find_spec: Callable[[str], object | None] = find_module,
    interpreter: str | None = None,
) -> Found:
    """Look around; every parameter defaults to the fact of this process.

    >>> detect("linux", {"DISPLAY": ":0"}, {"trio": True}.get, "/env/bin/python")
    Found(platform='linux', interpreter='/env/bin/python', modules=frozenset({'trio'}), display={'DISPLAY': ':0'})
    """
    variables = os.environ if environ is None else environ
    return Found(
        platform=sys.platform if platform is None else platform,
        interpreter=sys.executable if interpreter is None else interpreter,
        modules=frozenset(name for name in MODULES if _present(name, find_spec)),
        display={name: variables[name] for name in DISPLAY_VARIABLES if variables.get(name)},
    )


def _present(name: str, find_spec: Callable[[str], object | None]) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # the module is in sys.modules without a spec: somebody's stand-in for it
        return name in sys.modules


def running_backend() -> str:
    """The backend of the loop that runs in the calling thread: "trio" or else "asyncio"."""
    trio = sys.modules.get("trio")
    return "trio" if trio is not None and trio.lowlevel.in_trio_run() else "asyncio"
