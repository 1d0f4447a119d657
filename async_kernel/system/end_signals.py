"""The signals that ask for the end, SIGTERM and SIGHUP, served by a thread of its own.

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

__all__ = ["ASIDE_SECONDS", "END_SIGNALS", "take_end_signals"]

END_SIGNALS = frozenset(int(getattr(signal, name)) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Their numbers. SIGHUP says that the terminal is gone, from which somebody has started the kernel."""

ASIDE_SECONDS = 0.2
"""How long the main thread stands aside, to let the other one work: beside a cell whose C calls keep the GIL that one
would have to wait for the end of such a call whenever it has given the GIL up. If it waits for a lock that the main
thread holds, so long is lost."""


def take_end_signals(end: Callable[[], None]) -> Callable[[], None]:
    """Have each of these signals call `end()` in a thread that waits for nothing else, so that nothing delays it. The
    thread is started now: the process may be given none when the signal arrives. To be called in the main thread.

    Returns a function for whoever sees such a signal before its handler runs, which a C call of the main thread delays:
    it does the same. So `end` may be called twice for one signal. A signal that is ignored, as `nohup` has SIGHUP
    ignored, stays so.
    """
    arrived: queue.SimpleQueue[LockType | None] = queue.SimpleQueue()

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
                if ended is not None:
                    ended.release()

    ServiceThread("end signals", serve).start()
    for number in END_SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, hand_over)
    return lambda: arrived.put(None)
