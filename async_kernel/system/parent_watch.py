"""Watching the parent process: a kernel whose server is gone must not live on.

The parent is known by the process id that Jupyter hands down, not by getppid(), which under a subreaper or as PID 1
says nothing about the server.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping

from .real import real
from .service_thread import ServiceThread

__all__ = ["parent_of", "watch_parent"]

POLL_SECONDS = 0.5
"""How often a parent is looked at where the system offers nothing to wait on."""

INFINITE = 0xFFFFFFFF
"""For WaitForSingleObject: no time limit."""


def parent_of(environ: Mapping[str, str]) -> int | None:
    """What `environ` says of the parent: its process id, on Windows a handle to it; None when detached.

    jupyter_client sets JPY_PARENT_PID for every kernel that it starts, unless the kernel is to outlive it.

    >>> parent_of({"JPY_PARENT_PID": "4711"})
    4711
    """
    text = environ.get("JPY_PARENT_PID", "")
    return int(text) if text.isdecimal() and int(text) > 1 else None


def watch_parent(parent: int, gone: Callable[[], None]) -> threading.Thread:
    """Call `gone()`, in a thread of its own, once the process `parent` has ended."""

    def watch() -> None:
        _wait_for_end(parent)
        gone()

    thread = ServiceThread("parent watch", watch)
    thread.start()
    return thread


if sys.platform == "win32":

    def _wait_for_end(parent: int) -> None:
        import ctypes

        # A handle is as wide as a pointer; without a type ctypes would pass 32 bits.
        if ctypes.windll.kernel32.WaitForSingleObject(ctypes.c_void_p(parent), INFINITE) != 0:
            threading.Event().wait()  # no handle of a process: nobody's end is known, least of all its

elif sys.platform == "linux":

    def _wait_for_end(parent: int) -> None:
        import select

        try:
            descriptor = real.pidfd_open(parent)
        except ProcessLookupError:
            return
        except OSError:  # a sandbox without the system call, or a kernel before 5.3
            _poll_for_end(parent)
            return
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            poll.poll()
        finally:
            real.close(descriptor)

else:

    def _wait_for_end(parent: int) -> None:
        _poll_for_end(parent)


def _poll_for_end(parent: int) -> None:
    while True:
        try:
            real.kill(parent, 0)
        except ProcessLookupError:
            return
        except PermissionError:  # it lives, as somebody else
            pass
        real.sleep(POLL_SECONDS)
