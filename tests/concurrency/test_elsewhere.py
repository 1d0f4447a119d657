"""Calls that executors of others run, and futures of theirs: awaited in any loop, cancelled where they can be."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import weakref
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any

import anyio
import pytest

from async_kernel import Caller, Group, Pending

from .loops import DEADLINE, run


def fail(word: str) -> None:
    raise LookupError(word)


def test_a_call_in_a_process(backend: str) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:

        async def main() -> tuple[int, list[tuple[int, int]]]:
            with anyio.fail_after(DEADLINE):
                found = await Caller.to_executor(pool, os.getpid)
                return found, [await one for one in [Caller.to_executor(pool, divmod, n, 3) for n in (7, 8)]]

        found, results = run(backend, main)
    assert found != os.getpid()
    assert results == [(2, 1), (2, 2)]


def test_an_error_has_the_traceback_of_where_it_came_from(backend: str) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:

        async def main() -> None:
            await Caller.to_executor(pool, fail, "nothing there")

        with pytest.raises(LookupError, match="nothing there") as raised:
            run(backend, main)
    assert "in fail" in str(raised.value.__cause__)


def test_from_a_plain_thread() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert Caller.to_executor(pool, threading.get_ident).result(DEADLINE) != threading.get_ident()
        assert isinstance(Caller.to_executor(pool, fail, "x").exception(DEADLINE), LookupError)


def test_one_that_has_not_begun_is_cancelled_and_one_that_runs_is_not() -> None:
    begun, release = threading.Event(), threading.Event()

    def work() -> bool:
        begun.set()
        return release.wait(DEADLINE)

    with ThreadPoolExecutor(1) as pool:
        runs, waits = Caller.to_executor(pool, work), Caller.to_executor(pool, print)
        assert begun.wait(DEADLINE)
        assert runs.running()
        assert not waits.running()
        assert waits.cancel()
        assert waits.cancel()
        assert not runs.cancel()
        with pytest.raises(CancelledError):
            waits.result(DEADLINE)
        release.set()
        assert runs.result(DEADLINE)
        assert not runs.cancel()


def test_a_wait_that_is_cancelled_leaves_the_call_alone_unless_it_says_otherwise(backend: str) -> None:
    shared: Future[int] = Future()
    own: Future[int] = Future()

    async def main() -> int:
        with anyio.move_on_after(0.01):
            await Pending.of(shared)
        with anyio.move_on_after(0.01):
            await Pending.of(own).or_cancel()
        threading.Timer(0.01, shared.set_result, (7,)).start()
        with anyio.fail_after(DEADLINE):
            return await Pending.of(shared)

    assert run(backend, main) == 7
    assert own.cancelled()


def test_a_group_ends_them_together(backend: str) -> None:
    left: Future[int] = Future()

    async def main(pool: Executor) -> None:
        async with Group() as group:
            group.add(Pending.of(left))
            group.add(Caller.to_executor(pool, fail, "one of them"))

    with ThreadPoolExecutor(1) as pool, pytest.raises(ExceptionGroup) as raised:
        run(backend, lambda: main(pool))
    assert [str(error) for error in raised.value.exceptions] == ["one of them"]
    assert left.cancelled()


@pytest.mark.parametrize("outcome", ["result", "exception", "cancelled"])
def test_of_a_future_that_is_done(outcome: str) -> None:
    future: Future[int] = Future()
    error = LookupError("once")
    {"result": lambda: future.set_result(1), "exception": lambda: future.set_exception(error),
     "cancelled": future.cancel}[outcome]()  # fmt: skip
    pending = Pending.of(future)
    assert pending.done()
    assert not pending.running()
    if outcome == "result":
        assert pending.result() == 1
    elif outcome == "exception":
        assert pending.exception() is error
    else:
        assert pending.cancelled()


def test_nothing_of_it_is_left() -> None:
    future: Future[Any] = Future()
    pending = Pending.of(future)
    future.set_result([])
    left = weakref.ref(pending)
    gc.disable()
    try:
        del pending, future
        assert left() is None
    finally:
        gc.enable()


def test_what_is_refused() -> None:
    async def wait() -> None:
        with pytest.raises(TypeError, match=r"is not a concurrent\.futures\.Future"):
            Pending.of(asyncio.get_running_loop().create_future())  # type: ignore[arg-type]  # no future of threads

    asyncio.run(wait())
    with ThreadPoolExecutor(1) as pool, pytest.raises(TypeError, match="coroutine function"):
        Caller.to_executor(pool, wait)
