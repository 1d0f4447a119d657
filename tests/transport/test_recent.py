"""What a new client asks before its subscription has arrived: it sees the answers all the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import zmq

from async_kernel.protocol.names import Channel
from async_kernel.transport import recent as module
from async_kernel.transport.backlog import MESSAGE_BYTES
from async_kernel.transport.recent import CLIENTS, LATE_SECONDS, LIMIT, Recent

from .test_backlog import wait_taken
from .test_io_thread import Wire, receive, wait_until


class Clock:
    """The time of the module under test."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "real", clock)
    return clock


@pytest.fixture
def recent(clock: Clock) -> Recent:
    return Recent()


def test_who_subscribes_after_its_first_request_is_given_what_followed(recent: Recent) -> None:
    recent.keep([b"before"])
    recent.asks(b"client")
    for text in (b"busy", b"idle"):
        recent.keep([text])
    assert recent.joins() == [[b"busy"], [b"idle"]]


def test_a_subscription_without_requests_is_not_taken_for_that_of_the_client(recent: Recent) -> None:
    """A Jupyter server has one by which it sees whether its kernels are busy, beside that of kernel_gateway's client.
    They come in any order."""
    assert recent.joins() == []
    recent.asks(b"client")
    recent.keep([b"busy"])
    assert recent.joins() == [[b"busy"]]
    recent.keep([b"idle"])
    assert recent.joins() == [[b"busy"], [b"idle"]]


def test_who_comes_again_is_not_given_what_it_has_seen(recent: Recent) -> None:
    """jupyter_client does not take a message twice."""
    recent.joins()
    recent.asks(b"client")
    recent.keep([b"busy"])
    recent.leaves()
    recent.keep([b"idle"])
    assert recent.joins() == []
    assert recent._size == 0


def test_an_old_client_is_not_waited_for(recent: Recent, clock: Clock) -> None:
    recent.asks(b"client")
    clock.now += LATE_SECONDS + 0.1
    recent.asks(b"client")
    recent.keep([b"busy"])
    assert recent.joins() == []


def test_each_of_several_is_waited_for(recent: Recent, clock: Clock) -> None:
    for client in (b"1", b"2"):
        recent.asks(client)
        recent.keep([b"to " + client])
        clock.now += LATE_SECONDS / 2 + 0.1
    assert recent.joins() == [[b"to 2"]], "the first is not waited for any more"


def test_a_subscription_is_not_waited_for_without_an_end(recent: Recent, clock: Clock) -> None:
    recent.asks(b"client")
    recent.keep([b"busy"])
    clock.now += LATE_SECONDS + 0.1
    assert recent.joins() == []
    recent.asks(b"another")
    recent.keep([b"busy"])
    clock.now += LATE_SECONDS + 0.1
    recent.keep([b"idle"])
    assert not recent._kept
    assert recent._size == 0


def test_all_has_a_bound(recent: Recent) -> None:
    recent.asks(b"client")
    size = LIMIT // 10 - MESSAGE_BYTES
    for number in range(100):
        recent.keep([bytes([number]) * size])
    assert [frames[0][:1] for frames in recent.joins()] == [bytes([number]) for number in range(90, 100)]
    recent.keep([bytes(LIMIT)])
    assert recent.joins() == []
    for number in range(2 * CLIENTS):
        recent.asks(b"%d" % number)
    assert len(recent._clients) == len(recent._first) == CLIENTS


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


@pytest.mark.parametrize("others", [0, 1])
def test_a_subscription_that_comes_after_the_first_answer(wire: Wire, others: int) -> None:
    """Whether somebody else has subscribed or not; and by topic."""
    for _ in range(others):
        wire.subscribe()
    wire.publish(b"before")
    wait_taken(wire)  # the I/O thread may be about to look for requests, and sends behind that
    for _ in range(2):
        wire.connect(Channel.SHELL).send_multipart([b"request"])
    wire.wait_delivered(2)
    wire.publish(b"answer")
    particular = wire.connect(Channel.IOPUB, zmq.SUB)
    particular.subscribe(b"else")
    assert receive(particular) == [b"else", b"welcome"]
    late = wire.subscribe()
    wire.publish(b"next")
    assert [receive(late) for _ in range(2)] == [[b"other", b"answer"], [b"other", b"next"]]
    wire.io.send(Channel.IOPUB, [b"else", b"last"])
    assert receive(particular) == [b"else", b"last"]


def test_a_client_that_subscribes_anew_is_given_nothing_twice(wire: Wire) -> None:
    first = wire.subscribe()
    wire.connect(Channel.SHELL).send_multipart([b"request"])
    wire.wait_delivered(1)
    wire.publish(b"answer")
    assert receive(first) == [b"other", b"answer"]
    first.close(0)
    wait_until(lambda: not wire.io._publisher._topics)
    second = wire.subscribe()
    wire.publish(b"next")
    assert receive(second) == [b"other", b"next"]
