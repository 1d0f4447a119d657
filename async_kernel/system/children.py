"""Children of this process: what forked ones must not inherit, and that none is left behind at the end."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress

__all__ = ["end_children", "give_signals_back_in_children"]

FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.05
"""Seconds between two looks at what still runs: doubled from the first to the longest."""

KILL_SECONDS = 0.2
"""For how long killed processes are waited for: they end as soon as the system comes to it."""


def give_signals_back_in_children() -> None:
    """Have forked children start with Python's own handlers of SIGINT and SIGTERM, and wake nobody by a signal.

    A worker that inherited the kernel's handlers would not end when its pool terminates it, and the bytes of the
    wakeup descriptor would go to the parent's loop.
    """
    if sys.platform != "win32":
        os.register_at_fork(after_in_child=_give_back)


def end_children(grace: float) -> None:
    """End what this process has started and that still runs, and what that has started: by SIGTERM, and by SIGKILL what
    is there after `grace` seconds. Returns when they have ended.

    What was detached on purpose stays: what has a session of its own (`start_new_session=True`, `setsid`), and what
    was told to ignore SIGHUP (`nohup`; on Linux, and only if this process was not told so itself, as children inherit
    it). So does multiprocessing's resource tracker, which has to clean up behind this process and ends by itself.
    On Windows nothing is done.
    """
    if sys.platform == "win32":
        return
    for signum, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, KILL_SECONDS)):
        told: set[int] = set()
        end = time.monotonic() + seconds
        pause = FIRST_PAUSE
        while running := _running():
            for pid in running - told:
                with suppress(OSError):  # it has ended meanwhile, or has become somebody else's
                    os.kill(pid, signum)
            told |= running
            left = end - time.monotonic()
            if left <= 0:  # each was told, however slow the machine is
                break
            time.sleep(min(pause, left))
            pause = min(2 * pause, LONGEST_PAUSE)


def _running() -> set[int]:
    """What this process has started and is to end."""
    if sys.platform != "win32":
        from .processes import family, ignores_hangup, list_processes

        found = family(os.getpid(), list_processes()) - _helpers()
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
            return found
        return {pid for pid in found if not ignores_hangup(pid)}
    return set()


def _helpers() -> set[int | None]:
    """Multiprocessing's resource tracker, if it has been started."""
    tracker = sys.modules.get("multiprocessing.resource_tracker")
    return {getattr(getattr(tracker, "_resource_tracker", None), "_pid", None)}


def _give_back() -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
