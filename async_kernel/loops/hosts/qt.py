"""The host `qt`: the main loop of a Qt application, by PySide6, PyQt6, PySide2 or PyQt5.

The binding is imported when the host is made, under the name that `host_options={"module": ...}` gives.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from importlib import import_module
from typing import Any

from async_kernel.errors import HostUnavailableError
from async_kernel.loops.hosts import ErrorSink, Host

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
                "Install the libraries of the system that it needs; docs/hosts.md lists Debian's packages.",
            ) from error
        self._undo = ExitStack()
        self._app: Any = widgets.QApplication.instance() or widgets.QApplication(["async-kernel"])
        self._app.setQuitOnLastWindowClosed(False)
        self._soon: deque[Callback] = deque()
        self._threadsafe: deque[Callback] = deque()
        self._stopped = False
        self._timer: Any = self._core.QTimer()
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._run_soon)
        self._poster = self._make_poster()

    def run(self) -> None:
        """Serve events until `stop`: neither the last window's end nor `quit()` by user code ends it."""
        self._stopped = False
        while not self._stopped:
            _exec(self._app)

    def stop(self) -> None:
        """End `run`."""
        self._stopped = True
        self._app.exit()

    def call_soon(self, callback: Callback) -> None:
        """By a timer of no length: Qt serves it after the window system's events, one round at a time."""
        self._soon.append(callback)
        if not self._timer.isActive():
            self._timer.start(0)

    def call_soon_threadsafe(self, callback: Callback) -> None:
        """By a queued signal."""
        self._threadsafe.append(callback)
        self._poster.posted.emit()

    def step(self, timeout: float) -> None:
        """Serve what is there; wait up to `timeout` seconds for the first event."""
        limit = self._core.QTimer()
        limit.setSingleShot(True)
        limit.start(max(1, round(timeout * 1000)))
        flags = self._core.QEventLoop
        flags = getattr(flags, "ProcessEventsFlag", flags)
        self._app.processEvents(flags.AllEvents | flags.WaitForMoreEvents)
        limit.stop()

    def dismiss(self) -> None:
        """Leave all nested event loops, modal dialogs included; `run` starts its own again."""
        self._app.exit()

    def carry_contexts(self, sink: ErrorSink | None) -> None:
        """Tell `sink` of exceptions in slots, which bindings give to `sys.excepthook`.

        Slots run in the context of the main loop: the bindings' `connect` cannot be hooked. Wrap a slot by hand,
        `button.clicked.connect(loops.contexts.carry(slot))`, to have it run in the context that connects it.
        """
        if sink is not None:
            before, sys.excepthook = sys.excepthook, sink
            self._undo.callback(setattr, sys, "excepthook", before)

    def close(self) -> None:
        """Give back what was put in place; the QApplication lives as long as the process."""
        self._undo.close()
        self._timer.stop()

    def _run_soon(self) -> None:
        for _ in range(len(self._soon)):
            callback = self._soon.popleft()
            if self._soon:
                self._timer.start(0)  # before: `callback` may run a nested event loop
            callback()

    def _run_threadsafe(self) -> None:
        with suppress(IndexError):  # one signal, one callback; both may come first in nested loops
            self._threadsafe.popleft()()

    def _make_poster(self) -> Any:
        core = self._core
        signal = core.Signal if hasattr(core, "Signal") else core.pyqtSignal
        poster: Any = type("Poster", (core.QObject,), {"posted": signal()})()
        connection = getattr(core.Qt, "ConnectionType", core.Qt)
        poster.posted.connect(self._run_threadsafe, connection.QueuedConnection)
        return poster


def _exec(app: Any) -> None:
    (app.exec if hasattr(app, "exec") else app.exec_)()
