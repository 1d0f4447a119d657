"""The signals that ask for the end, SIGTERM and SIGHUP, which the watch hears of.

Python runs a signal's handler in the main thread, between any two bytecodes: that thread may hold a lock that the end
of a kernel needs. So the handler takes none and does nothing but hand over.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial
from types import FrameType

from .real import real
from .watch import Watch

__all__ = ["ASIDE_SECONDS", "END_SIGNALS", "take_end_signals"]

END_SIGNALS = frozenset(int(getattr(signal, name)) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Their numbers. SIGHUP says that the terminal is gone, from which somebody has started the kernel."""

ASIDE_SECONDS = 0.2
"""How long the main thread stands aside, to let the other one work: beside a cell whose C calls keep the GIL that one
would have to wait for the end of such a call whenever it has given the GIL up. If it waits for a lock that the main
thread holds, so long is lost."""


def take_end_signals(watch: Watch, end: Callable[[Callable[[], object]], object]) -> None:
    """Have each of these signals call `end(done)` in the thread of `watch`. It returns at once, and calls `done()` when
    the end has begun, for which the handler waits a moment. To be called in the main thread.

    A signal that is ignored, as `nohup` has SIGHUP ignored, stays so.
    """

    def hand_over(signum: int, frame: FrameType | None) -> None:
        begun = real.lock()  # of this signal alone: the handler may be interrupted by the next
        begun.acquire()
        watch.call(partial(end, begun.release))
        begun.acquire(timeout=ASIDE_SECONDS)

    for number in END_SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, hand_over)
