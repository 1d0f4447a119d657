"""Calls into loops and worker threads, from any thread."""

from __future__ import annotations

import contextvars
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import sniffio

from async_kernel import Caller, Pending
from async_kernel.concurrency.named_threads import WORKERS, NamedThread

from .loops import DEADLINE, run, until

variable = contextvars.ContextVar("variable", default="unset")

NAMED = {"asyncio": {}, "uvloop": {"use_uvloop": True}, "trio": {}}
"""The options of a thread with each loop."""


def library(backend: str) -> str:
    return "trio" if backend == "trio" else "asyncio"


async def double(number: int) -> int:
    await anyio.sleep(0.001)
    return 2 * number


@pytest.fixture
def io(backend: str) -> Iterator[Caller]:
    """The caller of a thread with a loop of each backend."""
    caller = Caller.get("io", backend=library(backend), **NAMED[backend])
    yield caller
    caller.close().result(DEADLINE)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loops that end wait for what they wait for, for as long as it takes."""
    monkeypatch.setattr("async_kernel.concurrency.calls.END_SECONDS", DEADLINE)


def in_thread(function: Callable[[], Any]) -> Pending[Any]:
    """What `function` gives in a new plain thread."""
    pending: Pending[Any] = Pending()
    assert pending.begin()

    def work() -> None:
        try:
            pending.set_result(function())
        except BaseException as error:
            pending.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return pending


# The loop that runs here, and the main one


def test_functions_run_in_the_loops_thread_in_order(backend: str) -> None:
    async def main() -> None:
        caller = Caller()
        seen: list[int] = []

        def note(number: int) -> int:
            seen.append(number)
            return threading.get_ident()

        def work() -> list[int]:
            return [pending.result(DEADLINE) for pending in [caller.call_soon(note, n) for n in range(200)]]

        assert await in_thread(work) == [threading.get_ident()] * 200
        assert seen == list(range(200))
        assert (caller.name, caller.thread) == ("main", threading.get_ident())

    run(backend, main)


def test_coroutines_run_as_tasks_of_the_loop(backend: str) -> None:
    async def main() -> None:
        caller = Caller()

        async def where() -> tuple[str, int]:
            await anyio.lowlevel.checkpoint()
            async with anyio.create_task_group():
                return sniffio.current_async_library(), threading.get_ident()
            raise AssertionError("the group has swallowed an error")

        here = (library(backend), threading.get_ident())
        assert await caller.call_soon(where) == here
        assert await in_thread(lambda: caller.call_soon(where).result(DEADLINE)) == here
        assert await in_thread(lambda: caller.call_soon(lambda: where()).result(DEADLINE)) == here

    run(backend, main)


def test_a_thread_without_a_loop_finds_the_main_one(backend: str) -> None:
    async def main() -> None:
        Caller()
        assert await in_thread(lambda: Caller().call_soon(double, 21).result(DEADLINE)) == 42
        assert await in_thread(lambda: Caller.get("main").call_soon(threading.get_ident).result(DEADLINE)) == (
            threading.get_ident()
        )

    run(backend, main)


def test_without_a_loop_there_is_no_caller(backend: str) -> None:
    async def main() -> None:
        Caller()

    run(backend, main)
    with pytest.raises(RuntimeError, match="No event loop"):
        Caller()
    with pytest.raises(RuntimeError, match="No event loop"):
        Caller.get("main")


def test_the_main_loop_takes_no_options(backend: str) -> None:
    async def main() -> None:
        Caller()
        with pytest.raises(ValueError, match="main loop"):
            Caller.get(backend="trio")
        with pytest.raises(RuntimeError, match="goes on"):
            Caller().close()

    run(backend, main)


def test_a_loop_in_another_thread_has_its_own(backend: str, io: Caller) -> None:
    async def main() -> None:
        main = Caller()

        async def there() -> tuple[str, int, int]:
            return Caller().name, await Caller().call_soon(threading.get_ident), await main.call_soon(double, 1)

        assert await io.call_soon(there) == ("io", io.thread, 2)
        assert io.thread != main.thread

    run(backend, main)


# What is called, and what comes of it


def test_it_runs_in_a_copy_of_the_callers_context(backend: str, io: Caller) -> None:
    def swap() -> str:
        seen = variable.get()
        variable.set("changed")
        return seen

    async def later() -> str:
        await anyio.lowlevel.checkpoint()
        return swap()

    async def main() -> None:
        variable.set("mine")
        for function in (swap, later):
            assert await io.call_soon(function) == "mine"
            assert await Caller().call_soon(function) == "mine"
            assert await io.call_later(0.001, function) == "mine"
        assert await Caller.to_thread(swap) == "mine"
        assert variable.get() == "mine"
        told: list[str] = []
        pending = io.call_soon(double, 1)
        pending.add_done_callback(lambda _: told.append(variable.get()))
        await until(lambda: told)
        assert told == ["mine"], "callbacks that were added before it ended, too"

    run(backend, main)


@pytest.mark.parametrize("other", ["asyncio", "trio"])
def test_each_loop_is_known_for_what_it_is(backend: str, other: str) -> None:
    """The mark by which sniffio and anyio know the library travels in contexts, and must not travel with calls."""
    beside = Caller.get("beside", backend=other)

    async def inner() -> str:
        with anyio.fail_after(DEADLINE):
            await anyio.sleep(0.001)
        return sniffio.current_async_library()

    async def main() -> None:
        assert await beside.call_soon(inner) == other
        # In a worker no loop runs, so that one can be.
        run_loop: Callable[..., str] = anyio.run  # no ParamSpec stands for its TypeVarTuple
        assert await Caller.to_thread(run_loop, inner, backend=other) == other

    run(backend, main)
    beside.close().result(DEADLINE)


@pytest.mark.parametrize("kind", [LookupError, SystemExit, KeyboardInterrupt, CancelledError])
def test_errors_go_to_the_pending_and_nowhere_else(io: Caller, kind: type[BaseException]) -> None:
    error = kind()

    def fail() -> None:
        raise error

    async def fail_later() -> None:
        await anyio.lowlevel.checkpoint()
        raise error

    for pending in (io.call_soon(fail), io.call_soon(fail_later), io.call_later(0, fail), Caller.to_thread(fail)):
        assert pending.exception(DEADLINE) is error
        assert not pending.cancelled()
    assert io.call_soon(double, 1).result(DEADLINE) == 2, "the loop lives"


def test_what_is_called_later_waits(io: Caller) -> None:
    started = time.monotonic()
    pendings = [io.call_later(delay, time.monotonic) for delay in (0.1, 0.05)]
    late, early = [pending.result(DEADLINE) - started for pending in pendings]
    assert early > 0.045  # uvloop's clock counts in milliseconds
    assert late > 0.095
    assert io.call_later(0, double, 2).result(DEADLINE) == 4
    pending = io.call_later(3600, double, 2)
    assert pending.cancel()
    assert wait([pending], DEADLINE).done == {pending}
    assert pending.cancelled()


def test_cancelling_ends_the_coroutine_with_its_finally_blocks(io: Caller) -> None:
    began, seen = threading.Event(), []

    async def wait_long() -> None:
        try:
            began.set()
            await anyio.sleep(60)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.001)
            seen.append("ended")

    pending = io.call_soon(wait_long)
    assert began.wait(DEADLINE)
    assert pending.running()
    assert pending.cancel()
    with pytest.raises(CancelledError):
        pending.result(DEADLINE)
    assert seen == ["ended"]


def test_a_coroutine_may_refuse_to_be_cancelled(io: Caller) -> None:
    began = threading.Event()

    async def refuse() -> str:
        try:
            began.set()
            await anyio.sleep(60)
        except BaseException as error:
            if isinstance(error, anyio.get_cancelled_exc_class()) and sniffio.current_async_library() == "asyncio":
                return "refused"
            raise
        return "never"

    pending = io.call_soon(refuse)
    assert began.wait(DEADLINE)
    assert pending.cancel()
    wait([pending], DEADLINE)
    if io.call_soon(library_here).result(DEADLINE) == "asyncio":
        assert pending.result() == "refused"
    else:
        assert pending.cancelled(), "trio lets no one refuse"


async def library_here() -> str:
    return sniffio.current_async_library()


def test_what_is_cancelled_at_once_ends_too(io: Caller) -> None:
    """However far it has come by then: in the queue, a task that has not begun, begun."""
    for pause in range(60):
        pending = io.call_soon(anyio.sleep, 60)
        for _ in range(pause * 20):
            pass
        assert pending.cancel()
        assert wait([pending], DEADLINE).done == {pending}
        assert pending.cancelled()


def test_a_coroutine_whose_task_is_about_to_start_is_cancelled(io: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    ends_by, asked = Pending.ends_by, []

    def cancel_before(pending: Pending[Any], end: Callable[[], object]) -> None:
        asked.append(pending.cancel())
        ends_by(pending, end)

    monkeypatch.setattr(Pending, "ends_by", cancel_before)
    pending = io.call_soon(anyio.sleep, 60)
    assert wait([pending], DEADLINE).done == {pending}
    assert asked == [True]
    assert pending.cancelled()


def test_many_threads_and_many_calls(io: Caller) -> None:
    def work(start: int) -> list[int]:
        return [pending.result(DEADLINE) for pending in [io.call_soon(double, n) for n in range(start, start + 100)]]

    with ThreadPoolExecutor(8) as pool:
        for start, results in zip(range(0, 800, 100), pool.map(work, range(0, 800, 100)), strict=True):
            assert results == [2 * n for n in range(start, start + 100)]


# Named threads


def test_a_name_stands_for_one_thread(backend: str, io: Caller) -> None:
    with ThreadPoolExecutor(8) as pool:
        callers = list(pool.map(lambda _: Caller.get("many", backend=library(backend)), range(8)))
    assert len({caller.thread for caller in callers} - {io.thread}) == 1
    assert Caller.get("many", backend=library(backend)).thread == Caller.get("many").thread
    assert io.call_soon(threading.current_thread).result(DEADLINE).name == "io" == io.name
    callers[0].close().result(DEADLINE)


def test_by_default_it_has_the_backend_of_who_asks(backend: str) -> None:
    async def main() -> str:
        return await Caller.get("same").call_soon(library_here)

    assert run(backend, main) == library(backend)
    Caller.get("same").close().result(DEADLINE)
    assert Caller.get("plain").call_soon(library_here).result(DEADLINE) == "asyncio"
    Caller.get("plain").close().result(DEADLINE)


def test_uvloop_is_an_option() -> None:
    async def loop() -> str:
        import asyncio

        return type(asyncio.get_running_loop()).__module__.partition(".")[0]

    assert Caller.get("uv", backend="asyncio", use_uvloop=True).call_soon(loop).result(DEADLINE) == "uvloop"
    with pytest.raises(ValueError, match="already runs asyncio"):
        Caller.get("uv", backend="trio")
    with pytest.raises(ValueError, match="with the options"):
        Caller.get("uv", use_uvloop=False)
    Caller.get("uv").close().result(DEADLINE)


def test_what_cannot_start_says_why() -> None:
    with pytest.raises(ValueError, match="Known: asyncio, trio"):
        Caller.get("odd", backend="curio")
    for _ in range(2):  # the name stays free
        with pytest.raises(RuntimeError, match="could not be started") as caught:
            Caller.get("odd", backend="trio", nonsense=True)
        assert isinstance(caught.value.__cause__, TypeError)


def test_a_thread_that_the_system_refuses_leaves_its_name_free(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="could not be started") as caught:
                Caller.get("refused")
            assert "can't start" in str(caught.value.__cause__)
    caller = Caller.get("refused")
    assert caller.call_soon(double, 2).result(DEADLINE) == 4
    caller.close().result(DEADLINE)


def test_closing_ends_what_runs_and_what_waits(backend: str) -> None:
    io = Caller.get("io", backend=library(backend), **NAMED[backend])
    began, go_on, seen = threading.Event(), threading.Event(), []

    async def wait_long() -> None:
        try:
            began.set()
            await anyio.sleep(60)
        finally:
            seen.append("ended")

    running = io.call_soon(wait_long)
    assert began.wait(DEADLINE)
    io.call_soon(go_on.wait, DEADLINE)  # holds the loop up
    ended = io.close()
    after = [io.call_soon(double, 1), io.call_soon(threading.get_ident)]
    assert not ended.done()
    go_on.set()
    ended.result(DEADLINE)
    calls: list[Pending[Any]] = [running, *after]
    assert wait(calls, DEADLINE).not_done == set()
    assert running.cancelled()
    assert seen == ["ended"]
    with pytest.raises(RuntimeError, match="has ended"):
        io.call_soon(double, 1)
    again = Caller.get("io", backend=library(backend))
    io.close().result(DEADLINE)  # once more does nothing
    assert again.call_soon(double, 1).result(DEADLINE) == 2
    again.close().result(DEADLINE)


def test_a_thread_can_be_ended_while_it_starts(backend: str) -> None:
    for _ in range(10):
        thread = NamedThread("early", library(backend), NAMED[backend])
        thread.start()
        thread.end().result(DEADLINE)


def test_a_loop_may_close_itself(io: Caller) -> None:
    other = Caller.get("other")

    async def close() -> None:
        other.close()
        await anyio.sleep(60)

    assert wait([pending := other.call_soon(close)], DEADLINE).done
    assert pending.cancelled()


@pytest.mark.usefixtures("patient")
def test_it_ends_with_the_main_loop_during_which_it_was_started(backend: str) -> None:
    before, ended = Caller.get("before"), []

    async def wait() -> None:
        try:
            await anyio.sleep(60)
        finally:
            ended.append("ended")

    async def main() -> list[Pending[Any]]:
        callers = [Caller.get(name, backend=name) for name in ("asyncio", "trio")]
        callers.append(await Caller.to_thread(Caller.get, "another"))
        pendings = [caller.call_soon(wait) for caller in [*callers, before]]
        for caller in [*callers, before]:
            await caller.call_soon(int)
        return pendings

    *pendings, last = run(backend, main)
    assert all(pending.cancelled() for pending in pendings), "the loop has waited for that"
    assert ended == ["ended"] * 3
    assert last.running()
    before.close().result(DEADLINE)


# The end of a loop that is not ours


def test_a_loop_that_ends_leaves_no_call_open(backend: str) -> None:
    async def main() -> list[Pending[Any]]:
        caller = Caller()
        callers.append(caller)
        running = caller.call_soon(anyio.sleep, 60)
        await until(running.running)
        return [running, caller.call_soon(anyio.sleep, 60), caller.call_soon(int), caller.call_later(60, int)]

    callers: list[Caller] = []
    pendings = run(backend, main)
    assert wait(pendings, DEADLINE).not_done == set()
    assert pendings[0].cancelled()
    assert pendings[1].cancelled()
    assert pendings[3].cancelled()
    with pytest.raises(RuntimeError, match="has ended"):
        callers[0].call_soon(int)
    assert repr(callers[0]) == "<Caller 'main' (ended)>"


def test_calls_while_a_loop_ends_end_or_are_refused(backend: str) -> None:
    """None is ever left open, which would hang whoever waits for it."""
    for _ in range(5):
        pendings: list[Pending[Any]] = []
        ready = threading.Event()

        def call_on(caller: Caller, pendings: list[Pending[Any]] = pendings, ready: Any = ready) -> None:
            while True:
                try:
                    pendings.append(caller.call_soon(double, 1))
                    pendings.append(caller.call_soon(int))
                except RuntimeError:
                    return
                if len(pendings) > 20:
                    ready.set()
                time.sleep(0.0001)

        async def main(call_on: Any = call_on, ready: Any = ready) -> Pending[Any]:
            caller = Caller()
            thread = in_thread(lambda: call_on(caller))
            await until(ready.is_set)
            return thread

        run(backend, main).result(DEADLINE)
        assert wait(pendings, DEADLINE).not_done == set()


# Workers


def test_workers_are_reused() -> None:
    names = [Caller.to_thread(threading.current_thread).result(DEADLINE).name for _ in range(100)]
    assert all(name.startswith("worker") for name in names)
    assert len(set(names)) <= WORKERS


def test_workers_run_beside_each_other() -> None:
    barrier = threading.Barrier(10)
    pendings = [Caller.to_thread(barrier.wait, DEADLINE) for _ in range(10)]
    assert sorted(pending.result(DEADLINE) for pending in pendings) == list(range(10))


def test_a_worker_takes_no_coroutine_function() -> None:
    with pytest.raises(TypeError, match="call_soon"):
        Caller.to_thread(double, 1)


@pytest.mark.usefixtures("patient")
def test_the_main_loop_waits_for_workers_that_have_begun(backend: str) -> None:
    began, ending, done = threading.Event(), threading.Event(), []

    def work() -> None:
        began.set()
        ending.wait(DEADLINE)
        time.sleep(0.02)
        done.append("done")

    async def main() -> None:
        Caller.to_thread(work)
        await until(began.is_set)
        ending.set()

    run(backend, main)
    assert done == ["done"]


def test_what_no_worker_has_begun_is_cancelled_with_the_main_loop(backend: str) -> None:
    go_on = threading.Event()

    async def main() -> list[Pending[bool]]:
        pendings = [Caller.to_thread(go_on.wait, DEADLINE) for _ in range(2 * WORKERS)]
        await until(pendings[0].running)
        return pendings

    pendings = run(backend, main)
    assert not pendings[0].done()
    assert pendings[-1].cancelled()
    go_on.set()
    assert wait(pendings, DEADLINE).not_done == set()


def test_the_main_loop_does_not_wait_long(backend: str) -> None:
    go_on = threading.Event()

    async def main() -> list[Pending[Any]]:
        blocked = Caller.get("blocked", backend="asyncio")
        pendings = [Caller.to_thread(go_on.wait, DEADLINE), blocked.call_soon(go_on.wait, DEADLINE)]
        await until(lambda: all(pending.running() for pending in pendings))
        return pendings

    pendings = run(backend, main)
    assert all(pending.running() for pending in pendings)
    go_on.set()
    assert [pending.result(DEADLINE) for pending in pendings] == [True, True]


# Processes


def in_process(code: str, *arguments: str) -> list[str]:
    """The lines that a program prints, whose stderr has to stay empty."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.parametrize("other", ["asyncio", "trio"])
def test_named_threads_end_in_good_order_with_the_process(other: str) -> None:
    code = f"""
import threading, anyio
from async_kernel import Caller
from async_kernel.concurrency import named_threads

named_threads.END_SECONDS = 20
began = threading.Event()

async def wait():
    try:
        began.set()
        await anyio.sleep(60)
    finally:
        print("ended")

Caller.get("io", backend={other!r}).call_soon(wait)
began.wait(20)
Caller.to_thread(lambda: print(Caller.get("io").call_soon(str, "worked\\n").result(), end=""))
print("exit\\n", end="")
"""
    assert sorted(in_process(code)) == ["ended", "exit", "worked"]


def test_importing_it_imports_no_library() -> None:
    code = """
import sys
from async_kernel import Caller, Group, Pending
print(sorted({"asyncio", "trio", "anyio", "uvloop", "dataclasses", "zmq", "IPython"} & set(sys.modules)))
print(Caller.to_thread(sum, [1, 2]).result(), "anyio" in sys.modules)
"""
    assert in_process(code) == ["[]", "3 False"]


def test_a_library_that_does_not_run_is_not_imported() -> None:
    code = """
import sys
from async_kernel import Caller, Group

async def add():
    return 1

async def main():
    caller = Caller()
    async with Group() as group:
        group.add(caller.call_soon(add))
        group.add(Caller.get("beside").call_soon(add))
        group.add(Caller.to_thread(Caller.get("main").call_soon, add))
    print(sorted({"asyncio", "trio"} & set(sys.modules)))

if LIBRARY == "trio":
    import trio
    trio.run(main)
else:
    import asyncio
    asyncio.run(main())
"""
    for name in ("asyncio", "trio"):
        assert in_process(f"LIBRARY = {name!r}\n{code}") == [str([name])]
