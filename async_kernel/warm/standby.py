"""A standby: a clean interpreter with the stack imported, that waits until it is asked to become a kernel.

It asks itself whether it can: the server's package may be another one, and only the standby knows which variables were
read and which files were imported here. It says no rather than be another kernel than one that starts cold.
"""

from __future__ import annotations

import gc
import os
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any

from async_kernel.errors import AsyncKernelError
from async_kernel.launcher import guard, listen, make_plan
from async_kernel.settings import Settings, Start, parse

from .channel import VERSION, receive, send
from .inherits import inherited
from .stack import import_stack, noting_variables
from .standard import take_standard

__all__ = ["FIXED", "Standby", "become_kernel", "stand_by"]

AGE = 3600.0
"""Seconds after which a standby that nobody has asked for is no use any more and ends."""

FIXED = (
    # read by the interpreter, and by `site` for the user's folder
    "PYTHON", "HOME", "LANG", "LC_", "LOCPATH",
    # by the dynamic linker and the C library
    "LD_", "DYLD_", "MALLOC_", "GLIBC_", "LIBC_", "JEMALLOC_",
    # by C libraries when they are loaded
    "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "GOTO_", "BLIS_", "VECLIB_", "NUMEXPR_", "NUMBA_",
    # by code that .pth files of a site run
    "COVERAGE_", "COV_CORE_", "SETUPTOOLS_",
)  # fmt: skip
"""How the variables begin that have had their effect before any code of ours runs: another value needs a cold start."""

NICE = 19
"""How low the priority is at which the stack is imported."""


class Refusal(Exception):
    """Why this standby cannot be that kernel."""


def stand_by(descriptor: int, command: Sequence[str]) -> None:
    """Import the stack of the kernel that `command` starts; wait at the socket `descriptor` for one to become.

    Returns when everything is as the new kernel has it, for `become_kernel`. Where none is asked for, the server ends
    or the standby cannot be the kernel that is wanted, the process ends.
    """
    with socket.socket(fileno=descriptor) as connection:
        standby = Standby(command, connection)
        try:
            send(connection, {"version": VERSION})
            if _first_of(connection, AGE) != connection.fileno():
                os._exit(0)
            job, descriptors = receive(connection)
            try:
                standby.take(job, descriptors)
            except Exception as error:
                send(connection, {"refused": str(error) if isinstance(error, Refusal) else repr(error)})
                os._exit(0)
            send(connection, {"taken": True})
        except (OSError, EOFError):  # the server has ended, or does not want this one any more
            os._exit(0)


def become_kernel() -> None:
    """Do as `python -m async_kernel` does, in a `__main__` that nothing was done in before."""
    import runpy

    names = vars(sys.modules["__main__"])
    for name in [name for name in names if not name.startswith("__")]:
        del names[name]
    runpy._run_module_as_main("async_kernel")  # type: ignore[attr-defined]  # private


def _first_of(connection: socket.socket, seconds: float | None = None, other: int = -1) -> int:
    """Wait until the server says something, which is so when it has closed the socket, or has ended, or the descriptor
    `other` has something to read; whose descriptor it was, -1 after so many seconds.

    A process that the server has forked may hold the socket open, so the end of the server is waited for as well.
    """
    if sys.platform == "win32":
        raise OSError("no processes are kept ready on Windows")
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    if other >= 0:
        poll.register(other, select.POLLIN)
    with ExitStack() as watched:
        if sys.platform == "linux":
            with suppress(OSError):
                server = os.pidfd_open(os.getppid())
                watched.callback(os.close, server)
                poll.register(server, select.POLLIN)
        ready = [number for number, _ in poll.poll(None if seconds is None else seconds * 1000)]
    return connection.fileno() if connection.fileno() in ready else min(ready, default=-1)


class Standby:
    """A process with the stack imported, which knows whether it can be a given kernel."""

    def __init__(self, command: Sequence[str], connection: socket.socket) -> None:
        self._inherited = inherited()
        self._environ = dict(os.environ)
        self._settings = _settings_of(command)
        started = time.time_ns()
        with noting_variables() as noted:
            guardian = guard()
            _at_low_priority(self._load, connection)
        self._read = noted
        if guardian is not None:
            guardian.wait_started()
        gc.collect()  # a kernel's own collections find nothing of this
        self._files = _stamps()
        self._torn = any(started < changed <= time.time_ns() for changed in self._files.values())

    def _load(self) -> None:
        if self._settings is not None:
            with suppress(AsyncKernelError):  # a kernel that cannot run says so itself
                import_stack(make_plan(self._settings))

    def take(self, job: Mapping[str, Any], descriptors: Sequence[int]) -> None:
        """Become as a process is that was started for the job. Raises Refusal, or another error as that start would."""
        if sys.platform == "win32":
            raise OSError("no processes are kept ready on Windows")
        settings = _settings_of(job["command"])
        self._check(settings, job, descriptors)
        os.chdir(job["cwd"])
        os.umask(job["umask"])
        take_standard(descriptors)
        os.environ.clear()
        os.environ.update(job["env"])
        time.tzset()
        command = job["command"]
        sys.orig_argv[:] = command
        sys.argv[:] = ["", *command[3:]]
        if not sys.flags.safe_path:
            sys.path.insert(0, os.getcwd())
        if settings is not None:
            listen(settings)

    def _check(self, settings: Settings | None, job: Mapping[str, Any], descriptors: Sequence[int]) -> None:
        if _without_file(settings) != _without_file(self._settings):
            raise Refusal("other arguments")
        if job["inherited"] != self._inherited:
            names = [name for name, value in job["inherited"].items() if self._inherited.get(name) != value]
            raise Refusal(f"other {', '.join(names)}")
        changed = _changed(self._environ, job["env"])
        if fixed := sorted(name for name in changed if name in self._read or name.startswith(FIXED)):
            raise Refusal(f"another value of {', '.join(fixed)}")
        if len(descriptors) != 3:
            raise Refusal("standard descriptors that did not come along")
        if self._torn or any(_time_of(path) != changed for path, changed in self._files.items()):
            raise Refusal("modules that have changed on the disk")


def _settings_of(command: Sequence[str]) -> Settings | None:
    """The settings of `PYTHON -m async_kernel ...`; None where they are wrong."""
    try:
        parsed = parse(command[3:])
    except AsyncKernelError:
        return None
    return parsed.settings if isinstance(parsed, Start) else None


def _without_file(settings: Settings | None) -> Settings | None:
    """The settings but for the connection file, which each kernel has for itself."""
    return None if settings is None else settings._replace(connection_file="")


def _changed(old: Mapping[str, str], new: Mapping[str, str]) -> set[str]:
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


def _stamps() -> dict[str, int]:
    """When each file that was imported was changed last, and each folder into which packages are installed: that is
    changed by each package which comes, goes or is upgraded."""
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    folders = [entry for entry in sys.path if entry.rstrip("/").endswith("-packages")]
    return {path: _time_of(path) for path in [sys.executable, *folders, *files] if isinstance(path, str)}


def _time_of(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _at_low_priority(load: Callable[[], object], connection: socket.socket) -> None:
    """Call `load()`, on Linux in a thread that gives way to whatever else wants to run. A thread has a priority of its
    own there; that of a process can be lowered but not raised again. If the server ends meanwhile, so does the process.
    """
    if sys.platform != "linux":
        load()
        return
    reader, writer = os.pipe()

    def loading() -> None:
        try:
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
            load()
        finally:
            os.close(writer)

    thread = threading.Thread(target=loading, name="loading")
    thread.start()
    if _first_of(connection, other=reader) != reader:
        os._exit(0)
    thread.join()
    os.close(reader)
