"""The ipykernel that is installed, for names that the namesakes do not have: kernels of other languages are made from
it.

Its modules import one another by name, so they get the namesakes where there are any: a class of theirs that asks for
the shell, the streams or comms finds those of the kernel that runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from async_kernel.stacks import Stack, callers
from async_kernel.stacks.tracing import IMPORT_FROM, stands_at

__all__ = ["Installed", "become", "rest_of"]

_loaded: dict[str, ModuleType | None] = {}


class Installed:
    """The last finder of `sys.meta_path`: finds a module of ipykernel that has no namesake in the installed one.

    It looks anew each time: `%pip install ipykernel` takes effect at once. ModuleNotFoundError with the next step where
    ipykernel is not installed.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where the installed module is; None for modules of other packages and those that ipykernel has not got."""
        return _find(fullname) if fullname.startswith("ipykernel.") else None


def _find(name: str) -> ModuleSpec | None:
    package, _, rest = name.partition(".")
    spec = PathFinder.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(_missing(name), name=name)
    folders = [str(Path(each).joinpath(*rest.split(".")[:-1])) for each in spec.submodule_search_locations]
    return PathFinder.find_spec(name, folders)


def _missing(name: str) -> str:
    return (
        f"{name} is a part of ipykernel, which is not installed. This kernel is async-kernel: it has the names of"
        " ipykernel by which libraries speak to a notebook, not those from which other kernels are made. Install them"
        " beside it: %pip install ipykernel"
    )


def _load(name: str, *, register: bool) -> ModuleType:
    spec = _find(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"The installed ipykernel has no module {name}.", name=name)
    module = module_from_spec(spec)
    if register:
        sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def become(name: str) -> Any:
    """Put the installed module `name` in the place of the namesake that is being imported, and return it."""
    return _load(name, register=True)


def rest_of(name: str) -> Callable[[str], Any]:
    """The `__getattr__` of a namesake (PEP 562): names that it has not got come from the installed module `name`."""

    def __getattr__(attribute: str) -> Any:
        if not attribute.startswith("__"):
            if name not in _loaded:
                _loaded[name] = None  # while it is loaded: for imports in a circle
                try:
                    _loaded[name] = _load(name, register=False)
                except ModuleNotFoundError as error:
                    if not (error.name or "").startswith("ipykernel"):
                        raise
                    del _loaded[name]
                    if _is_importing(callers()):
                        raise ImportError(_missing(f"{name}.{attribute}"), name=name) from None
            if hasattr(_loaded.get(name), attribute):
                return getattr(_loaded[name], attribute)
        raise AttributeError(f"module {name!r} has no attribute {attribute!r}", name=attribute)

    return __getattr__


def _is_importing(stack: Stack) -> bool:
    """Whether a stack stands in `from … import …`: Python would hide the text of an AttributeError there."""
    return stack.innermost is not None and stands_at(stack.innermost, IMPORT_FROM)
