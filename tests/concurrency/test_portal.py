"""Ways into a running loop from other threads."""

from __future__ import annotations

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trio

from async_kernel.concurrency.portal import Portal, Reach, current_portal

from .loops import DEADLINE, run

ENDS = ("CancelledError", "KeyboardInterrupt")
"""What a wait that is ended raises: on asyncio and on trio."""


def in_thread(backend: str, main: Any) -> Any:
    """Run `main()` on a loop in a thread that is not the main one, as subshells are run."""
    results: list[Any] = []

    def work() -> None:
        try:
            results.append(run(backend, main))
        except BaseException as error:
            results.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(DEADLINE)
    (result,) = results
    if isinstance(result, BaseException):
        raise result
    return result


def test_calls_from_threads_run_in_the_loops_thread_in_order(backend: str) -> None:
    seen: list[tuple[int, int]] = []

    async def main() -> None:
        portal = current_portal()
        assert portal.thread == threading.get_ident()
        done = anyio.Event()

        def work() -> None:
            for number in range(100):
                assert portal.call(lambda number=number: seen.append((number, threading.get_ident())))
            portal.call(done.set)

        threading.Thread(target=work).start()
        with anyio.fail_after(DEADLINE):
            await done.wait()
        assert seen == [(number, portal.thread) for number in range(100)]

    run(backend, main)


def test_a_call_into_a_loop_that_is_gone_says_so(backend: str) -> None:
    portals: list[Portal] = []

    async def main() -> None:
        portals.append(current_portal())

    run(backend, main)
    assert portals[0].call(lambda: None) is False


def test_ending_a_wait_ends_that_wait_alone(backend: str) -> None:
    async def main() -> list[str]:
        portal = current_portal()
        seen = []
        for turn in range(3):
            timer = threading.Timer(0.01, portal.call, (portal.end_wait,))
            try:
                with portal.waiting():
                    timer.start()
                    await anyio.sleep(DEADLINE)
                    seen.append("waited on")
            except BaseException as error:
                seen.append("ended" if type(error).__name__ in ENDS else repr(error))
            await portal.settle()
            with anyio.fail_after(DEADLINE):
                await anyio.sleep(0.001)
            seen.append(str(turn))
        return seen

    assert in_thread(backend, main) == ["ended", "0", "ended", "1", "ended", "2"]


def test_an_end_that_comes_too_late_is_settled(backend: str) -> None:
    async def main() -> str:
        portal = current_portal()
        with portal.waiting():
            portal.end_wait()  # the task does not wait any more: nothing is to be hit
        await portal.settle()
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
        with anyio.fail_after(DEADLINE):
            await anyio.sleep(0.001)
        return "unharmed"

    assert in_thread(backend, main) == "unharmed"


def test_what_is_raised_inside_comes_out(backend: str) -> None:
    async def main() -> None:
        portal = current_portal()
        with portal.waiting():
            raise LookupError("inside")

    with pytest.raises(LookupError, match="inside"):
        in_thread(backend, main)


def test_settling_without_need_does_nothing(backend: str) -> None:
    async def main() -> str:
        portal = current_portal()
        await portal.settle()
        await portal.settle()
        return "unharmed"

    assert in_thread(backend, main) == "unharmed"
    assert run(backend, main) == "unharmed"


def test_what_is_raised_in_another_task_comes_to_the_task_in_nurseries_alone(backend: str) -> None:
    async def child() -> None:
        # From another thread, as who interrupts a subshell does.
        with ThreadPoolExecutor(1) as pool:
            reaches.append(pool.submit(portals[0].reach, sys._getframe()).result(DEADLINE))

    async def main() -> None:
        portals.append(current_portal())
        async with anyio.create_task_group() as group:
            group.start_soon(child)
        with anyio.fail_after(DEADLINE):
            await in_system_task(child)

    async def in_system_task(function: Any) -> None:
        done = anyio.Event()

        async def task() -> None:
            await function()
            done.set()

        if backend == "trio":
            trio.lowlevel.spawn_system_task(task)
        else:
            tasks.append(asyncio.get_running_loop().create_task(task()))
        await done.wait()

    for place in (run, in_thread):
        portals: list[Portal] = []
        reaches: list[Reach] = []
        tasks: list[asyncio.Task[None]] = []
        place(backend, main)
        assert reaches == ([Reach.WORK, Reach.LOOP] if backend == "trio" else [Reach.CALLBACK, Reach.CALLBACK])
