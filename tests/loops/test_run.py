"""loops.run without a host: the loop that was planned runs, and outlives what its tasks raise."""

import asyncio
import importlib.util
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from types import FrameType

import anyio
import anyio.lowlevel
import pytest

from async_kernel.errors import UsageError
from async_kernel.loops.imports import load
from async_kernel.loops.plan import Plan
from async_kernel.loops.resume import resuming
from async_kernel.loops.run import loop_path, run
from async_kernel.system import reserve

TRIO = Plan("trio", "", None, {}, {}, {})
ASYNCIO = [Plan("asyncio", loop, None, {}, {}, {}) for loop in ("asyncio", "uvloop")]


def name(plan: Plan) -> str:
    return plan.loop or plan.backend


@pytest.fixture(params=ASYNCIO, ids=name)
def plan(request: pytest.FixtureRequest) -> Plan:
    return request.param


def interrupting(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def test_the_planned_loop_runs(plan: Plan) -> None:
    seen = []

    async def main() -> None:
        seen.append(type(asyncio.get_running_loop()).__module__.partition(".")[0])
        await anyio.lowlevel.checkpoint()

    run(plan, main)
    assert seen == [plan.loop]


def test_trio_runs_with_its_options() -> None:
    seen = []

    async def main() -> None:
        import trio

        await anyio.lowlevel.checkpoint()
        seen.append(trio.current_time())

    from trio.testing import MockClock

    run(TRIO._replace(backend_options={"clock": MockClock()}), main)
    assert seen == [0.0]


@pytest.mark.parametrize("plan", [*ASYNCIO, TRIO], ids=name)
def test_what_main_raises_comes_out(plan: Plan) -> None:
    async def main() -> None:
        await anyio.lowlevel.checkpoint()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(plan, main)


@pytest.mark.parametrize("hook", ["settrace", "setprofile"])
def test_hooks_of_threads_do_not_keep_a_loop_from_its_end(plan: Plan, hook: str) -> None:
    script = f"""
import threading
from async_kernel.loops.plan import Plan
from async_kernel.loops.run import run

def bad(*_):
    raise ValueError

async def main():
    threading.{hook}(bad)

run(Plan(*{tuple(plan)!r}), main)
print(threading.{hook.replace("set", "get")}() is bad)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_main_may_end_with_an_interrupt_of_its_own(plan: Plan, error: type[BaseException]) -> None:
    async def main() -> None:
        await anyio.lowlevel.checkpoint()
        raise error

    with pytest.raises(error):
        run(plan, main)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_task_keeps_what_it_raised_and_main_lives(plan: Plan, error: type[BaseException]) -> None:
    seen: list[object] = []

    async def bad() -> None:
        raise error

    async def main() -> None:
        for _ in range(3):
            try:
                await asyncio.create_task(bad())
            except (KeyboardInterrupt, SystemExit) as caught:
                seen.append(type(caught))
        await asyncio.sleep(0.01)
        seen.append("alive")

    run(plan, main)
    assert seen == [error, error, error, "alive"]


def test_a_loop_that_lacks_memory_goes_on() -> None:
    class Short(asyncio.SelectorEventLoop):
        failures = 3

        def _run_once(self) -> None:
            if self.failures:
                self.failures -= 1
                raise MemoryError
            super()._run_once()  # type: ignore[misc]  # private

    async def main() -> str:
        await asyncio.sleep(0)
        return "alive"

    reserve.hold()
    loop = resuming(Short)()
    try:
        assert loop.run_until_complete(main()) == "alive"
    finally:
        loop.close()
    assert isinstance(loop, Short)
    assert loop.failures == 0
    assert reserve._held is None, "it was set free"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_callback_that_raises_does_not_end_the_loop(plan: Plan, error: type[BaseException]) -> None:
    seen = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        twice = asyncio.Event()

        def bad() -> None:
            if "called" in seen:
                twice.set()
            seen.append("called")
            raise error

        loop.call_soon(bad)
        loop.call_soon(seen.append, "the next callback")
        loop.call_later(0.001, bad)
        await asyncio.wait_for(twice.wait(), 20)
        seen.append("alive")

    run(plan, main)
    # On a machine that stands still for a millisecond the timer is due before the next callback has run.
    assert sorted(seen[:-1]) == ["called", "called", "the next callback"]
    assert seen[-1] == "alive"


def test_a_task_that_stops_the_loop_does_not_end_main(plan: Plan) -> None:
    seen = []

    async def main() -> None:
        asyncio.get_running_loop().stop()
        await asyncio.sleep(0.001)
        seen.append("alive")

    run(plan, main)
    assert seen == ["alive"]


def test_main_that_ends_together_with_an_interrupt_ends(plan: Plan) -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)

    before = signal.signal(signal.SIGINT, interrupting)
    try:
        run(plan, main)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_signal_ends_a_blocking_task_and_only_it(
    plan: Plan, interrupt_when: Callable[[threading.Event], None]
) -> None:
    seen = []

    async def block(blocking: threading.Event) -> None:
        blocking.set()
        time.sleep(60)  # noqa: ASYNC251 - it is to block

    async def main() -> None:
        for _ in range(5):
            blocking = threading.Event()
            interrupt_when(blocking)
            try:
                await asyncio.create_task(block(blocking))
            except KeyboardInterrupt:
                seen.append("interrupted")
        await asyncio.sleep(0.001)
        seen.append("alive")

    run(plan, main)
    assert seen == ["interrupted"] * 5 + ["alive"]


def test_subprocesses_of_asyncio_work(plan: Plan) -> None:
    seen = []

    async def main() -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "print('x')", stdout=asyncio.subprocess.PIPE
        )
        seen.append((await process.communicate())[0].split())

    run(plan, main)
    assert seen == [[b"x"]]


def test_async_generators_and_executor_are_closed_at_the_end(plan: Plan) -> None:
    seen = []
    kept: list[AsyncIterator[int]] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            seen.append("closed")

    async def main() -> None:
        await asyncio.to_thread(seen.append, "thread")
        kept.append(numbers())
        await anext(kept[0])

    run(plan, main)
    assert seen == ["thread", "closed"]
    end = time.monotonic() + 20.0  # nobody waits for its threads: they end by themselves
    while [thread for thread in threading.enumerate() if thread.name.startswith("asyncio_")]:
        assert time.monotonic() < end
        time.sleep(0.01)


class OwnLoop(asyncio.SelectorEventLoop):
    mark = "own"


def own_loop() -> OwnLoop:
    return OwnLoop()


@pytest.mark.parametrize("factory", [own_loop, f"{__name__}:own_loop", f"{__name__}.own_loop"])
def test_loop_factory_as_object_and_as_path(factory: object) -> None:
    seen = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, OwnLoop)
        seen.append((loop.mark, loop.get_debug()))
        loop.call_soon(interrupting, 2, None)
        await asyncio.sleep(0.001)

    run(Plan("asyncio", "custom", None, {"loop_factory": factory, "debug": True}, {}, {}), main)
    assert seen == [("own", True)]


def test_running_twice_on_one_loop_is_refused_as_ever(plan: Plan) -> None:
    async def main() -> None:
        loop, inner = asyncio.get_running_loop(), asyncio.sleep(0)
        try:
            with pytest.raises(RuntimeError, match="running"):
                loop.run_until_complete(inner)
        finally:
            inner.close()

    run(plan, main)


@pytest.mark.parametrize("path", ["no_such_module:x", "async_kernel.errors:Nothing", "word", ""])
def test_load_refuses_what_is_not_there(path: str) -> None:
    with pytest.raises(UsageError):
        load(path)


def test_loop_paths() -> None:
    assert loop_path("asyncio", "linux") == "asyncio:SelectorEventLoop"
    assert loop_path("asyncio", "win32") == "asyncio:ProactorEventLoop"
    assert loop_path("winloop", "win32") == "winloop:new_event_loop"
    for loop in ("asyncio", "uvloop"):
        assert callable(load(loop_path(loop, "linux")))
    assert importlib.util.find_spec("uvloop")


def test_signal_settings_are_put_back(plan: Plan) -> None:
    async def main() -> None:
        assert signal.set_wakeup_fd(descriptor := signal.set_wakeup_fd(-1)) == -1
        assert descriptor != -1

    run(plan, main)
    assert signal.set_wakeup_fd(-1) == -1


def test_signal_handlers_of_the_loop_work_beside(plan: Plan) -> None:
    """`loop.add_signal_handler` takes the wakeup descriptor over, and removing the handler clears it."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(3):
            called = asyncio.Event()
            loop.add_signal_handler(signal.SIGUSR1, called.set)
            threading.Thread(target=signal.raise_signal, args=(signal.SIGUSR1,)).start()
            await called.wait()
            assert loop.remove_signal_handler(signal.SIGUSR1)

    run(plan, main)
    assert signal.set_wakeup_fd(-1) == -1
