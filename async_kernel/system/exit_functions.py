"""The functions that a program has registered for its end, run while there still is a thread to see that they come to
an end.

Python runs it when it is about to take the interpreter apart: first it waits for threads, without a limit, then it runs
the functions of `atexit`, one of which may hang and keep the others from their turn.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from .main_thread import wake_main_thread
from .real import real
from .service_thread import ServiceThread

__all__ = ["ExitFunctions"]

INTERRUPT = int(signal.SIGINT)


class ExitFunctions:
    """The exit functions of this process: run once, in the main thread, unless that does not come to it.

    `before()` is called first. `log` hears of threads that do not end.
    """

    def __init__(self, log: logging.Logger) -> None:
        self.before: Callable[[], None] = lambda: None
        self.left_threads = False
        """Whether threads were left to themselves. Python's own end would wait for them."""
        self._log = log
        self._begun = real.lock()  # taken by who runs them, for good
        self._done = real.lock()  # released when they have been run
        self._done.acquire()
        # the exit function that the main thread is in, which may be interrupted
        self._at: Callable[[], None] | None = None
        self._interrupted = False

    def run(self) -> None:
        """Run all exit functions in Python's order: first those of `threading._register_atexit`, which has
        executors end, wait for the threads that are no daemons, call the functions of `atexit`.

        To be called in the main thread. If they run already, in another one, this waits for their end.
        """
        self._prepare()
        real.signal(INTERRUPT, self._on_signal)
        try:
            whole = self._do(real.shut_down_threads)
        except BaseException:  # of a function that was registered; Python, too, goes on
            self._log.warning("a function that was to end threads has failed", exc_info=True)
            whole = False
        main = threading.main_thread()
        held = [thread.name for thread in threading.enumerate() if not thread.daemon and thread is not main]
        self.left_threads = bool(held) or not whole
        if held:
            self._log.warning("threads that do not end are left to themselves: %s", ", ".join(held))
        if self._begun.acquire(blocking=False):
            while not self._do(real.run_exit_functions):
                pass
        else:
            self._done.acquire()

    def leave_threads(self) -> None:
        """Have the main thread go on if it waits for threads."""
        self._interrupt(real.shut_down_threads)

    def hurry(self) -> None:
        """Have a hanging function no longer keep the others waiting: the main thread goes on with the next exit
        function. If it has not come to them they are run in a thread of their own."""
        if self._begun.acquire(blocking=False):
            ServiceThread("exit functions", self._run_here).start()
        else:
            self._interrupt(real.run_exit_functions)

    def _run_here(self) -> None:
        self._prepare()
        real.run_exit_functions()
        self._done.release()

    def _prepare(self) -> None:
        with suppress(Exception):
            self.before()

    def _do(self, function: Callable[[], None]) -> bool:
        """Call `function()`, which may be interrupted; whether it came to its end."""
        try:
            try:
                self._at = function
                function()
            finally:
                self._at = None
        except KeyboardInterrupt:
            self._at = None
            return False
        return True

    def _interrupt(self, function: Callable[[], None]) -> None:
        """Interrupt `function` if the main thread is at it."""
        if self._at is function:
            self._interrupted = True
            wake_main_thread()

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        interrupted, self._interrupted = self._interrupted and self._at is not None, False
        if interrupted:
            raise KeyboardInterrupt
