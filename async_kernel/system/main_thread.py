"""Waking the main thread: it runs its SIGINT handler, whatever it waits in."""

from __future__ import annotations

import signal
import sys
import threading

__all__ = ["wake_main_thread"]

if sys.platform == "win32":

    def wake_main_thread() -> None:
        """Make the main thread run its SIGINT handler, even while it blocks in a wait. Callable from any thread.

        SIGINT, raised in the C runtime, is marked for Python's main thread, and sets the event that `time.sleep`, lock
        waits and console reads of the main thread wait on beside their own.
        """
        signal.raise_signal(signal.SIGINT)

else:

    def wake_main_thread() -> None:
        """Make the main thread run its SIGINT handler, even while it blocks in a system call. Callable from any thread.

        A signal to the process may be taken by any thread and would leave a blocking call of the main thread alone; one
        sent to the thread makes the call return EINTR, whereupon Python runs the handler (PEP 475).
        """
        ident = threading.main_thread().ident
        if ident is not None:
            signal.pthread_kill(ident, signal.SIGINT)
