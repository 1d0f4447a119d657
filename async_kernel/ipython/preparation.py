"""The imports of the first traceback, done ahead of it.

IPython imports the formatter of tracebacks when it shows the first one: 40 ms, half a second where the disk is cold, by
which a session's first error, or the answer to its first interrupt, would come later.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from importlib import import_module

from async_kernel.system.service_thread import Later, later

__all__ = ["PAUSE_SECONDS", "Preparation", "importing", "prepare"]

PAUSE_SECONDS = 1.0
"""How long after the start: the first cells have Python to themselves, and a kernel that runs a script of a few cells
and ends never pays."""


NEEDED = ("stack_data", "pygments.formatters.terminal256", "pygments.styles")


class Preparation:
    """Imports it in a thread of its own, a moment from now. `close()` leaves it, if it has not begun."""

    def __init__(self, later: Later = later) -> None:
        self._timer = later(PAUSE_SECONDS, prepare)

    def close(self) -> None:
        """Do not begin any more."""
        if self._timer is not None:
            self._timer.cancel()


def prepare() -> None:
    """Import the formatter of tracebacks, and make it fast. Nothing is forked meanwhile."""
    with importing, suppress(ImportError):  # an IPython that formats them by other means
        for name in NEEDED:
            import_module(name)
        from async_kernel.ipython.lexing import share_tables

        share_tables()


importing = threading.RLock()  # reentrant: an imported module may fork
"""Held by a thread of the kernel's while it imports."""

if hasattr(os, "register_at_fork"):
    # A child that is forked in the midst of an import would wait for ever for the thread that it has not got.
    os.register_at_fork(before=importing.acquire, after_in_parent=importing.release, after_in_child=importing.release)
