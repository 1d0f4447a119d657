"""The messages published since a new client's first request, for its subscription, which may come later than that.

A client has a connection for requests and another one for publications. Neither ZMQ nor the system keeps an order
between the two: on a busy machine a quick request is answered before the subscription has arrived, and the client waits
for an idle that was sent to others. So the messages behind the first request of a client are kept for a moment, and
given to each new subscriber, as if its subscription had been there before the request.

Nothing tells which subscription is whose. A subscriber that belongs to another client gets some messages more, which
it has not seen either. But one that had subscribed before, and comes again, has seen them, and jupyter_client takes a
message that comes twice for an attack. It has left in between: so nothing is kept any more once a subscription leaves.

Knows no sockets and no threads: one thread at a time may use it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from async_kernel.protocol.messages import Buffer
from async_kernel.system.real import real

from .backlog import MESSAGE_BYTES, size_of

__all__ = ["Recent"]

LATE_SECONDS = 2.0
"""How long after the first request of a client its subscription is waited for."""

LIMIT = 1 << 20
"""The bytes that are kept. Beyond that the oldest are dropped."""

CLIENTS = 1000
"""How many clients are remembered, and how many are waited for at most."""


class Recent:
    """The clients whose subscription may still come, and the messages for them."""

    def __init__(self) -> None:
        self._clients: dict[bytes, None] = {}
        self._first: deque[float] = deque(maxlen=CLIENTS)  # when clients have asked first
        self._kept: deque[tuple[float, Sequence[Buffer], int]] = deque()
        self._size = 0

    def asks(self, client: bytes) -> None:
        """A request has arrived from `client`, its identity on ZMQ's socket: it may be the first one."""
        if client in self._clients:
            return
        self._clients[client] = None
        if len(self._clients) > CLIENTS:
            del self._clients[next(iter(self._clients))]
        self._first.append(real.monotonic())

    def joins(self) -> list[Sequence[Buffer]]:
        """Somebody has subscribed: the messages to send it, oldest first."""
        self._drop(real.monotonic())
        return [frames for _, frames, _ in self._kept]

    def leaves(self) -> None:
        """Somebody subscribes no longer, and may come again, having seen what is kept."""
        self._first.clear()
        self._kept.clear()
        self._size = 0

    def keep(self, frames: Sequence[Buffer]) -> None:
        """Keep a message that is being published, if somebody is waited for."""
        if self._first:
            now, size = real.monotonic(), MESSAGE_BYTES + size_of(frames)
            self._kept.append((now, frames, size))
            self._size += size
            self._drop(now)

    def _drop(self, now: float) -> None:
        """Drop all that nobody is waited for any more."""
        while self._first and self._first[0] < now - LATE_SECONDS:
            self._first.popleft()
        while self._kept and (not self._first or self._size > LIMIT or self._kept[0][0] < self._first[0]):
            self._size -= self._kept.popleft()[2]
