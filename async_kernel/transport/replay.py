"""The latest messages that were published while nobody was subscribed, within a bound, for the next subscriber.

Knows no sockets and no threads: one thread at a time may use it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from async_kernel.protocol.messages import Buffer

from .backlog import MESSAGE_BYTES, size_of

__all__ = ["Replay"]


class Replay:
    """Keeps up to `limit` bytes of messages. Beyond that the oldest are dropped; `note(text)` gives the frames of the
    message that says so."""

    def __init__(self, limit: int, note: Callable[[str], Sequence[Buffer]]) -> None:
        self._limit = limit
        self._note = note
        self._kept: deque[tuple[Sequence[Buffer], int]] = deque()
        self._size = 0
        self._dropped = 0
        self._dropped_bytes = 0

    def keep(self, frames: Sequence[Buffer]) -> None:
        """Keep a message."""
        size = MESSAGE_BYTES + size_of(frames)
        self._kept.append((frames, size))
        self._size += size
        while self._size > self._limit:
            _, size = self._kept.popleft()
            self._size -= size
            self._dropped += 1
            self._dropped_bytes += size - MESSAGE_BYTES

    def take(self) -> list[Sequence[Buffer]]:
        """The kept messages, oldest first, behind a note of those dropped before them. They are kept no longer."""
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
