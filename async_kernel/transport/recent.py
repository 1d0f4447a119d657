"""The messages published since a new client's first request, for its subscription, which may come later than that.

A client has a connection for requests and another one for publications. Neither ZMQ nor the system keeps an order
between the two: on a busy machine a quick request is answered before the subscription has arrived, and the client waits
for an idle that was sent to others. So the messages behind the first request of a client are kept for a moment, and
given to whoever subscribes meanwhile, as if the subscription had been there before the request.

Knows no sockets. One thread at a time may use it, but `asks` may be called beside the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from async_kernel.protocol.messages import Buffer
from async_kernel.system.real import real

from .backlog import MESSAGE_BYTES, size_of

__all__ = ["Recent"]

SECONDS = 2.0
"""How long after the first request of a client its subscription is waited for."""

LIMIT = 1 << 20
"""The bytes that are kept. Beyond that the oldest are dropped."""

CLIENTS = 1000
"""How many clients are remembered. An older one that asks again counts as new, which costs nothing."""


class Recent:
    """The messages of the latest seconds, while there are clients whose first request is not older."""

    def __init__(self) -> None:
        self._clients: dict[bytes, None] = {}
        self._until = 0.0
        self._kept: deque[tuple[float, Sequence[Buffer], int]] = deque()
        self._size = 0

    def asks(self, client: bytes) -> None:
        """A request has arrived from `client`, its identity on ZMQ's socket: it may be the first one."""
        if client not in self._clients:
            self._clients[client] = None
            if len(self._clients) > CLIENTS:
                del self._clients[next(iter(self._clients))]
            self._until = real.monotonic() + SECONDS

    def keep(self, frames: Sequence[Buffer]) -> None:
        """Keep a message that is being published, if there is somebody to keep it for."""
        now = real.monotonic()
        if now < self._until:
            size = MESSAGE_BYTES + size_of(frames)
            self._kept.append((now, frames, size))
            self._size += size
        self._forget(now)

    def messages(self) -> list[Sequence[Buffer]]:
        """The messages for a new subscriber, oldest first."""
        self._forget(real.monotonic())
        return [frames for _, frames, _ in self._kept]

    def _forget(self, now: float) -> None:
        while self._kept and (self._size > LIMIT or self._kept[0][0] < now - SECONDS):
            self._size -= self._kept.popleft()[2]
