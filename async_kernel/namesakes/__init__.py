"""The package `ipykernel` as libraries find it in a kernel's process: the names are ipykernel's, the code is ours.

Libraries written for Jupyter look for ipykernel to see that they run in a notebook, and import from it to speak to the
kernel. In the process of a kernel `ipykernel` is therefore the package in the folder of that name here, whether
ipykernel is installed or not. Each module there holds the names that libraries use of its namesake. Other names come
from the ipykernel that is installed; where none is, an error names the next step (`installed`).

Other processes, such as a kernel that a cell starts, have the installed package. Knows nothing of sockets.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from .installed import Installed
from .names import give_names_back

__all__ = ["PACKAGE", "lend_namesakes"]

PACKAGE = "ipykernel"

LOADED = ("zmqshell", "iostream", "displayhook", "kernelapp", "comm")
"""The modules that are imported at once: libraries look for them in `sys.modules`, or for their names at our classes,
and import none themselves."""


def lend_namesakes(connection_file: str = "") -> Callable[[], None]:
    """Put the package in its place, and the marks that libraries look for; return a function that undoes all.

    Nothing happens when the process has imported ipykernel already: then somebody uses that one. IPython is imported.
    `connection_file` is for `sys.argv`, which becomes that of `python -m ipykernel_launcher`: argument parsers of
    libraries cut off the words behind that, and some see by the first entry that they run in a notebook.
    """
    if PACKAGE in sys.modules:
        return _nothing
    finder = Installed()
    sys.meta_path.append(finder)
    module = module_from_spec(_spec())
    sys.modules[PACKAGE] = module
    assert module.__spec__ is not None
    assert module.__spec__.loader is not None
    module.__spec__.loader.exec_module(module)
    for name in LOADED:
        import_module(f"{PACKAGE}.{name}")
    argv = sys.argv
    here = Path(__file__).with_name("ipykernel_launcher.py")
    sys.argv = ours = [str(here), *(("-f", connection_file) if connection_file else ())]

    def take_back() -> None:
        if sys.argv is ours:
            sys.argv = argv
        sys.meta_path.remove(finder)
        give_names_back()
        if sys.modules.get(PACKAGE) is module:
            for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
                del sys.modules[name]

    return take_back


def _spec() -> ModuleSpec:
    folder = Path(__file__).with_name(PACKAGE)
    spec = spec_from_file_location(PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)])
    assert spec is not None
    return spec


def _nothing() -> None:
    pass
