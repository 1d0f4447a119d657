"""Interrupts by an event of Windows, on a library that behaves like kernel32."""

from __future__ import annotations

import ctypes
import queue
import threading

import pytest

from async_kernel.interrupts.windows_event import INFINITE, interrupt_event_of, watch_interrupt_event

DEADLINE = 20.0
WAIT_OBJECT_0, WAIT_FAILED = 0, 0xFFFFFFFF


class Kernel32:
    """One event that resets itself, and can be closed."""

    def __init__(self) -> None:
        self.sets: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.waited: list[tuple[int | None, int]] = []

    def WaitForSingleObject(self, handle: ctypes.c_void_p, milliseconds: int) -> int:
        self.waited.append((handle.value, milliseconds))
        return self.sets.get(timeout=DEADLINE)


@pytest.mark.parametrize(("text", "event"), [("372", 372), ("", None), ("0", None), ("-1", None), ("x", None)])
def test_what_the_environment_says(text: str, event: int | None) -> None:
    assert interrupt_event_of({"JPY_INTERRUPT_EVENT": text}) == event
    assert interrupt_event_of({}) is None


def test_each_set_of_the_event_is_an_interrupt_until_it_is_closed() -> None:
    system = Kernel32()
    interrupts = threading.Semaphore(0)
    wide = 0x1_0000_0174  # more than 32 bits
    thread = watch_interrupt_event(wide, interrupts.release, system)
    for _ in range(3):
        system.sets.put(WAIT_OBJECT_0)
        assert interrupts.acquire(timeout=DEADLINE)
    system.sets.put(WAIT_FAILED)
    thread.join(DEADLINE)
    assert not thread.is_alive()
    assert not interrupts.acquire(blocking=False)
    assert system.waited == [(wide, INFINITE)] * 4
    assert thread.daemon
