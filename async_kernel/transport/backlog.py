"""What a subscriber could not take yet, within a bound: the rest of its output is dropped, and it is told how much.

Only output is ever dropped. Statuses, results and whatever else was to be sent stay, in their order.
Knows no sockets and no threads: whoever uses it sees to it that it is used by one thread at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

from async_kernel.protocol.messages import Buffer, Message

__all__ = ["Backlog", "Build"]

MESSAGE_BYTES = 500
"""What a message costs here beside its frames."""

Build: TypeAlias = Callable[[tuple[Message, str], str], Sequence[Buffer]]
"""The frames of a message with text: `build((parent, "stderr"), "text")`."""


class _Dropped:
    """Output of one request that was dropped, in the place of the first of it."""

    __slots__ = ("build", "messages", "parent", "size")

    def __init__(self, parent: Message, build: Build) -> None:
        self.parent = parent
        self.build = build
        self.messages = 0
        self.size = 0

    def frames(self) -> Sequence[Buffer]:
        what = "message" if self.messages == 1 else "messages"
        note = (
            f"\n[{self.messages:,} {what} of output with {self.size / 1e6:,.2f} MB are missing here: "
            "the client did not read, and no more is kept for it.]\n"
        )
        return self.build((self.parent, "stderr"), note)


class Backlog:
    """A queue of messages. Output is taken in up to `limit` bytes; once it was full, not before half of that is sent.

    It is true while anything waits.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._items: deque[tuple[Sequence[Buffer], int] | _Dropped] = deque()
        self._size = 0
        self._dropping = False
        self._notes: dict[int, _Dropped] = {}  # by the id of the parent, which each keeps alive

    def __bool__(self) -> bool:
        return bool(self._items)

    @property
    def first(self) -> Sequence[Buffer]:
        """The frames of the message that is next to be sent."""
        item = self._items[0]
        return item.frames() if isinstance(item, _Dropped) else item[0]

    def sent(self) -> None:
        """The first has been sent."""
        item = self._items.popleft()
        if isinstance(item, _Dropped):
            self._notes.pop(id(item.parent), None)
        else:
            self._size -= item[1]
        if self._dropping and self._size <= self._limit // 2:
            self._dropping = False
            self._notes.clear()  # what is dropped later is missing in another place

    def add(self, frames: Sequence[Buffer]) -> None:
        """Keep a message."""
        size = MESSAGE_BYTES + size_of(frames)
        self._items.append((frames, size))
        self._size += size

    def drops(self, size: int) -> bool:
        """Whether output of so many bytes has to be dropped."""
        if not self._dropping:
            self._dropping = self._size + size > self._limit
        return self._dropping

    def drop(self, parent: Message, size: int, build: Build) -> None:
        """Count output of `parent` as dropped; `build` makes the message that says so."""
        note = self._notes.get(id(parent))
        if note is None:
            note = self._notes[id(parent)] = _Dropped(parent, build)
            self._items.append(note)
        note.messages += 1
        note.size += size


def size_of(frames: Sequence[Buffer]) -> int:
    """The bytes of the frames."""
    return sum(frame.nbytes if isinstance(frame, memoryview) else len(frame) for frame in frames)
