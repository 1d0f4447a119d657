"""The modules that a kernel imports until its first cell has run, imported ahead; and the variables that are read
meanwhile.

The modules are named by strings: a standby knows no more of the interface than the launcher does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from async_kernel.loops.plan import Plan

__all__ = ["import_stack", "noting_variables"]

ALWAYS = (
    "async_kernel.command",
    "async_kernel.interface",
    "async_kernel.comms",
    "async_kernel.concurrency.fibers",
    "async_kernel.concurrency.runners",
    "async_kernel.interrupts.callbacks",
    "async_kernel.interrupts.wakeup",
    "async_kernel.ipython.directives",
    "async_kernel.ipython.entries",
    "async_kernel.ipython.files_beside",
    "async_kernel.ipython.history_connection",
    "async_kernel.ipython.interpreter",
    "async_kernel.ipython.magics",
    "async_kernel.ipython.refusal",
    "async_kernel.kernelspec.activation",
    "async_kernel.loops.run",
    "async_kernel.namesakes.installed",
    "async_kernel.streams.install",
    "IPython.core.completerlib",
    "IPython.core.logger",
    "IPython.core.magics",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "ctypes",
    "getpass",
    "unicodedata",
    *(("resource",) if sys.platform != "win32" else ()),
)
"""Roots: their own imports come with them."""


def import_stack(plan: Plan) -> None:
    """Import the modules that a kernel with this plan imports, as far as they are there. A toolkit is left
    to the kernel: importing it may look for a display."""
    names = [*ALWAYS, plan.backend]
    if plan.backend == "asyncio":
        names.append("async_kernel.loops.resume")
    if plan.loop == "uvloop":
        names.append(plan.loop)
    for name in names:
        try:
            import_module(name)
        except ImportError:  # the kernel will say it, to those who ask
            continue


@contextmanager
def noting_variables() -> Iterator[set[str]]:
    """The names of the environment variables that Python code asks for in this context."""
    noted: set[str] = set()

    class Noting(os._Environ):  # type: ignore[type-arg]  # not generic when it runs
        def __getitem__(self, name: str) -> str:
            noted.add(name)
            return super().__getitem__(name)  # type: ignore[no-any-return]  # for want of it

    plain = os.environ.__class__
    os.environ.__class__ = Noting
    try:
        yield noted
    finally:
        os.environ.__class__ = plain
