"""Children that are forked off the process: what they must not inherit."""

from __future__ import annotations

import os
import signal
import sys

__all__ = ["give_signals_back_in_children"]


def give_signals_back_in_children() -> None:
    """Have forked children start with Python's own handlers of SIGINT and SIGTERM, and wake nobody by a signal.

    A worker that inherited the kernel's handlers would not end when its pool terminates it, and the bytes of the
    wakeup descriptor would go to the parent's loop.
    """
    if sys.platform != "win32":
        os.register_at_fork(after_in_child=_give_back)


def _give_back() -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
