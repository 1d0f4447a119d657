"""loops.asyncio_guest in the smallest host: what asyncio promises holds for a guest too."""

import asyncio
import contextvars
import selectors
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from typing import Any

import anyio
import pytest
import uvloop

from async_kernel.errors import UsageError
from async_kernel.loops.hosts import current_host
from async_kernel.loops.plan import Plan
from async_kernel.loops.run import run
from tests.loops.queue_host import QueueHost


def guest(main: Callable[[], Coroutine[Any, Any, None]], **options: Any) -> None:
    run(Plan("asyncio", "asyncio", "queue", options, {"host_class": QueueHost}, {}), main)


def queue_host() -> QueueHost:
    """The host that the guest is in."""
    host = current_host()
    assert isinstance(host, QueueHost)
    return host


def runs(function: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """The coroutine function under test becomes a test that runs it as a guest."""

    def test() -> None:
        seen = []

        async def main() -> None:
            await asyncio.wait_for(function(), 30)
            seen.append("to the end")

        guest(main)
        assert seen == ["to the end"]
        assert not [thread for thread in threading.enumerate() if thread.name == "asyncio guest"]
        assert signal.set_wakeup_fd(-1) == -1

    test.__name__ = function.__name__
    test.__doc__ = function.__doc__
    return test


@runs
async def test_tasks_timers_and_callbacks_come_in_order() -> None:
    loop = asyncio.get_running_loop()
    seen: list[str] = []
    assert isinstance(current_host(), QueueHost)
    now = loop.time()  # one for both, which may be made long after each other
    loop.call_at(now + 0.02, seen.append, "later")
    loop.call_at(now + 0.01, seen.append, "sooner")
    loop.call_soon(seen.append, "soon")
    loop.call_later(0.005, seen.append, "never").cancel()
    await asyncio.sleep(0.03)
    assert seen == ["soon", "sooner", "later"]


@runs
async def test_a_callback_by_a_due_timer_goes_on_at_once() -> None:
    """The look at the selector comes before due timers run: what they add must not wait for the next event."""
    loop = asyncio.get_running_loop()
    for _ in range(200):
        future = loop.create_future()
        loop.call_later(0.0001, loop.call_soon, future.set_result, None)
        await future


@runs
async def test_sockets_and_servers() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(200_000))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"x" * 200_000)
        assert await reader.read(-1) == b"x" * 200_000
        writer.close()
        await writer.wait_closed()


@runs
async def test_readers_and_writers() -> None:
    loop, (left, right) = asyncio.get_running_loop(), socket.socketpair()
    with left, right:
        for _ in range(20):
            readable = loop.create_future()
            loop.add_reader(left, readable.set_result, None)
            threading.Timer(0.001, right.send, [b"x"]).start()
            await readable
            assert loop.remove_reader(left)
            assert left.recv(10) == b"x"
        writable = loop.create_future()
        loop.add_writer(left, writable.set_result, None)
        await writable
        loop.remove_writer(left)


@runs
async def test_other_threads_reach_the_loop() -> None:
    loop = asyncio.get_running_loop()

    async def inner() -> int:
        await asyncio.sleep(0.001)
        return threading.get_ident()

    def outer() -> list[int]:
        return [asyncio.run_coroutine_threadsafe(inner(), loop).result(30) for _ in range(20)]

    seen = await asyncio.to_thread(outer)
    assert set(seen) == {threading.get_ident()}
    assert await anyio.to_thread.run_sync(anyio.from_thread.run, inner) == threading.get_ident()


@runs
async def test_subprocesses() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "print('x')", stdout=asyncio.subprocess.PIPE)
    assert (await process.communicate())[0].split() == [b"x"]


@runs
async def test_signal_handlers_of_the_loop() -> None:
    loop, called = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, called.set)
    threading.Thread(target=signal.raise_signal, args=(signal.SIGUSR1,)).start()
    await called.wait()
    assert loop.remove_signal_handler(signal.SIGUSR1)


@runs
async def test_the_host_adds_work_between_the_steps() -> None:
    """A callback of the host's own that makes a task, a timer, or an earlier timer than the one waited for."""
    host, loop = queue_host(), asyncio.get_running_loop()
    for make in (
        lambda future: loop.call_soon(future.set_result, None),
        lambda future: loop.call_later(0.001, future.set_result, None),
        lambda future: asyncio.create_task(asyncio.sleep(0.001)).add_done_callback(lambda _: future.set_result(None)),
    ):
        future = loop.create_future()
        threading.Timer(0.02, host.call_soon_threadsafe, [lambda make=make, future=future: make(future)]).start()
        await asyncio.wait_for(future, 30)


@runs
async def test_the_loop_counts_as_running_in_callbacks_of_the_host() -> None:
    loop = asyncio.get_running_loop()
    seen: asyncio.Queue[tuple[bool, bool, object]] = asyncio.Queue()
    queue_host().call_soon_threadsafe(
        lambda: seen.put_nowait((asyncio.get_running_loop() is loop, loop.is_running(), sys.get_asyncgen_hooks()[0]))
    )
    assert await seen.get() == (True, True, None)


@runs
async def test_an_idle_guest_does_nothing() -> None:
    host, looks = queue_host(), []
    loop: Any = asyncio.get_running_loop()  # its selector is private
    inner = loop._selector.inner
    await asyncio.sleep(0.05)
    select = inner.select

    def look(timeout: float | None) -> object:  # of the guest and of its thread
        looks.append(timeout)
        return select(timeout)

    inner.select = look
    before = host.turns
    await asyncio.sleep(1)
    assert host.turns - before <= 5
    assert len(looks) <= 10  # a look and a wait for each turn


@runs
async def test_interrupts_and_exits_of_tasks_end_nothing() -> None:
    async def bad(error: type[BaseException]) -> None:
        raise error

    for error in (KeyboardInterrupt, SystemExit):
        with pytest.raises(error):
            await asyncio.create_task(bad(error))
        asyncio.get_running_loop().call_soon(bad(error).send, None)
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_what_main_raises_comes_out(error: type[BaseException]) -> None:
    async def main() -> None:
        await asyncio.sleep(0.001)
        raise error

    with pytest.raises(error):
        guest(main)
    assert current_host() is None


def test_the_end_is_that_of_asyncio_run() -> None:
    seen: list[object] = []
    made: list[tuple[asyncio.AbstractEventLoop, AsyncIterator[int], asyncio.Task[None], asyncio.Task[None]]] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0.001)
            seen.append("generator closed")

    async def endless() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            seen.append("task cancelled")

    async def failing() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            raise ZeroDivisionError

    async def main() -> None:
        loop, generator = asyncio.get_running_loop(), numbers()
        loop.set_exception_handler(lambda loop, context: seen.append(type(context["exception"])))
        made.append((loop, generator, asyncio.create_task(endless()), asyncio.create_task(failing())))
        await anext(generator)
        await asyncio.to_thread(seen.append, "thread")

    guest(main)
    assert seen == ["thread", "task cancelled", ZeroDivisionError, "generator closed"]
    assert made[0][0].is_closed()
    assert not made[0][0].is_running()
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


def test_options() -> None:
    seen: list[object] = []
    inside = contextvars.copy_context()
    value = contextvars.ContextVar("value", default=0)
    inside.run(value.set, 7)

    class Task(asyncio.Task[Any]):
        pass

    class Loop(asyncio.SelectorEventLoop):
        mark = "own"

    def make_task(loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **options: Any) -> Task:
        return Task(coro, loop=loop, **options)

    def make_loop() -> Loop:
        return Loop(selectors.SelectSelector())

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        seen.extend([type(asyncio.current_task()), value.get(), loop.mark, loop.get_debug(), signal.set_wakeup_fd(-1)])

    guest(
        main,
        loop_factory=make_loop,
        task_factory=make_task,
        context=inside,
        debug=True,
        host_uses_signal_set_wakeup_fd=True,
        host_uses_sys_set_asyncgen_hooks=True,
    )
    assert seen[:5] == [Task, 7, "own", True, -1]


def test_select_is_told_of_descriptors_while_it_waits() -> None:
    """epoll and kqueue notice by themselves; select(), which Windows has, does not."""
    seen = []

    async def main() -> None:
        loop, (left, right) = asyncio.get_running_loop(), socket.socketpair()
        with left, right:
            readable = loop.create_future()
            add = partial(loop.add_reader, left, readable.set_result, None)
            threading.Timer(0.02, queue_host().call_soon_threadsafe, [add]).start()
            threading.Timer(0.04, right.send, [b"x"]).start()
            start = loop.time()
            await asyncio.wait([readable], timeout=10)  # when the time is up, the loop looks in any case
            seen.append(loop.time() - start < 9)
            loop.remove_reader(left)

    guest(main, loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector()))
    assert seen == [True]


def test_uvloop_is_refused() -> None:
    async def main() -> None:
        raise AssertionError

    with pytest.raises(UsageError, match="uvloop"):
        guest(main, loop_factory=uvloop.new_event_loop)
    assert current_host() is None


def test_one_guest_after_another() -> None:
    seen = []

    async def main() -> None:
        await asyncio.sleep(0.001)
        seen.append(id(asyncio.get_running_loop()))

    for _ in range(3):
        guest(main)
    assert len(seen) == 3


def test_trios_options_reach_its_guest_run() -> None:
    from trio.testing import MockClock

    seen = []

    async def main() -> None:
        await anyio.sleep(3600)
        seen.append("an hour later")

    options = {"clock": MockClock(autojump_threshold=0), "restrict_keyboard_interrupt_to_checkpoints": True}
    run(Plan("trio", "", "queue", options, {"host_class": QueueHost}, {}), main)
    assert seen == ["an hour later"]
