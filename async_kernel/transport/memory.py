"""The memory transport: messages move between two ends in one process. For tests, and for kernels without a network."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence

from async_kernel.protocol.messages import Buffer, Message
from async_kernel.protocol.names import Channel

__all__ = ["MemoryTransport"]


class MemoryTransport:
    """Keeps the messages of a kernel, by channel, until a client takes it (`kernel.ports.Transport`).

    There is no thread: the client side delivers its messages to the kernel itself, so a barrier is reached at once.
    """

    def __init__(self) -> None:
        self._arrival = threading.Condition()
        self._sent: dict[Channel, list[list[bytes]]] = defaultdict(list)

    def send(self, channel: Channel, frames: Sequence[Buffer]) -> None:
        """Keep one message."""
        with self._arrival:
            self._sent[channel].append([bytes(frame) for frame in frames])
            self._arrival.notify_all()

    def put(self, channel: Channel, frames: Sequence[Buffer]) -> None:
        """Keep one message."""
        self.send(channel, frames)

    def show(
        self,
        parent: Message,
        frames: Sequence[Buffer],
        build: Callable[[tuple[Message, str], str], Sequence[Buffer]],
    ) -> None:
        """Keep one message of output."""
        self.send(Channel.IOPUB, frames)

    def writer(
        self,
        key: tuple[Message, str],
        build: Callable[[tuple[Message, str], str], Sequence[Buffer]],
        begun: Callable[[list[str]], None] | None,
    ) -> Callable[[str], object]:
        """What keeps each text as a message of its own."""

        def write(text: str) -> None:
            if begun is not None:
                begun([text])
            self.send(Channel.IOPUB, build(key, text))

        return write

    def barrier(self, reached: Callable[[], None]) -> None:
        """Reached at once: nothing is under way in memory."""
        reached()

    def take(self, channel: Channel, timeout: float) -> list[bytes]:
        """The next message on `channel`. TimeoutError when none has come after `timeout` seconds."""
        with self._arrival:
            if not self._arrival.wait_for(lambda: self._sent[channel], timeout):
                raise TimeoutError(f"Nothing came on {channel} within {timeout} s.")
            return self._sent[channel].pop(0)
