"""The hosts that have a name: a row for each, with all that is known of it before its toolkit is imported.

The option, the plan, the check before a start, `%gui` and the loops take theirs from here. With the class that a row
names, it is all there is to a host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

__all__ = ["HOSTS", "HostRow", "host_of"]


class HostRow(NamedTuple):
    """What a host needs, and the names that it has elsewhere."""

    path: str
    """Where its class is, which imports the toolkit: "package.module:Class"."""
    modules: tuple[str, ...] = ()
    """The modules that it needs, all of them."""
    bindings: tuple[str, ...] = ()
    """Modules of which it needs one: the first, unless the host option `module` names another."""
    package: Callable[[str, tuple[int, int]], str] = lambda module, version: module
    """What pip installs for a missing module on a version of Python, for example "PySide6-Essentials"."""
    install: Mapping[str, str] | None = None
    """How to get a toolkit that is part of Python, by `sys.platform`; "" is any other."""
    displays: tuple[str, ...] = ()
    """Variables, of which one has to say where windows go: not on macOS and Windows, which always know."""
    windowless: tuple[str, tuple[str, ...]] = ("", ())
    """A variable, and how its values begin with which no display is needed. The first is proposed."""
    guis: Mapping[str, tuple[str, ...]] = {}
    """Names beside its own in `%gui` and `%matplotlib`, each with modules, one of which is imported where it fits."""


def _qt_package(module: str, version: tuple[int, int]) -> str:
    if module != "PySide6":
        return module
    return "PySide6-Essentials" + ("<6.12" if version < (3, 12) else "")  # as for the extra `qt` in pyproject.toml


HOSTS: Mapping[str, HostRow] = {
    "tk": HostRow(
        "async_kernel.loops.hosts.tk:TkHost",
        modules=("tkinter", "_tkinter"),
        install={
            "darwin": "brew install python-tk (Homebrew), or take the Python of python.org or conda.",
            "win32": "Run the installer of Python again, choose Modify and tick 'tcl/tk and IDLE'.",
            "": "sudo apt-get install python3-tk (Debian, Ubuntu), sudo dnf install python3-tkinter (Fedora), "
            "conda install tk, or build Python with Tcl/Tk.",
        },
        displays=("DISPLAY",),
    ),
    "qt": HostRow(
        "async_kernel.loops.hosts.qt:QtHost",
        bindings=("PySide6", "PyQt6", "PySide2", "PyQt5"),
        package=_qt_package,
        displays=("DISPLAY", "WAYLAND_DISPLAY"),
        windowless=("QT_QPA_PLATFORM", ("offscreen", "minimal", "vnc", "linuxfb", "eglfs")),
        guis={"qt5": ("PyQt5.QtWidgets", "PySide2.QtWidgets"), "qt6": ("PySide6.QtWidgets", "PyQt6.QtWidgets")},
    ),
}


def host_of(gui: str) -> str:
    """The host that serves a toolkit of this name in `%gui`, for example "qt" for "qt6"; else the name itself."""
    return next((name for name, row in HOSTS.items() if gui in row.guis), gui)
