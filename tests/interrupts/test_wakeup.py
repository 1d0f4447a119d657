"""Signals whose handlers run although the main thread stands in a system call."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

if sys.platform == "win32":
    pytest.skip("Windows ends waits by an event", allow_module_level=True)

from async_kernel.interrupts.stuck import StuckCheck
from async_kernel.interrupts.wakeup import SignalRelay
from async_kernel.system.watch import Watch

DEADLINE = 20.0


class Heard(Exception):
    """Raised by the handler, so that the call that it interrupts ends."""


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """The signals whose handler has run, which raises `Heard`."""
    signals: list[int] = []

    def handler(signum: int, frame: FrameType | None) -> None:
        signals.append(signum)
        raise Heard

    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)}
    try:
        yield signals
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def kill_thread(number: int) -> None:
    """Have the calling thread take a signal: the system call that the main thread is in goes on."""
    signal.pthread_kill(threading.get_ident(), number)


def watch() -> Watch:
    made = Watch()
    made.start()
    return made


def start_and(thread: threading.Thread, call: Callable[..., object], *arguments: object) -> None:
    """Start a thread and block in a call."""
    thread.start()
    call(*arguments)


def interrupt_and_sleep() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(DEADLINE)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_handler_runs_while_the_main_thread_blocks(heard: list[int], number: int) -> None:
    relay = SignalRelay(watch())
    relay.listen()
    try:
        thread = threading.Timer(0.05, kill_thread, [number])
        began = time.monotonic()
        with pytest.raises(Heard):
            start_and(thread, time.sleep, DEADLINE)
        assert time.monotonic() - began < DEADLINE / 2
        thread.join(DEADLINE)
    finally:
        relay.close()
    assert heard == [number]


def test_without_it_the_handler_waits_for_the_end_of_the_call(heard: list[int]) -> None:
    during: list[list[int]] = []
    reader, writer = os.pipe()

    def send() -> None:
        if stands_still():
            kill_thread(signal.SIGINT)
            time.sleep(0.3)
            during.append(list(heard))
        os.write(writer, b"1")

    thread = threading.Thread(target=send)
    with pytest.raises(Heard):
        start_and(thread, os.read, reader, 1)
    thread.join(DEADLINE)
    os.close(reader)
    os.close(writer)
    assert during == [[]], "CPython has closed the gap: the relay can go"
    assert heard == [signal.SIGINT]


def stands_still() -> bool:
    """Wait until the main thread stands in a call that goes on; whether it does in time."""
    main, end = threading.main_thread().ident, time.monotonic() + DEADLINE
    assert main is not None
    while time.monotonic() < end:
        standing = StuckCheck(main)
        while not standing.is_over() and time.monotonic() < end:
            if standing.is_stuck():
                return True
            time.sleep(0.001)
    return False


def test_a_handler_runs_once_for_each_signal(heard: list[int]) -> None:
    relay = SignalRelay(watch())
    relay.listen()
    try:
        for count in range(1, 21):
            with pytest.raises(Heard):
                interrupt_and_sleep()
            assert len(heard) == count
    finally:
        relay.close()


def test_the_loop_behind_it_hears_of_every_signal(heard: list[int]) -> None:
    ours, loops = socket.socketpair()
    with ours, loops:
        ours.settimeout(DEADLINE)
        loops.setblocking(False)
        signal.set_wakeup_fd(loops.fileno())
        relay = SignalRelay(watch())
        try:
            relay.listen()
            relay.listen()
            for number in (signal.SIGINT, signal.SIGUSR1):
                with pytest.raises(Heard):
                    signal.raise_signal(number)
                while number not in ours.recv(100):  # a nudge's own may come before it
                    pass
        finally:
            relay.close()
        assert signal.set_wakeup_fd(-1) == -1


def test_nudges_wake_a_loop_whose_wait_goes_on_after_signals() -> None:
    uvloop = pytest.importorskip("uvloop")
    loop = uvloop.new_event_loop()
    ran = threading.Semaphore(0)
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda *_: ran.release())

    def send() -> None:
        for _ in range(100):  # nothing but signals wakes the loop meanwhile
            os.kill(os.getpid(), signal.SIGINT)
            if not ran.acquire(timeout=DEADLINE):
                break
            heard.append(signal.SIGINT)
        loop.call_soon_threadsafe(loop.stop)

    thread = threading.Thread(target=send)
    relay = SignalRelay(watch())
    try:
        loop.call_soon(relay.listen)
        loop.call_soon(thread.start)
        loop.run_forever()
        thread.join(DEADLINE)
    finally:
        loop.close()
        relay.close()
        signal.signal(signal.SIGINT, before)
    assert len(heard) == 100


def test_its_thread_is_not_traced(heard: list[int]) -> None:
    traced: set[str] = set()

    def trace(frame: FrameType, event: str, arg: object) -> None:
        traced.add(frame.f_code.co_name)

    def traced_elsewhere() -> None: ...

    before, profiler = threading.gettrace(), threading.getprofile()
    threading.settrace(trace)
    threading.setprofile(trace)
    try:
        thread = threading.Thread(target=traced_elsewhere)
        thread.start()
        thread.join(DEADLINE)
        relay = SignalRelay(watch())
    finally:
        threading.settrace(before)
        threading.setprofile(profiler)
    try:
        relay.listen()
        with pytest.raises(Heard):
            interrupt_and_sleep()
    finally:
        relay.close()
    assert "traced_elsewhere" in traced
    assert traced.isdisjoint({"_read", "_pass_on", "_nudge"})


def test_it_takes_the_descriptor_back_and_passes_on_to_the_latest(heard: list[int]) -> None:
    relay = SignalRelay(watch())
    try:
        relay.listen()
        for _ in range(3):  # the same number each time, as when a loop is run again
            ours, loops = socket.socketpair()
            with ours, loops:
                ours.settimeout(DEADLINE)
                loops.setblocking(False)
                signal.set_wakeup_fd(loops.fileno())
                relay.listen()
                with pytest.raises(Heard):
                    signal.raise_signal(signal.SIGUSR1)
                assert signal.SIGUSR1 in ours.recv(100)
    finally:
        relay.close()


def test_in_another_thread_nothing_happens() -> None:
    relay = SignalRelay(watch())
    try:
        thread = threading.Thread(target=relay.listen)
        thread.start()
        thread.join(DEADLINE)
        assert signal.set_wakeup_fd(-1) == -1
    finally:
        relay.close()


def test_closing_gives_everything_back() -> None:
    before = signal.getsignal(signal.SIGURG)
    relay = SignalRelay(watch())
    relay.listen()
    relay.close()
    assert signal.getsignal(signal.SIGURG) == before
    assert signal.set_wakeup_fd(-1) == -1
