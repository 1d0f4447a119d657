"""Tasks that belong to no other, and threads with a loop."""

from __future__ import annotations

import contextvars
import threading
from typing import Any

import anyio
import anyio.lowlevel
import sniffio

from async_kernel.concurrency.spawn import spawn_task, spawn_thread

from .loops import DEADLINE, run

variable = contextvars.ContextVar("variable", default="unset")


def test_a_task_runs_beside_in_a_copy_of_the_context(backend: str) -> None:
    async def main() -> None:
        variable.set("outside")
        seen: list[Any] = []
        done = anyio.Event()

        async def work() -> None:
            seen.append(variable.get())
            variable.set("inside")
            await anyio.lowlevel.checkpoint()
            seen.append(threading.get_ident())
            done.set()

        spawn_task(work)
        with anyio.fail_after(DEADLINE):
            await done.wait()
        assert seen == ["outside", threading.get_ident()]
        assert variable.get() == "outside"

    run(backend, main)


def test_a_task_is_cancelled_and_waited_for_when_the_loop_ends(backend: str) -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await anyio.sleep(60)
        finally:
            ended.append("finally")

    async def main() -> None:
        spawn_task(work)
        await anyio.sleep(0.001)

    run(backend, main)
    assert ended == ["finally"]


def test_a_thread_runs_a_loop_of_its_own(backend: str) -> None:
    async def main() -> None:
        variable.set("outside")
        seen: list[Any] = []
        done = threading.Event()

        async def work() -> None:
            await anyio.sleep(0.001)
            seen.extend((variable.get(), sniffio.current_async_library(), threading.get_ident()))
            done.set()

        spawn_thread(lambda function: run(backend, function), work, seen.append)
        assert done.wait(DEADLINE)  # although this thread's loop stands still
        assert seen[:2] == ["outside", "trio" if backend == "trio" else "asyncio"]
        assert seen[2] != threading.get_ident()

    run(backend, main)


def test_a_loop_that_fails_is_told() -> None:
    errors: list[BaseException] = []
    told = threading.Event()

    def failed(error: BaseException) -> None:
        errors.append(error)
        told.set()

    def run_loop(main: Any) -> None:
        raise OSError("no descriptors left")

    async def work() -> None:
        raise AssertionError

    spawn_thread(run_loop, work, failed)
    assert told.wait(DEADLINE)
    assert [str(error) for error in errors] == ["no descriptors left"]
