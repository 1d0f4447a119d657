"""The watch: deeds at moments and for descriptors, in one thread that goes on whatever they do."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable

import pytest

from async_kernel.system.real import real
from async_kernel.system.watch import Watch

DEADLINE = 20.0


@pytest.fixture
def watch() -> Watch:
    made = Watch()
    made.start()
    return made


@pytest.fixture
def seen() -> queue.SimpleQueue[object]:
    return queue.SimpleQueue()


Seen = queue.SimpleQueue[object]


def test_deeds_are_done_when_they_are_due_in_one_thread(watch: Watch, seen: Seen) -> None:
    now = real.monotonic()
    threads: set[int] = set()

    def note(word: str) -> Callable[[], None]:
        def deed() -> None:
            threads.add(threading.get_ident())
            seen.put(word)

        return deed

    watch.at(now + 0.2, note("later"))
    cancelled = watch.at(now + 0.15, note("cancelled"))
    watch.at(now + 0.1, note("soon"))
    watch.call(cancelled.cancel)
    watch.call(note("now"))
    assert [seen.get(timeout=DEADLINE) for _ in range(3)] == ["now", "soon", "later"]
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_a_deed_may_ask_for_the_next(watch: Watch, seen: Seen) -> None:
    def again(left: int) -> None:
        seen.put(left)
        if left:
            watch.at(real.monotonic(), lambda: again(left - 1))

    watch.call(lambda: again(3))
    assert [seen.get(timeout=DEADLINE) for _ in range(4)] == [3, 2, 1, 0]


def test_a_deed_that_fails_keeps_no_other(watch: Watch, seen: Seen, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise SystemExit("a deed's")

    watch.call(fail)
    watch.at(real.monotonic(), fail)
    watch.call(lambda: seen.put("next"))
    assert seen.get(timeout=DEADLINE) == "next"
    assert "a deed of the watch has failed" in caplog.text


@pytest.mark.skipif(sys.platform == "win32", reason="no descriptors are watched on Windows")
def test_a_descriptor_is_watched_until_it_is_forgotten_or_its_deed_fails(watch: Watch, seen: Seen) -> None:
    reader, writer = os.pipe()
    try:
        watch.on(reader, lambda: seen.put(os.read(reader, 10)))
        for word in (b"one", b"two"):
            os.write(writer, word)
            assert seen.get(timeout=DEADLINE) == word
        watch.forget(reader)
        os.write(writer, b"three")
        watch.call(lambda: seen.put("called"))
        assert seen.get(timeout=DEADLINE) == "called"

        def fail() -> None:
            seen.put("failed")
            raise OSError("of the descriptor")

        watch.on(reader, fail)
        assert seen.get(timeout=DEADLINE) == "failed"
        watch.call(lambda: seen.put("called"))
        assert seen.get(timeout=DEADLINE) == "called", "once"
    finally:
        os.close(reader)
        os.close(writer)


def test_a_signal_handler_may_call_it_while_its_thread_asks(watch: Watch, seen: Seen) -> None:
    before = signal.signal(signal.SIGINT, lambda *_: watch.call(lambda: seen.put("signal")))
    try:
        for _ in range(100):
            watch.call(lambda: seen.put("call"))
            signal.raise_signal(signal.SIGINT)
        words = [seen.get(timeout=DEADLINE) for _ in range(200)]
    finally:
        signal.signal(signal.SIGINT, before)
    assert words.count("signal") == words.count("call") == 100
