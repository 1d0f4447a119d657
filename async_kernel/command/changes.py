"""`async-kernel doctor --changes`: everything that a kernel of its own process changes in it.

The table is the only one: `docs/reference/process-changes.md` is held against it, and against a running kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from .output import styled

__all__ = ["CHANGES", "Change", "run"]


class Change(NamedTuple):
    """One row: a heading, the names that are changed, the effect, and the option that leaves it out ("": none)."""

    heading: str
    names: str
    effect: str
    leave_out: str = ""


_FUNCTIONS, _SIGNALS = "Replaced functions", "Signals"
_STREAMS, _IMPORTS = "Streams and file descriptors", "Imports"

CHANGES = (
    Change(_FUNCTIONS, "threading.Thread.start", "hands the cell on to the thread, so that its output appears there"),
    Change(_FUNCTIONS, "concurrent.futures._base.Future.add_done_callback", "the same for callbacks"),
    Change(_FUNCTIONS, "concurrent.futures.thread.ThreadPoolExecutor.submit", "the same for jobs of a pool"),
    Change(
        _FUNCTIONS,
        "_posixsubprocess.fork_exec, subprocess._fork_exec",
        "gives programs that will work for later cells pipes of their own",
        "--no-kernel.capture_fd",
    ),
    Change(
        _FUNCTIONS,
        "uvloop.Loop.subprocess_exec, uvloop.Loop.subprocess_shell",
        "the same for programs that uvloop starts",
        "--no-kernel.capture_fd",
    ),
    Change(
        _FUNCTIONS,
        "faulthandler.enable, faulthandler.register, faulthandler.dump_traceback_later",
        "write to the log of the server, since a cell cannot show what its dead process says",
        "--no-kernel.capture_fd",
    ),
    Change(_FUNCTIONS, "builtins.input, getpass.getpass", "ask in the front end"),
    Change(_FUNCTIONS, "builtins.get_ipython", "IPython's; finds the shell of the calling cell"),
    Change(_FUNCTIONS, "sys.displayhook", "shows results through the cell that they belong to; for the time of a cell"),
    Change(_FUNCTIONS, "sys.unraisablehook", "hears of an interrupt that C code has dropped"),
    Change(
        _FUNCTIONS,
        "asyncio.run, asyncio.runners.run, asyncio.runners.Runner.run, "
        "asyncio.base_events.BaseEventLoop.run_until_complete, asyncio.base_events.BaseEventLoop.run_forever",
        "work while the kernel's loop runs: it is set aside meanwhile",
    ),
    Change(_FUNCTIONS, "uvloop.run, uvloop.Loop.run_until_complete, uvloop.Loop.run_forever", "the same"),
    Change(_FUNCTIONS, "anyio.run, trio.run, trio._core.run", "the same"),
    Change(
        _FUNCTIONS,
        "pdb.Pdb",
        "makes debuggers of IPython's, so that breakpoint() shows the lines around; "
        "continue does not take SIGINT, which here ends the cell",
    ),
    Change(_FUNCTIONS, "comm.create_comm, comm.get_comm_manager", "comms go through this kernel"),
    Change(
        _FUNCTIONS,
        "pygments.lexers.python.PythonLexer.__init_subclass__",
        "lexers of tracebacks share their tables: a traceback is there in a quarter of the time",
    ),
    Change(_SIGNALS, "SIGINT", "interrupts the running cell"),
    Change(_SIGNALS, "SIGTERM, SIGHUP", "shut the kernel down in good order"),
    Change(_SIGNALS, "SIGURG", "wakes the main thread out of a system call when an interrupt came at the wrong moment"),
    Change(_STREAMS, "sys.stdout, sys.stderr", "write to the cell that the writing code belongs to"),
    Change(
        _STREAMS,
        "descriptors 1 and 2",
        "lead into a pipe of the running cell, for C code and child processes (not on Windows)",
        "--no-kernel.capture_fd",
    ),
    Change(_STREAMS, "faulthandler", "is switched on, and writes to the log of the server"),
    Change(_STREAMS, "descriptors 0, 1, 2", "are opened on /dev/null where the process was given none"),
    Change(
        _IMPORTS,
        "a finder at the front of sys.meta_path",
        "patches a library of the table above as soon as it is imported",
    ),
    Change(
        _IMPORTS,
        "importlib's path finder in sys.meta_path, replaced by one that looks who imports",
        "a file random.py beside the notebook is for your code only",
    ),
    Change(
        _IMPORTS,
        'a finder at the end of sys.meta_path, and sys.modules["ipykernel"]',
        "libraries that look for ipykernel find what they look for",
    ),
    Change(
        _IMPORTS,
        "async_kernel_start.pth in site-packages",
        "the same order of imports before the kernel's first line; it does nothing unless the command "
        "line names async_kernel",
    ),
    Change(
        _IMPORTS, "sys.argv", 'is that of a kernel, [".../ipykernel_launcher.py", "-f", FILE], as libraries know it'
    ),
    Change(_IMPORTS, "__main__", "is the namespace of the cells"),
)
"""A kernel that is embedded in a program changes none of these but comms, and the streams if it is asked to."""


def run(json: bool) -> int:
    """Print the table and return 0. As JSON it is a list of objects."""
    if json:
        from json import dumps

        print(dumps([change._asdict() for change in CHANGES], indent=2))
        return 0
    print("\n".join(_lines()))
    return 0


def _lines() -> Iterator[str]:
    for heading, changes in groupby(CHANGES, lambda change: change.heading):
        yield styled(heading, "bold")
        for change in changes:
            yield f"  {change.names}"
            yield f"      {change.effect}"
            if change.leave_out:
                yield f"      left out by {change.leave_out}"
