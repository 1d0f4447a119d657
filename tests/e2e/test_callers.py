"""Callers in kernels: whose output is whose, interrupts, the end; and the examples of the page about them."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from .conftest import StartKernel
from .driver import DEADLINE, KernelDriver

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "callers.md"

SETUP = """
import anyio, threading, time
from async_kernel import Caller, Group, Pending

async def sleep(seconds=60):
    try:
        print("in")
        await anyio.sleep(seconds)
    finally:
        ended.append("ended")

def block():
    print("in")
    time.sleep(60)

def spin():
    print("in")
    while True: pass

def hold(_=None):
    print("in")
    released.wait(20)

async def block_later():
    block()

def say():
    print("said")
    display("shown")

ended, released = [], threading.Event()
"""


@pytest.fixture(params=["asyncio", "trio"])
def io(request: pytest.FixtureRequest, kernel: KernelDriver) -> Iterator[str]:
    """The backend of a thread that cells know as `io`."""
    kernel.execute(f"{SETUP}\nio = Caller.get('io', backend={request.param!r})").ok()
    yield request.param
    kernel.execute("await io.close()").ok()


@pytest.fixture
def subshell(kernel: KernelDriver) -> Iterator[dict[str, str]]:
    """What the header of a request says to be served by a subshell of its own."""
    content = kernel.request("create_subshell_request", channel="control")["content"]
    yield {"subshell_id": content["subshell_id"]}
    kernel.request("delete_subshell_request", {"subshell_id": content["subshell_id"]}, channel="control")


# Whose output is whose


def test_a_call_prints_and_displays_into_the_cell_that_made_it(kernel: KernelDriver, io: str) -> None:
    for start in ("io.call_soon", "Caller().call_soon", "Caller.to_thread", "io.executor().submit"):
        cell = kernel.execute(f"_ = await anyio.to_thread.run_sync({start}(say).result)")
        assert cell.ok().text() == "said\n"
        assert [content["data"]["text/plain"] for content in cell.contents("display_data")] == ["'shown'"]


def test_also_when_that_cell_has_ended(kernel: KernelDriver, io: str) -> None:
    kernel.execute("go_on = threading.Event()").ok()
    code = "late = io.call_later(0.01, lambda: (go_on.wait(20), print('late')))"
    message = kernel.start(code, allow_stdin=True)
    kernel.finish(message)
    assert kernel.execute("go_on.set(); await late").ok().text() == ""
    kernel.wait_printed(message, "late")


def test_a_thread_reaches_the_main_loop_of_the_kernel(kernel: KernelDriver) -> None:
    kernel.execute(SETUP).ok()
    cell = kernel.execute("""
def work():
    return Caller().call_soon(threading.current_thread).result() is threading.main_thread()

await Caller.to_thread(work), await anyio.to_thread.run_sync(work)
""")
    assert cell.ok().result == "(True, True)"


def test_the_main_loop_is_known_to_a_thread_that_is_the_first_to_ask(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    cell = kernel.execute("""
import anyio, sys, threading

ours = ("async_kernel.concurrency.ca", "async_kernel.concurrency.pe")
before = [name for name in sys.modules if name.startswith(ours)]

def work():
    from async_kernel import Caller

    return Caller().call_soon(threading.current_thread).result() is threading.main_thread()

before, await anyio.to_thread.run_sync(work)
""")
    assert cell.ok().result == "([], True)", "and nothing was imported before"


def test_a_subshell_has_its_own_loop_and_reaches_the_main_one(kernel: KernelDriver, subshell: dict[str, str]) -> None:
    kernel.execute(SETUP).ok()
    header = subshell
    code = """
here = Caller().thread == threading.get_ident()
here, await Caller.get("main").call_soon(threading.current_thread) is threading.main_thread()
"""
    assert kernel.execute(code, header=header).ok().result == "(True, True)"
    running = kernel.start_until_printed("time.sleep(0); print('in'); await anyio.sleep(60)", "in")
    assert kernel.execute(code, header=header).ok().result == "(True, True)", "while the main shell awaits"
    kernel.send("interrupt_request", channel="control")
    kernel.finish(running)


# Interrupts

WAITS = {
    "await": "await io.call_soon(sleep)",
    "result": "io.call_soon(sleep).result()",
    "exception": "io.call_soon(sleep).exception()",
    "or_cancel": "await io.call_soon(sleep).or_cancel()",
    "group": "async with Group() as group:\n    group.add(io.call_soon(sleep))",
    "as completed": "async with Group() as group:\n    group.add(io.call_soon(sleep))\n    async for _ in group: pass",
    "group of a function": "async with Group() as group:\n    group.add(Caller.to_thread(hold))",
    "await a worker": "await Caller.to_thread(hold)",
    "worker": "Caller.to_thread(hold).result()",
    "executor": "with io.executor() as executor:\n    executor.submit(sleep)",
    "map": "list(io.executor().map(hold, [1, 2]))",
    "a function in this loop": "await Caller().call_soon(block)",
    "a coroutine in this loop": "await Caller().call_soon(sleep)",
    "a coroutine that blocks this loop": "await Caller().call_soon(block_later)",
    "this loop, later": "await Caller().call_later(0.01, block)",
    "this loop, from a thread": "await Caller.to_thread(lambda: main.call_soon(block).result())",
}


@pytest.mark.parametrize("wait", list(WAITS))
def test_an_interrupt_ends_a_wait(kernel: KernelDriver, io: str, wait: str) -> None:
    for _ in range(3):
        kernel.execute("ended.clear(); released.clear(); main = Caller()").ok()
        running = kernel.start_until_printed(WAITS[wait], "in")
        kernel.send("interrupt_request", channel="control")
        cell = kernel.finish(running)
        assert cell.reply["ename"] == "KeyboardInterrupt"
        kernel.execute("released.set()").ok()
        if wait in ("or_cancel", "group", "as completed"):
            assert kernel.value("ended") == ["ended"], "the call has ended with the wait"
        elif wait in ("await", "result", "exception"):
            assert kernel.value("ended") == [], "others may wait for it"
        assert kernel.execute("await anyio.sleep(0); 6 * 7").ok().result == "42"
        assert kernel.execute("await io.call_soon(lambda: 'lives')").ok().result == "'lives'"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no signal to another process on Windows")
@pytest.mark.parametrize("wait", ["await", "result", "group", "executor", "a function in this loop"])
def test_a_signal_ends_a_wait(kernel: KernelDriver, io: str, wait: str) -> None:
    for _ in range(3):
        running = kernel.start_until_printed(WAITS[wait], "in")
        kernel.send_signal(signal.SIGINT)
        assert kernel.finish(running).reply["ename"] == "KeyboardInterrupt"
        assert kernel.execute("await anyio.sleep(0); 6 * 7").ok().result == "42"


@pytest.mark.parametrize("wait", ["await", "or_cancel", "group", "await a worker", "this loop, from a thread"])
def test_an_interrupt_ends_a_wait_in_a_subshell(
    kernel: KernelDriver, io: str, subshell: dict[str, str], wait: str
) -> None:
    for _ in range(3):
        kernel.execute("ended.clear(); released.clear(); main = Caller()", header=subshell).ok()
        code = WAITS[wait].replace("block", "spin")  # nothing ends a system call outside the main thread
        running = kernel.start_until_printed(code, "in", header=subshell)
        kernel.send("interrupt_request", channel="control", header=subshell)
        assert kernel.finish(running).reply["ename"] == "KeyboardInterrupt"
        assert kernel.execute("released.set(); await anyio.sleep(0); ended", header=subshell).ok().result == (
            "['ended']" if wait in ("or_cancel", "group") else "[]"
        )


# The end


def test_threads_end_with_the_kernel(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    kernel.execute(f"""{SETUP}
from pathlib import Path

async def sleep_and_tell(name):
    try:
        print("in")
        await anyio.sleep(60)
    finally:
        Path(name).write_text("ended")

for name in ("asyncio", "trio"):
    Caller.get(name, backend=name).call_soon(sleep_and_tell, name)
Caller().call_soon(sleep_and_tell, "main")
Caller.to_thread(lambda: (time.sleep(0.5), Path("worker").write_text("ended")))
""").ok()
    kernel.send("shutdown_request", {"restart": False}, channel="control")
    assert kernel.wait_exit() == 0
    for name in ("asyncio", "trio", "main", "worker"):
        assert (kernel.folder / name).read_text() == "ended"
    assert kernel.stderr() == ""


# The page


class Example(NamedTuple):
    code: str
    is_program: bool
    output: str


def examples() -> list[Example]:
    """The examples of the page, in order, each with the output that it shows."""
    found = re.findall(
        r"```python( program)?\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", PAGE.read_text("utf-8"), re.DOTALL
    )
    return [Example(code, bool(program), output) for program, code, output in found]


def test_the_page_has_examples() -> None:
    kinds = [example.is_program for example in examples()]
    assert kinds.count(False) >= 8
    assert kinds.count(True) >= 2


def test_the_examples_of_the_page_in_cells(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    for example in examples():
        if not example.is_program:
            assert kernel.execute(example.code).ok().text() == example.output


@pytest.mark.parametrize("number", range(sum(example.is_program for example in examples())))
def test_the_examples_of_the_page_in_programs(number: int, tmp_path: Path) -> None:
    example = [example for example in examples() if example.is_program][number]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", example.code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=3 * DEADLINE,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == (example.output, "", 0)
