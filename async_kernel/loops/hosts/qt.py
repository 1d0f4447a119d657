"""The host `qt`: the main loop of a Qt application, by PySide6, PyQt6, PySide2 or PyQt5.

The binding is imported when the host is made, under the name that `host_options={"module": ...}` gives.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import import_module
from inspect import CO_VARARGS
from types import FrameType, FunctionType, MethodType, TracebackType
from typing import Any, cast
from weakref import WeakValueDictionary

from async_kernel.errors import HostUnavailableError
from async_kernel.loops.contexts import carry
from async_kernel.loops.hosts import ErrorSink, Host
from async_kernel.loops.hosts.callbacks import sent_further, start_handler
from async_kernel.stacks import module_of, runs_callbacks, runs_loops
from async_kernel.stacks.snapshot import method_of

__all__ = ["QtHost"]

Callback = Callable[[], object]


class QtHost(Host):
    """The main loop of the process's QApplication, which is made unless there is one."""

    gui = "qt"

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        module = options.get("module", "PySide6")
        try:
            self._core: Any = import_module(f"{module}.QtCore")
            widgets: Any = import_module(f"{module}.QtWidgets")
        except ImportError as error:  # found, but a library of the system is absent
            raise HostUnavailableError(
                f"{module} cannot be imported: {error}",
                "Install the system libraries that it needs; docs/guides/hosts.md lists the packages of Debian.",
            ) from error
        self._undo = ExitStack()
        self._app: Any = widgets.QApplication.instance()
        if self._app is None:
            with checked_platform(self._core, os.environ, sys.platform):
                self._app = widgets.QApplication(["async-kernel"])
        self._app.setQuitOnLastWindowClosed(False)
        self._soon: deque[Callback] = deque()
        self._threadsafe: deque[Callback] = deque()
        self._stopped = False
        self._timing = False  # whether the timer runs
        self._timer: Any = self._core.QTimer()
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._run_soon)
        self._poster = self._make_poster()
        self._exec = self._nest_exec([widgets.QApplication, *widgets.QApplication.__mro__[1:3]])
        if module.startswith("PyQt") and sys.excepthook is sys.__excepthook__:
            # PyQt aborts the process for an exception in a slot, unless sys.excepthook is somebody's own.
            sys.excepthook = _print_error
            self._undo.callback(setattr, sys, "excepthook", sys.__excepthook__)

    def run(self) -> None:
        """Serve events until `stop`: neither the last window's end nor `quit()` by user code ends it."""
        self._stopped = False
        while not self._stopped:
            _tell_strays(lambda: self._stopped or self._exec())

    def stop(self) -> None:
        """End `run`."""
        self._stopped = True
        _tell_strays(self._app.exit)

    def call_soon(self, callback: Callback) -> None:
        """By a timer of no length: Qt serves it after the window system's events, one round at a time."""
        self._soon.append(callback)
        self._run_soon_soon()

    def call_soon_threadsafe(self, callback: Callback) -> None:
        """By a queued signal."""
        self._threadsafe.append(callback)
        _tell_strays(self._poster.posted.emit)

    def step(self, timeout: float) -> None:
        """Serve the events that are there; wait up to `timeout` seconds for the first event."""
        _tell_strays(self._step, timeout)

    def dismiss(self) -> None:
        """Reject the modal dialogs; where there is none, leave all event loops (`run` starts its own again)."""
        _tell_strays(self._dismiss)

    def is_handler(self, frame: FrameType) -> bool:
        """By its name and its `self`: a method of a QObject that one of Qt's own classes has too. Or by its module:
        the Python code of PySide, which expects no exception there.
        """
        if module_of(frame).partition(".")[0] in ("enum", "shibokensupport"):
            return True
        owner, name = method_of(frame)
        if not isinstance(owner, self._core.QObject):
            return False
        module = self._core.__name__.partition(".")[0]
        return any(name in vars(each) for each in type(owner).__mro__ if each.__module__.startswith(module))

    def carry_contexts(self, sink: ErrorSink | None) -> None:
        """By PySide's `connect` and `singleShot`, which bind functions now; exceptions by `sys.excepthook`.

        The exception of such a function is shown in its context, any other one by the hook and so after the slot was
        left. Methods of QObjects stay as they are, for Qt looks at their thread and life; so do all slots of PyQt,
        whose signals take no other `connect`. `loops.contexts.carry(slot)` binds those by hand.
        """
        told = None if sink is None else _unless_sent_further(sink)
        signals = getattr(self._core, "SignalInstance", None)
        if signals is not None:
            slots = _Slots(signals, self._core.QObject, told)
            signals.connect, signals.disconnect = slots.hooks()
            self._undo.callback(slots.unhook)
            timer = self._core.QTimer
            single_shot = timer.singleShot
            timer.singleShot = lambda *args: single_shot(*(slots.carry(each) for each in args))
            self._undo.callback(setattr, timer, "singleShot", single_shot)
        if told is not None:
            before, sys.excepthook = sys.excepthook, told
            self._undo.callback(setattr, sys, "excepthook", before)

    def close(self) -> None:
        """Undo all replacements; the QApplication lives as long as the process."""
        self._undo.close()
        self._timer.stop()

    def _nest_exec(self, applications: list[type]) -> Callable[[], object]:
        """Qt's own `exec`, which user code gets no more: to Qt it is a mistake while the main loop runs already.

        The `exec` of user code (matplotlib's `show(block=True)` for one) serves events until the last window is closed
        or the application is told to quit, as `exec` does elsewhere.
        """

        nest = self._surround_exec(self._core.QEventLoop)

        def nested(*_: Any) -> int:
            loop = self._core.QEventLoop()
            self._app.lastWindowClosed.connect(loop.quit)
            return int(nest(loop))

        own = self._app.exec if hasattr(self._app, "exec") else self._app.exec_
        for application in applications:
            for name in ("exec", "exec_"):
                if name in vars(application):
                    self._replace(application, name, staticmethod(nested))
        return cast("Callable[[], object]", own)

    def _surround_exec(self, event_loop: Any) -> Callable[..., Any]:
        """Enter `around_nested` around `QEventLoop.exec`, and give that back."""
        own = event_loop.exec if hasattr(event_loop, "exec") else event_loop.exec_

        def surrounded(*args: Any) -> Any:
            with self.around_nested():
                return own(*args)

        for name in ("exec", "exec_"):
            if name in vars(event_loop):
                self._replace(event_loop, name, surrounded)
        return surrounded

    def _replace(self, owner: type, name: str, value: object) -> None:
        self._undo.callback(setattr, owner, name, vars(owner)[name])
        setattr(owner, name, value)

    def _step(self, timeout: float) -> None:
        limit = self._core.QTimer()
        limit.setSingleShot(True)
        limit.start(max(1, round(timeout * 1000)))
        flags = self._core.QEventLoop
        flags = getattr(flags, "ProcessEventsFlag", flags)
        self._app.processEvents(flags.AllEvents | flags.WaitForMoreEvents)
        limit.stop()

    def _dismiss(self) -> None:
        window, last = self._app.activeModalWidget(), None
        if window is None:
            self._app.exit()
        while window is not None and window is not last:  # the same again: it refuses to close
            window.reject() if hasattr(window, "reject") else window.close()
            window, last = self._app.activeModalWidget(), window

    def _run_soon_soon(self) -> None:
        if not self._timing:
            self._timing = True
            _tell_strays(self._timer.start, 0)

    def _run_soon(self) -> None:
        self._timing = False
        for _ in range(len(self._soon)):
            if not self._soon:  # a loop that one of them has nested came first
                return
            callback = self._soon.popleft()
            if self._soon:
                self._run_soon_soon()  # before: `callback` may run a nested event loop
            callback()

    def _run_threadsafe(self) -> None:
        _tell_strays(self._timer.isActive)  # an interrupt may be among them; nobody else calls Qt while a dialog waits
        for _ in range(len(self._threadsafe)):
            if self._threadsafe:  # else a loop that one of them has nested came first
                self._threadsafe.popleft()()

    def _make_poster(self) -> Any:
        core = self._core
        signal = core.Signal if hasattr(core, "Signal") else core.pyqtSignal
        poster: Any = type("Poster", (core.QObject,), {"posted": signal()})()
        connection = getattr(core.Qt, "ConnectionType", core.Qt)
        poster.posted.connect(self._run_threadsafe, connection.QueuedConnection)
        return poster


@runs_loops
def _tell_strays(call: Callable[..., object], *args: Any) -> None:
    """Call a function of Qt's that may be called twice, and report the exceptions that come out of it: none is its own.

    PySide keeps the exception of an overridden event handler, and raises it out of whichever of its functions is called
    next, with or without having done the work of that function. In the guest's code it would be the guest's end.
    """
    for _ in range(3):
        try:
            call(*args)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        else:
            return


@runs_loops
def _unless_sent_further(sink: ErrorSink) -> ErrorSink:
    """`sink`, but for interrupts that go on to whom they are meant for: Qt drops the exceptions of its callbacks."""

    def told(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not (issubclass(kind, KeyboardInterrupt) and sent_further()):
            sink(kind, error, trace)

    return told


@runs_loops
def _print_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.__excepthook__(kind, error, trace)


@runs_loops
class _Slots:
    """PySide's `connect` and `disconnect`, with functions bound to the context that connects them."""

    def __init__(self, signals: Any, qobject: type, sink: ErrorSink | None) -> None:
        self._signals = signals
        self._sink = sink
        self._own = signals.connect, signals.disconnect
        self._qobject = qobject
        # Qt keeps each connected object; `disconnect(slot)` has to find it. It holds its slot, so the ids are unique.
        self._carried: WeakValueDictionary[tuple[int, int], Any] = WeakValueDictionary()

    def hooks(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        connect, disconnect = self._own

        def connect_in_context(signal: Any, slot: Any, *args: Any, **kwargs: Any) -> Any:
            return connect(signal, self.carry(slot), *args, **kwargs)

        def disconnect_in_context(signal: Any, *slots: Any) -> Any:
            return disconnect(signal, *(self._carried.get(_identity(slot), slot) for slot in slots))

        return connect_in_context, disconnect_in_context

    def unhook(self) -> None:
        self._signals.connect, self._signals.disconnect = self._own

    def carry(self, slot: Any) -> Any:
        """`slot` bound to the calling context, if it is a function."""
        if not isinstance(slot, FunctionType | MethodType | partial) or isinstance(
            getattr(slot, "__self__", None), self._qobject
        ):
            return slot
        known = self._carried.get(_identity(slot))
        if known is None:
            known = self._carried[_identity(slot)] = _with_arity(slot, carry(self._telling(slot)))
        return known

    def _telling(self, slot: Callable[..., Any]) -> Callable[..., Any]:
        """`slot`, started as a task if it is an `async def`, with its exceptions given to the sink, in its context."""
        sink = self._sink

        @runs_callbacks
        def call(*args: Any) -> Any:
            try:
                return start_handler(slot(*args), sink)
            except BaseException as error:
                if sink is None:
                    raise
                sink(type(error), error, error.__traceback__)

        return call


def _identity(slot: Any) -> tuple[int, int]:
    """The same for the same function or method: bound methods are made anew each time."""
    return id(getattr(slot, "__self__", None)), id(getattr(slot, "__func__", slot))


@runs_loops
def _with_arity(slot: Any, carried: Callable[..., Any]) -> Callable[..., Any]:
    """`carried`, with as many positional parameters as `slot`: PySide counts them and calls with no more.

    A function that takes any number, or hides it as a `partial` does, is called with the signal's shortest form.
    """
    code = getattr(slot, "__code__", None)
    if code is None or code.co_flags & CO_VARARGS:
        return lambda *args: carried(*args)
    count = code.co_argcount - isinstance(slot, MethodType)
    return runs_loops(_BY_ARITY[count](carried)) if count < len(_BY_ARITY) else lambda *args: carried(*args)


_BY_ARITY: tuple[Callable[[Callable[..., Any]], Callable[..., Any]], ...] = (
    lambda call: lambda: call(),
    lambda call: lambda a: call(a),
    lambda call: lambda a, b: call(a, b),
    lambda call: lambda a, b, c: call(a, b, c),
    lambda call: lambda a, b, c, d: call(a, b, c, d),
)


@contextmanager
def checked_platform(core: Any, environ: Mapping[str, str], platform: str) -> Iterator[None]:
    """Raise HostUnavailableError where Qt would abort the process: no display answers, or a library is absent.

    Only X is asked, the one platform with such conditions that Qt itself falls back to; `core` is the QtCore to ask.
    The connection to it is kept while inside: an X server that loses its last client begins anew, as Xvfb does, and
    refuses whoever comes meanwhile.
    """
    name = environ.get("QT_QPA_PLATFORM", "").partition(":")[0]
    if platform in ("darwin", "win32", "cygwin") or name not in ("", "xcb") or environ.get("WAYLAND_DISPLAY"):
        yield
        return
    with ExitStack() as stack:
        if problem := _x_problem(core, stack):
            raise HostUnavailableError(
                f"Qt cannot show windows on the display {environ.get('DISPLAY', '')!r}: {problem}.",
                "Set DISPLAY to one that works, use xvfb-run, install the system libraries that "
                "docs/guides/hosts.md lists, or set QT_QPA_PLATFORM=offscreen to draw without a screen.",
            )
        yield


def _x_problem(core: Any, stack: ExitStack) -> str:
    import ctypes

    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError as error:
        return str(error)
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(None, None))
    stack.callback(xcb.xcb_disconnect, connection)
    if xcb.xcb_connection_has_error(connection):
        return "it does not answer"
    info = core.QLibraryInfo
    places = getattr(info, "LibraryPath", info)  # the older bindings have the same names one level up
    folder = (info.path if hasattr(info, "path") else info.location)(places.PluginsPath)
    loader = core.QPluginLoader(f"{folder}/platforms/libqxcb.so")
    return "" if loader.load() else str(loader.errorString())
