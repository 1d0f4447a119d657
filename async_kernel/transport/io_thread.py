"""The I/O thread: it owns the sockets, brings in what clients send and sends out what the other threads put.

Text is gathered here: sent at once while the line is quiet, many pieces as one message while it is busy, always in
order with everything else. What a subscriber cannot take yet waits here, where text goes on being gathered.
"""

from __future__ import annotations

import logging
import socket as sockets_of_the_system
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeAlias

import zmq

from async_kernel.protocol.messages import Buffer, Message
from async_kernel.protocol.names import Channel

from .sockets import Sockets

__all__ = ["GATHER_CHARACTERS", "GATHER_SECONDS", "IOThread"]

GATHER_SECONDS = 0.02
"""After text was sent, how long the next text is gathered before it follows."""

GATHER_CHARACTERS = 1 << 18
"""The length that makes gathered text leave before its time is up, and about the longest that one message holds."""

RETRY_SECONDS = 0.01
"""How often a subscriber that cannot take more is tried again: a publishing socket always says that it can be written
to, so there is nothing to wait on."""

READ_AT_ONCE = 200
"""Messages read from one socket before the others get their turn."""

log = logging.getLogger(__name__)

Build: TypeAlias = Callable[[tuple[Message, str], str], Sequence[Buffer]]


class _Text:
    """Text under way: what was written in one piece, and what joined it while it waited."""

    __slots__ = ("build", "key", "length", "pieces", "since")

    def __init__(self, key: tuple[Message, str], text: str, build: Build) -> None:
        self.key = key
        self.pieces = [text]
        self.length = len(text)
        self.build = build
        self.since = time.monotonic()

    @property
    def due(self) -> float:
        """When it is to leave, if no earlier text was sent just before: a line that is whole at once, one that is not
        (`print` writes its line end by itself) after the gathering time."""
        return self.since if self.pieces[-1].endswith("\n") else self.since + GATHER_SECONDS


_Item: TypeAlias = tuple[Channel, Sequence[Buffer]] | _Text | Callable[[], None]


class IOThread:
    """Moves messages between the sockets and the kernel (`kernel.ports.Transport`).

    `deliver(channel, frames)` is called in this thread for each message that arrives, and must return at once;
    `welcome(topic)` gives the frames that greet a new subscriber.
    """

    def __init__(
        self,
        sockets: Sockets,
        deliver: Callable[[Channel, list[bytes]], None],
        welcome: Callable[[bytes], Sequence[Buffer]],
    ) -> None:
        self._sockets = sockets
        self._deliver = deliver
        self._welcome = welcome
        self._outbox: deque[_Item] = deque()
        self._backlog: deque[Sequence[Buffer]] = deque()  # of iopub: what a subscriber could not take yet
        self._lock = threading.RLock()  # reentrant: a signal handler may print while its thread prints
        self._open: _Text | None = None  # the last item of the outbox, while further text may join it
        self._last_text = 0.0
        self._awake = False
        self._stop_at: float | None = None
        self._alarm, self._bell = sockets_of_the_system.socketpair()
        self._alarm.setblocking(False)
        self._bell.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="I/O", daemon=True)

    def start(self) -> None:
        """Begin to move messages."""
        self._thread.start()

    def stop(self, grace: float = 1.0) -> None:
        """Send what was put until now, for up to `grace` seconds, then close the sockets. Returns when that is done."""
        self._stop_at = time.monotonic() + grace
        self._wake()
        self._thread.join()

    # What other threads call

    def send(self, channel: Channel, frames: Sequence[Buffer]) -> None:
        """Send one message."""
        with self._lock:
            self._open = None
            self._outbox.append((channel, frames))
        if not self._awake:
            self._wake()

    def gather(self, key: tuple[Message, str], text: str, build: Build) -> None:
        """Send text on iopub, alone or with its neighbours of the same key."""
        with self._lock:
            opened = self._open
            if opened is not None and opened.key == key and opened.length < GATHER_CHARACTERS:
                opened.pieces.append(text)
                opened.length += len(text)
                return  # the thread knows of it already, and when it is due
            self._open = _Text(key, text, build)
            self._outbox.append(self._open)
        if not self._awake:
            self._wake()

    def barrier(self, reached: Callable[[], None]) -> None:
        """Call `reached()` here once everything that had arrived at the sockets was delivered."""

        def read_then_tell() -> None:
            while any(list(map(self._read, self._sockets.by_channel))):
                pass
            reached()

        with self._lock:
            self._open = None
            self._outbox.append(read_then_tell)
        self._wake()

    def _wake(self) -> None:
        self._awake = True
        with suppress(OSError):  # it is being rung already, or the thread has ended
            self._bell.send(b"!")

    # The thread

    def _run(self) -> None:
        poller = zmq.Poller()
        for socket in self._sockets.by_channel.values():
            poller.register(socket, zmq.POLLIN)
        poller.register(self._alarm, zmq.POLLIN)
        channels = {socket: channel for channel, socket in self._sockets.by_channel.items()}
        try:
            while True:
                pause = self._flush()
                if self._stop_at is not None:
                    left = self._stop_at - time.monotonic()
                    if left <= 0 or not (self._outbox or self._backlog):
                        return
                    pause = min(left if pause is None else pause, left)
                for ready, _ in poller.poll(None if pause is None else max(1, round(pause * 1000))):
                    if ready in channels:
                        self._read(channels[ready])
                    else:
                        self._alarm.recv(4096)
                        self._awake = False  # before the outbox is read: what is put from now on rings again
        except BaseException:
            log.critical("the I/O thread has ended: this kernel can no longer be reached", exc_info=True)
            raise
        finally:
            self._alarm.close()
            self._bell.close()
            self._sockets.close()

    def _read(self, channel: Channel) -> bool:
        """Deliver what has arrived on one socket, up to a fair share. True when there was anything."""
        socket = self._sockets.by_channel[channel]
        for count in range(READ_AT_ONCE):
            try:
                frames = socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return count > 0
            if channel is Channel.IOPUB:
                if frames[0][:1] == b"\x01":
                    self._publish(self._welcome(frames[0][1:]))
            else:
                try:
                    self._deliver(channel, frames)
                except Exception:  # a fault of ours in one message must not end the others' way in
                    log.exception("a message on %s could not be taken in", channel)
        return True

    def _flush(self) -> float | None:
        """Send what can be sent now. The seconds until the next try is due, None when nothing waits."""
        self._send_backlog()
        outbox = self._outbox
        while outbox:
            item = outbox[0]
            if isinstance(item, _Text):
                with self._lock:
                    if item is self._open:
                        wait = self._wait_of(item)
                        if wait > 0:
                            return min(wait, RETRY_SECONDS) if self._backlog else wait
                        self._open = None
                    outbox.popleft()
                self._last_text = time.monotonic()
                self._publish(item.build(item.key, "".join(item.pieces)))
                continue
            outbox.popleft()
            if callable(item):
                item()
            elif item[0] is Channel.IOPUB:
                self._publish(item[1])
            else:
                self._sockets.by_channel[item[0]].send_multipart(item[1])
        return RETRY_SECONDS if self._backlog else None

    def _wait_of(self, text: _Text) -> float:
        """The seconds that text, which nothing follows, is to wait for more to join it."""
        if text.length >= GATHER_CHARACTERS or self._stop_at is not None:
            return 0.0
        if self._backlog:
            return RETRY_SECONDS
        return max(text.due, self._last_text + GATHER_SECONDS) - time.monotonic()

    def _publish(self, frames: Sequence[Buffer]) -> None:
        if self._backlog or not self._try_publish(frames):
            self._backlog.append(frames)

    def _send_backlog(self) -> None:
        while self._backlog and self._try_publish(self._backlog[0]):
            self._backlog.popleft()

    def _try_publish(self, frames: Sequence[Buffer]) -> bool:
        try:
            self._sockets.by_channel[Channel.IOPUB].send_multipart(frames, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True
