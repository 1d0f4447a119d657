"""The I/O thread, and how the other threads send.

The problem. ZMQ allows one thread at a time to use a socket. Requests have to be seen while a cell computes. A reply
should leave without a wait for another thread to wake, and so should the first line of output. Any thread may print, in
floods, with locks held, in a signal handler, in `__del__`; any of its lines may be hit by an interrupt. Clients may be
slow, or gone. A fork leaves the sockets in the child, and no thread.

What does not work, and why.

- The I/O thread alone sends. Each reply waits until it has woken and has been given the GIL: longer than all else that
  a small cell takes. Beside C code that holds the GIL that is seconds.
- A plain lock over the sockets. A cell that prints without an end has it nearly all of the time, so the I/O thread
  reads nothing, not even the interrupt that is to end the cell.
- A queue without a bound. Text is put in faster than messages are made of it: the memory fills, and the reply comes
  seconds after the cell has ended, behind its output.
- To wait until a subscriber has taken a message. One that does not read would stop the kernel.
- To wait for the descriptors of the sockets as for others. Each tells news once; and a thread that sends takes in the
  news that something has arrived, which then wakes nobody.

The solution.

1. There is one order. All messages go through the outbox (`outbox`), which gathers neighbouring text. Replies on
   control alone overtake, as their requests do.
2. The send lock is held by the thread that uses the sockets. A thread that puts something in takes the lock if it is
   free, and empties the outbox; else it wakes the I/O thread, which sends what is left, and what is due later.
3. A thread that has to have the lock stands behind the waiters' lock. While one does, the holder sends no more, and
   threads that print do not try. So the I/O thread gets at its sockets at once.
4. Before the lock is released, the sockets that were used are asked for arrivals, and the I/O thread is woken for them.
   It looks at those sockets alone that have said something or were used: a look costs as much as a message.
5. A thread that gives output faster than it leaves does the sending, or waits while another one does, for a bounded
   time. Displays of a burst leave in batches.
6. Messages on iopub go through the `publisher`, all others through `replies`: each keeps what a client cannot take yet,
   within a bound, and says what it has dropped.
7. Each step leaves its marks so that an exception behind any call leaves nothing taken: the locks know their owner.
   Where a signal handler of the user's may raise, the main thread leaves sending to the I/O thread.

What is given up on.

- A forked child sends nothing by these sockets: they are its parent's.
- The bound of the outbox is not kept by a thread that has waited for PATIENCE_SECONDS: it may hold a lock that the
  sender needs.
- A message for which there is no memory is lost, and the log says so.
- Output that a slow subscriber does not take is dropped beyond the backlog, and the client is told.
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
from async_kernel.system.reserve import free
from async_kernel.system.service_thread import ServiceThread

from .backlog import Build, Note
from .outbox import SOON_SECONDS, Item, Outbox, Output, Plain, plain
from .publisher import Publisher
from .replay import Replay
from .replies import Replies
from .socket_calls import has_arrivals, receive
from .sockets import Sockets

__all__ = ["OUTBOX_MESSAGES", "IOThread"]

GATHER_MORE_SECONDS = 0.01
"""How much longer text is gathered while no subscriber can take more."""

SEND_SECONDS = 0.01
"""How long the I/O thread sends before it releases the sockets: it waits for the GIL at every message, while a cell
that prints without an end puts in many, which its own thread sends faster, and which must not keep out what arrives."""

OUTBOX_MESSAGES = 4
"""How many messages may wait here before a thread that puts in more output sends some. Text is put in faster than
messages are made of it: without a bound a cell that prints without an end fills the memory, and its reply, which leaves
behind what it printed, comes seconds after an interrupt has ended it."""

BURST_MESSAGES = 8
BURST_SECONDS = 0.001
"""From so many displays on that follow each other so soon, they leave together: taking the lock and looking for news
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
        self._waiters_lock: Any = threading.RLock()  # for who waits for the send lock
        self._wanted = False  # a thread stands there: the holder of the send lock sends no more
        self._pushing: set[int] = set()  # the threads that are in _push, and that of the I/O
        self._space_freed = threading.Lock()  # released when somebody has sent, for who waits in _leave_sending
        self._space_wanted = False
        self._shown = -inf  # when the latest display came, and how many had followed each other by then
        self._burst = 0
        self._looks_again = False  # the I/O thread does soon, for the rest of a burst
        self._handing_over = False  # the I/O thread is giving away what has arrived, and will send afterwards
        self._ended = False
        self._send_lock: Any = threading.RLock()  # its holder, and no other thread, uses the sockets and what follows
        self._publisher = Publisher(sockets.by_channel[Channel.IOPUB], welcome, note, backlog, replay)
        self._replies = Replies(sockets.by_channel)
        self._used = set(sockets.by_channel)  # channels whose sockets may have taken in news that nobody looked for
        self._barriers: deque[Callable[[], None]] = deque()
        self._calls: deque[Callable[[], object]] = deque()
        self._woken = False
        self._stop_at: float | None = None
        self._wakeup_r, self._wakeup_w = sockets_of_the_system.socketpair()
        self._wakeup_r.setblocking(False)
        self._wakeup_w.setblocking(False)
        self._thread = ServiceThread("I/O", self._run)
        _all.add(self)

    def start(self) -> None:
        """Begin to move messages."""
        self._thread.start()

    def stop(self, grace: float = 1.0) -> None:
        """Send what was put until now, for up to `grace` seconds, then close the sockets. Returns when that is done.
        What was never started, or could not be, is closed at once."""
        if self._thread.ident is None:
            self._close()
            return
        self._stop_at = real.monotonic() + grace
        self._wake()
        self._thread.join()

    # What any thread calls

    def send(self, channel: Channel, frames: Sequence[Buffer]) -> None:
        """Send one message."""
        self._outbox.put(plain((channel, frames)))
        self._push()

    def put(self, channel: Channel, frames: Sequence[Buffer]) -> None:
        """Have one message leave with the next that is sent."""
        self._outbox.put(plain((channel, frames)))

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
                self._wake()
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
        self._wake()

    def call(self, function: Callable[[], object]) -> None:
        """Call `function()`, which returns at once, in the I/O thread; in this one when that has ended."""
        if self._ended:
            function()
            return
        self._calls.append(function)
        self._wake()

    def _push(self, most: float = inf) -> None:
        """Send now what can be sent now, and let the I/O thread see to the rest. While more than `most` messages wait,
        go on sending, or wait while somebody else does, for a while."""
        thread = threading.get_ident()
        if thread in self._pushing:
            if not self._handing_over:  # it has something to say while it sends: a signal handler or `__del__`
                self._wake()
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
        self._wake()
        end = real.monotonic() + PATIENCE_SECONDS
        while True:
            self._space_wanted = True  # before the look: who makes space right after it then tells
            if len(self._outbox) <= most or not self._space_freed.acquire(timeout=max(0.0, end - real.monotonic())):
                return

    def _push_alone(self, most: float) -> None:
        try:
            if not self._wanted and self._send_lock.acquire(blocking=False):
                self._send_and_release()
            else:
                self._wake()  # its holder may have looked into the outbox for the last time already
            if most == inf:
                return
            while len(self._outbox) > most and self._take_send_lock(PATIENCE_SECONDS):
                self._send_and_release()
            # A thread that waits there needs the GIL as well, and would be given it after a switch interval only.
            if self._wanted and self._waiters_lock.acquire(timeout=PATIENCE_SECONDS):
                self._waiters_lock.release()
        finally:
            # Another thread may raise in this one, behind any call: nothing is kept. An RLock knows its owner.
            if self._waiters_lock._is_owned():
                self._wanted = False
                self._waiters_lock.release()
            if self._send_lock._is_owned():
                self._send_lock.release()

    def _take_send_lock(self, seconds: float = -1) -> bool:
        """Acquire the send lock: up to `seconds` for each of the two locks, without a limit by default. Its holder
        sends no more meanwhile."""
        if not self._waiters_lock.acquire(timeout=seconds):
            return False
        self._wanted = True
        given: bool = self._send_lock.acquire(timeout=seconds)
        self._wanted = False
        self._waiters_lock.release()
        return given

    def _send_and_release(self) -> None:
        """Send what can be sent now, then release the send lock, which the calling thread has."""
        try:
            if not self._ended:
                waits = self._drain(None) is not None
                # Sending takes in the news of what has arrived, which then no longer wakes the I/O thread.
                if waits or self._has_news():
                    self._wake()
        finally:
            if self._space_wanted:
                self._tell_of_space()
            self._send_lock.release()

    def _tell_of_space(self) -> None:
        """Wake who waits in `_leave_sending`."""
        self._space_wanted = False
        with suppress(RuntimeError):  # it is free already: nobody waits any more
            self._space_freed.release()

    def _wake(self) -> None:
        if not self._woken:
            self._woken = True
            try:
                self._wakeup_w.send(b"!")
            except OSError:  # it is being woken already, or the thread has ended
                pass
            except BaseException:  # of a signal handler: the mark without its byte would be the last call ever
                self._woken = False
                raise

    def _forget(self) -> None:
        """In a forked child: never use the sockets, which are its parent's, nor wake the thread, which the child does
        not have."""
        self._waiters_lock, self._wanted, self._send_lock = (
            threading.RLock(),
            False,
            threading.RLock(),
        )  # others may have held them
        self._pushing, self._space_wanted = set(), False
        self._woken = True
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
        poller.register(self._wakeup_r, zmq.POLLIN)
        self._pushing.add(threading.get_ident())  # for good: what it puts in itself it sees to anyway
        try:
            while not self._serve(poller, descriptors):
                pass
        except BaseException:
            log.critical("the I/O thread has ended: this kernel can no longer be reached", exc_info=True)
            raise
        finally:
            self._close()

    def _close(self) -> None:
        with self._send_lock:
            self._end()
        self._wakeup_r.close()
        self._wakeup_w.close()
        self._sockets.close()

    def _serve(self, poller: zmq.Poller, descriptors: Mapping[int, Channel]) -> bool:
        """Move messages until the end. False when there is no memory for that, and it is to be tried again.

        A look at a socket costs as much as a message. So only those are looked at that have said something, which is
        once, and those that were used; all of them when it was woken, as other threads use them, too.
        """
        woken = False
        look = everywhere = {*self._sockets.by_channel}
        try:
            while True:
                if self._calls:
                    self._do_calls()
                standing = len(self._barriers)
                if not self._send_lock.acquire(blocking=False):
                    self._take_send_lock()
                try:
                    arrived, left = self._receive(everywhere if standing else look | self._used)
                finally:
                    self._send_lock.release()
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
                if woken:
                    # First the byte, then the mark, then a look at what there is: the other way round a call between
                    # the two would leave the mark without its byte, and no thread would wake this one again.
                    with suppress(BlockingIOError):
                        self._wakeup_r.recv(4096)
                    self._woken = False
                pause = self._drain_if_free()
                look = everywhere if woken or (standing and arrived) else left
                woken = False
                if look:
                    continue  # more may be there, and nothing but looking tells
                if self._stop_at is not None:
                    pause = self._time_left(pause)
                    if pause is not None and pause <= 0:
                        return True
                news = dict(poller.poll(None if pause is None else max(1, round(pause * 1000))))
                heard = {*map(descriptors.get, news)}
                woken = None in heard  # by the only descriptor that is no socket's
                look = {*filter(None, heard)}
        except MemoryError:  # what was being taken in is lost
            free()
            self._handing_over = self._woken = False
            real.sleep(SOON_SECONDS)
            return False

    def _do_calls(self) -> None:
        while self._calls:
            try:
                self._calls.popleft()()
            except Exception:  # the messages go on
                log.exception("a call in the I/O thread has failed")

    def _drain_if_free(self) -> float | None:
        """Send what can be sent now, unless somebody does. The seconds until the next try, None when nothing waits."""
        if not self._send_lock.acquire(blocking=False):
            return SOON_SECONDS
        try:
            self._looks_again = False  # first: who puts something in from now on is seen below, or wakes it
            waiting = bool(self._outbox)
            idle = not (waiting or self._publisher.lagging or self._replies.waiting)
            pause = None if idle else self._drain(SEND_SECONDS)
            if waiting and self._burst >= BURST_MESSAGES:
                self._looks_again = True
                pause = BATCH_SECONDS if pause is None else min(pause, BATCH_SECONDS)
            return SOON_SECONDS if self._used and self._has_news() else pause  # see _push
        finally:
            if self._space_wanted:
                self._tell_of_space()
            self._send_lock.release()

    def _time_left(self, pause: float | None) -> float | None:
        """How long to wait for news at the end, given that something is due after `pause`; 0 when that is reached."""
        assert self._stop_at is not None
        if not (self._outbox or self._publisher.hopeful or self._replies.hopeful):
            return 0.0
        left = max(0.0, self._stop_at - real.monotonic())
        return left if pause is None else min(left, pause)

    # With the send lock held

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
                if self._publisher.hear():
                    left.add(channel)
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
        outbox, publisher, replies = self._outbox, self._publisher, self._replies
        waiting = bool(outbox)
        if waiting or publisher.lagging:
            self._used.add(Channel.IOPUB)
            publisher.hear()  # or a new subscriber misses what it could have had
            if publisher.lagging:
                publisher.flush()
        if replies.waiting:
            replies.flush()
            self._used.update(self._sockets.by_channel)
        end = None if seconds is None else real.monotonic() + seconds
        while waiting:
            if (self._wanted or (end is not None and real.monotonic() > end)) and outbox and not outbox.has_ahead:
                return SOON_SECONDS
            more = GATHER_MORE_SECONDS if publisher.lagging and publisher.all_lag else None
            item = outbox.take(0.0 if self._stop_at is not None else more)
            if item is None:
                break
            if isinstance(item, float):
                return item
            try:
                self._send(item)
            except MemoryError:
                self._send_spared(item)
        if not publisher.lagging and not replies.waiting:
            return None
        return min(pause for pause in (publisher.pause, replies.pause) if pause is not None)

    def _send_spared(self, item: Item) -> None:
        """Send a message for which there was no memory, with the reserve set free: `spared`, but for the first try."""
        free()
        try:
            self._send(item)
        except MemoryError:
            log.critical("a message is lost: there is no memory for it")

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
