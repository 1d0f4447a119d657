"""The I/O thread, and how the other threads send.

The sockets belong to whoever has the turn. A thread that has something to send puts it in the outbox, takes the turn if
it is free and empties the outbox, so that a reply leaves without waiting for another thread to wake; if the turn is
taken, it rings for the I/O thread. The I/O thread brings in what arrives and sends what is due later.
Where a signal handler of the user's may raise, and tear a message, the main thread leaves sending to the I/O thread.

Replies on control overtake what cells give, as their requests do. Who gives output faster than it leaves does the
sending, or waits while somebody else does: never for a subscriber, only for the work that messages make.

Text is gathered: sent soon while the line is quiet, many pieces as one message while it is busy, always in order with
everything else. Messages on iopub go through the `publisher`, all others through `replies`: each keeps what a client
cannot take yet, within a bound.
"""

from __future__ import annotations

import logging
import os
import socket as sockets_of_the_system
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from math import inf
from typing import Any
from weakref import WeakSet

import zmq

from async_kernel.interrupts.foreign_handlers import may_raise_here
from async_kernel.protocol.messages import Buffer, Message
from async_kernel.protocol.names import Channel
from async_kernel.system.heap import LARGE_BYTES, keep_heap
from async_kernel.system.real import real
from async_kernel.system.reserve import free, spared
from async_kernel.system.service_thread import ServiceThread

from .backlog import Build, Note
from .outbox import SOON_SECONDS, Item, Outbox, Output, Plain
from .publisher import Publisher
from .replay import Replay
from .replies import Replies
from .socket_calls import has_arrivals, receive
from .sockets import Sockets

__all__ = ["OUTBOX_MESSAGES", "IOThread"]

GATHER_MORE_SECONDS = 0.01
"""How much longer text is gathered while no subscriber can take more."""

SEND_SECONDS = 0.01
"""How long the I/O thread sends before it gives up the turn: it waits for the GIL at every message, while a cell
that prints without an end puts in many, which its own thread sends faster, and which must not keep out what arrives."""

OUTBOX_MESSAGES = 4
"""How many messages may wait here before whoever puts in more output sends some. Text is put in faster than messages
are made of it: without a bound a cell that prints without an end fills the memory, and its reply, which leaves behind
what it printed, comes seconds after an interrupt has ended it."""

BURST_MESSAGES = 8
BURST_SECONDS = 0.001
"""From so many displays on that follow each other so soon, they leave together: taking the turn and looking for news
cost as much as a message. Those of a usual cell leave at once, whatever keeps the GIL behind them."""

BATCH_MESSAGES = 16
BATCH_BYTES = 1 << 16
BATCH_SECONDS = 0.002
"""How many messages of a burst leave together; a longer one makes them leave; and how soon the last of them do."""

PATIENCE_SECONDS = 0.1
"""How long who puts output in waits for others. It may hold a lock that they wait for in a signal handler or `__del__`:
a logging handler's, or one of the user's."""

READ_AT_ONCE = 200
"""Messages read from one socket before the others get their turn."""

log = logging.getLogger(__name__)


class IOThread:
    """Moves messages between the sockets and the kernel (`kernel.ports.Transport`).

    `deliver(channel, frames)` is called in the I/O thread for each message that arrives, and must return at once;
    `welcome(topic)` gives the frames that greet a new subscriber, `note(text)` those that tell it what it missed. Of
    output that subscribers do not take, up to `backlog` bytes are kept. With a `replay`, what is published while nobody
    listens is kept there.
    """

    def __init__(
        self,
        sockets: Sockets,
        deliver: Callable[[Channel, list[Buffer]], None],
        welcome: Callable[[bytes], Sequence[Buffer]],
        note: Note,
        backlog: int,
        *,
        replay: Replay | None = None,
    ) -> None:
        self._sockets = sockets
        self._deliver = deliver
        self._outbox = Outbox()
        self._gate: Any = threading.RLock()  # for who waits for the turn
        self._wanted = False  # somebody stands there: who has the turn sends no more
        self._pushing: set[int] = set()  # the threads that are in _push, and that of the I/O
        self._room = threading.Lock()  # released when somebody has sent, for who waits in _leave_sending
        self._room_wanted = False
        self._shown = -inf  # when the latest display came, and how many had followed each other by then
        self._burst = 0
        self._looks_again = False  # the I/O thread does soon, for the rest of a burst
        self._handing_over = False  # the I/O thread is giving away what has arrived, and will send afterwards
        self._ended = False
        self._turn: Any = threading.RLock()  # whoever has it, and nobody else, uses the sockets and what follows
        self._publisher = Publisher(sockets.by_channel[Channel.IOPUB], welcome, note, backlog, replay)
        self._replies = Replies(sockets.by_channel)
        self._used = set(sockets.by_channel)  # channels whose sockets may have taken in news that nobody looked for
        self._barriers: deque[Callable[[], None]] = deque()
        self._calls: deque[Callable[[], object]] = deque()
        self._rung = False
        self._stop_at: float | None = None
        self._alarm, self._bell = sockets_of_the_system.socketpair()
        self._alarm.setblocking(False)
        self._bell.setblocking(False)
        self._thread = ServiceThread("I/O", self._run)
        _all.add(self)

    def start(self) -> None:
        """Begin to move messages."""
        self._thread.start()

    def stop(self, grace: float = 1.0) -> None:
        """Send what was put until now, for up to `grace` seconds, then close the sockets. Returns when that is done."""
        self._stop_at = real.monotonic() + grace
        self._ring()
        self._thread.join()

    # What any thread calls

    def send(self, channel: Channel, frames: Sequence[Buffer]) -> None:
        """Send one message."""
        self._outbox.put(Plain(channel, frames))
        self._push()

    def put(self, channel: Channel, frames: Sequence[Buffer]) -> None:
        """Have one message leave with the next that is sent."""
        self._outbox.put(Plain(channel, frames))

    def show(self, parent: Message, frames: Sequence[Buffer], build: Build) -> None:
        """Send output of `parent` on iopub, in a burst of it with its neighbours."""
        item = Output(parent, frames, build)
        self._outbox.put(item)
        now = real.monotonic()
        self._burst = self._burst + 1 if now - self._shown < BURST_SECONDS else 0
        self._shown = now
        if self._burst < BURST_MESSAGES or len(self._outbox) >= BATCH_MESSAGES or item.size > BATCH_BYTES:
            self._push(OUTBOX_MESSAGES)
        elif not self._looks_again:  # else the I/O thread is going to, and finds it
            self._looks_again = True
            try:
                self._ring()
            except BaseException:  # of a signal handler: see there
                self._looks_again = False
                raise

    def writer(
        self, key: tuple[Message, str], build: Build, begun: Callable[[list[str]], None] | None
    ) -> Callable[[str], object]:
        """What sends text on iopub, alone or with its neighbours of the same key; `begun` is told of each new
        message."""
        return self._outbox.writer(key, build, begun, partial(self._push, OUTBOX_MESSAGES))

    def barrier(self, reached: Callable[[], None]) -> None:
        """Call `reached()` in the I/O thread once everything that had arrived at the sockets was delivered."""
        self._barriers.append(reached)
        self._ring()

    def call(self, function: Callable[[], object]) -> None:
        """Call `function()`, which returns at once, in the I/O thread; in this one when that has ended."""
        if self._ended:
            function()
            return
        self._calls.append(function)
        self._ring()

    def _push(self, most: float = inf) -> None:
        """Send now what can be sent now, and let the I/O thread see to the rest. While more than `most` messages wait,
        go on sending, or wait while somebody else does, for a while."""
        thread = threading.get_ident()
        if thread in self._pushing:
            if not self._handing_over:  # it has something to say while it sends: a signal handler or `__del__`
                self._ring()
            return
        try:
            self._pushing.add(thread)
            if may_raise_here():
                self._leave_sending(most)
            else:
                self._push_alone(most)
        finally:
            self._pushing.discard(thread)

    def _leave_sending(self, most: float) -> None:
        """Have the I/O thread send; while more than `most` messages wait, wait for that, for a while."""
        self._ring()
        end = real.monotonic() + PATIENCE_SECONDS
        while len(self._outbox) > most:
            self._room_wanted = True
            if not self._room.acquire(timeout=max(0.0, end - real.monotonic())):
                return

    def _push_alone(self, most: float) -> None:
        try:
            if not self._wanted and self._turn.acquire(blocking=False):
                self._send_in_turn()
            else:
                self._ring()  # whoever has the turn may have looked into the outbox for the last time already
            while len(self._outbox) > most and self._wait_for_turn(PATIENCE_SECONDS):
                self._send_in_turn()
            # Whoever waits there needs the GIL as well, and would be given it after a switch interval only.
            if most < inf and self._wanted and self._gate.acquire(timeout=PATIENCE_SECONDS):
                self._gate.release()
        finally:
            # Another thread may raise in this one, behind any call: nothing is kept. An RLock knows its owner.
            if self._gate._is_owned():
                self._wanted = False
                self._gate.release()
            if self._turn._is_owned():
                self._turn.release()

    def _wait_for_turn(self, seconds: float = -1) -> bool:
        """Whether the turn was had, within so many `seconds` twice, or for certain. Whoever has it sends no more."""
        if not self._gate.acquire(timeout=seconds):
            return False
        self._wanted = True
        given: bool = self._turn.acquire(timeout=seconds)
        self._wanted = False
        self._gate.release()
        return given

    def _send_in_turn(self) -> None:
        """Send what can be sent now, then give up the turn, which the calling thread has."""
        try:
            if not self._ended:
                waits = self._drain(None) is not None
                # Sending takes in the news of what has arrived, which then no longer wakes the I/O thread.
                if waits or self._has_news():
                    self._ring()
        finally:
            self._give_up_turn()

    def _give_up_turn(self) -> None:
        if self._room_wanted:
            self._room_wanted = False
            with suppress(RuntimeError):  # it is free already: nobody waits any more
                self._room.release()
        self._turn.release()

    def _ring(self) -> None:
        if not self._rung:
            self._rung = True
            try:
                self._bell.send(b"!")
            except OSError:  # it is being rung already, or the thread has ended
                pass
            except BaseException:  # of a signal handler: the mark without its byte would be the last ring ever
                self._rung = False
                raise

    def _forget(self) -> None:
        """In a forked child: never use the sockets, which are its parent's, nor ring for the thread, which the child
        does not have."""
        self._gate, self._wanted, self._turn = threading.RLock(), False, threading.RLock()  # others may have held them
        self._pushing, self._room_wanted = set(), False
        self._rung = True
        self._end()

    def _end(self) -> None:
        """Have what is put for sending from now on go nowhere."""
        self._ended = True
        self._outbox.close()

    # The I/O thread

    def _run(self) -> None:
        poller = zmq.Poller()
        descriptors = {int(socket.get(zmq.FD)): channel for channel, socket in self._sockets.by_channel.items()}
        for descriptor in descriptors:
            poller.register(descriptor, zmq.POLLIN)
        poller.register(self._alarm, zmq.POLLIN)
        self._pushing.add(threading.get_ident())  # for good: what it puts in itself it sees to anyway
        try:
            while not self._serve(poller, descriptors):
                pass
        except BaseException:
            log.critical("the I/O thread has ended: this kernel can no longer be reached", exc_info=True)
            raise
        finally:
            with self._turn:
                self._end()
            self._alarm.close()
            self._bell.close()
            self._sockets.close()

    def _serve(self, poller: zmq.Poller, descriptors: Mapping[int, Channel]) -> bool:
        """Move messages until the end. False when there is no memory for that, and it is to be tried again.

        A look at a socket costs as much as a message. So only those are looked at that have said something, which is
        once, and those that were used; all of them when it was rung, as other threads use them, too.
        """
        news: Sequence[tuple[int, int]] = ()
        look = everywhere = {*self._sockets.by_channel}
        try:
            while True:
                self._do_calls()
                standing = len(self._barriers)
                self._wait_for_turn()
                try:
                    arrived, left = self._receive(everywhere if standing else look | self._used)
                finally:
                    self._turn.release()
                # Before anything else, which may take long beside a cell that prints without an end (at each call that
                # gives the GIL up): what has arrived may be what ends it.
                self._handing_over = True
                for channel, frames in arrived:
                    try:
                        self._deliver(channel, frames)
                    except Exception:  # a fault of ours in one message must not end the others' way in
                        log.exception("a message on %s could not be taken in", channel)
                self._handing_over = False
                if not arrived:
                    for _ in range(standing):
                        self._barriers.popleft()()
                rung = any(descriptor not in descriptors for descriptor, _ in news)
                if rung:
                    # First the byte, then the mark, then a look at what there is: the other way round a ring between
                    # the two would leave the mark without its byte, and nobody would ring again.
                    with suppress(BlockingIOError):
                        self._alarm.recv(4096)
                    self._rung = False
                pause = self._drain_in_turn()
                news, look = (), everywhere if rung or (standing and arrived) else left
                if look:
                    continue  # more may be there, and nothing but looking tells
                pause = self._time_left(pause)
                if pause is not None and pause <= 0:
                    return True
                news = poller.poll(None if pause is None else max(1, round(pause * 1000)))
                look = {descriptors[descriptor] for descriptor, _ in news if descriptor in descriptors}
        except MemoryError:  # what was being taken in is lost
            free()
            self._handing_over = self._rung = False
            real.sleep(SOON_SECONDS)
            return False

    def _do_calls(self) -> None:
        while self._calls:
            try:
                self._calls.popleft()()
            except Exception:  # the messages go on
                log.exception("a call in the I/O thread has failed")

    def _drain_in_turn(self) -> float | None:
        """Send what can be sent now, unless somebody does. The seconds until the next try, None when nothing waits."""
        if not self._turn.acquire(blocking=False):
            return SOON_SECONDS
        try:
            self._looks_again = False  # first: who puts something in from now on is seen below, or rings
            waiting = bool(self._outbox)
            pause = self._drain(SEND_SECONDS)
            if waiting and self._burst >= BURST_MESSAGES:
                self._looks_again = True
                pause = BATCH_SECONDS if pause is None else min(pause, BATCH_SECONDS)
            return SOON_SECONDS if self._has_news() else pause  # see _push
        finally:
            self._give_up_turn()

    def _time_left(self, pause: float | None) -> float | None:
        """How long to wait for news, given that something is due after `pause`; 0 when the thread is to end."""
        if self._stop_at is None:
            return pause
        if not (self._outbox or self._publisher.hopeful or self._replies.hopeful):
            return 0.0
        left = max(0.0, self._stop_at - real.monotonic())
        return left if pause is None else min(left, pause)

    # What needs the turn

    def _has_news(self) -> bool:
        """Whether the sockets that were used since this was asked have taken in the news of what has arrived."""
        for channel in self._used:
            if has_arrivals(self._sockets.by_channel[channel]):
                return True
        self._used.clear()
        return False

    def _receive(self, channels: Collection[Channel]) -> tuple[list[tuple[Channel, list[Buffer]]], set[Channel]]:
        """What has arrived on `channels`, up to a fair share of each, and those of them that may have more."""
        arrived: list[tuple[Channel, list[Buffer]]] = []
        left: set[Channel] = set()
        for channel, socket in self._sockets.by_channel.items():
            if channel not in channels:
                continue
            if channel is Channel.IOPUB:
                self._publisher.hear()
                continue
            for _ in range(READ_AT_ONCE):
                if not has_arrivals(socket):
                    break
                frames = receive(socket)
                arrived.append((channel, frames))
                if channel is Channel.SHELL:
                    self._publisher.recent.asks(bytes(frames[0]))
            else:
                left.add(channel)
        return arrived, left

    def _drain(self, seconds: float | None) -> float | None:
        """Send what can be sent now, for so many `seconds`. The seconds until the next try, None when nothing waits."""
        if self._outbox or self._publisher.pause is not None:
            self._used.add(Channel.IOPUB)
            self._publisher.hear()  # or a new subscriber misses what it could have had
            self._publisher.flush()
        if self._replies.pause is not None:
            self._replies.flush()
            self._used.update(self._sockets.by_channel)
        end = None if seconds is None else real.monotonic() + seconds
        while self._outbox:
            if (self._wanted or (end is not None and real.monotonic() > end)) and not self._outbox.has_ahead:
                return SOON_SECONDS
            more = GATHER_MORE_SECONDS if self._publisher.all_lag else None
            item = self._outbox.take(0.0 if self._stop_at is not None else more)
            if isinstance(item, float):
                return item
            try:
                spared(self._send, item)
            except MemoryError:
                log.critical("a message is lost: there is no memory for it")
        return min((pause for pause in (self._publisher.pause, self._replies.pause) if pause is not None), default=None)

    def _send(self, item: Item) -> None:
        if not isinstance(item, Plain):
            if item.size >= LARGE_BYTES:
                keep_heap()
            self._publisher.show(item)
        elif item.channel is Channel.IOPUB:
            self._publisher.send(item.message)
        else:
            self._used.add(item.channel)
            self._replies.send(item.channel, item.message)


_all: WeakSet[IOThread] = WeakSet()


def _forget_all() -> None:
    for one in tuple(_all):
        one._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
