"""What is published while nobody listens, for whoever comes next: the latest of it, within a bound.

Knows no sockets and no threads: whoever uses it sees to it that it is used by one thread at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from async_kernel.protocol.messages import Buffer

from .backlog import MESSAGE_BYTES, size_of

__all__ = ["Replay"]


class Replay:
    """Keeps up to `limit` bytes of messages while nobody has subscribed; of what is too much, the oldest are dropped,
    and `note(text)` gives the frames of the message that says so."""

    def __init__(self, limit: int, note: Callable[[str], Sequence[Buffer]]) -> None:
        self._limit = limit
        self._note = note
        self._topics: set[bytes] = set()
        self._kept: deque[tuple[Sequence[Buffer], int]] = deque()
        self._size = 0
        self._dropped = 0
        self._dropped_bytes = 0

    def join(self, topic: bytes) -> None:
        """Somebody has subscribed to `topic`."""
        self._topics.add(topic)

    def leave(self, topic: bytes) -> None:
        """Nobody is subscribed to `topic` any more."""
        self._topics.discard(topic)

    def keep(self, frames: Sequence[Buffer]) -> bool:
        """Keep a message, unless somebody listens; whether it was."""
        if self._topics:
            return False
        size = MESSAGE_BYTES + size_of(frames)
        self._kept.append((frames, size))
        self._size += size
        while self._size > self._limit:
            _, size = self._kept.popleft()
            self._size -= size
            self._dropped += 1
            self._dropped_bytes += size - MESSAGE_BYTES
        return True

    def take(self) -> list[Sequence[Buffer]]:
        """What was kept, oldest first, behind the note of what was dropped before it. It is kept no longer."""
        frames = [kept for kept, _ in self._kept]
        if self._dropped:
            what = "message" if self._dropped == 1 else "messages"
            text = (
                f"[{self._dropped:,} {what} with {self._dropped_bytes / 1e6:,.2f} MB are missing here: they were "
                "published while no client was connected, and no more is kept.]\n"
            )
            frames.insert(0, self._note(text))
        self._kept.clear()
        self._size = self._dropped = self._dropped_bytes = 0
        return frames
