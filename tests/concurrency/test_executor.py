"""The executor that takes coroutine functions too."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor, Future, as_completed, wait
from functools import partial

import anyio
import pytest

from async_kernel import Caller

from .loops import DEADLINE, run, until


@pytest.fixture(params=["asyncio", "trio"])
def io(request: pytest.FixtureRequest) -> Iterator[Caller]:
    """The caller of a thread with a loop of either backend."""
    caller = Caller.get("io", backend=request.param)
    yield caller
    caller.close().result(DEADLINE)


async def double(number: int) -> int:
    await anyio.sleep(0.001)
    return 2 * number


async def thread() -> int:
    return threading.get_ident()


def test_functions_run_in_workers_and_coroutines_in_the_loop(io: Caller) -> None:
    with io.executor() as executor:
        assert isinstance(executor, Executor)
        assert executor.submit(threading.get_ident).result(DEADLINE) not in (io.thread, threading.get_ident())
        assert executor.submit(thread).result(DEADLINE) == io.thread
        assert executor.submit(partial(double, 3)).result(DEADLINE) == 6


def test_map_maps_both(io: Caller) -> None:
    with io.executor() as executor:
        assert list(executor.map(divmod, [7, 8], [3, 3])) == [(2, 1), (2, 2)]
        assert list(executor.map(double, range(50), timeout=DEADLINE)) == [2 * n for n in range(50)]
        with pytest.raises(TimeoutError):
            list(executor.map(anyio.sleep, [0.001, 60], timeout=0.05))


def test_what_the_standard_library_does_with_futures(io: Caller) -> None:
    with io.executor() as executor:
        futures: list[Future[int]] = [executor.submit(double, n) for n in range(5)]
        assert sorted(future.result() for future in as_completed(futures, DEADLINE)) == [0, 2, 4, 6, 8]
        assert wait(futures, DEADLINE).not_done == set()


def test_errors_come_out(io: Caller) -> None:
    with io.executor() as executor, pytest.raises(ZeroDivisionError):
        executor.submit(divmod, 1, 0).result(DEADLINE)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_loops_run_things_in_it(loop: str, io: Caller) -> None:
    async def main() -> None:
        running = asyncio.get_running_loop()
        with io.executor() as executor:
            async with asyncio.timeout(DEADLINE):
                assert await running.run_in_executor(executor, divmod, 7, 3) == (2, 1)

    run(loop, main)


def test_the_end_of_the_block_waits(io: Caller) -> None:
    with io.executor() as executor:
        sleep, wait_for_event = executor.submit(anyio.sleep, 0.02), executor.submit(threading.Event().wait, 0.02)
    assert sleep.done()
    assert wait_for_event.done()
    with pytest.raises(RuntimeError, match="shut down"):
        executor.submit(double, 1)
    assert io.call_soon(double, 1).result(DEADLINE) == 2, "the loop is not the executor's"
    with io.executor() as another:
        assert another.submit(double, 2).result(DEADLINE) == 4


def test_a_shutdown_can_cancel_and_need_not_wait(io: Caller) -> None:
    executor = io.executor()
    began, go_on = threading.Event(), threading.Event()

    def work() -> bool:
        began.set()
        return go_on.wait(DEADLINE)

    coroutine, function = executor.submit(anyio.sleep, 60), executor.submit(work)
    assert began.wait(DEADLINE)
    executor.shutdown(wait=False)
    assert not coroutine.done()
    executor.shutdown(wait=False, cancel_futures=True)
    with pytest.raises(CancelledError):
        coroutine.result(DEADLINE)
    go_on.set()
    executor.shutdown()
    assert function.result()


def test_a_loop_does_not_wait_for_itself(backend: str) -> None:
    async def main() -> None:
        executor = Caller().executor()
        pending = executor.submit(double, 1)
        with pytest.raises(RuntimeError, match="Await"):
            executor.shutdown()
        await until(pending.done)
        executor.shutdown()
        assert pending.result() == 2

    run(backend, main)
