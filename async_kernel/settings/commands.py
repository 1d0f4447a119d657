"""The commands of the command line: one class per command, each a value.

Annotations are real here and not text: a NamedTuple compiles each text, which is a third of this module's import time.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

__all__ = [
    "CONNECTION_FILE_FIELD",
    "DEFAULT_INTERFACE",
    "DEFAULT_NAME",
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
]

DEFAULT_NAME = "async"
DEFAULT_INTERFACE = "async_kernel.interface.start_kernel_zmq_interface"
CONNECTION_FILE_FIELD = "{connection_file}"
"""The placeholder that a client replaces by the path of the connection file (jupyter_client, "Kernel specs")."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Settings(NamedTuple):
    """How a kernel is to be started, as the command line or a spec says it. Values are literals; mappings read-only."""

    connection_file: str = ""
    """A path, or "." for a new connection file."""
    kernel_name: str = DEFAULT_NAME
    display_name: str = ""
    start_interface: str = DEFAULT_INTERFACE
    """Dotted path of the function that starts the kernel, or path of a file and a name in it:
    "/folder/file.py:start"."""
    backend: str = "asyncio"
    """"asyncio" or "trio"."""
    backend_options: Mapping[str, Any] = _NOTHING
    host: str | None = None
    """None, "tk" or "qt"; a host of the user's own is `host_options["host_class"]`."""
    host_options: Mapping[str, Any] = _NOTHING
    attributes: Mapping[str, Any] = _NOTHING
    """Every other setting by its dotted name: `{"kernel.quiet": True, "shell.timeout": 0.1}`."""
    sources: Mapping[str, str] = _NOTHING
    """The word that set each field: `{"backend": "--backend"}`. Equal settings may differ in it."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and self[:-1] == other[:-1]

    def __ne__(self, other: object) -> bool:
        return not self == other


class Place(NamedTuple):
    """Where a spec goes, as typed: `Place("folder", "~/kernels")`. The default is the prefix of this interpreter."""

    kind: Literal["default", "prefix", "folder", "user"] = "default"
    value: str = ""


class Start(NamedTuple):
    """Start a kernel and serve until it is shut down."""

    settings: Settings


class Add(NamedTuple):
    """Write a kernel spec. `fullpath` None means: as the place needs it (see `kernelspec.spec.executable_for`)."""

    settings: Settings
    place: Place = Place()
    fullpath: bool | None = None
    env: Mapping[str, str] = _NOTHING
    metadata: Mapping[str, Any] = _NOTHING
    replace: bool = False
    force: bool = False
    dry_run: bool = False


class Remove(NamedTuple):
    """Remove kernel specs by name."""

    names: tuple[str, ...]
    place: Place = Place()
    force: bool = False
    dry_run: bool = False


class List(NamedTuple):
    """Say which specs Jupyter sees."""

    json: bool = False


class Doctor(NamedTuple):
    """Start a kernel, run a cell in it, and report each problem; or list the `changes` that a kernel makes in its
    process."""

    name: str = DEFAULT_NAME
    json: bool = False
    changes: bool = False


class Prune(NamedTuple):
    """Remove the specs whose interpreter is gone."""

    yes: bool = False
    force: bool = False
    dry_run: bool = False


class Completion(NamedTuple):
    """Print the completion script for a shell."""

    shell: str


class Version(NamedTuple):
    """Print the version."""


class Help(NamedTuple):
    """Print the help text: one screen, or every option."""

    everything: bool = False


Command = Start | Add | Remove | List | Doctor | Prune | Completion | Version | Help
