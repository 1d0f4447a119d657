"""The messages that wait to be sent, in order; text is gathered as it is put in. Knows no sockets.

Any thread may put something in; one at a time, the holder of the send lock (`io_thread`), takes out. Text that follows
text of the same key joins it while it waits, so that a flood becomes few messages. Replies on control are ahead of all
else.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from async_kernel.protocol.messages import Buffer, Message
from async_kernel.protocol.names import Channel
from async_kernel.system.real import real

from .backlog import Build, size_of

__all__ = [
    "BATCH_GATHER_SECONDS",
    "GATHER_CHARACTERS",
    "GATHER_SECONDS",
    "LINE_SECONDS",
    "SOON_SECONDS",
    "Item",
    "Outbox",
    "Output",
    "Plain",
    "Text",
    "plain",
]

GATHER_SECONDS = 0.02
"""After text was sent, how long the next text of the same key is gathered before it follows."""

LINE_SECONDS = 0.002
"""How long a whole line waits for the next one when no text of the same key was sent just before: what a short cell
prints is one message, which leaves with its reply."""

BATCH_GATHER_SECONDS = 0.2
"""The same in a batch run, and there for the first line too: nobody watches, and nbclient keeps each message as an
output of its own, so that a notebook would change from run to run with the speed of its prints."""

GATHER_CHARACTERS = 1 << 18
"""The length that makes gathered text leave before its time is up, and about the longest that one message holds."""

SOON_SECONDS = 0.001
"""Retry delay while another thread is sending."""


class Text:
    """Text under way: a piece, and the pieces that joined it while it waited. It may be dropped."""

    __slots__ = ("batch", "build", "count", "has_line", "key", "pieces", "since", "size", "taken")

    def __init__(self, key: tuple[Message, str], pieces: list[str], build: Build) -> None:
        self.key = key
        self.pieces = pieces
        self.size = sum(map(len, pieces))
        self.build = build
        self.has_line = pieces[-1].endswith("\n")  # a whole one, which may be due soon
        self.batch = key[0].is_of_batch
        self.taken = False  # it is being sent: a piece that is appended from now on may have come too late
        self.count = 0  # how many pieces are, once it was taken
        self.since = real.monotonic()

    @property
    def parent(self) -> Message:
        """The request that it belongs to."""
        return self.key[0]

    @property
    def due(self) -> float:
        """When it is to leave, if none of the same key was sent just before: a line that is whole almost at once, one
        that is not (`print` writes its line end by itself) after the gathering time, as is all of a batch run."""
        is_line = self.pieces[-1].endswith("\n") and not self.batch
        return self.since + (LINE_SECONDS if is_line else self.gathered)

    @property
    def gathered(self) -> float:
        """The gathering time."""
        return BATCH_GATHER_SECONDS if self.batch else GATHER_SECONDS

    def frames(self) -> Sequence[Buffer]:
        """The message that it has become, once it was taken."""
        return self.build(self.key, "".join(self.pieces[: self.count]))

    def take(self) -> None:
        """Have pieces that are appended from now on be no part of it."""
        self.taken = True  # first: a thread that has not seen this has appended before the next line
        self.count = len(self.pieces)

    def strays(self) -> list[str]:
        """Take out the pieces that came too late."""
        late: list[str] = []
        while len(self.pieces) > self.count:
            late.append(self.pieces.pop())
        return late[::-1]


class Output:
    """A message on iopub that may be dropped."""

    __slots__ = ("_frames", "build", "parent", "size")

    def __init__(self, parent: Message, frames: Sequence[Buffer], build: Build) -> None:
        self.parent = parent
        self._frames = frames
        self.build = build
        self.size = size_of(frames)

    def frames(self) -> Sequence[Buffer]:
        """The message."""
        return self._frames


class Plain(NamedTuple):
    """A message that is never dropped."""

    channel: Channel
    message: Sequence[Buffer]


plain: Callable[[tuple[Channel, Sequence[Buffer]]], Plain] = partial(tuple.__new__, Plain)
"""`Plain(*fields)`, which each message needs, without a function of Python's."""

Item: TypeAlias = Plain | Output | Text


class Outbox:
    """A queue of items. It is true while any wait, and as long as there are."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # of text that begins or is taken; reentrant: a signal handler may print
        self._items: deque[Item] = deque()
        self._ahead: deque[Plain] = deque()
        self._open: Text | None = None  # the last of the items, while text may join it: nothing has followed it
        self._last_text = 0.0  # when text was taken out, and whose
        self._last_key: tuple[Message, str] | None = None

    def __len__(self) -> int:
        return len(self._items) + len(self._ahead)

    @property
    def has_ahead(self) -> bool:
        """Whether the next item is a reply on control."""
        return bool(self._ahead)

    def put(self, item: Plain | Output) -> None:
        """Put in a message."""
        if isinstance(item, Plain) and item.channel is Channel.CONTROL:
            self._ahead.append(item)
            return
        self._items.append(item)
        self._open = None

    def writer(
        self,
        key: tuple[Message, str],
        build: Build,
        begun: Callable[[list[str]], None] | None,
        changed: Callable[[], object],
    ) -> Callable[[str], None]:
        """What puts in text of a key. `begun` is called with the pieces of each new item, `changed` when there is one,
        or one has its first whole line, which may make it due soon. The taking thread knows of all else when it is due.

        A cell that prints in a loop does little but call this, so that a piece costs an append, with no lock: it is
        appended first, and then looked whether that was too late. This rests on an append being one step, as it is
        under the GIL and on a list of an interpreter without it, and on each thread's steps being seen in their order.
        """

        def write(text: str) -> None:
            opened = self._open
            if opened is None or (opened.key is not key and opened.key != key) or opened.size >= GATHER_CHARACTERS:
                self._begin(Text(key, [text], build), begun)
                changed()
                return
            try:
                opened.pieces.append(text)
            finally:  # also when a signal handler of the user's raises behind the append
                if opened.taken:
                    self._begin(opened, begun)
                    changed()
            opened.size += len(text)  # of two threads at once one may not count: it is about the length anyway
            if not opened.has_line and text.endswith("\n"):
                opened.has_line = True
                changed()

        return write

    def _begin(self, text: Text, begun: Callable[[list[str]], None] | None) -> None:
        """Put in a new message; for one that was taken already, the pieces that came too late for it."""
        lock = self._lock
        try:
            # Two threads that begin at once would else stand in the queue in one order, and be joined in the other.
            lock.acquire()
            if text.taken:
                late = text.strays()
                if not late:  # another thread's call has put them in
                    return
                text = Text(text.key, late, text.build)
            if begun is not None:
                begun(text.pieces)
            # In this order: a message that another thread puts in between the two must not be overtaken by text that
            # this thread writes after it.
            self._open = text
            self._items.append(text)
        except BaseException:  # of a signal handler: nothing may join a message that nobody is going to send
            self._open = None
            raise
        finally:
            # Here, and by no function of ours: a signal handler that raises at its beginning would keep the lock held.
            try:  # noqa: SIM105, the same
                lock.release()
            except RuntimeError:  # a signal handler of the user's has raised while its thread waited for the lock
                pass

    def take(self, patience: float | None = None) -> Item | float | None:
        """The next item, or the seconds after which to ask again, or None when there is none.

        Text that more may join waits until it is due, or, when `patience` is given, for at least so many seconds more.
        """
        if self._ahead:
            return self._ahead.popleft()
        if not self._items:
            return None
        item = self._items[0]
        if isinstance(item, Text):
            if item is self._open and item.size < GATHER_CHARACTERS:
                wait = self._wait_of(item) if patience is None else patience
                if wait > 0:
                    return wait
            lock = self._lock
            try:
                if not lock.acquire(blocking=False):  # who has it may be waiting for the GIL
                    return SOON_SECONDS
                if item is self._open:
                    self._open = None
                item.take()
            finally:  # as in `_begin`: a signal handler that raises behind the acquisition would keep it held
                try:  # noqa: SIM105, the same
                    lock.release()
                except RuntimeError:
                    pass
            self._last_text, self._last_key = real.monotonic(), item.key
        return self._items.popleft()

    def close(self) -> None:
        """Drop all items, and those put in later."""
        self._lock = threading.RLock()  # in a forked child: another thread may have held it
        self._items = deque(maxlen=0)
        self._ahead = deque(maxlen=0)

    def _wait_of(self, text: Text) -> float:
        quiet = 0.0 if text.key != self._last_key else self._last_text + text.gathered
        return max(text.due, quiet) - real.monotonic()
