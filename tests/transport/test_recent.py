"""What a new client asks before its subscription has arrived: it sees the answers all the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import zmq

from async_kernel.protocol.names import Channel
from async_kernel.transport import recent as module
from async_kernel.transport.backlog import MESSAGE_BYTES
from async_kernel.transport.recent import CLIENTS, LIMIT, SECONDS, Recent

from .test_io_thread import Wire, receive


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


def test_nothing_is_kept_while_no_client_is_new(clock: Clock) -> None:
    recent = Recent()
    recent.keep([b"before"])
    recent.asks(b"client")
    recent.keep([b"busy"])
    clock.now += SECONDS
    recent.keep([b"late"])
    recent.asks(b"client")
    recent.keep([b"of an old client"])
    assert recent.messages() == [[b"busy"]], "it is two seconds old, and given for the last time"
    clock.now += 0.1
    assert recent.messages() == []


def test_each_subscriber_is_given_it(clock: Clock) -> None:
    recent = Recent()
    recent.asks(b"client")
    for text in (b"busy", b"idle"):
        recent.keep([text])
    assert recent.messages() == recent.messages() == [[b"busy"], [b"idle"]]


def test_it_has_a_bound(clock: Clock) -> None:
    recent = Recent()
    recent.asks(b"client")
    size = LIMIT // 10 - MESSAGE_BYTES
    for number in range(100):
        recent.keep([bytes([number]) * size])
    assert [frames[0][:1] for frames in recent.messages()] == [bytes([number]) for number in range(90, 100)]
    recent.keep([bytes(LIMIT)])
    assert recent.messages() == []


def test_so_have_the_clients(clock: Clock) -> None:
    recent = Recent()
    for number in range(2 * CLIENTS):
        recent.asks(b"%d" % number)
    assert len(recent._clients) == CLIENTS
    clock.now += SECONDS
    recent.asks(b"%d" % CLIENTS)
    recent.keep([b"of an old client"])
    assert recent.messages() == []


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
    wire.connect(Channel.SHELL).send_multipart([b"request"])
    wire.wait_delivered(1)
    wire.publish(b"answer")
    particular = wire.connect(Channel.IOPUB, zmq.SUB)
    particular.subscribe(b"else")
    assert receive(particular) == [b"else", b"welcome"]
    late = wire.subscribe()
    wire.publish(b"next")
    assert [receive(late) for _ in range(2)] == [[b"other", b"answer"], [b"other", b"next"]]
    wire.io.send(Channel.IOPUB, [b"else", b"last"])
    assert receive(particular) == [b"else", b"last"]
