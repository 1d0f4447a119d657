"""What the interrupt path relies on: how signals reach Python while each loop waits, and how trio delivers one.

These are facts about asyncio, uvloop, trio and CPython rather than about our own code; when one of them changes, this
file says so before a kernel hangs.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType

import anyio
import pytest
import trio

from async_kernel.loops.plan import Plan
from async_kernel.loops.run import run

PLANS = {
    "asyncio": Plan("asyncio", "asyncio", None, {}, {}, {}),
    "uvloop": Plan("asyncio", "uvloop", None, {}, {}, {}),
    "trio": Plan("trio", "", None, {}, {}, {}),
}


def main_thread() -> int:
    """Its number, for signals."""
    ident = threading.main_thread().ident
    assert ident is not None
    return ident


WAYS = {
    "pthread_kill": lambda: signal.pthread_kill(main_thread(), signal.SIGINT),
    "os.kill": lambda: os.kill(os.getpid(), signal.SIGINT),
}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals; Windows interrupts by an event handle")


@pytest.fixture
def sigint() -> Iterator[None]:
    """SIGINT as Python has it, put back afterwards."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_handler_runs_while_the_loop_waits_in_its_poll(plan: Plan, way: Callable[[], None], sigint: None) -> None:
    handled = threading.Event()
    seen = []
    tell_main: Callable[[], None]

    def send() -> None:
        for _ in range(5):
            way()
            seen.append(handled.wait(30))  # nothing else wakes the loop: main sleeps for ever
            handled.clear()
        tell_main()

    async def main() -> None:
        nonlocal tell_main
        signal.signal(signal.SIGINT, lambda *_: handled.set())
        done, token = anyio.Event(), anyio.lowlevel.current_token()
        tell_main = partial(anyio.from_thread.run_sync, done.set, token=token)
        threading.Thread(target=send).start()
        await done.wait()

    run(plan, main)
    assert seen == [True] * 5


def chained(seen: list[str], once: bool = False) -> Callable[[int, FrameType | None], object]:
    """Put a handler of our own before trio's, which it calls with the frame it got; the first time only if `once`."""
    trios = signal.getsignal(signal.SIGINT)
    assert callable(trios)
    assert trios is not signal.default_int_handler

    def handler(signum: int, frame: FrameType | None) -> None:
        if once and seen:  # one that was under way
            return
        assert frame is not None
        seen.append(frame.f_code.co_name)
        trios(signum, frame)

    signal.signal(signal.SIGINT, handler)
    return trios


def send_in(name: str) -> None:
    """Send SIGINT once the main thread stands in a function of that name. To be called in another thread."""
    main = main_thread()
    times, deadline = 0, time.monotonic() + 30
    while times < 2:  # some time apart: it stays there
        assert time.monotonic() < deadline
        time.sleep(0.005)
        times = times + 1 if sys._current_frames()[main].f_code.co_name == name else 0
    WAYS["pthread_kill"]()


def test_trios_own_handler_interrupts_the_main_tasks_await_again_and_again(sigint: None) -> None:
    seen: list[str] = []
    interrupted: list[bool] = []

    async def main() -> None:
        trios = chained(seen)
        for _ in range(5):
            threading.Thread(target=send_in, args=["get_events"]).start()
            try:
                await trio.sleep_forever()
            except KeyboardInterrupt:
                interrupted.append(True)
        signal.signal(signal.SIGINT, trios)
        await trio.sleep(0.001)  # the loop lives

    run(PLANS["trio"], main)
    assert seen == ["get_events"] * 5
    assert interrupted == [True] * 5
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler  # trio puts back what it found


def test_it_raises_in_place_in_blocking_code_of_any_task(sigint: None) -> None:
    seen: list[str] = []

    async def main() -> None:
        trios = chained(seen, once=True)
        with pytest.raises(BaseExceptionGroup) as caught:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(block)
        assert caught.value.split(KeyboardInterrupt)[1] is None
        thread.join()
        signal.signal(signal.SIGINT, trios)
        await trio.sleep(0.001)

    def send() -> None:
        send_in("block")
        deadline = time.monotonic() + 30
        while not seen and time.monotonic() < deadline:  # one just before the call begins does not end it
            WAYS["pthread_kill"]()
            time.sleep(0.01)

    async def block() -> None:
        thread.start()
        time.sleep(60)  # noqa: ASYNC251 - it is to block

    thread = threading.Thread(target=send)
    run(PLANS["trio"], main)
    assert seen == ["block"]


def test_with_a_frame_of_trio_itself_the_main_task_is_interrupted_though_another_runs(sigint: None) -> None:
    """A handler that is not in the cell's own code looks up the stack for trio's loop and passes that frame."""

    seen: list[str] = []

    async def main() -> None:
        trios = signal.getsignal(signal.SIGINT)
        assert callable(trios)

        def handler(signum: int, frame: FrameType | None) -> None:
            while frame is not None and frame.f_code.co_name != "unrolled_run":
                frame = frame.f_back
            handled.set()
            trios(signum, frame)

        signal.signal(signal.SIGINT, handler)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bystander)
            try:
                await trio.sleep_forever()
            except KeyboardInterrupt:
                seen.append("main")
        signal.signal(signal.SIGINT, trios)

    async def bystander() -> None:
        WAYS["pthread_kill"]()
        while not handled.is_set():
            pass
        seen.append("bystander unharmed")

    handled = threading.Event()
    run(PLANS["trio"], main)
    assert seen == ["bystander unharmed", "main"]


def test_an_await_that_cannot_be_cancelled_keeps_the_interrupt_for_the_next_checkpoint(sigint: None) -> None:
    """So it has to be fetched (one checkpoint) before the next cell is begun, or it would hit that one."""

    seen: list[str] = []

    async def main() -> None:
        trios = chained(seen)
        await trio.to_thread.run_sync(wait)  # not interrupted, and does not raise
        with pytest.raises(KeyboardInterrupt):
            await trio.lowlevel.checkpoint()
        await trio.sleep(0.01)  # it came once
        signal.signal(signal.SIGINT, trios)

    def wait() -> None:
        send_in("get_events")
        deadline = time.monotonic() + 30
        while not seen and time.monotonic() < deadline:
            time.sleep(0.001)

    run(PLANS["trio"], main)
    assert seen == ["get_events"]
