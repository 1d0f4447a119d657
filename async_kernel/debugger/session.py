"""debugpy in this process: connected to us alone, and gone again without a trace. The one module that knows it.

debugpy listens on a port or connects to one: a process that can connect to it may run code as the user, and the
conversation could be read on the way. Here it is given one end of a pair of connected sockets instead, by the function
that it connects with.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from async_kernel.stacks import Stack, module_of
from async_kernel.stacks.snapshot import stacks_of_all
from async_kernel.system.service_thread import ServiceThread

from .client import Client, DebuggerError
from .framing import Message

__all__ = ["Session", "untrace"]

START_SECONDS = 20.0
"""How long debugpy may take to start; a cold disk needs some seconds for its import."""


READY_SECONDS = 5.0


class Session:
    """One connection with debugpy, from `initialize` to `disconnect`. `on_event(message)` and `on_end()` are called in
    the thread of the connection. Threads of the packages `libraries` are left alone."""

    def __init__(
        self, on_event: Callable[[Message], None], on_end: Callable[[], None], libraries: Sequence[str] = ()
    ) -> None:
        self._breakpointhook = sys.breakpointhook
        self._closed = False
        self._ready = threading.Event()
        self._started = threading.Event()
        self._failure: BaseException | None = None
        spare_library_threads(("zmq", *libraries))
        ours, theirs = socket.socketpair()
        ServiceThread("debugpy", self._connect, (theirs,)).start()
        if not self._started.wait(START_SECONDS):
            ours.close()  # which ends the other end, should it come
            raise DebuggerError(f"debugpy has not started within {START_SECONDS:g} s.")
        if self._failure is not None:
            ours.close()
            raise DebuggerError(f"debugpy cannot start: {type(self._failure).__name__}: {self._failure}")
        self.client = Client(ours, on_event, on_end)
        self.client.start()

    def _connect(self, end: socket.socket) -> None:
        def start_client(host: str, port: int) -> socket.socket:
            self._started.set()
            return end

        try:
            debugpy = _import_debugpy()
            import pydevd

            debugpy.configure(subProcess=False)  # else children were debugged as well, by a client that they have not
            usual, pydevd.start_client = pydevd.start_client, start_client
            try:
                debugpy.connect(("the other end", 0))  # returns once the client has sent configurationDone
            finally:
                pydevd.start_client = usual
            if not self._closed:
                sys.breakpointhook = _stop_at_caller
            self._ready.set()
        except BaseException as error:
            self._failure = error
            end.close()
            self._started.set()

    @property
    def is_ready(self) -> bool:
        """Whether threads are traced."""
        return self._ready.is_set()

    def wait_ready(self) -> None:
        """Return when threads are traced, which is a moment after debugpy was told `configurationDone`: a cell that
        begins before would not stop. DebuggerError when that does not come about."""
        if not self._ready.wait(READY_SECONDS):
            raise DebuggerError(f"debugpy does not trace after {READY_SECONDS:g} s: {self._failure}")

    def close(self) -> None:
        """End debugging: no thread is traced any more, `breakpoint()` is as it was."""
        self._closed = True
        pydevd = sys.modules.get("pydevd")
        if pydevd is not None:
            pydevd.stoptrace()
        self.client.close()
        sys.breakpointhook = self._breakpointhook


def untrace() -> None:
    """Take away the traces of pydevd in the calling thread, once nothing is debugged any more: it stops tracing in the
    thread that asks for that alone, and others go on being traced to no purpose. (Not since CPython 3.12.)"""
    trace = sys.gettrace()
    if trace is not None and type(trace).__module__.startswith("_pydevd"):
        sys.settrace(None)


def _stop_at_caller(*args: object, **options: object) -> None:
    """`breakpoint()` while a front end debugs: a second debugger, in the cell's output, would be of no use."""
    import pydevd

    pydevd.settrace(
        suspend=True,
        trace_only_current_thread=True,
        patch_multiprocessing=False,
        stop_at_frame=sys._getframe(1),
        notify_stdin=False,
    )


def _import_debugpy() -> Any:
    """Import debugpy, without its warning about modules that Python has frozen: those are the standard library's."""
    name = "PYDEVD_DISABLE_FILE_VALIDATION"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        import debugpy
        import debugpy.server.api
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
    return debugpy


def spare_library_threads(libraries: Sequence[str]) -> None:
    """Keep the debugger from stopping threads of these packages, as it does not stop the kernel's own."""
    stacks = stacks_of_all()
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and _maker(stacks.get(thread.ident or 0)) in libraries:
            vars(thread).update(pydev_do_not_trace=True, is_pydev_daemon_thread=True)  # see ServiceThread


def _maker(stack: Stack | None) -> str:
    """The package that has made the thread with this stack: its code runs behind `threading`."""
    modules = [module_of(frame) for frame in stack.frames] if stack is not None else []
    first = next((name for name in reversed(modules) if name != "threading"), "")
    return first.partition(".")[0]
