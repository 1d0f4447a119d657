"""The outcome of a call: awaited from any loop, waited for in plain threads, cancelled."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import anyio
import pytest

from async_kernel.concurrency.pending import Pending

from .loops import DEADLINE, run, until


def ended_by(work: Callable[[Pending[Any]], object]) -> Pending[Any]:
    """A Pending whose call runs in a thread and is ended by `work`."""
    pending: Pending[Any] = Pending()
    assert pending.begin()
    threading.Thread(target=work, args=(pending,)).start()
    return pending


def soon(pending: Pending[Any]) -> None:
    time.sleep(0.01)
    pending.set_result("done")


def test_it_is_awaited_in_a_task(backend: str) -> None:
    async def main() -> None:
        with anyio.fail_after(DEADLINE):
            pending = ended_by(soon)
            assert await pending == "done"
            assert await pending == "done"
        assert pending.done()
        assert not pending.cancelled()

    run(backend, main)


def test_a_plain_thread_waits_for_it() -> None:
    pending = ended_by(soon)
    assert pending.result(DEADLINE) == "done"
    assert pending.exception() is None


def test_a_wait_of_a_thread_has_a_timeout() -> None:
    pending: Pending[None] = Pending()
    with pytest.raises(TimeoutError):
        pending.result(0.001)
    with pytest.raises(TimeoutError):
        pending.exception(timeout=0.001)


def test_everybody_gets_it_whatever_their_loop() -> None:
    pending: Pending[str] = Pending()
    waiting = threading.Semaphore(0)

    async def wait() -> str:
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(pending.or_cancel)
            waiting.release()
            return await pending
        raise AssertionError("the group has swallowed an error")

    with ThreadPoolExecutor() as pool:
        results = [pool.submit(run, backend, wait) for backend in ("asyncio", "uvloop", "trio")]
        results.append(pool.submit(pending.result, DEADLINE))
        for _ in range(3):
            assert waiting.acquire(timeout=DEADLINE)
        assert pending.begin()
        pending.set_result("for all")
        assert [result.result(DEADLINE) for result in results] == ["for all"] * 4


def test_errors_come_out_as_they_are(backend: str) -> None:
    error = LookupError("as it is")
    pending = ended_by(lambda pending: pending.set_exception(error))

    async def main() -> None:
        for _ in range(2):
            with pytest.raises(LookupError) as caught:
                await pending
            assert caught.value is error

    run(backend, main)
    with pytest.raises(LookupError) as caught:
        pending.result()
    assert caught.value is error
    assert pending.exception() is error


def test_what_is_cancelled_first_never_begins(backend: str) -> None:
    pending: Pending[None] = Pending()
    seen: list[object] = []
    pending.add_done_callback(lambda pending: seen.append((pending, threading.get_ident())))
    assert pending.cancel()
    assert pending.cancel()
    assert not pending.begin()
    assert pending.cancelled()
    assert seen == [(pending, threading.get_ident())]
    assert concurrent.futures.wait([pending], DEADLINE).done == {pending}
    with pytest.raises(CancelledError):
        pending.result()

    async def main() -> None:
        with pytest.raises(CancelledError):
            await pending
        with pytest.raises(CancelledError):
            await pending.or_cancel()

    run(backend, main)


def test_as_completed_hears_of_a_cancellation() -> None:
    pending: Pending[None] = Pending()
    timer = threading.Timer(0.01, pending.cancel)
    timer.start()
    assert next(concurrent.futures.as_completed([pending], DEADLINE)) is pending


def test_a_function_that_runs_cannot_be_cancelled() -> None:
    pending: Pending[str] = Pending()
    assert pending.begin()
    assert not pending.cancel()
    assert pending.running()
    pending.set_result("anyway")
    assert not pending.cancel()
    assert pending.result() == "anyway"


def test_what_can_end_is_asked_to() -> None:
    asked: list[str] = []
    pending: Pending[None] = Pending()
    assert pending.begin(can_end=True)
    assert pending.cancel(), "although nobody has said how, yet"
    assert not pending.done()
    pending.ends_by(lambda: asked.append("asked"))
    assert asked == ["asked"]
    assert pending.cancel()
    assert asked == ["asked", "asked"]
    pending.end_cancelled()
    assert pending.cancelled()


def test_beginning_or_cancelling_one_of_both_happens() -> None:
    """Two threads race for a Pending, 2,000 times: it is never both, never none."""
    pendings: list[Pending[None]] = [Pending() for _ in range(2000)]
    start = threading.Barrier(2)

    def each(act: Callable[[Pending[None]], bool]) -> list[bool]:
        start.wait(DEADLINE)
        return [act(pending) for pending in pendings]

    with ThreadPoolExecutor(2) as pool:
        begun = pool.submit(each, Pending.begin)
        cancelled = pool.submit(each, Pending.cancel)
        for pending, one, other in zip(pendings, begun.result(DEADLINE), cancelled.result(DEADLINE), strict=True):
            assert one is not other
            assert pending.cancelled() is other


def test_a_cancelled_wait_leaves_the_call_alone(backend: str) -> None:
    async def main() -> None:
        pending: Pending[str] = Pending()
        assert pending.begin(can_end=True)
        pending.ends_by(pending.end_cancelled)
        for _ in range(3):
            with anyio.move_on_after(0.001) as scope:
                await pending
            assert scope.cancelled_caught
        assert not pending.done()
        assert pending._wakers == [], "nothing is left behind by waits that have ended"
        pending.set_result("alive")
        assert await pending == "alive"

    run(backend, main)


def test_a_wait_can_take_the_call_with_it(backend: str) -> None:
    async def main() -> None:
        pending: Pending[str] = Pending()
        assert pending.begin(can_end=True)
        ended = threading.Event()

        def end() -> None:
            ended.wait(DEADLINE)
            pending.end_cancelled()

        pending.ends_by(lambda: threading.Thread(target=end).start())
        threading.Timer(0.02, ended.set).start()
        with anyio.move_on_after(0.001) as scope:
            await pending.or_cancel()
        assert scope.cancelled_caught
        assert pending.cancelled(), "it waited until the call had ended"
        assert ended.is_set()

    run(backend, main)


def test_a_wait_does_not_wait_for_what_cannot_be_cancelled(backend: str) -> None:
    async def main() -> None:
        pending: Pending[str] = Pending()
        assert pending.begin()
        with anyio.fail_after(DEADLINE), anyio.move_on_after(0.001):
            await pending.or_cancel()
        assert pending.running()

    run(backend, main)


def test_callbacks_run_where_the_call_ends() -> None:
    seen: list[int] = []
    pending: Pending[int] = Pending()
    pending.add_done_callback(lambda _: seen.append(threading.get_ident()))
    assert pending.begin()
    thread = threading.Thread(target=lambda: pending.set_result(threading.get_ident()))
    thread.start()
    thread.join(DEADLINE)
    pending.add_done_callback(lambda _: seen.append(threading.get_ident()))
    assert seen == [pending.result(), threading.get_ident()]


def test_a_thread_does_not_wait_for_its_own_loop() -> None:
    pending: Pending[str] = Pending(threading.get_ident())
    with pytest.raises(RuntimeError, match="Await the call"):
        pending.result()
    with pytest.raises(RuntimeError, match="Await the call"):
        pending.exception()
    with pytest.raises(TimeoutError):
        pending.result(0.001)
    assert pending.begin()
    pending.set_result("there")
    assert pending.result() == "there"


def test_it_says_how_it_stands() -> None:
    pending: Pending[int] = Pending()
    assert repr(pending).startswith("<Pending waiting at ")
    pending.begin()
    assert repr(pending).startswith("<Pending running at ")
    pending.set_result(1)
    assert repr(pending).startswith("<Pending finished at ")
    cancelled: Pending[int] = Pending()
    cancelled.cancel()
    assert repr(cancelled).startswith("<Pending cancelled at ")


def test_a_loop_that_has_ended_is_not_missed() -> None:
    pending: Pending[str] = Pending()

    async def main() -> None:
        task = asyncio.ensure_future(pending)
        await until(lambda: pending._wakers)
        task.cancel()

    run("asyncio", main)
    assert pending.begin()
    pending.set_result("nobody waits")


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_asyncio_takes_it_as_an_awaitable_and_as_a_future(loop: str) -> None:
    async def main() -> None:
        async with asyncio.timeout(DEADLINE):
            assert list(await asyncio.gather(ended_by(soon), ended_by(soon))) == ["done", "done"]
            assert await asyncio.wrap_future(ended_by(soon)) == "done"
            pending: Pending[str] = Pending()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(pending, 0.001)
            assert not pending.done()
            future = asyncio.wrap_future(pending)
            future.cancel()
            await until(pending.cancelled)

    run(loop, main)


def test_no_cycle_of_references_is_left(backend: str) -> None:
    """What was waited for goes when the last reference does: results may be large."""
    import gc
    import weakref

    class Large(LookupError):
        pass

    async def main() -> list[object]:
        references: list[weakref.ref[object]] = []
        for fails in (False, True):
            pending: Pending[object] = Pending()
            assert pending.begin()
            value = Large()
            (pending.set_exception if fails else pending.set_result)(value)
            with suppress(LookupError):
                await pending
            references += [weakref.ref(value), weakref.ref(pending)]
            del pending, value
        return [reference() for reference in references]

    gc.disable()
    try:
        assert run(backend, main) == [None] * 4
    finally:
        gc.enable()
