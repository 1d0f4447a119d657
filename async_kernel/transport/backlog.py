"""The messages that one subscriber could not take yet, within a bound that all subscribers share.

Only output is dropped, and its client is told how much; statuses and results stay, in their order. A subscriber for
which even that is too much is *cut loose*: its whole backlog becomes one note, and so does everything until it reads.

Knows no sockets and no threads: one thread at a time may use it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

from async_kernel.protocol.messages import Buffer, Message

__all__ = ["Backlog", "Budget", "Build", "Kept", "Note"]

MESSAGE_BYTES = 500
"""Bytes of overhead counted for each message."""

OTHERS_BYTES = 32 << 20
"""The bytes beyond the limit for messages that are no output, such as statuses."""

Build: TypeAlias = Callable[[tuple[Message, str], str], Sequence[Buffer]]
"""The frames of a message with text: `build((parent, "stderr"), "text")`."""

Note: TypeAlias = Callable[[str], Sequence[Buffer]]
"""The frames of a message that belongs to no request: `note("text")`."""


class Budget:
    """The bytes that the backlogs of all subscribers may hold together. A message in several backlogs counts once."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0


class Kept:
    """A message and the number of backlogs that hold it."""

    __slots__ = ("frames", "holders", "size")

    def __init__(self, frames: Sequence[Buffer]) -> None:
        self.frames = frames
        self.size = MESSAGE_BYTES + size_of(frames)
        self.holders = 0


class _Dropped:
    """Output of one request that was dropped, in the place of the first of it."""

    __slots__ = ("build", "messages", "parent", "size")

    def __init__(self, parent: Message, build: Build) -> None:
        self.parent = parent
        self.build = build
        self.messages = 0
        self.size = 0

    def frames(self) -> Sequence[Buffer]:
        return self.build((self.parent, "stderr"), f"\n{_missing(self.messages, self.size, ' of output')}\n")


class Backlog:
    """A queue of messages. It is true while anything waits.

    Output is taken in while the budget lasts; once that was full, not before half of it is sent. `note` gives the
    message that tells a subscriber how much it missed when it was cut loose.
    """

    __slots__ = ("_budget", "_cut", "_cut_size", "_dropping", "_items", "_note", "_notes", "_size")

    def __init__(self, budget: Budget, note: Note) -> None:
        self._budget = budget
        self._note = note
        self._items: deque[Kept | _Dropped] = deque()
        self._size = 0
        self._dropping = False
        self._notes: dict[int, _Dropped] = {}  # by the id of the parent, which each keeps alive
        self._cut = 0  # messages that are missing since the subscriber was cut loose, and their bytes
        self._cut_size = 0

    def __bool__(self) -> bool:
        return bool(self._items or self._cut)

    @property
    def size(self) -> int:
        """The bytes that wait here."""
        return self._size

    @property
    def first(self) -> Sequence[Buffer]:
        """The frames of the message that is next to be sent."""
        if self._cut:
            return self._note(f"{_missing(self._cut, self._cut_size, '')}\n")
        return self._items[0].frames() if isinstance(self._items[0], _Dropped) else self._items[0].frames

    def sent(self) -> None:
        """The first has been sent."""
        if self._cut:
            self._cut = self._cut_size = 0
            return
        self._pop()
        if self._dropping and self._size <= self._budget.limit // 2:
            self._dropping = False
            self._notes.clear()  # a later loss is told in its own place

    def add(self, message: Kept) -> None:
        """Keep a message that is not to be dropped; beyond `OTHERS_BYTES` the subscriber is cut loose nevertheless."""
        if self._cut:
            self._miss(1, message.size - MESSAGE_BYTES)
            return
        if not message.holders:
            self._budget.used += message.size
        message.holders += 1
        self._items.append(message)
        self._size += message.size
        if self._size > self._budget.limit + OTHERS_BYTES:
            self.cut()

    def drops(self, size: int) -> bool:
        """Whether output of so many bytes has to be dropped."""
        if not self._dropping:
            self._dropping = self._budget.used + size > self._budget.limit
        return self._dropping or bool(self._cut)

    def drop(self, parent: Message, size: int, build: Build) -> None:
        """Count output of `parent` as dropped; `build` makes the message that says so."""
        if self._cut:
            self._miss(1, size)
            return
        note = self._notes.get(id(parent))
        if note is None:
            note = self._notes[id(parent)] = _Dropped(parent, build)
            self._items.append(note)
        note.messages += 1
        note.size += size

    def cut(self) -> None:
        """Give up everything that waits here: one note is left of it."""
        while self._items:
            item = self._pop()
            if isinstance(item, _Dropped):
                self._miss(item.messages, item.size)
            else:
                self._miss(1, item.size - MESSAGE_BYTES)
        self._dropping = False
        self._notes.clear()

    def _miss(self, messages: int, size: int) -> None:
        self._cut += messages
        self._cut_size += size

    def _pop(self) -> Kept | _Dropped:
        item = self._items.popleft()
        if isinstance(item, _Dropped):
            self._notes.pop(id(item.parent), None)
        else:
            self._size -= item.size
            item.holders -= 1
            if not item.holders:
                self._budget.used -= item.size
        return item


def size_of(frames: Sequence[Buffer]) -> int:
    """The bytes of the frames."""
    return sum([len(frame) if type(frame) is bytes else memoryview(frame).nbytes for frame in frames])


def _missing(messages: int, size: int, kind: str) -> str:
    what = "message" if messages == 1 else "messages"
    return (
        f"[{messages:,} {what}{kind} with {size / 1e6:,.2f} MB are missing here: "
        "the client did not read, and no more is kept for it.]"
    )
