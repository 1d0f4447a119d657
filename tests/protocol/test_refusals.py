"""Refused messages are counted, and spoken of now and then."""

from __future__ import annotations

import gc
import tracemalloc

from async_kernel.errors import ProtocolError
from async_kernel.protocol.names import DELIMITER
from async_kernel.protocol.refusals import PAUSE_SECONDS, Refusals

from .test_codec import make_codec


class Log:
    """A log with a clock that a test sets."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.lines: list[str] = []
        self.refusals = Refusals(self.lines.append, lambda: self.time)

    def refuse(self, times: int, why: str = "no") -> None:
        for _ in range(times):
            self.refusals.add("shell", ValueError(why))


def test_the_first_is_said_at_once() -> None:
    log = Log()
    log.refuse(1, "it is bad")
    assert log.lines == ["dropped a message on shell: it is bad"]


def test_a_million_in_a_minute_are_three_lines_at_most_and_none_is_left_out_of_the_count() -> None:
    log = Log()
    for _ in range(1000):
        log.refuse(1000)
        log.time += 0.06
    assert len(log.lines) <= 60 / PAUSE_SECONDS + 1
    log.refusals.tell()
    assert log.refusals.count == 1_000_000
    assert "1000000 in all" in log.lines[-1]


def test_what_is_refused_later_is_said_again() -> None:
    log = Log()
    log.refuse(3, "first")
    log.time += PAUSE_SECONDS
    log.refuse(1, "later")
    assert log.lines == [
        "dropped a message on shell: first",
        "dropped a message on shell: later (2 more since the line before, 4 in all)",
    ]
    log.refusals.tell()
    assert len(log.lines) == 2, "there was nothing more to say"


def test_messages_without_the_key_leave_nothing_behind() -> None:
    """Each a different one: what is remembered of good messages is not remembered of these."""
    refusals = Refusals(lambda text: None, lambda: 0.0)
    codec = make_codec()

    def refuse(numbers: range) -> None:
        for number in numbers:
            try:
                codec.decode([DELIMITER, b"%064x" % number, b'{"msg_id":"%d"}' % number, b"{}", b"{}", b"{}"])
            except ProtocolError as error:
                refusals.add("shell", error)

    refuse(range(2_000))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        refuse(range(2_000, 22_000))
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 16 << 10
    finally:
        tracemalloc.stop()
    assert refusals.count == 22_000
