"""debugpy in this process: connected to us alone, and gone again without a trace. The one module that knows it.

debugpy is made to connect to a socket of ours, where it otherwise listens itself: whoever may connect to it may run
code as the user. It proves that it is the one in this process by a secret that only this process has.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

from async_kernel.system.service_thread import ServiceThread

from .client import Client, DebuggerError
from .framing import Message

__all__ = ["Session", "untrace"]

START_SECONDS = 20.0
"""How long debugpy may take to connect; a cold disk needs some seconds for its import."""


READY_SECONDS = 5.0


class Session:
    """One connection with debugpy, from `initialize` to `disconnect`. `on_event(message)` and `on_end()` are called in
    the thread of the connection."""

    def __init__(self, on_event: Callable[[Message], None], on_end: Callable[[], None]) -> None:
        self._breakpointhook = sys.breakpointhook
        self._closed = False
        self._ready = threading.Event()
        self._secret = secrets.token_hex()
        self._failure: BaseException | None = None
        spare_library_threads()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(0.1)
            ServiceThread("debugpy", self._connect, (listener.getsockname(),)).start()
            self.client = self._accept(listener, on_event, on_end)

    def _connect(self, address: tuple[str, int]) -> None:
        try:
            debugpy = _import_debugpy()
            debugpy.configure(subProcess=False)  # else children were debugged as well, by a client that they have not
            debugpy.connect(address, access_token=self._secret)  # returns once the client has sent configurationDone
            if not self._closed:
                sys.breakpointhook = _stop_at_caller
            self._ready.set()
        except BaseException as error:
            self._failure = error

    def _accept(
        self, listener: socket.socket, on_event: Callable[[Message], None], on_end: Callable[[], None]
    ) -> Client:
        waited = 0.0
        while waited < START_SECONDS:
            if self._failure is not None:
                raise DebuggerError(f"debugpy cannot start: {type(self._failure).__name__}: {self._failure}")
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                waited += 0.1
                continue
            client = Client(connection, on_event, on_end)
            client.start()
            with suppress(DebuggerError):
                answer = client.request("pydevdAuthorize", {"debugServerAccessToken": None}, 5.0)
                token = (answer.get("body") or {}).get("clientAccessToken")
                if secrets.compare_digest(str(token), self._secret):
                    return client
            client.close()  # somebody else's
        raise DebuggerError(f"debugpy has not started within {START_SECONDS:g} s.")

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
        """End debugging: no thread is traced any more, `breakpoint()` is what it was."""
        self._closed = True
        pydevd = sys.modules.get("pydevd")
        if pydevd is not None:
            pydevd.stoptrace()
        self.client.close()
        sys.breakpointhook = self._breakpointhook


def untrace() -> None:
    """Take away what pydevd has left in the calling thread, once nothing is debugged any more: it stops tracing in the
    thread that asks for that alone, and others go on being traced to no purpose. (Not since CPython 3.12.)"""
    trace = sys.gettrace()
    if trace is not None and type(trace).__module__.startswith("_pydevd"):
        sys.settrace(None)


def _stop_at_caller(*args: object, **options: object) -> None:
    """`breakpoint()` while a front end debugs: what a debugger in the cell's output would be given is of no use."""
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


def spare_library_threads() -> None:
    """Keep the debugger from stopping threads of the kernel's libraries, such as the one that IPython saves the history
    in, as it does not stop the kernel's own."""
    frames = sys._current_frames()
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and _is_of_library(frames.get(thread.ident or 0)):
            vars(thread).update(pydev_do_not_trace=True, is_pydev_daemon_thread=True)  # see ServiceThread


def _is_of_library(frame: FrameType | None) -> bool:
    """Whether a library of the kernel's has made the thread that stands at `frame`: what runs behind `threading`."""
    modules = []
    while frame is not None:
        modules.append(str(frame.f_globals.get("__name__", "")))
        frame = frame.f_back
    first = next((name for name in reversed(modules) if name != "threading"), "")
    return first.partition(".")[0] in ("IPython", "zmq")
