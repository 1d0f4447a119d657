"""Threads that stand still: those that wait are told from those that compute."""

from __future__ import annotations

import hashlib
import sys
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from async_kernel.interrupts import stuck
from async_kernel.interrupts.stuck import StuckCheck

DEADLINE = 20.0


def start(function: Callable[[], object]) -> tuple[threading.Thread, int]:
    """A thread that runs `function`, and its ident."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    assert thread.ident is not None
    return thread, thread.ident


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def stands_in(ident: int, module: str) -> bool:
    """Whether Python code of `module` is what the thread ran last."""
    frame = sys._current_frames().get(ident)
    return frame is not None and frame.f_globals.get("__name__") == module


def stand_still(ident: int) -> StuckCheck:
    """The standstill of a thread that stands still for good: one that has just begun may have moved meanwhile."""
    end = time.monotonic() + DEADLINE
    while True:
        standing = StuckCheck(ident)
        wait_for(standing.is_stuck)
        if not standing.is_over():
            return standing
        assert time.monotonic() < end


@pytest.mark.skipif(sys.platform != "linux", reason="a thread's processor time is not to be had there")
def test_a_thread_that_waits_is_stuck_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stuck, "STUCK_SECONDS", 3600.0)
    held = threading.Lock()
    held.acquire()
    thread, ident = start(held.acquire)
    standing = stand_still(ident)
    held.release()
    thread.join(DEADLINE)
    assert standing.is_over()


def test_one_that_is_back_in_place_has_moved() -> None:
    held = threading.Lock()
    held.acquire()
    thread, ident = start(held.acquire)
    wait_for(lambda: stands_in(ident, "threading"))
    standing = StuckCheck(ident)
    standing.end()
    assert standing.is_over()
    held.release()
    thread.join(DEADLINE)


def test_a_thread_that_computes_in_c_code_has_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stuck, "STUCK_SECONDS", 3600.0)
    monkeypatch.setattr(stuck, "WAITING_SECONDS", 0.2)
    # On a machine that is busy a thread that computes may not get its turn for long.
    clocks = SimpleNamespace(monotonic=time.process_time, clock_gettime=time.clock_gettime)
    monkeypatch.setattr(stuck, "time", clocks)
    data = bytes(100_000_000)
    begun = threading.Event()

    def compute() -> None:
        begun.set()
        hashlib.sha512(data)  # without the GIL, for some tenths of a second

    thread, ident = start(compute)
    assert begun.wait(DEADLINE)
    standing = StuckCheck(ident)
    while thread.is_alive() and not standing.is_over():
        assert not standing.is_stuck()
        time.sleep(0.001)


def test_any_standstill_ends_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stuck, "WAITING_SECONDS", 3600.0)
    held = threading.Lock()
    held.acquire()
    thread, ident = start(held.acquire)
    stand_still(ident)
    held.release()
    thread.join(DEADLINE)


def test_a_thread_that_ended_before_anybody_looked_is_not_stuck() -> None:
    thread, ident = start(lambda: None)
    thread.join(DEADLINE)
    standing = StuckCheck(ident)
    assert standing.is_over()
    assert not standing.is_stuck()


def test_a_thread_that_has_ended_is_not_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stuck, "WAITING_SECONDS", 0.0)
    thread, ident = start(lambda: None)
    thread.join(DEADLINE)
    held = threading.Lock()
    held.acquire()
    thread, ident = start(held.acquire)
    wait_for(lambda: stands_in(ident, "threading"))
    standing = StuckCheck(ident)
    assert standing.is_stuck()
    held.release()
    thread.join(DEADLINE)
    assert standing.is_over()
    assert not standing.is_stuck()
