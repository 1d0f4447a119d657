"""iopub: one publishing socket, on which a subscriber that does not read costs the others nothing.

How it works ------------ A PUB socket loses messages that a slow subscriber cannot take. An XPUB socket with
`XPUB_NODROP` refuses it instead, but it refuses the message as a whole, for everybody: one subscriber that stalls,
which needs no key for that, would silence the kernel. So each subscription has an *address* of its own. With
`XPUB_MANUAL` the socket hands every subscription to us and does nothing by itself; we then subscribe its connection to
other topics than it asked for:

    asked for            subscribed to
    b""                  b"*." and b"#7."
    b"kernel."           b"kernel.#8."

A topic is a prefix of the first frame, so a message to `#7.` reaches one connection only, and is refused only when
that one is full. Subscribers filter once more on their own side, by the topic that they have asked for: an address
begins with it. Behind the address the first frame has the topic of the message, as ever.

While all subscribers read, a message for everybody is sent once, to `*.`. Once that is refused, each is sent its own
copy; messages that it cannot take wait in its own `Backlog`, which is tried again until it is empty. When all are
empty, everybody is addressed at once again. So each subscriber sees one order, and the usual cost is that of a plain
PUB.

A connection that ends takes its subscriptions out of the socket. We hear of that by topic, but not whose it was; its
address then leads nowhere, and its waiting messages are "sent" at once. The entry itself is replaced when the system
gives the descriptor to the next connection, or goes with the last subscription to its topic: there are never more
entries than there were connections at one time.

A new subscriber gets the welcome, then the messages it has just missed (`recent`), and those of `replay`, if asked for.

A stranger could upset this. The socket subscribes the connection whose news it has given out last. News that are no
subscription make it skip ahead; no client of Jupyter's sends any. Behind them it is in doubt whose subscription is
being read, until nothing is left to be read. The connections of such a batch get one common address, `#0.`, at which
those that are full lose messages, as with a PUB. Each piece of news is followed by a message to nobody, which makes the
socket (`XPUB_MANUAL_LAST_VALUE`) forget the connection, so that noise gives no address to an earlier one.

The limit of this: ZMQ counts messages, not bytes, so up to `HIGH_WATER` messages of any size are held by the socket
for each connection, beside the backlog. A connection that subscribes to two topics of which one is a prefix of the
other gets a message twice while somebody lags; Jupyter's clients subscribe once, to everything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import count

import zmq

from async_kernel.protocol.messages import Buffer
from async_kernel.system.real import real

from .backlog import Backlog, Budget, Kept, Note
from .outbox import Output, Text
from .recent import Recent
from .replay import Replay
from .socket_calls import has_arrivals, send

__all__ = ["Publisher"]

FIRST_RETRY, LAST_RETRY = 0.001, 0.1
"""Seconds between two tries of a full subscriber, doubled from the first to the last. A publishing socket always
says that it can be written to, so there is nothing to wait on."""

NEWS_AT_ONCE = 200
"""Subscriptions and their ends that are taken in before others get their turn."""

CUT_SECONDS = 10.0
"""A subscriber that has taken nothing for so long is cut loose when another one needs the room of its backlog."""

HOPE_SECONDS = 1.0
"""At the end, a subscriber that has taken nothing for so long is not waited for."""

TOPICS, SUBSCRIPTIONS = 16, 1024
"""The subscriptions of one connection and of all; further ones are not served. Jupyter's clients need one each."""

_EVERYBODY = b"*."
_DOUBTFUL = b"#0."
_TO_NOBODY = b"!"
_JOINS, _LEAVES = b"\x01", b"\x00"


class _Subscription:
    """A topic that one connection has subscribed to, and its waiting messages."""

    __slots__ = ("address", "backlog", "pause", "retry", "took", "topic")

    def __init__(self, topic: bytes, number: int, backlog: Backlog) -> None:
        self.topic = topic
        self.address = b"%s#%d." % (topic, number)
        self.backlog = backlog
        self.took = self.retry = 0.0  # when it took a message from its backlog, and when it is tried again
        self.pause = FIRST_RETRY

    def lag(self, now: float) -> None:
        """It was full just now, or still is."""
        if not self.backlog:
            self.took, self.pause = now, FIRST_RETRY
        self.retry = now + self.pause
        self.pause = min(2 * self.pause, LAST_RETRY)


class Publisher:
    """Publishes on `socket`, an XPUB with `XPUB_MANUAL` and `XPUB_NODROP`. One thread at a time may use it.

    `welcome(topic)` gives the message that greets a new subscriber (JEP 65), `note(text)` the message that tells one
    how much it missed. Up to `limit` bytes are kept for subscribers that do not read. With a `replay`, what is
    published while nobody listens is kept there.
    """

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        welcome: Callable[[bytes], Sequence[Buffer]],
        note: Note,
        limit: int,
        replay: Replay | None = None,
    ) -> None:
        self._socket = socket
        self._welcome = welcome
        self._note = note
        self._budget = Budget(limit)
        self._replay = replay
        self.recent = Recent()
        self._numbers = count(1)
        self._subscriptions: dict[tuple[int, bytes], _Subscription] = {}
        self._topics: Counter[bytes] = Counter()  # subscriptions of connections that live, by topic
        self._particular = 0  # subscriptions to something else than everything
        self.lagging: list[_Subscription] = []
        """The subscriptions for which something waits."""
        self._doubtful = False  # there are subscriptions of which the connection was not certain
        self._noisy = False  # nor is it of those that come until the socket has no more news

    @property
    def all_lag(self) -> bool:
        """Whether there are subscribers, and each of them has something waiting."""
        return bool(self.lagging) and len(self.lagging) == len(self._subscriptions)

    @property
    def pause(self) -> float | None:
        """Seconds until a subscriber is to be tried again, more than none; None when nothing waits."""
        if not self.lagging:
            return None
        return max(FIRST_RETRY, min(one.retry for one in self.lagging) - real.monotonic())

    @property
    def hopeful(self) -> bool:
        """Whether something waits for a subscriber that may still be reading."""
        now = real.monotonic()
        return any(now - one.took < HOPE_SECONDS for one in self.lagging)

    def hear(self) -> bool:
        """Take in the connections that have subscribed or left. A new subscriber is welcomed, and gets the replay.

        Returns whether more news may wait. Subscriptions need no key: a stranger who sends them without end keeps the
        thread for a share of its time only.
        """
        doubtful, more = False, True
        for _ in range(NEWS_AT_ONCE):
            more = has_arrivals(self._socket)
            if not more:
                self._noisy = False
                break
            frame = self._socket.recv(zmq.NOBLOCK, copy=False)
            news = bytes(frame.buffer)
            kind, topic = news[:1], news[1:]
            self._noisy = self._noisy or kind not in (_JOINS, _LEAVES)
            if self._noisy:
                self._subscribe_last(_DOUBTFUL)
            if kind == _JOINS:
                self._topics[topic] += 1  # also of topics that are not served: their end is told like all others
                if self._noisy:
                    doubtful = True
                else:
                    self._join(_connection(frame), topic)
            elif kind == _LEAVES:
                self._leave(_connection(frame), topic, is_last=not self._noisy)
            self._socket.send(_TO_NOBODY, zmq.NOBLOCK)
        if doubtful:
            self._doubtful = True
            self._send_and_lose(self._welcome(b""))
        return more

    def send(self, frames: Sequence[Buffer]) -> None:
        """Publish a message that is never dropped."""
        if not self._send_to_all(frames):
            self._send_to_each(Kept(frames), None)

    def show(self, item: Output | Text) -> None:
        """Publish output, which is dropped for a subscriber that lags too far behind."""
        now = real.monotonic()
        if self.all_lag and all(self._is_dropped(one, item.size, now) for one in self.lagging):
            for one in self.lagging:  # without making a message of it
                one.backlog.drop(item.parent, item.size, item.build)
            return
        frames = item.frames()
        if not self._send_to_all(frames):
            self._send_to_each(Kept(frames), item)

    def flush(self) -> None:
        """Try the subscribers again whose time has come."""
        if not self.lagging:
            return
        now = real.monotonic()
        for one in self.lagging:
            if one.retry > now:
                continue
            while one.backlog and self._send(one.address, one.backlog.first):
                one.backlog.sent()
                one.took, one.pause = now, FIRST_RETRY
            one.lag(now)
        self.lagging = [one for one in self.lagging if one.backlog]

    def _send_to_all(self, frames: Sequence[Buffer]) -> bool:
        """Send to everybody at once; False when that cannot be, and each has to be sent it."""
        if self._replay is not None:
            self.hear()  # now: a message that is sent to nobody is lost
            if not self._topics:
                self._replay.keep(frames)
                return True
        self.recent.keep(frames)
        return not (self.lagging or self._particular) and self._send(_EVERYBODY, frames)

    def _send_to_each(self, message: Kept, item: Output | Text | None) -> None:
        """Send to one after the other. A message that one cannot take is kept for it, or dropped if it came from
        `item`."""
        now = real.monotonic()
        topic = message.frames[0]
        if self._doubtful:
            self._send_and_lose(message.frames)
        for one in self._subscriptions.values():
            if one.topic and bytes(topic[: len(one.topic)]) != one.topic:
                continue
            if not one.backlog:
                if self._send(one.address, message.frames):
                    continue
                one.lag(now)
                self.lagging.append(one)
            if item is not None and self._is_dropped(one, item.size, now):
                one.backlog.drop(item.parent, item.size, item.build)
            else:
                one.backlog.add(message)

    def _is_dropped(self, one: _Subscription, size: int, now: float) -> bool:
        """Whether output has to be dropped for `one`, once those are cut loose that keep its room for nothing."""
        while self._budget.used + size > self._budget.limit:
            lazy = min((each for each in self.lagging if each.backlog.size), key=lambda each: each.took, default=one)
            if lazy is one or now - lazy.took < CUT_SECONDS:
                break
            lazy.backlog.cut()
        return one.backlog.drops(size)

    def _send_and_lose(self, frames: Sequence[Buffer]) -> None:
        """Send to the doubtful; the ones among them that are full lose it."""
        self._socket.set(zmq.XPUB_NODROP, 0)
        try:
            self._send(_DOUBTFUL, frames)
        finally:
            self._socket.set(zmq.XPUB_NODROP, 1)

    def _send(self, address: bytes, frames: Sequence[Buffer]) -> bool:
        """Send to an address; False when a subscriber there is full."""
        try:
            send(self._socket, [address + frames[0], *frames[1:]])
        except zmq.Again:
            return False
        return True

    def _join(self, connection: int, topic: bytes) -> None:
        if len(self._subscriptions) >= SUBSCRIPTIONS:
            return
        if sum(key[0] == connection for key in self._subscriptions) >= TOPICS:
            return
        self._forget(connection, topic)  # of a connection that has ended, or it has subscribed twice
        one = _Subscription(topic, next(self._numbers), Backlog(self._budget, self._note))
        self._subscribe_last(one.address)
        self._subscriptions[connection, topic] = one
        self._particular += bool(topic)
        missed = self.recent.joins() + (self._replay.take() if self._replay is not None else [])
        for frames in (self._welcome(topic), *missed):
            if bytes(frames[0][: len(topic)]) == topic:
                self._send_one(one, Kept(frames))

    def _subscribe_last(self, address: bytes) -> None:
        """Give the connection whose news the socket has just given out an address."""
        self._socket.set(zmq.SUBSCRIBE, address)
        if address[:1] == b"#":
            self._socket.set(zmq.SUBSCRIBE, _EVERYBODY)

    def _send_one(self, one: _Subscription, message: Kept) -> None:
        if one.backlog or not self._send(one.address, message.frames):
            if not one.backlog:
                one.lag(real.monotonic())
                self.lagging.append(one)
            one.backlog.add(message)

    def _leave(self, connection: int, topic: bytes, is_last: bool) -> None:
        self.recent.leaves()
        one = self._subscriptions.get((connection, topic))
        if one is not None and is_last:  # of its own will: of connections that have ended the number is not told
            self._socket.set(zmq.UNSUBSCRIBE, one.address)
            if not topic:
                self._socket.set(zmq.UNSUBSCRIBE, _EVERYBODY)
        self._forget(connection, topic)
        self._topics[topic] -= 1
        if self._topics[topic] <= 0:
            del self._topics[topic]
            for key in [key for key in self._subscriptions if key[1] == topic]:
                self._forget(*key)

    def _forget(self, connection: int, topic: bytes) -> None:
        one = self._subscriptions.pop((connection, topic), None)
        if one is not None:
            self._particular -= bool(topic)
            one.backlog.cut()
            self.lagging = [each for each in self.lagging if each is not one]


_unknown = count(-1, -1)


def _connection(frame: zmq.Frame) -> int:
    """The descriptor of the connection that a frame came by, or a number of its own where the system does not tell."""
    try:
        return int(frame.get(zmq.SRCFD))
    except zmq.ZMQError:
        return next(_unknown)
