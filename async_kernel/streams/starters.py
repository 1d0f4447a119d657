"""Who starts a thread or a process: the user's code, or a library for its own purposes.

What you start keeps its cell. What a library starts may outlive the cell and work for others: the workers of a pool,
the listener of a log queue, the client of a cluster.
"""

from __future__ import annotations

import os
import sys
import threading
from functools import cache, partial
from types import FrameType
from typing import Any

from async_kernel.import_order import ImportOrder, working_folder

__all__ = ["is_of_library", "is_thread_of_library"]

_MEANS = frozenset(
    """
    _posixsubprocess anyio async_kernel asyncio concurrent.futures.thread multiprocessing.context
    multiprocessing.popen_fork multiprocessing.popen_forkserver multiprocessing.popen_spawn_posix
    multiprocessing.process multiprocessing.resource_tracker multiprocessing.spawn multiprocessing.util os outcome
    subprocess threading trio uvloop
    """.split()  # noqa: SIM905
)
"""The modules and packages by whose code something is started: who asked them is meant, they never mean themselves.
The fork server of multiprocessing does: it is started by the first that asks, and forks for all."""

_BRING_CONTEXT = frozenset({"anyio", "async_kernel", "concurrent.futures.thread", "trio"})
"""Those whose threads know for whom each piece of work is."""


def is_of_library(frame: FrameType | None) -> bool:
    """Whether something that is started in `frame` is started by a library: whether there is code of one between that
    frame and the user's."""
    while frame is not None:
        if not _is_in(frame, _MEANS):
            return not _order().is_users(_file_of(frame.f_code))
        frame = frame.f_back
    return False


def is_thread_of_library(thread: threading.Thread, starter: FrameType) -> bool:
    """Whether `thread`, which `starter` starts, runs a library's function for a library."""
    if _is_in(starter, _BRING_CONTEXT):
        return False
    return is_of_library(starter) and not _order().is_users(_file_of(_code_of(thread)))


def _is_in(frame: FrameType, modules: frozenset[str]) -> bool:
    """Whether the code of a frame belongs to one of the modules or packages."""
    name = str(frame.f_globals.get("__name__", ""))
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return bool(name)


def _code_of(thread: threading.Thread) -> Any:
    """The code that a thread will run; None where it is none of Python's."""
    run: Any = type(thread).run
    if isinstance(thread, threading.Timer):
        run = thread.function
    elif run is threading.Thread.run:
        run = getattr(thread, "_target", None)
    while isinstance(run, partial) or hasattr(run, "__func__"):
        run = run.func if isinstance(run, partial) else run.__func__
    return getattr(run, "__code__", None)


def _file_of(code: Any) -> str:
    """The file of a code object; that of the standard library for what has none."""
    file = str(getattr(code, "co_filename", "<"))
    return os.__file__ if file.startswith("<") else file


@cache
def _order() -> ImportOrder:
    """What knows whose code a file is. A program around an embedded kernel has its folder first on `sys.path`."""
    for finder in sys.meta_path:
        order = getattr(finder, "import_order", None)
        if isinstance(order, ImportOrder):
            return order
    return ImportOrder(sys.path[1:], working_folder())
