"""What is published while nobody listens: kept within a bound, and replayed to the next subscriber, in order."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import zmq

from async_kernel.protocol.names import Channel
from async_kernel.transport import io_thread
from async_kernel.transport.backlog import MESSAGE_BYTES
from async_kernel.transport.io_thread import IOThread
from async_kernel.transport.replay import Replay

from .test_io_thread import DEADLINE, Wire, receive, wait_until


def note(text: str) -> list[bytes]:
    return [b"note", text.encode()]


@pytest.fixture
def replay() -> Replay:
    """One that keeps ten messages of ten bytes."""
    return Replay(10 * (MESSAGE_BYTES + 10), note)


def test_what_is_said_to_nobody_is_kept_in_order_and_given_once(replay: Replay) -> None:
    for number in range(10):
        replay.keep([b"%010d" % number])
    assert replay.take() == [[b"%010d" % number] for number in range(10)]
    assert replay.take() == []


def test_the_latest_are_kept_and_what_is_missing_is_told(replay: Replay) -> None:
    for number in range(1015):
        replay.keep([b"%010d" % number])
    said, *kept = replay.take()
    assert kept == [[b"%010d" % number] for number in range(1005, 1015)]
    assert said[0] == b"note"
    assert b"1,005 messages with 0.01 MB" in bytes(said[1])
    replay.keep([b"new"])
    assert replay.take() == [[b"new"]], "it is told once"


def test_a_message_beyond_the_bound_is_missing_too(replay: Replay) -> None:
    replay.keep([bytes(100_000)])
    [said] = replay.take()
    assert b"1 message with 0.10 MB" in bytes(said[1])


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """A wire that keeps one megabyte, and sends in the thread that prints."""
    monkeypatch.setattr(io_thread, "may_raise_here", lambda: False)
    monkeypatch.setattr(IOThread.__init__, "__kwdefaults__", {"replay": Replay(1 << 20, note)})
    wire = Wire()
    yield wire
    wire.close()


def leave(wire: Wire, subscriber: zmq.Socket[bytes]) -> None:
    """Disconnect; return once the other side has noticed."""
    subscriber.close(0)
    end = time.monotonic() + DEADLINE
    while wire.io._publisher._topics:
        assert time.monotonic() < end, "nobody noticed"
        time.sleep(0.002)


def test_the_first_subscriber_gets_what_came_before_it(wire: Wire) -> None:
    for number in range(100):
        wire.print(f"line {number}\n")
        wire.publish(b"%d" % number)
    subscriber = wire.subscribe()  # the welcome comes first
    wire.publish(b"live")
    expected = [text for number in range(100) for text in (f"line {number}\n".encode(), b"%d" % number)]
    assert [receive(subscriber)[-1] for _ in range(201)] == [*expected, b"live"]


def test_who_comes_back_misses_nothing(wire: Wire) -> None:
    for turn in range(5):
        subscriber = wire.subscribe()
        if turn:
            assert receive(subscriber)[-1] == b"meanwhile %d" % turn
        wire.publish(b"live")
        assert receive(subscriber)[-1] == b"live"
        leave(wire, subscriber)
        wire.publish(b"meanwhile %d" % (turn + 1))


def test_nothing_is_replayed_to_a_second_subscriber(wire: Wire) -> None:
    wire.publish(b"early")
    first = wire.subscribe()
    assert receive(first)[-1] == b"early"
    wire.publish(b"live")
    assert receive(first)[-1] == b"live"
    second = wire.subscribe()
    wire.publish(b"later")
    assert receive(first)[-1] == b"later", "the welcome is for the second alone"
    assert receive(second)[-1] == b"later"
    leave_one = second
    leave_one.close(0)
    wire.publish(b"last")
    assert receive(first)[-1] == b"last", "somebody listens still"


def test_a_flood_that_nobody_reads_is_bounded(wire: Wire) -> None:
    for number in range(100_000):
        wire.print(f"line {number:090}\n")
    wire.publish(b"idle")
    wait_until(lambda: not wire.io._outbox)  # what still waits there has a reader
    subscriber = wire.subscribe()
    messages = [receive(subscriber)]
    while messages[-1][-1] != b"idle":
        messages.append(receive(subscriber))
    said, *rest = messages
    assert said[0] == b"note"
    text = b"".join(message[-1] for message in rest[:-1])
    assert 0 < len(text) <= 1 << 20
    assert text.endswith(f"line {99_999:090}\n".encode()), "the latest are kept"


def test_replies_need_no_subscriber(wire: Wire) -> None:
    shell = wire.connect(Channel.SHELL)
    shell.send(b"a request")
    wire.wait_delivered(1)
    wire.io.send(Channel.SHELL, [wire.delivered[0][1][0], b"its reply"])
    assert receive(shell) == [b"its reply"]
