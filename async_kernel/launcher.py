"""From settings to a running kernel: connection file, plan, start.

It is on the path to the first reply: what it imports at the top is what that reply needs.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from async_kernel.errors import ConnectionFileError, UsageError
from async_kernel.protocol.connection import ConnectionInfo, Registration, parse_connection, parse_registration
from async_kernel.settings import Settings

if TYPE_CHECKING:
    from async_kernel.loops.plan import Plan

__all__ = ["ConnectionFile", "load_interface", "make_plan", "open_connection", "say_where", "start", "write_connection"]


class ConnectionFile(NamedTuple):
    """A connection file: where it is, what it says, whether it is ours to write and remove, and where to register."""

    path: str
    info: ConnectionInfo
    is_new: bool
    registration: Registration | None = None


def start(settings: Settings) -> int:
    """Start a kernel and serve until it is shut down; return the exit status."""
    _open_standard_descriptors()
    return load_interface(settings.start_interface)(settings) or 0


def _open_standard_descriptors() -> None:
    """Have 0, 1 and 2 be descriptors that lead nowhere, where the process was given none: whatever is opened next would
    get these numbers, a socket for one, into which cells and their children would then write."""
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:
        os.set_inheritable(number, True)
    os.close(number)


def make_plan(settings: Settings) -> Plan:
    """Which backend, loop and host will run here, and why. Nothing is imported to find out.

    Raises MissingPackageError, HostUnavailableError or UsageError, each with its next step.
    """
    from async_kernel.loops.detect import detect
    from async_kernel.loops.plan import plan

    return plan(settings, detect())


def load_interface(path: str) -> Any:
    """The function that an interface setting names: "package.module.name", or "/folder/file.py:name".

    UsageError when it cannot be imported.
    """
    module_name, _, name = path.rpartition(":" if ":" in path else ".")
    try:
        if module_name.endswith(".py"):
            from runpy import run_path

            return run_path(module_name, run_name="async_kernel_start_interface")[name]
        from importlib import import_module

        if module_name.startswith("."):
            raise ImportError("a relative name is relative to nothing here")
        return getattr(import_module(module_name), name)
    except (ImportError, AttributeError, KeyError, ValueError, OSError) as error:
        raise UsageError(
            f"The interface {path!r} cannot be loaded: {error}",
            "Give --start_interface as package.module.name of a function that takes the settings.",
        ) from error


def open_connection(settings: Settings) -> ConnectionFile:
    """What the connection file says; for "." and for a registration file (JEP 66) a new one in Jupyter's runtime
    folder, whose ports are still to be chosen.

    ConnectionFileError when it cannot be read.
    """
    path = settings.connection_file
    if path in ("", "."):
        key = os.urandom(32).hex()
        return ConnectionFile(_new_path(), ConnectionInfo(key=key, kernel_name=settings.kernel_name), is_new=True)
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ConnectionFileError(
            f"The connection file {path} cannot be read: {error}.",
            path,
            "Let Jupyter start the kernel, which writes the file, or start one with: async-kernel -f .",
        ) from None
    if '"registration_port"' in text:
        registration = parse_registration(text, path)
        info = registration.to_info(settings.kernel_name)
        return ConnectionFile(_new_path(registration.kernel_id), info, is_new=True, registration=registration)
    return ConnectionFile(path, parse_connection(text, path), is_new=False)


def _new_path(kernel_id: str = "") -> str:
    """A path of our own: a launcher may have named its registration file after the kernel, and need it again."""
    from jupyter_core.paths import jupyter_runtime_dir

    word = "".join(letter for letter in kernel_id if letter.isalnum() or letter in "-_")
    name = "-".join(filter(None, ["kernel", word, str(os.getpid())]))
    path = os.path.join(jupyter_runtime_dir(), f"{name}.json")
    number = 1
    while path in _paths_given:
        number += 1
        path = os.path.join(jupyter_runtime_dir(), f"{name}-{number}.json")
    _paths_given.add(path)
    return path


_paths_given: set[str] = set()
"""One process may embed several kernels; what lies under the name of a process that has ended may be replaced."""


def write_connection(file: ConnectionFile) -> None:
    """Write the connection file, readable by its owner alone: it holds the key.

    ConnectionFileError when it cannot be written.
    """
    try:
        os.makedirs(os.path.dirname(file.path), mode=0o700, exist_ok=True)
        descriptor = os.open(file.path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as opened:
            if sys.platform != "win32":  # the mode above does not touch a file that was there
                os.fchmod(opened.fileno(), 0o600)
            opened.write(file.info.to_text())
    except OSError as error:
        raise ConnectionFileError(
            f"The connection file {file.path} cannot be written: {error.strerror}.",
            file.path,
            "Have JUPYTER_RUNTIME_DIR name a folder that you can write to.",
        ) from None


def say_where(path: str) -> None:
    """Tell whoever started a kernel by hand how to reach and how to end it."""
    print(
        f"A kernel is running. To connect to it:\n\n    jupyter console --existing {os.path.basename(path)}\n\n"
        f"Its connection file is {path}. Ctrl-C interrupts a cell, SIGTERM (kill {os.getpid()}) ends the kernel.",
        file=sys.stderr,
        flush=True,
    )
