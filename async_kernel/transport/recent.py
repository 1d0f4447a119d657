"""The messages published since a new client's first request, for its subscription, which may come later than that.

A client has a connection for requests and another one for publications. Neither ZMQ nor the system keeps an order
between the two: on a busy machine a quick request is answered before the subscription has arrived, and the client waits
for an idle that was sent to others. So the messages behind the first request of a client are kept for a moment, and
given to the next subscriber, as if its subscription had been there before the request.

Nothing tells which subscription is whose. So each new subscription is taken for that of a new client, and each new
client for one that has subscribed, if somebody did within the last second. This is so for nearly all, and then nothing
is kept. A client that has seen a message must not be sent it again: jupyter_client takes that for an attack.

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

EARLY_SECONDS = 1.0
"""How long after a subscription the first request of its client may come, for the two to be taken together."""

LIMIT = 1 << 20
"""The bytes that are kept. Beyond that the oldest are dropped."""

CLIENTS = 1000
"""How many clients are remembered, and how many subscriptions and requests wait for each other at most."""


class Recent:
    """The clients whose subscription is waited for, and the messages for them."""

    def __init__(self) -> None:
        self._clients: dict[bytes, None] = {}
        self._early: deque[float] = deque(maxlen=CLIENTS)  # when subscriptions came whose client has not asked yet
        self._late: deque[float] = deque(maxlen=CLIENTS)  # when clients asked first whose subscription has not come yet
        self._kept: deque[tuple[float, Sequence[Buffer], int]] = deque()
        self._size = 0

    def asks(self, client: bytes) -> None:
        """A request has arrived from `client`, its identity on ZMQ's socket: it may be the first one."""
        if client in self._clients:
            return
        self._clients[client] = None
        if len(self._clients) > CLIENTS:
            del self._clients[next(iter(self._clients))]
        now = real.monotonic()
        _forget(self._early, now - EARLY_SECONDS)
        if self._early:
            self._early.popleft()
        else:
            self._late.append(now)

    def joins(self) -> list[Sequence[Buffer]]:
        """Somebody has subscribed: the messages to send it, oldest first."""
        now = real.monotonic()
        self._drop(now)
        if not self._late:
            self._early.append(now)
            return []
        self._late.popleft()
        messages = [frames for _, frames, _ in self._kept]
        self._drop(now)
        return messages

    def keep(self, frames: Sequence[Buffer]) -> None:
        """Keep a message that is being published, if somebody is waited for."""
        if self._late:
            now, size = real.monotonic(), MESSAGE_BYTES + size_of(frames)
            self._kept.append((now, frames, size))
            self._size += size
            self._drop(now)

    def _drop(self, now: float) -> None:
        """Drop all that nobody is waited for any more."""
        _forget(self._late, now - LATE_SECONDS)
        while self._kept and (not self._late or self._size > LIMIT or self._kept[0][0] < self._late[0]):
            self._size -= self._kept.popleft()[2]


def _forget(times: deque[float], before: float) -> None:
    while times and times[0] < before:
        times.popleft()
