"""Threads of the kernel's own, which run none of the user's code, and the case that the system gives none.

A process may have as many threads as it is allowed. Its users then do without one, and try again the next time.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from operator import call

from async_kernel.errors import NoThreadError

__all__ = ["ServiceThread", "Standby", "later"]


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


class Standby:
    """A service thread that is started when it is needed for the first time: `target()` runs in it for good."""

    def __init__(self, name: str, target: Callable[[], object]) -> None:
        self._name = name
        self._target = target
        self._thread: threading.Thread | None = None

    def wake(self) -> bool:
        """Whether it runs. False when no thread is to be had now; the next call tries again."""
        if self._thread is None:
            thread = ServiceThread(self._name, self._target)
            try:
                thread.start()
            except RuntimeError:
                return False
            self._thread = thread
        return True


def later(seconds: float, function: Callable[..., object], *arguments: object) -> threading.Timer | None:
    """Call `function(*arguments)` in a thread after so many seconds; returns the function that cancels it. None when no
    thread is to be had: then it is not called."""
    timer = threading.Timer(seconds, function, arguments)
    timer.daemon = True
    timer.name = f"later: {getattr(function, '__name__', function)}"
    try:
        timer.start()
    except RuntimeError:
        return None
    return timer
