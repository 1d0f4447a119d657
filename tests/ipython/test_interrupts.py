"""Interrupts: as cancellations of what a cell awaits, and as KeyboardInterrupt at any point of what it runs."""

from __future__ import annotations

import asyncio
import sys
from types import FrameType
from typing import Any

import pytest

from async_kernel.ipython.entries import ENTRIES, wrapped
from async_kernel.ipython.interpreter import IPythonInterpreter
from async_kernel.kernel.request import Request
from async_kernel.stacks import Owner, Stack, owner_of_code

from .harness import Ran, Shell, new_request, run_on

AWAITING = {
    "sleep": "import anyio\nawait anyio.sleep(60)",
    "lock": "import anyio\nlock = anyio.Lock()\nawait lock.acquire()\nasync def again():\n    async with lock: pass\n"
    "async with anyio.create_task_group() as group:\n    group.start_soon(again)",
    "group": "import anyio\nasync with anyio.create_task_group() as group:\n    group.start_soon(anyio.sleep, 60)\n"
    "    await anyio.sleep(60)",
    "event in a function": "import anyio\nasync def wait():\n    await anyio.Event().wait()\nawait wait()",
}


async def interrupt_when_waiting(shell: Shell, code: str) -> Ran:
    """Run a cell and, once it waits, end its wait the way the kernel does."""
    import anyio

    given = request, _ = new_request()

    async def interrupt() -> None:
        await anyio.wait_all_tasks_blocked()
        request.interrupted = True
        assert shell.portal is not None
        shell.portal.end_wait()

    async with anyio.create_task_group() as group:
        group.start_soon(interrupt)
        return await shell.run(code, given=given)
    raise AssertionError("the group has swallowed an error")


@pytest.mark.parametrize("name", AWAITING)
def test_an_interrupted_await_is_a_keyboard_interrupt(shell: Shell, backend: str, name: str) -> None:
    async def main() -> None:
        number = shell.interpreter.execution_count
        ran = await interrupt_when_waiting(shell, AWAITING[name])
        (error,) = ran.contents("error")
        assert error["ename"] == ran.reply["ename"] == "KeyboardInterrupt"
        assert ran.reply["traceback"] == error["traceback"]
        last_line = AWAITING[name].splitlines()[-1].split("(")[0].split()[-1]
        assert last_line in "\n".join(error["traceback"])
        assert ran.reply["execution_count"] == number
        assert shell.interpreter.execution_count == number + 1
        assert (await shell.run("import anyio; await anyio.sleep(0); 'fine'")).result == "'fine'"

    run_on(backend, main)


@pytest.mark.parametrize("backend", ["asyncio", "uvloop"])
def test_a_task_that_was_cancelled_to_interrupt_lives_on(shell: Shell, backend: str) -> None:
    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        given = request, _ = new_request()

        def interrupt() -> None:
            request.interrupted = True
            task.cancel()

        asyncio.get_running_loop().call_later(0.01, interrupt)
        ran = await shell.run("import asyncio\nawait asyncio.sleep(60)", given=given)
        assert ran.reply["ename"] == "KeyboardInterrupt"
        assert task.cancelling() == 0
        assert (await shell.run("await asyncio.sleep(0); 'fine'")).result == "'fine'"

    run_on(backend, main)


@pytest.mark.parametrize("backend", ["asyncio", "uvloop"])
@pytest.mark.parametrize(
    "code",
    [
        "import asyncio; asyncio.current_task().cancel(); await asyncio.sleep(0)",
        "import asyncio\ntask = asyncio.create_task(asyncio.sleep(60)); task.cancel()\nawait task",
    ],
)
def test_a_cancellation_that_is_no_interrupt_is_shown_as_what_it_is(shell: Shell, backend: str, code: str) -> None:
    async def main() -> None:
        ran = await shell.run(code)
        assert [error["ename"] for error in ran.contents("error")] == ["CancelledError"]
        assert ran.reply["ename"] == "CancelledError"
        assert (await shell.run("await asyncio.sleep(0); 'fine'")).result == "'fine'"

    run_on(backend, main)


def test_real_errors_beside_the_cancellation_of_an_interrupt_are_shown(shell: Shell, backend: str) -> None:
    async def main() -> None:
        ran = await interrupt_when_waiting(
            shell,
            "import anyio\nasync def fail():\n    try:\n        await anyio.sleep(60)\n    finally:\n"
            "        raise ValueError('on the way out')\n"
            "async with anyio.create_task_group() as group:\n    group.start_soon(fail)\n    await anyio.sleep(60)",
        )
        (error,) = ran.contents("error")
        assert error["ename"].endswith("ExceptionGroup")
        assert "on the way out" in "\n".join(error["traceback"])

    run_on(backend, main)


def test_a_scope_around_the_lane_that_is_cancelled_stays_cancelled(shell: Shell, backend: str) -> None:
    async def main() -> None:
        import anyio

        with anyio.CancelScope() as scope:
            scope.cancel()
            ran = await shell.run("import anyio; await anyio.sleep(60)")
            assert ran.reply["status"] == "error"
            await anyio.sleep(60)
        assert scope.cancelled_caught

    run_on(backend, main)


class InterruptAt:
    """Raises KeyboardInterrupt at the n-th traced line at which the kernel would, once."""

    def __init__(self, nth: int, request: Request) -> None:
        self.left = nth
        self.request = request
        self.where = ""

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line" and not self.request.interrupted and self._in_cell(frame):
            self.left -= 1
            if self.left < 0:
                self.request.interrupted = True
                self.where = f"{frame.f_code.co_qualname}:{frame.f_lineno}"
                raise KeyboardInterrupt
        return self

    def _in_cell(self, frame: FrameType) -> bool:
        outer: FrameType | None = frame
        while outer is not None and outer.f_code is not IPythonInterpreter.execute.__code__:
            outer = outer.f_back
        return outer is not None and Stack(frame).can_raise


def test_an_interrupt_at_any_line_leaves_a_shell_that_works(shell: Shell) -> None:
    code = (
        "class Shown:\n    def __repr__(self):\n        return 'shown'\nvalue = 0\nvalue += 1\ndisplay(value)\nShown()"
    )

    async def interrupted_at(nth: int) -> InterruptAt:
        number = shell.interpreter.execution_count
        given = request, recorder = new_request()
        at = InterruptAt(nth, request)
        before = sys.gettrace()
        sys.settrace(at)
        try:
            ran = await shell.run(code, given=given)
        finally:
            sys.settrace(before)
        assert shell.interpreter.execution_count == number + 1, at.where
        assert recorder.messages[0].msg_type == "execute_input", at.where
        if request.interrupted:
            assert (ran.reply["status"], ran.reply["execution_count"]) == ("error", number), at.where
            assert ran.reply["ename"] == "KeyboardInterrupt", at.where
            assert [error["ename"] for error in ran.contents("error")] == ["KeyboardInterrupt"], at.where
        return at

    async def main() -> None:
        never = 1_000_000_000
        await interrupted_at(never)  # imports and caches, so that the next one counts what the others will run
        lines = never - (await interrupted_at(never)).left
        assert lines > 200
        for nth in range(0, lines, lines // 40):
            await interrupted_at(nth)
        assert (await shell.run("print('fine'); 'fine'")).types == ["execute_input", "stream", "execute_result"]

    run_on("asyncio", main)


def test_interrupted_callbacks_interrupt_the_cell(shell: Shell) -> None:
    async def main() -> None:
        given = request, _ = new_request()

        def callback() -> None:
            request.interrupted = True
            raise KeyboardInterrupt

        shell.interpreter.shell.events.register("post_execute", callback)
        try:
            ran = await shell.run("1", given=given)
        finally:
            shell.interpreter.shell.events.unregister("post_execute", callback)
        assert (ran.reply["status"], ran.reply["ename"]) == ("error", "KeyboardInterrupt")

    run_on("asyncio", main)


def test_what_runs_user_code_is_marked_and_ipython_has_all_of_it(shell: Shell) -> None:
    for owner, names in ENTRIES:
        for name in names:
            functions = [*wrapped(getattr(owner, name, None))]
            assert functions, f"IPython has no {owner.__name__}.{name} any more: interrupts do not reach what it runs"
            assert {owner_of_code(function.__code__) for function in functions} == {Owner.ENTRY}
