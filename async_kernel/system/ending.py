"""The end of a process: its last words in the log, and a deadline for whatever still holds the process."""

from __future__ import annotations

import faulthandler
import gc
import logging
import math
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from .children import FormerChildren, end_children
from .exit_functions import ExitFunctions
from .real import real
from .service_thread import ServiceThread
from .watch import Planned, Watch

__all__ = ["Ending"]

CHILDREN_PART, AGAIN_PART, HURRY_PART = 1 / 6, 1 / 3, 0.7
"""When, in parts of the time that the process has, its children are told to end, whatever still runs is interrupted
again, and exit functions are run at the latest. In good order each has been done by then."""

HURRY_PAUSE = 0.2
"""Seconds that each exit function has from then on."""

CHILDREN_GRACE = 0.1
"""Seconds that children have when the process is ended by force: they were told before, or nobody could tell them."""

FINALIZER_GRACE = 0.5
"""How much later the process is ended without the help of Python, which no longer runs threads when it ends itself."""


class Ending:
    """How a process ends that has a log and nothing of a program around it. Nothing is done before a method is called.

    `log` receives the messages of this class; the thread of `watch` sees to the end.
    """

    def __init__(self, log: logging.Logger, watch: Watch) -> None:
        self._again: Callable[[], None] = lambda: None
        self._at_last: Callable[[], None] = lambda: None
        self._log = log
        self._watch = watch
        self._stream: TextIO | None = None
        self._grace = self._deadline = math.inf
        self._deeds: list[Planned] = []
        self._lock = real.lock()  # over the three
        self._exit_functions = ExitFunctions(log)
        self._has_ended_children = False
        self._children: FormerChildren | None = None

    def stand_by(
        self,
        again: Callable[[], None] = lambda: None,
        before_exit: Callable[[], None] = lambda: None,
        at_last: Callable[[], None] = lambda: None,
    ) -> None:
        """Say how the end presses hanging code.

        `again()` interrupts the work that still runs; `before_exit()` is called before exit functions are run,
        `at_last()` before the process is ended by force. All three return soon, in any thread.
        """
        self._again, self._at_last = again, at_last
        self._exit_functions.before = before_exit

    def watch_children(self) -> None:
        """Note that there is nothing to end yet: to list all processes takes longer than everything else at the end."""
        self._children = FormerChildren()

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
        it: threads that are not daemons, C calls that never return, code that catches everything.

        Meanwhile hanging code is pressed, in three steps, so that all other code has its turn before.
        """
        now = real.monotonic()
        with self._lock:
            if now + grace >= self._deadline:
                return
            self._grace, self._deadline = grace, now + grace
            for deed in self._deeds:
                deed.cancel()
            self._deeds = [
                self._watch.at(now + CHILDREN_PART * grace, self._tell_children),
                self._watch.at(now + AGAIN_PART * grace, lambda: self._again()),  # it may come later than this
                self._watch.at(now + HURRY_PART * grace, self._hurry),
                self._watch.at(self._deadline, self._end_by_force),
            ]
        with suppress(RuntimeError, MemoryError):  # no thread can be started any more
            if self._stream is not None:
                real.dump_traceback_later(grace + FINALIZER_GRACE, exit=True, file=self._stream)

    def run_exit_functions(self, threads_grace: float) -> None:
        """Run the exit functions, as Python does before it takes the interpreter apart: see `ExitFunctions.run`.
        Threads that are no daemons have `threads_grace` seconds to end. To be called in the main thread."""
        self._watch.at(real.monotonic() + threads_grace, self._exit_functions.leave_threads)
        self._exit_functions.run()

    def end_children(self, grace: float) -> None:
        """End the children of this process: see `children.end_children`. Processes started later stay."""
        if self._children is None or self._children.may_exist():
            end_children(grace)
        self._has_ended_children = True

    def leave(self, status: int) -> None:
        """End the process with `status` if Python cannot do that, since it would wait for threads that hang; else have
        it end soon. To be called in the main thread, as its last deed."""
        if self._exit_functions.left_threads:
            for stream in (sys.stdout, sys.stderr):
                with suppress(Exception):
                    stream.flush()
            real.exit(status)
        # While Python takes itself apart it looks through all objects several times, which takes more than a second
        # once a completion has brought in jedi: it is to find none. Those that cells have left went with the shell.
        gc.freeze()

    # The deeds of the watch

    def _tell_children(self) -> None:
        """Code that waits for a child hears of no interrupt: `os.system`, or an executor that waits for its
        processes."""
        grace = self._grace / 3
        ServiceThread("end of children", end_children, (grace, lambda: self._has_ended_children)).start()

    def _hurry(self) -> None:
        self._watch.at(real.monotonic() + HURRY_PAUSE, self._hurry)
        self._exit_functions.hurry()

    def _end_by_force(self) -> None:
        with suppress(BaseException):  # logging looks at the clock, and at more that a cell may have replaced
            self._log.critical("ended by force, %s s after its shutdown", self._grace)
        with suppress(BaseException):
            self._at_last()
        with suppress(BaseException):
            end_children(CHILDREN_GRACE)
        real.exit(1)
