"""iopub beside subscribers that do not read: the others get everything in order and at once, and memory is bounded."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import pytest
import zmq

from async_kernel.protocol.connection import ConnectionInfo
from async_kernel.protocol.names import Channel
from async_kernel.transport import publisher as module
from async_kernel.transport.backlog import Kept
from async_kernel.transport.outbox import Output
from async_kernel.transport.publisher import SUBSCRIPTIONS, TOPICS, Publisher
from async_kernel.transport.replay import Replay
from async_kernel.transport.sockets import SUBSCRIPTION_BYTES, Sockets, bind_sockets

from .test_io_thread import DEADLINE, MESSAGE, build, note, receive, wait_until

LIMIT = 1 << 20
PIECE = b"x" * 10_000


class Stage:
    """A publisher without a thread, and its subscribers."""

    def __init__(self, transport: str, folder: str, replay: Replay | None = None) -> None:
        info = ConnectionInfo(ip=folder, transport="ipc") if transport == "ipc" else ConnectionInfo()
        self.sockets: Sockets = bind_sockets(info)
        self.socket = self.sockets.by_channel[Channel.IOPUB]
        self.publisher = Publisher(self.socket, lambda topic: [topic, b"welcome"], note, LIMIT, replay)
        self.stalled: list[module._Subscription] = []
        self.open: list[zmq.Socket[bytes]] = []
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()

    def connect(self, kind: int = zmq.SUB, high_water: int = 0) -> zmq.Socket[bytes]:
        """A socket that has subscribed to nothing yet."""
        socket = self.context.socket(kind)
        self.open.append(socket)  # until the end: one that is collected while it is open warns
        socket.linger = 0
        socket.rcvhwm = high_water
        socket.sndhwm = 0
        socket.connect(self.sockets.connection.address(Channel.IOPUB))
        return socket

    def subscribe(self, topic: bytes = b"", high_water: int = 0) -> zmq.Socket[bytes]:
        """A subscriber that was welcomed."""
        socket = self.connect(high_water=high_water)
        socket.subscribe(topic)
        self.hear_until(lambda: socket.poll(1))
        assert receive(socket) == [topic, b"welcome"]
        return socket

    def stall(self) -> zmq.Socket[bytes]:
        """A subscriber that has stopped reading, and for which something waits; for the others nothing does."""
        socket = self.subscribe(high_water=1)
        self.stalled.append(list(self.publisher._subscriptions.values())[-1])
        while not all(one.backlog for one in self.stalled):  # each takes some more while the system's buffers grow
            self.publisher.send([b"filler", PIECE])
            if all(one.backlog for one in self.stalled):
                self.flush_until(lambda: all(one in self.stalled for one in self.publisher.lagging))
        return socket

    def hear_until(self, condition: Callable[[], object]) -> None:
        """Take in news until a condition holds."""

        def heard() -> object:
            self.publisher.hear()
            return condition()

        wait_until(heard)

    def flush(self) -> None:
        """Try the subscribers again, whether it is time or not."""
        for one in self.publisher.lagging:
            one.retry = 0.0
        self.publisher.flush()

    def flush_until(self, condition: Callable[[], object]) -> None:
        """Try the subscribers again until a condition holds."""

        def flushed() -> object:
            self.flush()
            return condition()

        wait_until(flushed)

    def receive(self, socket: zmq.Socket[bytes]) -> list[bytes]:
        """The next message of a subscriber that reads."""
        self.flush_until(lambda: socket.poll(1))
        return receive(socket)

    def read_all(self, socket: zmq.Socket[bytes], last: bytes) -> list[list[bytes]]:
        """The next messages of a subscriber that reads, but for fillers, up to one that ends in `last`."""
        messages = [[b""]]
        while messages[-1][-1] != last:
            messages.append(self.receive(socket))
        return [frames for frames in messages[1:] if frames[-1] != PIECE]

    def show(self, frames: list[bytes]) -> None:
        """Publish output."""
        self.publisher.show(Output(MESSAGE, frames, build))

    def close(self) -> None:
        """End both sides."""
        self.context.destroy(linger=0)
        self.socket.linger = 0
        for socket in self.sockets.by_channel.values():
            socket.close(0)
        self.sockets.close()


@pytest.fixture(params=["tcp", "ipc"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Both transports."""
    if request.param == "ipc" and not zmq.has("ipc"):
        pytest.skip("libzmq has no ipc here")
    stage = Stage(request.param, str(tmp_path_factory.mktemp("s") / "k"))
    yield stage
    stage.close()


def test_a_subscriber_that_stalls_costs_the_others_nothing(stage: Stage) -> None:
    healthy = stage.subscribe()
    for _ in range(3):
        stage.stall()
    stage.publisher.send([b"status", b"begin"])
    stage.read_all(healthy, b"begin")
    for number in range(3000):
        stage.show([b"display", b"%d" % number])
        stage.publisher.send([b"status", b"%d" % number])
        assert stage.receive(healthy) == [b"display", b"%d" % number]
        assert stage.receive(healthy) == [b"status", b"%d" % number]
    assert all(one.backlog for one in stage.stalled)


def test_each_gets_what_it_asked_for_while_somebody_lags_and_when_all_read(stage: Stage) -> None:
    everything, particular = stage.subscribe(), stage.subscribe(b"kernel.7.stream")
    stage.publisher.send([b"kernel.7.status", b"1"])
    stage.publisher.send([b"kernel.7.stream.stdout", b"2"])
    stalled = stage.stall()
    stage.publisher.send([b"kernel.7.status", b"3"])
    stage.publisher.send([b"kernel.7.stream.stdout", b"4"])
    seen = stage.read_all(everything, b"4")
    assert [frames[-1] for frames in seen] == [b"1", b"2", b"3", b"4"]
    assert seen[1][0] == b"kernel.7.stream.stdout"
    assert [stage.receive(particular)[-1] for _ in range(2)] == [b"2", b"4"]
    stage.publisher.send([b"other", b"5"])
    assert [frames[-1] for frames in stage.read_all(stalled, b"5")] == [b"3", b"4", b"5"]
    assert not stage.publisher.lagging, "it has read all of it"
    stage.publisher.send([b"kernel.7.stream.stdout", b"6"])
    stage.publisher.send([b"kernel.7.status", b"7"])
    for one in (everything, stalled):
        assert [frames[-1] for frames in stage.read_all(one, b"7")][-2:] == [b"6", b"7"]
    assert stage.receive(particular)[-1] == b"6"


def test_who_lags_loses_nothing_within_the_bound(stage: Stage) -> None:
    stage.subscribe()
    slow = stage.stall()
    for number in range(500):
        stage.show([b"display", b"%d" % number])
    assert [frames[-1] for frames in stage.read_all(slow, b"499")] == [b"%d" % number for number in range(500)]


def test_who_lags_beyond_the_bound_is_told_how_much_it_missed(stage: Stage) -> None:
    healthy, slow = stage.subscribe(), stage.stall()
    for number in range(500):
        stage.show([b"display", b"%d" % number + PIECE])
        assert stage.read_all(healthy, b"%d" % number + PIECE), "the bound is not its own"
    stage.publisher.send([b"status", b"idle"])
    assert stage.publisher._budget.used <= LIMIT + 20_000
    got = stage.read_all(slow, b"idle")
    displays = sum(frames[0] == b"display" for frames in got)
    [told] = [frames for frames in got if frames[:2] == [b"stream", b"stderr"]]
    assert f"{500 - displays:,} messages of output".encode() in told[2]


def test_a_message_for_several_that_lag_is_kept_once(stage: Stage) -> None:
    for _ in range(4):
        stage.stall()
    before = stage.publisher._budget.used
    stage.publisher.send([b"status", bytes(100_000)])
    assert 100_000 <= stage.publisher._budget.used - before < 110_000


def test_the_one_that_takes_nothing_makes_room_for_the_one_that_reads_slowly(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, slow = stage.stall(), stage.stall()
    stalled, reading = stage.stalled
    while stage.publisher._budget.used + 20_000 < LIMIT:  # the dead one holds all there is
        stage.publisher._send_one(stalled, Kept([b"old", PIECE]))
    monkeypatch.setattr(module, "CUT_SECONDS", 0.0)
    stalled.took -= 1.0
    for number in range(50):
        stage.show([b"display", b"%d" % number + PIECE])
    assert stalled.backlog.size == 0
    assert reading.backlog.size > 50 * len(PIECE)
    expected = [b"%d" % number + PIECE for number in range(50)]
    assert [frames[-1] for frames in stage.read_all(slow, expected[-1])] == expected
    stage.publisher.send([b"status", b"later"])  # is among what it misses, for it does not read yet
    while (told := stage.receive(dead))[0] != b"note":
        assert told[-1] == PIECE
    assert b"are missing here" in told[-1]
    assert not stalled.backlog
    stage.publisher.send([b"status", b"again"])
    assert stage.receive(dead) == [b"status", b"again"]


def test_even_statuses_are_bounded(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("async_kernel.transport.backlog.OTHERS_BYTES", LIMIT)
    stage.stall()
    for _ in range(1000):
        stage.publisher.send([b"status", PIECE])
        assert stage.publisher._budget.used <= 2 * LIMIT + 20_000
    assert stage.publisher.lagging[0].backlog, "it will be told"


def test_one_that_leaves_while_it_lags_is_forgotten(stage: Stage) -> None:
    healthy = stage.subscribe()
    for _ in range(10):
        stage.stall().close(0)
        stage.hear_until(lambda: stage.publisher._topics[b""] == 1)
        stage.stalled.clear()
        stage.flush()
        assert not stage.publisher.lagging
        assert stage.publisher._budget.used == 0
    stage.publisher.send([b"status", b"end"])
    stage.read_all(healthy, b"end")
    assert len(stage.publisher._subscriptions) < 5
    healthy.close(0)
    stage.hear_until(lambda: not stage.publisher._topics)
    assert not stage.publisher._subscriptions


def test_one_that_takes_its_subscription_back_gets_no_more(stage: Stage) -> None:
    subscriber, other = stage.subscribe(), stage.subscribe()
    subscriber.unsubscribe(b"")
    stage.hear_until(lambda: stage.publisher._topics[b""] == 1)
    stage.stall()  # each is sent its own
    subscriber.subscribe(b"new")
    stage.hear_until(lambda: subscriber.poll(1))
    assert receive(subscriber) == [b"new", b"welcome"]
    stage.publisher.send([b"old", b"1"])
    stage.publisher.send([b"new", b"2"])
    assert stage.receive(subscriber) == [b"new", b"2"]
    assert [frames[-1] for frames in stage.read_all(other, b"2")] == [b"1", b"2"]


def test_a_stranger_with_many_topics_is_neither_stored_nor_answered(stage: Stage) -> None:
    other = stage.subscribe()
    stranger = stage.connect(zmq.XSUB)
    for number in range(5000):
        stranger.send(b"\x01topic %d" % number)
    stage.hear_until(lambda: len(stage.publisher._topics) == 5001)
    assert len(stage.publisher._subscriptions) == 1 + TOPICS
    welcomes = 0
    while stranger.poll(100):
        stranger.recv_multipart()
        welcomes += 1
    assert welcomes == TOPICS
    assert not other.poll(50), "a welcome is for the one that has subscribed"
    stranger.close(0)
    stage.hear_until(lambda: len(stage.publisher._topics) == 1)
    assert len(stage.publisher._subscriptions) == 1
    assert SUBSCRIPTIONS > TOPICS


def test_a_topic_that_is_too_long_ends_its_connection(stage: Stage) -> None:
    stranger = stage.connect(zmq.XSUB)
    watch = stranger.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    stranger.send(b"\x01" + bytes(SUBSCRIPTION_BYTES + 1))
    assert watch.poll(round(DEADLINE * 1000))
    stage.publisher.hear()
    assert not stage.publisher._topics
    stranger.disable_monitor()
    watch.close(0)


def test_a_stranger_that_never_stops_is_heard_in_shares(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stranger, more = stage.connect(zmq.XSUB), b"\x01more"
    stranger.send(b"\x01first")
    stage.hear_until(lambda: stage.publisher._topics)

    def arrives(socket: zmq.Socket[bytes]) -> bool:
        """There is always news, as of one who is faster than we."""
        stranger.send(more)
        return bool(stage.socket.poll(round(DEADLINE * 1000)))

    with monkeypatch.context() as fast:
        fast.setattr(module, "has_arrivals", arrives)
        assert stage.publisher.hear()
    assert stage.publisher._topics.total() <= 1 + module.NEWS_AT_ONCE
    subscriber = stage.subscribe()
    stage.publisher.send([b"topic", b"text"])
    assert stage.receive(subscriber) == [b"topic", b"text"]


def test_noise_of_a_stranger_takes_no_subscription_away(stage: Stage) -> None:
    """The socket takes noise for news of the next subscriber when both are there to be read."""
    noise = stage.connect(zmq.XSUB)
    noise.send(b"\x01")
    stage.hear_until(lambda: noise.poll(1))
    for turn in range(20):
        for _ in range(turn % 4):
            noise.send_multipart([b"noise", b"more"])
        assert stage.socket.poll(turn % 4 * round(DEADLINE * 1000)) or turn % 4 == 0
        late = [stage.connect() for _ in range(3)]
        for socket in late:
            socket.subscribe(b"")
        for socket in late:
            stage.hear_until(functools.partial(socket.poll, 1))
            assert receive(socket) == [b"", b"welcome"]
        stage.publisher.send([b"status", b"%d" % turn])
        for socket in late:
            assert stage.receive(socket) == [b"status", b"%d" % turn]
            socket.close(0)


def test_what_nobody_heard_is_for_the_next_one_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    stage = Stage("tcp", "", Replay(LIMIT, note))
    try:
        stage.publisher.send([b"early", b"1"])
        first = stage.subscribe()
        assert receive(first) == [b"early", b"1"]
        second = stage.subscribe()
        stage.publisher.send([b"live", b"2"])
        assert receive(first) == receive(second) == [b"live", b"2"]
    finally:
        stage.close()
