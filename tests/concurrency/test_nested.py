"""Loops inside loops: on every backend, every function that runs a loop, and nothing of the outer loop lost by it."""

from __future__ import annotations

import asyncio
import contextvars
import importlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import sniffio
import trio
import uvloop

from async_kernel.concurrency.nested import has_set_aside, innermost, set_aside
from async_kernel.concurrency.runners import allow_inner_loops

from .loops import DEADLINE, run
from .test_portal import in_thread

variable = contextvars.ContextVar("variable", default="unset")


@pytest.fixture(autouse=True)
def allowed() -> Iterator[None]:
    """The functions that run a loop may do so inside another."""
    restore = allow_inner_loops()
    yield
    restore()


async def on_asyncio() -> str:
    await asyncio.sleep(0.001)
    return f"{type(asyncio.get_running_loop()).__module__.split('.')[0]} {variable.get()}"


async def on_trio() -> str:
    await trio.sleep(0.001)
    return f"{sniffio.current_async_library()} {variable.get()}"


def by_runner() -> str:
    with asyncio.Runner() as runner:
        runner.run(on_asyncio())
        return runner.run(on_asyncio())


def by_loop(loop: asyncio.AbstractEventLoop) -> str:
    try:
        return loop.run_until_complete(on_asyncio())
    finally:
        loop.close()


def by_run_forever() -> str:
    loop = asyncio.new_event_loop()
    task = loop.create_task(on_asyncio())
    task.add_done_callback(lambda _: loop.stop())
    loop.run_forever()
    loop.close()
    return task.result()


RUNNERS: dict[str, tuple[Callable[[], str], str]] = {
    "asyncio.run": (lambda: asyncio.run(on_asyncio()), "asyncio"),
    "asyncio.Runner": (by_runner, "asyncio"),
    "new_event_loop": (lambda: by_loop(asyncio.new_event_loop()), "asyncio"),
    "uvloop.new_event_loop": (lambda: by_loop(uvloop.new_event_loop()), "uvloop"),
    "run_forever": (by_run_forever, "asyncio"),
    "uvloop.run": (lambda: uvloop.run(on_asyncio()), "uvloop"),
    "anyio.run": (lambda: anyio.run(on_asyncio), "asyncio"),
    "anyio.run uvloop": (lambda: anyio.run(on_asyncio, backend_options={"use_uvloop": True}), "uvloop"),
    "anyio.run trio": (lambda: anyio.run(on_trio, backend="trio"), "trio"),
    "trio.run": (lambda: trio.run(on_trio), "trio"),
}


def outer_state() -> list[object]:
    """All by which a thread and its libraries see what loop runs."""
    in_trio = trio.lowlevel.in_trio_run()
    loop = None if in_trio else asyncio.get_running_loop()
    wakeup = -1
    if threading.current_thread() is threading.main_thread():
        wakeup = signal.set_wakeup_fd(-1)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    return [
        loop,
        trio.lowlevel.current_task() if in_trio else asyncio.current_task(),
        sniffio.current_async_library(),
        sys.get_asyncgen_hooks(),
        wakeup,
        signal.getsignal(signal.SIGINT),
    ]


@pytest.mark.parametrize("name", RUNNERS)
def test_each_runs_inside_every_loop_and_leaves_it_as_it_was(backend: str, name: str) -> None:
    function, library = RUNNERS[name]

    async def main() -> None:
        variable.set("outside")
        before = outer_state()
        for _ in range(2):
            assert function() == f"{library} outside"
            assert outer_state() == before
        with anyio.fail_after(DEADLINE):
            await anyio.sleep(0.001)
            await anyio.to_thread.run_sync(time.sleep, 0)
        assert not has_set_aside()

    run(backend, main)


@pytest.mark.parametrize("name", RUNNERS)
def test_each_runs_inside_a_loop_of_another_thread(backend: str, name: str) -> None:
    function, library = RUNNERS[name]

    async def main() -> None:
        assert function() == f"{library} unset"
        await anyio.sleep(0.001)

    in_thread(backend, main)


def test_they_nest_deeper(backend: str) -> None:
    async def middle() -> str:
        assert trio.run(on_trio) == "trio unset"
        return asyncio.run(on_asyncio())

    async def main() -> None:
        assert trio.run(middle) == "asyncio unset"
        assert uvloop.run(middle()) == "asyncio unset"
        await anyio.sleep(0.001)

    run(backend, main)


def test_an_error_comes_out_and_leaves_the_outer_loop_as_it_was(backend: str) -> None:
    async def fail() -> None:
        await anyio.lowlevel.checkpoint()
        raise ValueError("inner")

    async def main() -> None:
        before = outer_state()
        inner: list[Callable[[], None]] = [lambda: asyncio.run(fail()), lambda: trio.run(fail), lambda: anyio.run(fail)]
        for function in inner:
            with pytest.raises(ValueError, match="inner"):
                function()
            assert outer_state() == before

    run(backend, main)


def test_a_loop_that_runs_still_refuses_to_run_again() -> None:
    async def main() -> None:
        work = asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="already running"):
            asyncio.get_running_loop().run_until_complete(work)
        work.close()

    run("asyncio", main)


def test_tasks_of_the_outer_loop_wait_and_go_on() -> None:
    async def main() -> None:
        ticks: list[float] = []

        again = asyncio.Event()

        async def tick() -> None:
            while True:
                ticks.append(time.monotonic())
                again.set()
                await asyncio.sleep(0.001)

        task = asyncio.create_task(tick())
        await asyncio.sleep(0.005)
        seen = len(ticks)
        asyncio.run(asyncio.sleep(0.02))
        assert len(ticks) == seen
        again.clear()
        await asyncio.wait_for(again.wait(), DEADLINE)
        task.cancel()

    run("asyncio", main)


def test_async_generators_belong_to_the_loop_that_runs_them(backend: str) -> None:
    closed: list[str] = []

    async def generate() -> Any:
        try:
            while True:
                yield 1
        finally:
            closed.append("closed")

    async def inner() -> None:
        async for _ in generate():
            break

    async def main() -> None:
        asyncio.run(inner())
        assert closed == ["closed"]

    run(backend, main)


@pytest.mark.parametrize("threaded", [False, True], ids=["main", "thread"])
@pytest.mark.parametrize("inner", ["asyncio", "uvloop", "trio", "forever"])
def test_an_interrupt_ends_the_inner_loop_alone(backend: str, inner: str, threaded: bool) -> None:
    ended: list[str] = []
    started = threading.Event()

    async def hang() -> None:
        started.set()
        try:
            await anyio.sleep(60)
        finally:
            ended.append("finally")

    def forever() -> None:
        loop = asyncio.new_event_loop()
        loop.call_soon(started.set)
        try:
            loop.run_forever()
        finally:
            loop.close()
            ended.append("finally")

    functions: dict[str, Callable[[], None]] = {
        "asyncio": lambda: asyncio.run(hang()),
        "uvloop": lambda: uvloop.run(hang()),
        "trio": lambda: trio.run(hang),
        "forever": forever,
    }

    async def main() -> None:
        thread = threading.get_ident()

        def interrupt() -> None:
            assert started.wait(DEADLINE)
            loop = innermost(thread)
            assert loop is not None
            loop.call(loop.end_wait)

        helper = threading.Thread(target=interrupt, daemon=True)
        helper.start()
        with pytest.raises(KeyboardInterrupt):
            functions[inner]()
        helper.join(DEADLINE)
        assert ended == ["finally"]
        assert innermost(thread) is None
        await anyio.sleep(0.001)

    if threaded:
        in_thread(backend, main)
    else:
        run(backend, main)


def test_a_cancellation_that_is_no_interrupt_stays_one() -> None:
    async def cancelled() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(1)

    async def main() -> None:
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(cancelled())

    run("asyncio", main)


def test_where_no_loop_runs_nothing_is_set_aside() -> None:
    with set_aside():
        assert not has_set_aside()
    assert asyncio.run(on_asyncio()) == "asyncio unset"
    assert trio.run(on_trio) == "trio unset"


def entry_points() -> list[Any]:
    """What users call, as it is now."""
    loop = asyncio.BaseEventLoop
    return [asyncio.run, asyncio.Runner.run, loop.run_until_complete, loop.run_forever, anyio.run, trio.run, uvloop.run]


def test_all_is_given_back() -> None:
    restore = allow_inner_loops()  # over the fixture's
    ours = (asyncio.run, asyncio.Runner.run, asyncio.BaseEventLoop.run_until_complete, anyio.run, trio.run, uvloop.run)
    restore()
    theirs = (
        asyncio.run,
        asyncio.Runner.run,
        asyncio.BaseEventLoop.run_until_complete,
        anyio.run,
        trio.run,
        uvloop.run,
    )
    assert all(one is not other for one, other in zip(ours, theirs, strict=True))
    assert [getattr(one, "__wrapped__", None) for one in ours] == list(theirs)


UNDONE = """
import asyncio, sys
from async_kernel.concurrency.runners import allow_inner_loops
before = list(sys.meta_path), asyncio.run, asyncio.runners.run, dict(vars(asyncio.BaseEventLoop))
restore = allow_inner_loops()
assert not {"trio", "uvloop", "anyio"} & set(sys.modules), "nothing is imported for its sake"
import anyio, trio, uvloop
async def inner(): await anyio.sleep(0); return "inner"
async def outer(): return [trio.run(inner), anyio.run(inner), uvloop.run(inner())]
assert asyncio.run(outer()) == ["inner"] * 3
wrapped = trio.run, anyio.run, uvloop.run
restore()
assert before == (list(sys.meta_path), asyncio.run, asyncio.runners.run, dict(vars(asyncio.BaseEventLoop)))
assert (trio.run, anyio.run, uvloop.run) == tuple(each.__wrapped__ for each in wrapped)
assert "run_until_complete" not in vars(uvloop.Loop)
try:
    asyncio.run(outer())
except RuntimeError:
    print("refused")
"""


def test_libraries_imported_later_are_met_and_given_back_too() -> None:
    done = subprocess.run([sys.executable, "-c", UNDONE], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr


def test_the_entry_points_are_what_the_libraries_document() -> None:
    for path in ("asyncio.run", "asyncio.Runner.run", "trio.run", "anyio.run", "uvloop.run"):
        module, *names = path.split(".")
        value: Any = importlib.import_module(module)
        for name in names:
            value = getattr(value, name)
        assert value.__wrapped__.__name__ == names[-1]
        assert value.__doc__ == value.__wrapped__.__doc__
