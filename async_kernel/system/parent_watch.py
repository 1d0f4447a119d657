"""Watching the parent process: a kernel whose server is gone must not live on.

The parent is known by the process id that Jupyter hands down, as far as that can be believed: getppid() alone may be a
program in between, a subreaper, or PID 1.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping

from .real import real
from .service_thread import ServiceThread
from .watch import Watch

__all__ = ["find_parent", "parent_of", "watch_parent"]

POLL_SECONDS = 0.5
"""How often a parent is looked at where the system offers nothing to wait on."""

FIRST_NAMESPACE = f"pid:[{0xEFFFFFFC}]"
"""How Linux names the PID namespace that was there first (PROC_PID_INIT_INO in include/linux/proc_ns.h)."""

INFINITE = 0xFFFFFFFF
"""For WaitForSingleObject: no time limit."""


def parent_of(environ: Mapping[str, str]) -> int | None:
    """The parent as `environ` names it: its process id, on Windows a handle to it; None when detached.

    jupyter_client sets JPY_PARENT_PID for every kernel that it starts, unless the kernel is to outlive it.

    >>> parent_of({"JPY_PARENT_PID": "4711"})
    4711
    """
    text = environ.get("JPY_PARENT_PID", "")
    return int(text) if text.isdecimal() and int(text) > 1 else None


def find_parent(environ: Mapping[str, str]) -> int | None:
    """The process with which the kernel is to end; None when there is none, or none that is known for certain.

    In a PID namespace of its own, as in a container, or on another machine, the number that `environ` names is nobody's
    or a stranger's. It is believed of an ancestor of this process. Otherwise the kernel ends with the process that
    started it, unless it was told to outlive that (`nohup`). A kernel that was started by the first process of the
    machine, or has been left to it, has lost the parent that is named: that one is returned, alive or not.
    """
    said = parent_of(environ)
    if said is not None and sys.platform != "win32":
        from .processes import ancestors

        starter, *others = ancestors() or [0]
        if said != starter and said not in others:
            if starter > 1:
                return None if real.getsignal(signal.SIGHUP) == signal.SIG_IGN else starter
            return said if _numbers_are_global() else None
    return said


def _numbers_are_global() -> bool:
    """Whether this process sees those of the whole machine, by the same numbers as all others do."""
    if sys.platform != "linux":
        return True
    try:
        return real.readlink("/proc/self/ns/pid") == FIRST_NAMESPACE
    except OSError:
        return False


def watch_parent(watch: Watch, parent: int, gone: Callable[[], object]) -> None:
    """Call `gone()` once the process `parent` has ended, in the thread of `watch`; on Windows in one for it, since only
    sockets can be watched there."""
    if sys.platform == "win32":
        ServiceThread("parent watch", _wait_for_end, (parent, gone)).start()
    elif sys.platform == "linux":
        try:
            descriptor = real.pidfd_open(parent)
        except ProcessLookupError:
            watch.call(gone)
        except OSError:  # a sandbox without the system call, or a kernel before 5.3
            _poll_for_end(watch, parent, gone)
        else:
            watch.on(descriptor, lambda: _has_ended(watch, descriptor, gone))
    else:
        _poll_for_end(watch, parent, gone)


def _has_ended(watch: Watch, descriptor: int, gone: Callable[[], object]) -> None:
    watch.forget(descriptor)
    real.close(descriptor)
    gone()


def _poll_for_end(watch: Watch, parent: int, gone: Callable[[], object]) -> None:
    """Look for the process now and then, until it has ended."""
    try:
        real.kill(parent, 0)
    except ProcessLookupError:
        watch.call(gone)
        return
    except PermissionError:  # it lives, as somebody else
        pass
    watch.at(real.monotonic() + POLL_SECONDS, lambda: _poll_for_end(watch, parent, gone))


if sys.platform == "win32":

    def _wait_for_end(parent: int, gone: Callable[[], object]) -> None:
        import ctypes

        # A handle is as wide as a pointer; without a type ctypes would pass 32 bits.
        if ctypes.windll.kernel32.WaitForSingleObject(ctypes.c_void_p(parent), INFINITE) == 0:
            gone()  # else it is no handle of a process: nobody's end is known, least of all its
