"""The interpreter: IPython, fitted to the kernel's `Interpreter` port.

It knows requests (whose output, whose error), not where they come from: no sockets, identities or channels.
Importing this package costs nothing; IPython is imported when the interpreter is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from async_kernel.errors import AsyncKernelError, StdinNotAllowedError
from async_kernel.system.service_thread import Later, later

if TYPE_CHECKING:
    from async_kernel.ipython.interpreter import IPythonInterpreter

__all__ = ["create_interpreter", "stdin_refusal"]


def create_interpreter(
    attributes: Mapping[str, Any] | None = None, namespace: dict[str, Any] | None = None, later: Later = later
) -> IPythonInterpreter:
    """Make the interpreter of a kernel: imports IPython, loads the user's IPython profile, runs its startup files.

    `attributes` are settings of the command line, for example `{"shell.xmode": "Plain", "history.hist_file":
    ":memory:"}`; they outrank the profile. Cells run in `namespace`, or in a `__main__` of their own, which one kernel
    of a process can have. `later` has something done in a thread, some time after the start. In a cell `get_ipython()`
    gives the shell of its kernel; IPython and libraries that ask it know one shell for the process: that of the first
    kernel and, when it was closed, of the latest.

    AsyncKernelError when the process has an IPython that is no kernel's, such as that of a terminal.
    """
    from IPython.core.interactiveshell import InteractiveShell

    from async_kernel.ipython.interpreter import IPythonInterpreter
    from async_kernel.ipython.shell import ZMQInteractiveShell

    if InteractiveShell.initialized() and not isinstance(InteractiveShell.instance(), ZMQInteractiveShell):
        raise AsyncKernelError(
            "This process already has an IPython shell that does not belong to a kernel.",
            "Start the kernel in a process without one; in a terminal, with `python` instead of `ipython`.",
        )
    return IPythonInterpreter(attributes, namespace, later)


def stdin_refusal() -> type[StdinNotAllowedError]:
    """The error that `input()` raises where a front end allows no input: one of ours, and IPython's at the same time,
    so that `except StdinNotImplementedError` and `except NotImplementedError` take it in. Imports IPython.
    """
    from async_kernel.ipython.refusal import StdinNotImplementedError

    return StdinNotImplementedError
