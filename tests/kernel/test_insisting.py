"""Driven coroutines: what a task says reaches them as ever, until an interrupt insists."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from async_kernel.kernel.insisting import Insistence, drive

DEADLINE = 20.0


def run(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    async def limited() -> Any:
        async with asyncio.timeout(DEADLINE):
            return await main()

    return asyncio.run(limited())


class Driven:
    """A coroutine in a task of its own."""

    def __init__(self, inner: Coroutine[Any, Any, Any]) -> None:
        self.insistence = Insistence()
        self.insistence.entries = {Driven._enter.__code__}
        self.task = asyncio.create_task(self._drive(inner))

    async def _drive(self, inner: Coroutine[Any, Any, Any]) -> Any:
        return await drive(self._enter(inner), self.insistence)

    async def _enter(self, inner: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await inner
        except KeyboardInterrupt as error:  # a task that lets it out ends the loop
            return error

    async def insist(self) -> Any:
        """End it as a second interrupt does; what it returns."""
        self.insistence.is_due = True
        self.task.cancel()
        return await self.task


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_what_it_returns_and_raises_comes_out() -> None:
    async def gives() -> int:
        await asyncio.sleep(0)
        return await asyncio.create_task(asyncio.sleep(0, 2)) + sum(await asyncio.gather(asyncio.sleep(0, 1)))

    async def raises() -> None:
        await asyncio.sleep(0)
        raise LookupError("this")

    async def main() -> None:
        assert await Driven(gives()).task == 3
        with pytest.raises(LookupError, match="this"):
            await Driven(raises()).task

    run(main)


def test_a_cancellation_is_that_of_what_is_awaited() -> None:
    async def main() -> None:
        inner = asyncio.create_task(asyncio.sleep(60))

        async def wait() -> str:
            try:
                await inner
            except asyncio.CancelledError as error:
                return str(error)
            return "went on"

        driven = Driven(wait())
        await settle()
        driven.task.cancel("because")
        assert await driven.task == "because"
        assert inner.cancelled()

    run(main)


def test_a_task_that_takes_its_cancellation_in_is_waited_for() -> None:
    async def main() -> None:
        async def stubborn() -> str:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                await asyncio.sleep(0)
            return "done"

        async def wait() -> str:
            return await asyncio.create_task(stubborn())

        driven = Driven(wait())
        await settle()
        driven.task.cancel()
        assert await driven.task == "done"

    run(main)


def test_a_task_cannot_await_itself() -> None:
    async def main() -> None:
        async def wait() -> None:
            task = asyncio.current_task()
            assert task is not None
            await task

        with pytest.raises(RuntimeError, match="await on itself"):
            await Driven(wait()).task

    run(main)


async def swallows(log: list[str]) -> None:
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            log.append("in")
            if "stop" in log:
                return


async def swallows_all(log: list[str]) -> None:
    while True:
        try:
            await asyncio.sleep(60)
        except BaseException:
            log.append("in")


async def swallows_in_a_task(log: list[str]) -> None:
    await asyncio.create_task(swallows(log))


async def suppresses(log: list[str]) -> None:
    import contextlib

    while True:
        with contextlib.suppress(asyncio.CancelledError, KeyboardInterrupt):
            await asyncio.sleep(60)
        log.append("in")


async def shields(log: list[str]) -> None:
    future = asyncio.get_running_loop().create_future()
    while True:
        try:
            await asyncio.shield(future)
        except asyncio.CancelledError:
            log.append("in")


@pytest.mark.parametrize("code", [swallows, swallows_all, swallows_in_a_task, suppresses, shields])
def test_insisting_ends_what_takes_cancellations_in(code: Callable[[list[str]], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        log: list[str] = []
        driven = Driven(code(log))
        await settle()
        driven.insistence.went_on = False
        driven.task.cancel()
        await settle()
        assert driven.insistence.went_on
        assert log == ["in"]
        assert isinstance(await driven.insist(), KeyboardInterrupt)
        assert log == ["in"]
        assert sys.gettrace() is None
        for left in asyncio.all_tasks() - {asyncio.current_task()}:  # or the loop waits for it at its end
            log.append("stop")
            left.cancel()
            await left

    run(main)


def test_context_managers_hear_of_it() -> None:
    class Manager:
        left: BaseException | None = None

        def __enter__(self) -> None: ...

        def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
            self.left = error

    async def main() -> None:
        manager = Manager()

        async def code() -> None:
            while True:
                try:
                    with manager:
                        await asyncio.sleep(60)
                except BaseException:
                    manager.left = None

        driven = Driven(code())
        await settle()
        assert isinstance(await driven.insist(), KeyboardInterrupt)
        assert isinstance(manager.left, KeyboardInterrupt), "it heard, and the handler did not run"

    run(main)


def test_a_debugger_is_left_in_place() -> None:
    async def main() -> None:
        log: list[str] = []
        driven = Driven(swallows(log))
        await settle()

        def trace(*_: object) -> None:
            return None

        sys.settrace(trace)
        try:
            ended = await driven.insist()
            assert sys.gettrace() is trace
        finally:
            sys.settrace(None)
        assert isinstance(ended, KeyboardInterrupt)

    before = sys.gettrace()
    try:
        run(main)
    finally:
        sys.settrace(before)


def test_a_driven_coroutine_that_is_closed_is_closed() -> None:
    ended: list[str] = []

    async def code() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("closed")

    async def main() -> None:
        loop = asyncio.get_running_loop()

        async def outer() -> None:
            await drive(code(), Insistence())

        coroutine = outer()
        future = coroutine.send(None)
        assert asyncio.isfuture(future)
        future._asyncio_future_blocking = False
        assert future.get_loop() is loop
        coroutine.close()
        assert ended == ["closed"]

    run(main)
