"""GUI toolkits: `%gui`, the part of `%matplotlib` that is about them, and the exceptions of their callbacks.

Which main loop there is was decided when the kernel started; a running kernel cannot be given another.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import TracebackType
from typing import Any

from IPython.core.error import UsageError
from IPython.core.getipython import get_ipython

from async_kernel.ipython.cells import running
from async_kernel.settings.hosts import HOSTS, host_of
from async_kernel.stacks import Owner, is_ours, owner_of

__all__ = ["enable_gui", "matplotlib_backend", "show_callback_error"]

_NEED_NO_LOOP = frozenset(
    {"agg", "asyncio", "auto", "inline", "ipympl", "nbagg", "none", "notebook", "trio", "webagg", "widget"}
)


def enable_gui(gui: str | None, host: str | None) -> None:
    """Check that the loop of toolkit `gui` runs here. `host` is the toolkit whose loop the kernel runs in, or None.

    Raises IPython's UsageError with the command that makes a fitting kernel otherwise.
    """
    wanted = (gui or "none").lower()
    if wanted in _NEED_NO_LOOP:
        return
    toolkit = host_of(wanted)
    row = HOSTS.get(toolkit)
    modules = row.guis.get(wanted, ()) if row else ()
    if host and toolkit == host_of(host) and (not modules or any(module in sys.modules for module in modules)):
        if row and "matplotlib" in sys.modules:  # how it shows and redraws is put right there
            import_module("async_kernel.ipython.matplotlib_host")
        return
    running_in = f"runs in the main loop of {host}" if host else "runs without a GUI main loop"
    if row:
        step = f"Start a kernel made for it, for example with: async-kernel -a async-{wanted} --host={toolkit}"
        binding = modules[0].partition(".")[0] if modules else ""
        if binding in row.bindings[1:]:
            step += f""" "--host_options={{'module': '{binding}'}}\""""
    else:
        names = ", ".join(f"--host={name}" for name in HOSTS)
        step = f"The hosts are {names}, and classes of your own: --host_options={{'host_class': 'module:Class'}}."
    raise UsageError(f"This kernel {running_in}, so {gui} windows would not respond. {step}")


def matplotlib_backend(host: str | None) -> str:
    """The backend of matplotlib that a kernel with this host shows figures with, unless it is told another."""
    if not host:
        return "module://matplotlib_inline.backend_inline"
    return "module://async_kernel.ipython.matplotlib_host"


def show_callback_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show the exception that left a callback in the output of the cell that made it: the one whose context is the
    calling one."""
    shell: Any = get_ipython()
    if shell is None:
        sys.__excepthook__(kind, error, trace)
        return
    while trace is not None and trace.tb_next is not None and _is_between(trace):
        trace = trace.tb_next
    with running(shell.begin_cell("", stored=False)):  # the cell itself may go on, and has not failed
        shell.showtraceback((kind, error, trace), tb_offset=0)


def _is_between(trace: TracebackType) -> bool:
    """Whether a frame lies between a toolkit's main loop and the user's callback."""
    return is_ours(trace.tb_frame) or owner_of(trace.tb_frame) is Owner.MACHINERY
