"""SIGTERM, served by a thread of its own.

Python runs a signal's handler in the main thread, between any two bytecodes: that thread may hold a lock that the end
of a kernel needs. So the handler takes none and does nothing but hand over.
"""

from __future__ import annotations

import queue
import signal
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

from .real import real
from .service_thread import ServiceThread

if TYPE_CHECKING:
    from _thread import LockType

__all__ = ["ASIDE_SECONDS", "take_sigterm"]

ASIDE_SECONDS = 0.2
"""How long the main thread stands aside, to let the other one work: beside a cell whose C calls keep Python's lock that
one would have to wait for the end of such a call whenever it has given the lock up. If it waits for a lock that the
main thread holds, so long is lost."""


def take_sigterm(end: Callable[[], None]) -> None:
    """Have each SIGTERM call `end()` in a thread that waits for nothing else, so that nothing delays it. The thread is
    started now: the process may be given none when the signal arrives. To be called in the main thread."""
    arrived: queue.SimpleQueue[LockType] = queue.SimpleQueue()

    def hand_over(signum: int, frame: FrameType | None) -> None:
        ended = real.lock()  # of this signal alone: the handler may be interrupted by the next
        ended.acquire()
        arrived.put(ended)  # SimpleQueue.put is reentrant: safe in a signal handler
        ended.acquire(timeout=ASIDE_SECONDS)

    def serve() -> None:
        while True:
            ended = arrived.get()
            try:
                end()
            finally:
                ended.release()

    ServiceThread("SIGTERM", serve).start()
    signal.signal(signal.SIGTERM, hand_over)
