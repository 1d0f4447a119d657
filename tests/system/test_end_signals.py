"""SIGTERM and SIGHUP are handed to another thread, whatever the main one holds."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from async_kernel.system import end_signals
from async_kernel.system.end_signals import END_SIGNALS, take_end_signals
from async_kernel.system.watch import Watch

DEADLINE = 20.0


@pytest.fixture(autouse=True)
def given_back() -> Iterator[None]:
    """The signals are whose they were."""
    before = {number: signal.getsignal(number) for number in END_SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def watch() -> Watch:
    made = Watch()
    made.start()
    return made


def test_a_lock_that_the_main_thread_holds_may_be_needed(watch: Watch) -> None:
    lock, ended = threading.Lock(), threading.Event()
    threads: list[threading.Thread] = []

    def end(done: Callable[[], object]) -> None:
        threads.append(threading.current_thread())
        with lock:
            ended.set()

    take_end_signals(watch, end)
    with lock:
        signal.raise_signal(signal.SIGTERM)
        assert not ended.is_set()
    assert ended.wait(DEADLINE)
    assert threads != [threading.main_thread()]


def test_the_main_thread_stands_aside_meanwhile(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(end_signals, "ASIDE_SECONDS", DEADLINE)
    ended: list[bool] = []

    def end(done: Callable[[], object]) -> None:
        def in_another() -> None:
            ended.append(True)
            done()

        threading.Timer(0.05, in_another).start()

    take_end_signals(watch, end)
    for times in (1, 2):  # a second one is as good as the first
        signal.raise_signal(signal.SIGTERM)
        assert ended == [True] * times


def test_one_that_comes_during_the_end_of_another_is_heard(watch: Watch) -> None:
    ended = threading.Semaphore(0)
    calls: list[bool] = []

    def end(done: Callable[[], object]) -> None:
        calls.append(True)
        if len(calls) == 1:
            signal.raise_signal(signal.SIGTERM)  # its handler runs in the main thread all the same
        ended.release()

    take_end_signals(watch, end)
    signal.raise_signal(signal.SIGTERM)
    for _ in range(2):
        assert ended.acquire(timeout=DEADLINE)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")
def test_the_end_of_the_terminal_is_one_unless_it_is_ignored(watch: Watch) -> None:
    ended = threading.Semaphore(0)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    take_end_signals(watch, lambda done: ended.release())
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    take_end_signals(watch, lambda done: ended.release())
    signal.raise_signal(signal.SIGHUP)
    assert ended.acquire(timeout=DEADLINE)
