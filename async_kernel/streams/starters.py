"""Who starts a thread or a process: the user's code, or a library for its own purposes.

A thread or process that you start keeps its cell. Those that a library starts may outlive the cell and work for others:
the workers of a pool, the listener of a log queue, the client of a cluster.
"""

from __future__ import annotations

import os
import sys
import threading
from functools import cache, partial
from types import FrameType
from typing import Any

from async_kernel.import_order import ImportOrder, working_folder
from async_kernel.stacks import Owner, Stack, is_ours, module_of, owner_of
from async_kernel.stacks.snapshot import file_of

__all__ = ["is_of_library", "is_thread_of_library"]

_MEANS = frozenset(
    """
    _posixsubprocess anyio async_kernel asyncio concurrent.futures.thread multiprocessing.context
    multiprocessing.popen_fork multiprocessing.popen_forkserver multiprocessing.popen_spawn_posix
    multiprocessing.process multiprocessing.resource_tracker multiprocessing.spawn multiprocessing.util os outcome
    subprocess threading trio uvloop
    """.split()
)
"""The modules and packages by whose code something is started: who asked them is meant, they never mean themselves.
The fork server of multiprocessing does: it is started by the first that asks, and forks for all."""


def is_of_library(stack: Stack) -> bool:
    """Whether something that is started where `stack` stands is started by a library: whether there is code of one
    between that and the user's."""
    starter = stack.beyond(_MEANS)
    return starter is not None and not _order().is_users(_file(file_of(starter)))


def is_thread_of_library(thread: threading.Thread, stack: Stack) -> bool:
    """Whether `thread`, which is started where `stack` stands, runs a library's function for a library."""
    if stack.innermost is not None and _brings_context(stack.innermost):
        return False
    return is_of_library(stack) and not _order().is_users(_file(str(getattr(_code_of(thread), "co_filename", "<"))))


def _brings_context(starter: FrameType) -> bool:
    """Whether the threads that `starter` starts know for whom each piece of work is."""
    if is_ours(starter) or module_of(starter) == "concurrent.futures.thread":
        return True
    return owner_of(starter) is Owner.MACHINERY


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


def _file(file: str) -> str:
    """The file of a code object; one of the standard library for code that has none."""
    return os.__file__ if file.startswith("<") else file


@cache
def _order() -> ImportOrder:
    """Knows whose code a file is. A program around an embedded kernel has its folder first on `sys.path`."""
    for finder in sys.meta_path:
        order = getattr(finder, "import_order", None)
        if isinstance(order, ImportOrder):
            return order
    return ImportOrder(sys.path[1:], working_folder())
