"""Import strings: how settings name a loop factory or a host class. Nothing is imported before it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from async_kernel.errors import UsageError

__all__ = ["load"]


def load(path: Any) -> Any:
    """The object that an import string names: "package.module:name" or "package.module.name".

    A value that is no string is taken to be the object itself. Raises `UsageError` when the module or the name is not
    there.
    """
    if not isinstance(path, str):
        return path
    module, separator, name = path.partition(":")
    if not separator:
        module, _, name = path.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(
            f"{path!r} cannot be imported: {error}", "Write it as package.module:name, and put the module on sys.path."
        ) from error
