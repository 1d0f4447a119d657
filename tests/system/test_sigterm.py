"""SIGTERM is served by another thread, whatever the main one holds."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from async_kernel.system import sigterm
from async_kernel.system.sigterm import take_sigterm

DEADLINE = 20.0


@pytest.fixture(autouse=True)
def given_back() -> Iterator[None]:
    """SIGTERM is whose it was."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_lock_that_the_main_thread_holds_may_be_needed() -> None:
    lock, ended = threading.Lock(), threading.Event()
    threads: list[threading.Thread] = []

    def end() -> None:
        threads.append(threading.current_thread())
        with lock:
            ended.set()

    take_sigterm(end)
    with lock:
        signal.raise_signal(signal.SIGTERM)
        assert not ended.is_set()
    assert ended.wait(DEADLINE)
    assert threads != [threading.main_thread()]


def test_the_main_thread_stands_aside_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sigterm, "ASIDE_SECONDS", DEADLINE)
    ended: list[bool] = []

    def end() -> None:
        threading.Event().wait(0.05)
        ended.append(True)

    take_sigterm(end)
    for times in (1, 2):  # a second one is as good as the first
        signal.raise_signal(signal.SIGTERM)
        assert ended == [True] * times


def test_one_that_comes_during_the_end_of_another_is_heard() -> None:
    ended = threading.Semaphore(0)
    calls: list[bool] = []

    def end() -> None:
        calls.append(True)
        if len(calls) == 1:
            signal.raise_signal(signal.SIGTERM)  # its handler runs in the main thread all the same
        ended.release()

    take_sigterm(end)
    signal.raise_signal(signal.SIGTERM)
    for _ in range(2):
        assert ended.acquire(timeout=DEADLINE)
