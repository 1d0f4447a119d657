"""Waking the main thread on Windows."""

from __future__ import annotations

import signal

__all__ = ["wake_main_thread"]


def wake_main_thread() -> None:
    """Raise SIGINT in the C runtime: it marks the signal for Python's main thread and sets the event that
    `time.sleep`, lock waits and console reads of the main thread wait on beside their own."""
    signal.raise_signal(signal.SIGINT)
