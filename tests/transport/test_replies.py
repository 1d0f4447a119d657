"""Replies beside clients that do not read: none is lost within the bound, none held up, and memory is bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import zmq

from async_kernel.protocol.connection import ConnectionInfo
from async_kernel.protocol.names import Channel
from async_kernel.transport.replies import Replies
from async_kernel.transport.sockets import bind_sockets

from .test_io_thread import DEADLINE, receive, wait_until

LIMIT = 1 << 20
PIECE = b"x" * 10_000


class Stage:
    """Replies without a thread, and clients."""

    def __init__(self) -> None:
        self.sockets = bind_sockets(ConnectionInfo())
        self.replies = Replies(self.sockets.by_channel, LIMIT)
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.open: list[zmq.Socket[bytes]] = []

    def connect(self, identity: bytes, channel: Channel = Channel.SHELL) -> zmq.Socket[bytes]:
        """A client that the kernel has heard of."""
        socket = self.context.socket(zmq.DEALER)
        self.open.append(socket)
        socket.identity = identity
        socket.linger = 0
        socket.rcvhwm = 1
        socket.rcvbuf = 4096
        socket.connect(self.sockets.connection.address(channel))
        socket.send(b"hello")
        ours = self.sockets.by_channel[channel]
        assert ours.poll(round(DEADLINE * 1000))
        assert ours.recv_multipart() == [identity, b"hello"]
        return socket

    def fill(self, identity: bytes, until: Callable[[], object]) -> int:
        """Send numbered replies until a condition holds; how many."""
        count = 0
        while not until():
            self.replies.send(Channel.SHELL, [identity, b"%d" % count, PIECE])
            count += 1
        return count


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.context.destroy(linger=0)
    stage.sockets.close()


def test_a_client_that_reads_late_gets_everything_in_order(stage: Stage) -> None:
    client = stage.connect(b"late")
    count = stage.fill(b"late", lambda: stage.replies._size > LIMIT // 2)
    assert stage.replies.pause is not None
    assert stage.replies.hopeful
    numbers: list[int] = []

    def take() -> bool:
        stage.replies.flush()
        while client.poll(10):
            numbers.append(int(client.recv_multipart()[0]))
        return len(numbers) == count

    wait_until(take)
    assert numbers == list(range(count))
    assert stage.replies._size == 0
    assert stage.replies.pause is None


def test_what_a_client_does_not_read_is_bounded_and_said(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    client = stage.connect(b"lazy")
    stage.fill(b"lazy", lambda: len(caplog.records) == 1)
    for _ in range(10):
        stage.replies.send(Channel.SHELL, [b"lazy", b"more", PIECE])
    assert LIMIT - len(PIECE) * 2 < stage.replies._size <= LIMIT
    assert caplog.messages == ["a client reads no replies on shell: from now on they are dropped"]

    def take() -> bool:
        stage.replies.flush()
        while client.poll(10):
            client.recv_multipart()
        return stage.replies.pause is None

    wait_until(take)
    assert caplog.messages[1:] == ["11 replies on shell were dropped, which a client did not read"]


def test_other_clients_and_channels_are_not_held_up(stage: Stage) -> None:
    stage.connect(b"lazy")
    stage.fill(b"lazy", lambda: stage.replies.pause)
    for channel, identity in ((Channel.SHELL, b"other"), (Channel.CONTROL, b"lazy")):
        client = stage.connect(identity, channel)
        stage.replies.send(channel, [identity, b"reply"])
        assert receive(client) == [b"reply"]


def test_a_client_that_has_gone_keeps_nothing(stage: Stage) -> None:
    client = stage.connect(b"gone")
    stage.fill(b"gone", lambda: stage.replies._size > LIMIT // 2)
    client.close(0)

    def gone() -> bool:
        assert not stage.sockets.by_channel[Channel.SHELL].poll(0)  # a ROUTER sees an end where it reads
        stage.replies.flush()
        return stage.replies.pause is None

    wait_until(gone)
    assert stage.replies._size == 0
    stage.replies.send(Channel.SHELL, [b"gone", b"reply"])
    stage.replies.send(Channel.SHELL, [b"nobody", b"reply"])
    assert stage.replies.pause is None
