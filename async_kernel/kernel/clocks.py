"""Clocks of clients: when, by the kernel's own clock, a client sent a message.

An interrupt is meant for what ran when it was sent, which may have ended since. The header says when that was by the
client's clock; the difference of the two clocks is learnt from the messages themselves: none arrives before it is
sent, and the quickest of several is hardly delayed at all.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime

from async_kernel.protocol.messages import Header
from async_kernel.system.real import real

__all__ = ["ClientClocks"]

REMEMBERED = 32
"""Messages that the difference is learnt from."""

SAME_CLOCK_SECONDS = 0.005
"""A difference up to this can be all delay, with one clock for both."""


class ClientClocks:
    """Learns from every message that arrives; the work is done only when somebody asks."""

    def __init__(self) -> None:
        self._arrivals: deque[tuple[float, Header]] = deque(maxlen=REMEMBERED)

    def note(self, header: Header) -> None:
        """Remember that a message has arrived now."""
        self._arrivals.append((real.time(), header))

    def sent(self, header: Header) -> tuple[float, float] | None:
        """Between which two times the message was sent, in seconds of `time.time()`; None when its header does not say.

        The later one is certain, but for a clock that is set meanwhile. The earlier one supposes that the client has
        our clock when there is nothing to say that it has not, for example `(12.3451, 12.3456)`.
        """
        said = _seconds(header.date)
        if said is None:
            return None
        delays = [
            arrived - other
            for arrived, seen in tuple(self._arrivals)
            if seen.session == header.session and (other := _seconds(seen.date)) is not None
        ]
        delay = min(delays, default=0.0)
        return said if 0.0 <= delay < SAME_CLOCK_SECONDS else said + delay, said + delay


def _seconds(date: str) -> float | None:
    try:
        moment = datetime.fromisoformat(date)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
