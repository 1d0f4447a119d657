"""The host `tk`: tkinter's main loop.

The host is a bare Tcl interpreter. It opens no window, connects to no display and is no default root; Tcl serves all
interpreters of a thread together, so the windows that user code makes with `tkinter.Tk()` live in its main loop.
"""

from __future__ import annotations

import _tkinter
import contextvars
import socket
import sys
import time
import tkinter
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import partial, wraps
from inspect import iscoroutinefunction
from types import TracebackType
from typing import Any

from async_kernel.loops.hosts import ErrorSink, Host
from async_kernel.loops.hosts.callbacks import start_handler
from async_kernel.stacks import callers, runs_callbacks, runs_loops

__all__ = ["TkHost"]

Callback = Callable[[], object]


class TkHost(Host):
    """Tk's main loop (`_tkinter` of this Python; Tcl with threads)."""

    gui = "tk"

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._undo = ExitStack()
        create, _tkinter.create = _tkinter.create, _create_and_keep
        self._undo.callback(setattr, _tkinter, "create", create)
        self._tk: Any = tkinter.Tcl().tk
        self._soon: deque[Callback] = deque()
        self._threadsafe: deque[Callback] = deque()
        self._stopped = False
        self._tk.createcommand("async_kernel_soon", self._run_soon)
        self._tk.createcommand("async_kernel_threadsafe", self._run_threadsafe)
        self._wake = self._make_waker() if hasattr(self._tk, "createfilehandler") else self._wake_by_call

    def run(self) -> None:
        """Serve events until `stop`: neither the last window's end nor `quit()` by user code ends it."""
        self._stopped = False
        while not self._stopped:
            try:
                self._tk.mainloop(-1)  # the threshold is a number of windows: never few enough
            except Exception:
                # A file handler of user code raised: tkinter gives that to the main loop.
                sys.excepthook(*sys.exc_info())

    def stop(self) -> None:
        """End `run`."""
        self._stopped = True
        self._tk.quit()

    def call_soon(self, callback: Callback) -> None:
        """By a timer of Tcl's, which takes turns with windows' events."""
        self._soon.append(callback)
        self._tk.call("after", 0, "async_kernel_soon")

    def call_soon_threadsafe(self, callback: Callback) -> None:
        """By a socket that Tcl watches; by a call into the interpreter where it watches none (Windows)."""
        self._threadsafe.append(callback)
        self._wake()

    def step(self, timeout: float) -> None:
        """Serve the events that are there; wait up to `timeout` seconds for the first event."""
        end = time.monotonic() + timeout
        timer = self._tk.call("after", max(1, round(timeout * 1000)), "")
        try:
            self._tk.dooneevent(0)
            while self._tk.dooneevent(_tkinter.DONT_WAIT) and time.monotonic() < end:
                pass  # each may bring the next
        except Exception:
            sys.excepthook(*sys.exc_info())  # as in `run`
        finally:
            self._tk.call("after", "cancel", timer)

    def dismiss(self) -> None:
        """Destroy the windows that hold a grab, which modal dialogs of Tk do, and leave nested main loops; end
        waits for a variable by setting it to its own value, and waits for a window by destroying it."""
        for interpreter in list(_interpreters):
            with suppress(tkinter.TclError):  # a bare Tcl has no windows
                while windows := interpreter.splitlist(interpreter.call("grab", "current")):
                    interpreter.call("destroy", windows[0])
        for wait in _waits():
            with suppress(tkinter.TclError):
                if "window" in wait:
                    (wait["window"] or wait["self"]).destroy()
                else:
                    wait["self"].setvar(str(wait["name"]), wait["self"].getvar(str(wait["name"])))
        self._tk.quit()

    def carry_contexts(self, sink: ErrorSink | None) -> None:
        """By a `tkinter.CallWrapper` that keeps the context: all of tkinter's callbacks are made by it."""
        before = tkinter.CallWrapper
        # Their stubs have a class and methods with other parameters here; Tk only calls them.
        tkinter.CallWrapper = partial(_ContextCallWrapper, sink)  # type: ignore[assignment,misc]
        self._undo.callback(setattr, tkinter, "CallWrapper", before)
        after = tkinter.Misc.after

        def after_with_handlers(widget: tkinter.Misc, ms: Any, func: Any = None, *args: Any) -> Any:
            return after(widget, ms, _starting(func, sink) if iscoroutinefunction(func) else func, *args)

        tkinter.Misc.after = after_with_handlers  # type: ignore[assignment]  # as above
        self._undo.callback(setattr, tkinter.Misc, "after", after)
        if sink is not None:
            report = tkinter.Tk.report_callback_exception

            def to_sink(
                root: tkinter.Tk, kind: type[BaseException], error: BaseException, trace: TracebackType | None
            ) -> None:
                sink(kind, error, trace)

            tkinter.Tk.report_callback_exception = to_sink  # type: ignore[assignment]  # as above
            self._undo.callback(setattr, tkinter.Tk, "report_callback_exception", report)

    def close(self) -> None:
        """Give back the sockets and undo `carry_contexts`. Open windows close with the process."""
        self._undo.close()
        for name in ("async_kernel_soon", "async_kernel_threadsafe"):
            with suppress(tkinter.TclError):
                self._tk.deletecommand(name)

    def _run_soon(self) -> None:
        self._soon.popleft()()

    def _run_threadsafe(self) -> None:
        for _ in range(len(self._threadsafe)):
            if not self._threadsafe:  # a loop that one of them has nested came first
                return
            callback = self._threadsafe.popleft()
            if self._threadsafe:
                self._wake()  # before: `callback` may run a nested main loop
            callback()

    def _make_waker(self) -> Callback:
        reader, writer = socket.socketpair()
        for end in (reader, writer):
            end.setblocking(False)
            self._undo.enter_context(end)

        def wake() -> None:
            with suppress(BlockingIOError):  # full: it wakes anyway
                writer.send(b"\0")

        def woken(*_: object) -> None:
            with suppress(BlockingIOError):
                reader.recv(4096)
            self._run_threadsafe()

        self._tk.createfilehandler(reader, tkinter.READABLE, woken)
        self._undo.callback(self._tk.deletefilehandler, reader)
        return wake

    def _wake_by_call(self) -> None:
        """tkinter carries a call from another thread over to the interpreter's, and waits until it is done.

        It gives up after a second in which the main loop does not run, for example before `run`.
        """
        while True:
            try:
                self._tk.call("after", 0, "async_kernel_threadsafe")
            except RuntimeError:
                time.sleep(0.01)
            else:
                return


def _waits() -> list[dict[str, Any]]:
    """The arguments of tkinter's waits that the calling thread is in, the innermost first. Tcl tells of none."""
    return callers().calls_of((tkinter.Misc.wait_variable, tkinter.Misc.wait_window))


@runs_loops
def _starting(handler: Callable[..., Any], sink: ErrorSink | None) -> Callable[..., Any]:
    """An `async def` as a plain function that starts it: `after` drops the value that its function returns."""

    @wraps(handler)
    def start(*args: Any) -> None:
        start_handler(handler(*args), sink)

    return start


_interpreters: list[Any] = []
_create = _tkinter.create


def _create_and_keep(*args: Any) -> Any:
    """`_tkinter.create`, for the life of a host: every interpreter is made here.

    Tcl aborts the process when an interpreter is deleted by another thread than its own. Python does that when its
    garbage collector happens to run there, and a guest brings threads. So interpreters are kept, and let go of on this
    thread once nobody else refers to them.
    """
    _interpreters[:] = [each for each in _interpreters if sys.getrefcount(each) > 3]  # list, each, argument
    interpreter = _create(*args)
    _interpreters.append(interpreter)
    # The main loop that runs is the host's. Calls by other threads are refused unless told that it serves this one too.
    interpreter.willdispatch()
    return interpreter


@runs_loops
class _ContextCallWrapper(tkinter.CallWrapper):
    """A callback of tkinter that runs in (a copy of) the context in which it was created, or is started there."""

    def __init__(self, sink: ErrorSink | None, func: Any, subst: Any, widget: Any) -> None:
        super().__init__(func, subst, widget)
        self.sink = sink
        self.context = contextvars.copy_context()

    def __call__(self, *args: Any) -> Any:
        # A copy: a context cannot be entered twice, and a callback may come again while it runs a nested main loop.
        return self.context.copy().run(self._call, *args)

    def _call(self, *args: Any) -> Any:
        try:
            return start_handler(super().__call__(*args), self.sink)  # type: ignore[no-untyped-call]  # by its stubs
        except SystemExit:  # tkinter would end the main loop, and with it an input() that serves it
            return None


runs_callbacks(_ContextCallWrapper._call)  # behind the class, whose mark is for all its methods
