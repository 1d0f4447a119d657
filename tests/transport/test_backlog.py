"""The backlog within its bound: what is kept, what is dropped, and that the client is told where and how much."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence

import pytest
import zmq

from async_kernel.protocol.messages import Buffer, Message
from async_kernel.protocol.names import Channel
from async_kernel.transport import outbox
from async_kernel.transport.backlog import MESSAGE_BYTES, Backlog, Budget, Kept, size_of

from .test_io_thread import DEADLINE, MESSAGE, OTHER, Wire, build, note, receive

HALF_A_KB = b"x" * 500
LIMIT = 10 * (MESSAGE_BYTES + len(HALF_A_KB))


def offer(backlog: Backlog, frames: Sequence[Buffer], parent: Message = MESSAGE) -> None:
    """What the I/O thread does with output while something waits."""
    if backlog.drops(size_of(frames)):
        backlog.drop(parent, size_of(frames), build)
    else:
        backlog.add(Kept(frames))


def take_all(backlog: Backlog) -> Iterator[list[bytes]]:
    while backlog:
        yield [bytes(frame) for frame in backlog.first]
        backlog.sent()


@pytest.fixture
def backlog() -> Backlog:
    return Backlog(Budget(LIMIT), note)


def test_within_the_bound_everything_is_kept_in_order(backlog: Backlog) -> None:
    sent: list[list[Buffer]] = [[b"%d" % number, memoryview(b"buffer")] for number in range(9)]
    for frames in sent:
        offer(backlog, frames)
    assert list(take_all(backlog)) == [[b"%d" % number, b"buffer"] for number in range(9)]
    assert not backlog


def test_the_size_of_buffers_is_that_of_their_bytes() -> None:
    import array

    assert size_of([b"ab", bytearray(3), memoryview(array.array("d", [0.0, 1.0]))]) == 2 + 3 + 16


def test_what_is_dropped_is_told_in_its_place(backlog: Backlog) -> None:
    for _ in range(1200):
        offer(backlog, [HALF_A_KB])
    backlog.add(Kept([b"idle"]))
    *kept, note, idle = take_all(backlog)
    assert kept == [[HALF_A_KB]] * len(kept)
    assert 8 <= len(kept) <= 10
    assert idle == [b"idle"]
    assert note[:2] == [b"stream", b"stderr"]
    assert f"{1200 - len(kept):,} messages".encode() in note[2]
    assert f"{(1200 - len(kept)) * 500 / 1e6:.2f} MB".encode() in note[2]


def test_only_output_is_dropped(backlog: Backlog) -> None:
    for number in range(100):
        offer(backlog, [HALF_A_KB])
        backlog.add(Kept([b"status %d" % number]))
    statuses = [frames[0] for frames in take_all(backlog) if frames[0].startswith(b"status")]
    assert statuses == [b"status %d" % number for number in range(100)]


def test_each_request_is_told_of_its_own_once(backlog: Backlog) -> None:
    """However their outputs alternate: notes must not grow into a backlog of their own."""
    told: list[tuple[Message, str]] = []

    def build_for(key: tuple[Message, str], text: str) -> Sequence[Buffer]:
        told.append((key[0], text))
        return [b"note"]

    while not backlog.drops(500):
        backlog.add(Kept([HALF_A_KB]))
    for number in range(1000):
        backlog.drop((MESSAGE, OTHER)[number % 2], 10, build_for)
    list(take_all(backlog))
    assert [parent for parent, _ in told] == [MESSAGE, OTHER]
    assert all("500 messages" in text for _, text in told)


def test_output_is_taken_again_once_half_is_sent(backlog: Backlog) -> None:
    while not backlog.drops(500):
        backlog.add(Kept([HALF_A_KB]))
    backlog.drop(MESSAGE, 500, build)
    backlog.sent()
    assert backlog.drops(500), "one place free is not enough: client and cell would take turns with notes"
    for _ in range(4):
        backlog.sent()
    assert not backlog.drops(500)
    backlog.add(Kept([b"new"]))
    *_, note, new = take_all(backlog)
    assert b"1 message of output" in note[2]
    assert new == [b"new"]


def test_a_second_loss_is_told_in_its_own_place(backlog: Backlog) -> None:
    while not backlog.drops(500):
        backlog.add(Kept([HALF_A_KB]))
    backlog.drop(MESSAGE, 500, build)
    for _ in range(6):
        backlog.sent()
    while not backlog.drops(500):
        backlog.add(Kept([HALF_A_KB]))
    for _ in range(3):
        backlog.drop(MESSAGE, 500, build)
    notes = [frames[2] for frames in take_all(backlog) if frames[0] == b"stream"]
    assert [re.findall(rb"\[(\d+) message", note) for note in notes] == [[b"1"], [b"3"]]


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A wire whose backlog holds one megabyte."""
    wire = Wire(backlog=1 << 20)
    yield wire
    wire.close()


def wait_taken(wire: Wire) -> None:
    """Return once the I/O thread has seen to all that was put for sending: it was sent, kept or dropped."""
    end = time.monotonic() + DEADLINE
    while wire.io._outbox:
        assert time.monotonic() < end
        time.sleep(0.002)


def stall(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> zmq.Socket[bytes]:
    """A subscriber that takes nothing until `monkeypatch` is undone. How much real ones take before they stall is for
    ZMQ and the system to say."""
    slow = wire.subscribe()
    monkeypatch.setattr(wire.io._publisher, "_send", lambda address, frames: False)
    wire.publish(b"waits")
    wait_taken(wire)
    return slow


def receive_until(socket: zmq.Socket[bytes], last: bytes) -> list[list[bytes]]:
    messages: list[list[bytes]] = []
    while not messages or messages[-1][-1] != last:
        messages.append(receive(socket))
    return messages


def test_a_flood_of_text_for_a_reader_that_stopped(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = stall(wire, monkeypatch)
    wire.print("first\n")
    for number in range(200_000):
        wire.print(f"line {number:090}\n")
        if number == 100_000:
            wire.publish(b"a status")
    wire.publish(b"idle")
    wait_taken(wire)
    assert wire.io._publisher._budget.used < 2 * (1 << 20) + 2 * outbox.GATHER_CHARACTERS
    monkeypatch.undo()
    messages = receive_until(slow, b"idle")
    assert [b"other", b"a status"] in messages
    text = b"".join(m[2] for m in messages if m[:2] == [b"stream", b"stdout"])
    notes = [m for m in messages if m[:2] == [b"stream", b"stderr"]]
    assert text.startswith(b"first\nline ")
    assert text.count(b"\n") < 100_000
    megabytes = sum(float(re.findall(rb"with ([\d.]+) MB", note[2])[0]) for note in notes)
    assert megabytes * 1e6 + len(text) == pytest.approx(96 * 200_000 + 6, abs=10_000 * len(notes))
    wire.print("after\n")
    assert receive(slow)[-1] == b"after\n"


def test_a_flood_of_displays_for_a_reader_that_stopped(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = stall(wire, monkeypatch)
    for number in range(3000):
        wire.io.show(OTHER, [b"display", b"%d " % number + b"y" * 1000], build)
    wire.publish(b"idle")
    wait_taken(wire)
    monkeypatch.undo()
    messages = receive_until(slow, b"idle")
    displays = [int(m[1].partition(b" ")[0]) for m in messages if m[0] == b"display"]
    assert displays == list(range(len(displays))), "the first ones are kept, in order"
    assert 0 < len(displays) < 3000
    [note] = [m for m in messages if m[0] == b"stream"]
    assert f"{3000 - len(displays):,} messages".encode() in note[2]


def test_replies_go_on_meanwhile(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    stall(wire, monkeypatch)
    for number in range(3000):
        wire.io.show(MESSAGE, [b"display", b"%d" % number + b"y" * 1000], build)
    shell = wire.connect(Channel.SHELL)
    shell.send(b"a request")
    wire.wait_delivered(1)
    wire.io.send(Channel.SHELL, [wire.delivered[0][1][0], b"its reply"])
    assert receive(shell) == [b"its reply"]
