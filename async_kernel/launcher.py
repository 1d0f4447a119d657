"""From settings to a start: the plan, and the function that the settings name as interface.

It is on the path to the first reply: its imports at the top are those that the reply needs.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from async_kernel.early_interrupts import heed_interrupts
from async_kernel.errors import ConnectionFileError, UsageError, WorkingFolderError
from async_kernel.settings import DEFAULT_INTERFACE, Settings

if TYPE_CHECKING:
    from async_kernel.loops.plan import Plan
    from async_kernel.system.guardian import Guardian

__all__ = ["guard", "listen", "load_interface", "make_plan", "start"]


def start(settings: Settings) -> int:
    """Start a kernel and serve until it is shut down; return the exit status.

    WorkingFolderError where the working folder was deleted.
    """
    _open_standard_descriptors()
    try:
        os.getcwd()
    except OSError:
        raise WorkingFolderError from None
    if settings.attributes.get("gateway.way"):
        from async_kernel.gateway.handing_over import hand_over

        settings = hand_over(settings, os.environ)
    ours = settings.start_interface == DEFAULT_INTERFACE
    if not ours:
        heed_interrupts()
    interface = load_interface(settings.start_interface)
    if not ours:
        gc.enable()  # which `__main__` has switched off; ours does that when all is imported
    return interface(settings) or 0


def _open_standard_descriptors() -> None:
    """Have 0, 1 and 2 be descriptors that lead nowhere, where the process was given none: whatever is opened next would
    get these numbers, a socket for one, into which cells and their children would then write."""
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:
        os.set_inheritable(number, True)
    os.close(number)


def guard() -> Guardian | None:
    """Start the guardian of the kernel that this process is going to be."""
    from async_kernel.system.guardian import guard_ahead
    from async_kernel.system.parent_watch import find_parent

    return guard_ahead(find_parent(os.environ))


def listen(settings: Settings) -> None:
    """Listen where the kernel of these settings is going to, so that clients may connect before it is there. Nothing
    happens where that is not possible: the kernel says why."""
    from async_kernel.protocol.connection import parse_connection
    from async_kernel.transport.sockets import listen_at

    with (
        suppress(ConnectionFileError, OSError, UnicodeDecodeError),
        open(settings.connection_file, encoding="utf-8") as file,
    ):
        listen_at(parse_connection(file.read()))


def make_plan(settings: Settings, environ: Mapping[str, str] | None = None) -> Plan:
    """Which backend, loop and host will run here, and why. Nothing is imported to find out. `environ` are the variables
    of the kernel, by default those of this process.

    Raises MissingPackageError, HostUnavailableError or UsageError, each with its next step.
    """
    from async_kernel.loops.detect import detect

    if settings.attributes.get("gateway.response_address"):
        from async_kernel.gateway.handing_over import check

        check(settings, os.environ if environ is None else environ)
    from async_kernel.loops.plan import plan

    return plan(settings, detect(environ=environ))


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
