"""`ipykernel` in the process of a kernel of ours: see `async_kernel.namesakes`.

Its version is that of the installed package, else of the one whose answers these modules are held to.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .connect import connect_qtconsole, get_connection_file, get_connection_info, write_connection_file

__all__ = [
    "connect_qtconsole",
    "get_connection_file",
    "get_connection_info",
    "kernel_protocol_version",
    "kernel_protocol_version_info",
    "version_info",
    "write_connection_file",
]

COMPARED_WITH = "7.4.0"

kernel_protocol_version_info = (5, 3)
kernel_protocol_version = "5.3"

_AT_ONCE = ("comm", "compiler", "connect", "displayhook", "eventloops", "iostream", "jsonutil", "kernelapp", "zmqshell")
"""Modules that a kernel of ipykernel has imported for itself, so that libraries read them as attributes."""


def __getattr__(name: str) -> Any:
    if name in ("__version__", "version_info"):
        from importlib.metadata import PackageNotFoundError, version

        try:
            text = version("ipykernel")
        except PackageNotFoundError:
            text = COMPARED_WITH
        return text if name == "__version__" else tuple(int(part) for part in text.split(".")[:3] if part.isdigit())
    if name in _AT_ONCE:
        return import_module(f".{name}", __name__)
    if name in ("ipkernel", "kernelbase"):  # those that only the installed one can give
        try:
            return import_module(f".{name}", __name__)
        except ModuleNotFoundError as error:
            raise AttributeError(str(error), name=name) from error
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
