"""Waking the main thread on Windows."""

from __future__ import annotations

import signal

__all__ = ["wake_main_thread"]


def wake_main_thread() -> None:
    """Make the main thread run its SIGINT handler, even while it blocks in a wait. Callable from any thread.

    SIGINT, raised in the C runtime, is marked for Python's main thread, and sets the event that `time.sleep`, lock
    waits and console reads of the main thread wait on beside their own.
    """
    signal.raise_signal(signal.SIGINT)
