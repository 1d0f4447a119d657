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


_ROWS: dict[str, list[tuple[str, ...]]] = {
    "Replaced functions": [
        ("threading.Thread.start", "passes the current cell to the thread, so that its output appears under that cell"),
        ("concurrent.futures._base.Future.add_done_callback", "the same for callbacks"),
        ("concurrent.futures.thread.ThreadPoolExecutor.submit", "the same for jobs of a pool"),
        (
            "_posixsubprocess.fork_exec, subprocess._fork_exec",
            "gives programs that work for later cells, too, their own pipes",
            "--no-kernel.capture_fd",
        ),
        (
            "uvloop.Loop.subprocess_exec, uvloop.Loop.subprocess_shell",
            "the same for programs that uvloop starts",
            "--no-kernel.capture_fd",
        ),
        (
            "faulthandler.enable, faulthandler.register, faulthandler.dump_traceback_later",
            "write to the log of the server, because a dead process can show nothing in a cell",
            "--no-kernel.capture_fd",
        ),
        ("builtins.input, getpass.getpass", "ask in the front end"),
        ("builtins.get_ipython", "finds the shell of the calling cell"),
        ("sys.displayhook", "shows each result in its own cell; replaced only while a cell runs"),
        ("sys.unraisablehook", "notices an interrupt that C code has dropped"),
        (
            "asyncio.run, asyncio.runners.run, asyncio.runners.Runner.run, "
            "asyncio.base_events.BaseEventLoop.run_until_complete, asyncio.base_events.BaseEventLoop.run_forever",
            "work although the kernel's loop is running, which is suspended meanwhile",
        ),
        ("uvloop.run, uvloop.Loop.run_until_complete, uvloop.Loop.run_forever", "the same"),
        ("anyio.run, trio.run, trio._core.run", "the same"),
        (
            "pdb.Pdb",
            "makes debuggers of IPython's, so that breakpoint() shows the lines around; "
            "continue does not take SIGINT, which here ends the cell",
        ),
        ("comm.create_comm, comm.get_comm_manager", "comms go through this kernel"),
        (
            "pygments.lexers.python.PythonLexer.__init_subclass__",
            "lexers of tracebacks share their tables: a traceback takes a quarter of the time",
        ),
    ],
    "Signals": [
        ("SIGINT", "interrupts the running cell"),
        ("SIGTERM, SIGHUP", "shut the kernel down"),
        ("SIGURG", "wakes the main thread out of a system call when an interrupt came at the wrong moment"),
    ],
    "Streams and file descriptors": [
        ("sys.stdout, sys.stderr", "write to the cell that the running code belongs to"),
        (
            "descriptors 1 and 2",
            "lead into a pipe of the running cell, for C code and child processes (not on Windows)",
            "--no-kernel.capture_fd",
        ),
        ("faulthandler", "is switched on, and writes to the log of the server"),
        ("descriptors 0, 1, 2", "are opened on /dev/null where the process was given none"),
    ],
    "Imports": [
        (
            "a finder at the front of sys.meta_path",
            "patches a library of the table above as soon as it is imported",
        ),
        (
            "importlib's path finder in sys.meta_path, replaced by one that looks who imports",
            "a file random.py beside the notebook is for your code only",
        ),
        (
            'a finder at the end of sys.meta_path, and sys.modules["ipykernel"]',
            "libraries that look for ipykernel find it",
        ),
        (
            "async_kernel_start.pth in site-packages",
            "the same order of imports before the kernel's first line; it does nothing unless the command "
            "line names async_kernel",
        ),
        ("sys.argv", 'is that of a kernel, [".../ipykernel_launcher.py", "-f", FILE], as libraries know it'),
        ("__main__", "is the namespace of the cells"),
    ],
}
"""By heading: the names that are changed, the effect, and the option that leaves it out."""

CHANGES = tuple(Change(heading, *row) for heading, rows in _ROWS.items() for row in rows)
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
                yield f"      {change.leave_out} leaves it out"
