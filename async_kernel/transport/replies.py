"""Messages for one client each: replies, and requests for input.

A ROUTER socket loses messages that it cannot queue for a client, so one without a bound on its queue would be needed;
then a client that sends requests and reads no reply fills the memory. With `ROUTER_MANDATORY` the socket refuses a
message that it cannot queue. It waits here, in order, up to a number of bytes for all clients together; further ones
are dropped, and the log says so. A client that has gone gets nothing, as ever.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping, Sequence

import zmq

from async_kernel.protocol.messages import Buffer
from async_kernel.protocol.names import Channel
from async_kernel.system.real import real

from .backlog import MESSAGE_BYTES, size_of
from .socket_calls import send

__all__ = ["REPLY_BYTES", "Replies"]

REPLY_BYTES = 64 << 20
"""How much is kept for clients that do not read."""

RETRY_SECONDS = 0.01
"""Between two tries of a client that is full: whether a ROUTER is writable says nothing about one client."""

HOPE_SECONDS = 1.0
"""At the end, a client that has taken nothing for so long is not waited for."""

log = logging.getLogger(__name__)


class _Waiting:
    """The messages that wait for one client on one channel."""

    __slots__ = ("dropped", "messages", "took")

    def __init__(self, now: float) -> None:
        self.messages: deque[Sequence[Buffer]] = deque()
        self.dropped = 0
        self.took = now


class Replies:
    """Sends on ROUTER sockets with `ROUTER_MANDATORY`, by channel. One thread at a time may use it."""

    def __init__(self, sockets: Mapping[Channel, zmq.Socket[bytes]], limit: int = REPLY_BYTES) -> None:
        self._sockets = sockets
        self._limit = limit
        self._size = 0
        self.waiting: dict[tuple[Channel, bytes], _Waiting] = {}
        """The clients for whom something waits, by channel and identity."""

    @property
    def pause(self) -> float | None:
        """Seconds until `flush` is to be called; None when nothing waits."""
        return RETRY_SECONDS if self.waiting else None

    @property
    def hopeful(self) -> bool:
        """Whether something waits for a client that may still be reading."""
        now = real.monotonic()
        return any(now - one.took < HOPE_SECONDS for one in self.waiting.values())

    def send(self, channel: Channel, message: Sequence[Buffer]) -> None:
        """Send a message, of which the first frame names the client."""
        place = (channel, bytes(message[0]))
        waiting = self.waiting.get(place)
        if waiting is None:
            if self._send(channel, message):
                return
            waiting = self.waiting[place] = _Waiting(real.monotonic())
        size = MESSAGE_BYTES + size_of(message)
        if self._size + size > self._limit:
            if not waiting.dropped:
                log.warning("a client reads no replies on %s: from now on they are dropped", channel)
            waiting.dropped += 1
            return
        self._size += size
        waiting.messages.append(message)

    def flush(self) -> None:
        """Try to send the waiting messages again."""
        for place, waiting in [*self.waiting.items()]:
            messages = waiting.messages
            while messages and self._send(place[0], messages[0]):
                self._size -= MESSAGE_BYTES + size_of(messages.popleft())
                waiting.took = real.monotonic()
            if not messages:
                del self.waiting[place]
                if waiting.dropped:
                    log.warning("%s replies on %s were dropped, which a client did not read", waiting.dropped, place[0])

    def _send(self, channel: Channel, message: Sequence[Buffer]) -> bool:
        """Send it, or lose it to a client that has gone; False when its client is full."""
        try:
            send(self._sockets[channel], message)
        except zmq.Again:
            return False
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
        return True
