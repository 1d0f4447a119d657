"""The end of a process: what it leaves in the log of whoever started it, and that it comes, whatever still holds it."""

from __future__ import annotations

import faulthandler
import logging
import math
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from .children import end_children
from .real import real
from .service_thread import ServiceThread

__all__ = ["Ending"]

CHILDREN_GRACE = 0.1
"""Seconds that children have when the process is ended by force: they were told before, or nobody could tell them."""

LOOK_SECONDS = 0.1
"""How long the main thread has before it is looked at again, when it is still on its way to its end."""

FINALIZER_GRACE = 0.5
"""How much later the process is ended without the help of Python, which no longer runs threads when it ends itself."""


class Ending:
    """How a process ends that has a log and nothing of a program around it. Nothing is done before a method is called.

    `log` is where it says what it has to say.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._stream: TextIO | None = None
        self._grace = self._deadline = math.inf
        self._changed = real.lock()  # released when the deadline has become an earlier one
        self._changed.acquire()

    def stand_by(self) -> None:
        """Start the thread that ends the process by force. When it is needed the process may be given none any more."""
        with suppress(RuntimeError, MemoryError):
            ServiceThread("end", self._wait).start()

    def tell_server(self) -> None:
        """Send the log to the stderr that the process was started with, which Jupyter shows in its own log, and nowhere
        else: to a duplicate of the descriptor, since cells get hold of sys.stderr and of descriptor 2.

        A signal that kills the process, as a segmentation fault does, leaves its name and where each thread was there.
        """
        try:
            self._stream = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
        except OSError:  # a process without one, as pythonw
            return
        handler = logging.StreamHandler(self._stream)
        handler.setFormatter(logging.Formatter("async-kernel: %(message)s"))
        self._log.addHandler(handler)
        self._log.propagate = False
        faulthandler.enable(self._stream)

    def come_within(self, grace: float) -> None:
        """End the process and its children `grace` seconds from now, unless it is to end before, whatever still holds
        it: threads that are not daemons, C calls that never return, code that catches everything."""
        deadline = real.monotonic() + grace
        if deadline >= self._deadline:
            return
        self._grace, self._deadline = grace, deadline
        with suppress(RuntimeError):  # it is released already
            self._changed.release()
        with suppress(RuntimeError, MemoryError):  # no thread can be started any more
            if self._stream is not None:
                real.dump_traceback_later(grace + FINALIZER_GRACE, exit=True, file=self._stream)

    def _wait(self) -> None:
        while (left := self._deadline - real.monotonic()) > 0:
            self._changed.acquire(timeout=min(left, threading.TIMEOUT_MAX))
        with suppress(BaseException):  # logging looks at the clock, and at more that a cell may have replaced
            self._log.critical("ended by force, %s s after its shutdown", self._grace)
        with suppress(BaseException):
            end_children(CHILDREN_GRACE)
        real.exit(1)

    def wait_for_threads(self, grace: float, status: int) -> None:
        """Should the main thread, which is about to end, wait `grace` seconds from now for threads that do not: run
        what is to run at exit without it, and end the process with `status`. To be called as its last deed."""

        def look() -> None:
            if not _waits_for_threads():
                _later(LOOK_SECONDS, look)
                return
            main = threading.main_thread()
            held = [thread.name for thread in threading.enumerate() if not thread.daemon and thread is not main]
            self._log.warning("threads that do not end are left to themselves: %s", ", ".join(held))
            real.run_exit_functions()
            real.exit(status)

        _later(grace, look)


def _later(seconds: float, function: Callable[[], None]) -> None:
    def run() -> None:
        real.sleep(seconds)
        function()

    ServiceThread("end of threads", run).start()


def _waits_for_threads() -> bool:
    """Whether the main thread stands where Python waits for threads that are not daemons, before it ends."""
    frame = real.frames().get(threading.main_thread().ident or 0)
    while frame is not None:
        if frame.f_code is threading._shutdown.__code__:  # type: ignore[attr-defined]
            return True
        frame = frame.f_back
    return False
