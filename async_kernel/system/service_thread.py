"""Threads of the kernel's own, which run none of the user's code."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

__all__ = ["ServiceThread"]


class ServiceThread(threading.Thread):
    """A daemon thread that a debugger leaves alone: it goes on while what is debugged stands still."""

    # What pydevd, which debugpy is made of, looks for: not to trace the thread, and not to count it among the user's.
    pydev_do_not_trace = True
    is_pydev_daemon_thread = True

    def __init__(self, name: str, target: Callable[..., object], args: Sequence[object] = ()) -> None:
        super().__init__(name=name, target=target, args=tuple(args), daemon=True)
