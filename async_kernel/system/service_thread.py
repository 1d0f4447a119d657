"""Threads of the kernel's own, which run none of the user's code, and the case that the system gives none.

A process may have as many threads as it is allowed. Its users then do without one, and try again the next time.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from operator import call
from typing import Generic, Protocol, TypeVar

from async_kernel.errors import NoThreadError

__all__ = ["IDLE_SECONDS", "Later", "Planned", "ServiceThread", "Worker", "begin", "later"]

T = TypeVar("T")

IDLE_SECONDS = 60.0
"""How long a thread that is started when it is needed waits for more to do. Beside a cell whose C calls hold the GIL a
start takes several of them."""

_CALL: Callable[[Callable[[], object]], object] = call

_HOOKS: tuple[Callable[[], object], ...] = (
    partial(sys.settrace, threading.gettrace()),
    partial(sys.setprofile, threading.getprofile()),
)
"""What watches all threads since before there were cells: the coverage of a test, for one."""


class ServiceThread(threading.Thread):
    """A daemon thread that a debugger leaves alone: it goes on while the debugged threads stand still. Functions of
    cells that trace all threads (`threading.settrace`) are not for it. `start` raises NoThreadError."""

    # The attributes that pydevd, the core of debugpy, looks for: not to trace the thread, and not to count it among the
    # user's.
    pydev_do_not_trace = True
    is_pydev_daemon_thread = True

    def __init__(self, name: str, target: Callable[..., object], args: Sequence[object] = ()) -> None:
        super().__init__(name=name, target=target, args=tuple(args), daemon=True)
        # By C functions until the hooks are gone: at its first function of Python a trace function that raises would
        # end the thread. Nothing looks at the result of `run`.
        self.run = partial(deque, map(_CALL, (*_HOOKS, super().run)), maxlen=0)  # type: ignore[assignment]

    def start(self) -> None:
        """As `threading.Thread.start`."""
        try:
            super().start()
        except RuntimeError as error:
            raise NoThreadError from error


class Worker(Generic[T]):
    """Serves items one after another, by `serve(item)`, in a service thread that is there while it is needed: it is
    started by an item, and ends when none has come for `linger` seconds, by default IDLE_SECONDS. `serve` does not
    raise. Any thread."""

    def __init__(self, name: str, serve: Callable[[T], object], *, linger: float | None = None) -> None:
        self._name = name
        self._serve = serve
        self._linger = linger
        self._items: queue.SimpleQueue[T | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, item: T) -> bool:
        """Have `item` served. False when no thread is to be had now: then it is not; the next call tries again."""
        with self._lock:
            if self._thread is None:
                thread = ServiceThread(self._name, self._run)
                try:
                    thread.start()
                except RuntimeError:
                    return False
                self._thread = thread
            self._items.put(item)
            return True

    def close(self) -> None:
        """End the thread, if there is one, once it has served all that was put before. An item that is put later is
        served all the same."""
        with self._lock:
            if self._thread is not None:
                self._items.put(None)

    def _run(self) -> None:
        linger = IDLE_SECONDS if self._linger is None else self._linger
        while True:
            try:
                item = self._items.get(timeout=linger)
            except queue.Empty:
                item = None
            if item is not None:
                self._serve(item)
                continue
            linger = 0.0  # it is to end, but for items that have come meanwhile
            with self._lock:
                if self._items.empty():
                    self._thread = None
                    return


class Planned(Protocol):
    """A call that is to come."""

    def cancel(self) -> None:
        """Have it not made, if it has not begun. Any thread."""


class Later(Protocol):
    """Calls a function in a thread, so many seconds from now, as `later` does."""

    def __call__(self, seconds: float, function: Callable[[], object], /) -> Planned | None:
        """What cancels the call; None when it will not be made."""


def begin(function: Callable[[], object]) -> None:
    """Call `function()` in a thread of its own; where none is to be had, not at all."""
    with suppress(NoThreadError):
        ServiceThread(_name(function), function).start()


def later(seconds: float, function: Callable[..., object], *arguments: object) -> threading.Timer | None:
    """Call `function(*arguments)` in a thread after so many seconds; returns the function that cancels it. None when no
    thread is to be had: then it is not called."""
    timer = threading.Timer(seconds, function, arguments)
    timer.daemon = True
    timer.name = _name(function)
    try:
        timer.start()
    except RuntimeError:
        return None
    return timer


def _name(function: Callable[..., object]) -> str:
    return f"later: {getattr(function, '__name__', function)}"
