"""The interpreter: IPython, fitted to the kernel's `Interpreter` port.

It knows requests (whose output, whose error), not where they come from: no sockets, identities or channels.
Importing this package costs nothing; IPython is imported when the interpreter is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import CodeType
from typing import TYPE_CHECKING, Any

from async_kernel.errors import AsyncKernelError

if TYPE_CHECKING:
    from async_kernel.ipython.interpreter import IPythonInterpreter

__all__ = ["create_interpreter", "user_code_entries"]


def create_interpreter(
    attributes: Mapping[str, Any] | None = None, namespace: dict[str, Any] | None = None
) -> IPythonInterpreter:
    """Make the interpreter of this process: imports IPython, loads the user's IPython profile, runs its startup files.

    `attributes` are settings of the command line, for example `{"shell.xmode": "Plain", "history.hist_file":
    ":memory:"}`; they outrank the profile. There is one interpreter per process at a time (`get_ipython()` is the
    ambient name for it); `close()` gives the place back. Cells run in `namespace`, or in a `__main__` of their own.

    AsyncKernelError when the process has an IPython already: that of another kernel, or of a terminal.
    """
    from IPython.core.interactiveshell import InteractiveShell

    from async_kernel.ipython.interpreter import IPythonInterpreter

    if InteractiveShell.initialized():
        raise AsyncKernelError(
            "A process can have one kernel at a time: IPython has one shell for all of it, which is there already.",
            "End the other kernel first, or start this one in a process of its own.",
        )
    return IPythonInterpreter(attributes, namespace)


def user_code_entries() -> tuple[CodeType, ...]:
    """The code objects of the functions, IPython's and ours, that call user code.

    Whoever interrupts a thread walks its frames outwards: a frame of one of these means that user code (or a library
    that user code called) is what runs, so KeyboardInterrupt may be raised there. Ask this before asking whether the
    frame is one of the kernel's own: some of these are. Imports IPython.
    """
    from async_kernel.ipython.entries import user_code_entries as entries

    return entries()
