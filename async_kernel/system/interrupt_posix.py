"""Waking the main thread on POSIX systems."""

from __future__ import annotations

import signal
import sys
import threading

__all__ = ["wake_main_thread"]


def wake_main_thread() -> None:
    """Make the main thread run its SIGINT handler, even while it blocks in a system call. Callable from any thread.

    A signal to the process may be taken by any thread and would leave a blocking call of the main thread alone; one
    sent to the thread makes the call return EINTR, whereupon Python runs the handler (PEP 475).
    """
    ident = threading.main_thread().ident
    if sys.platform != "win32" and ident is not None:  # the check is for the type checker alone
        signal.pthread_kill(ident, signal.SIGINT)
