"""A thread that stands still: whether it waits in a call of the system, or computes in a call of C code."""

from __future__ import annotations

import math
import sys
import threading
import time

from async_kernel.stacks.snapshot import position_of
from async_kernel.system.real import real

__all__ = ["STUCK_SECONDS", "WAITING_SECONDS", "StuckCheck"]

WAITING_SECONDS = 0.025
"""How long a thread may wait in one call, with an exception waiting for it, before its work is given up."""

STUCK_SECONDS = 0.3
"""The same for a thread that computes, waits for the GIL, or cannot be seen to wait: most such calls return."""


class StuckCheck:
    """A thread that is to run its next bytecode, from now on.

    To be used in another thread that has just been given the GIL, so that the thread cannot end meanwhile.
    """

    def __init__(self, thread: int) -> None:
        self._thread = thread
        self._since = self._waits_since = real.monotonic()
        self._position = position_of(thread)
        self._number = next((one.native_id for one in threading.enumerate() if one.ident == thread), None)
        self._cpu = _cpu_time(self._number)
        self._moved = False

    def end(self) -> None:
        """Note that the thread has moved: in a loop that sleeps it is back in place when it is looked at."""
        self._moved = True

    def is_over(self) -> bool:
        """Whether the thread has moved, or ended."""
        return self._moved or self._position is None or position_of(self._thread) != self._position

    def is_stuck(self) -> bool:
        """Whether it has stood still for longer than is worth waiting. False for a thread that has ended."""
        now = real.monotonic()
        if position_of(self._thread) is None:
            return False
        cpu = _cpu_time(self._number)
        if cpu != self._cpu:
            self._cpu, self._waits_since = cpu, now
        return now >= self._waits_since + WAITING_SECONDS or now >= self._since + STUCK_SECONDS


def _cpu_time(thread: int | None) -> float:
    """The processor time of a thread, by its number in the system. It stays the same, to the nanosecond, in a thread
    that waits; one that waits for the GIL looks after it every few milliseconds. NaN, which never equals itself,
    where systems do not tell, and for a thread that has ended."""
    if sys.platform != "linux" or thread is None:
        return math.nan
    try:
        # Not by `pthread_getcpuclockid`, which may crash on a thread that has ended: Linux makes clocks of numbers so.
        return time.clock_gettime(~thread << 3 | 6)
    except OSError:
        return math.nan
