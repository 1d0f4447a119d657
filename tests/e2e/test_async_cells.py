"""Cells that await, on the backend that runs; tasks, nurseries and context variables that outlive their cell."""

from __future__ import annotations

import pytest

from .driver import Cell, KernelDriver, plain

CONSTRUCTS = """
import anyio
from contextlib import asynccontextmanager

@asynccontextmanager
async def within():
    await anyio.sleep(0)
    yield 'within'
    await anyio.sleep(0)

async def count():
    for n in range(3):
        await anyio.sleep(0)
        yield n
"""


def test_the_backend_is_the_one_that_was_asked_for(kernel: KernelDriver) -> None:
    code = (
        "import sniffio; sniffio.current_async_library()"
        if kernel.library == "trio"
        else ("import asyncio; type(asyncio.get_running_loop()).__module__.split('.')[0]")
    )
    assert kernel.execute(code).ok().result == repr(kernel.backend)


def test_top_level_await_for_and_with(kernel: KernelDriver) -> None:
    kernel.execute(CONSTRUCTS).ok()
    assert kernel.execute("await anyio.sleep(0.001) or 'awaited'").ok().result == "'awaited'"
    assert kernel.execute("async with within() as word: print(word)").ok().text() == "within\n"
    assert kernel.execute("async for n in count(): print(n)").ok().text() == "0\n1\n2\n"
    assert kernel.execute("[n async for n in count()]").ok().result == "[0, 1, 2]"
    assert kernel.execute("await anyio.to_thread.run_sync(lambda: 'thread')").ok().result == "'thread'"


def test_an_error_behind_an_await_shows_the_cell(kernel: KernelDriver) -> None:
    code = f"import {kernel.library} as lib\nasync def fail():\n    await lib.sleep(0)\n    1 / 0\nawait fail()"
    cell = kernel.execute(code)
    assert cell.reply["ename"] == "ZeroDivisionError"
    assert "await fail()" in plain("\n".join(cell.reply["traceback"]))


def test_a_task_prints_into_the_cell_that_started_it(kernel: KernelDriver) -> None:
    work = "import {0}\nasync def work():\n    await go.wait()\n    print('from the task')\n    done.set()\n"
    begin = {
        "asyncio": "go, done = asyncio.Event(), asyncio.Event()\ntask = asyncio.create_task(work())",
        "trio": "go, done = trio.Event(), trio.Event()\nmanager = trio.open_nursery()\n"
        "nursery = await manager.__aenter__()\nnursery.start_soon(work)",
    }[kernel.library]
    starting = kernel.start(work.format(kernel.library) + begin, allow_stdin=True)
    kernel.finish(starting).ok()
    second = kernel.execute("go.set(); await done.wait(); print('from the second cell')").ok()
    assert second.text() == "from the second cell\n"
    late = kernel.wait_printed(starting, "from the task")
    assert Cell({"content": {}}, late).text() == "from the task\n"
    if kernel.library == "trio":
        kernel.execute("await manager.__aexit__(None, None, None)").ok()


def test_a_task_runs_on_between_cells(kernel: KernelDriver) -> None:
    work = "import {0}, threading\nticked = threading.Event()\nasync def tick():\n    for _ in range(5):\n"
    work += "        await {0}.sleep(0.001)\n    ticked.set()\n"
    begin = {
        "asyncio": "task = asyncio.create_task(tick())",
        "trio": "manager = trio.open_nursery(); nursery = await manager.__aenter__(); nursery.start_soon(tick)",
    }[kernel.library]
    kernel.execute(work.format(kernel.library) + begin).ok()
    ended = kernel.execute(
        "import anyio\nwith anyio.fail_after(20):\n    while not ticked.is_set(): await anyio.sleep(0.005)\n'ticked'"
    ).ok()
    assert ended.result == "'ticked'"
    if kernel.library == "trio":
        kernel.execute("await manager.__aexit__(None, None, None)").ok()


def test_create_task_works_in_a_cell_without_await(kernel: KernelDriver) -> None:
    if kernel.library == "asyncio":
        kernel.execute("import asyncio\nasync def answer(): return 42\ntask = asyncio.create_task(answer())").ok()
        assert kernel.execute("await task").ok().result == "42"
        assert kernel.execute("asyncio.get_running_loop() is task.get_loop()").ok().result == "True"
    else:
        kernel.execute("import trio\nasync def answer(): got.append(42)\ngot = []").ok()
        kernel.execute("task = trio.lowlevel.spawn_system_task(answer)").ok()
        kernel.execute("import trio.testing; await trio.testing.wait_all_tasks_blocked()").ok()
        assert kernel.value("got") == [42]


def test_a_nursery_or_task_group_spans_cells(kernel: KernelDriver) -> None:
    cells = {
        "trio": [
            "import trio\nnursery_manager = trio.open_nursery()\nnursery = await nursery_manager.__aenter__()",
            "results = []\nasync def work(n):\n    await trio.sleep(0.01)\n    results.append(n)\n"
            "for n in range(3): nursery.start_soon(work, n)",
            "await nursery_manager.__aexit__(None, None, None)\nsorted(results)",
        ],
        "asyncio": [
            "import asyncio\ngroup_manager = asyncio.TaskGroup()\ngroup = await group_manager.__aenter__()",
            "results = []\nasync def work(n):\n    await asyncio.sleep(0.01)\n    results.append(n)\n"
            "for n in range(3): group.create_task(work(n))",
            "await group_manager.__aexit__(None, None, None)\nsorted(results)",
        ],
    }[kernel.library]
    *first, last = [kernel.execute(code).ok() for code in cells]
    assert [cell.result for cell in first] == [None, None]
    assert last.result == "[0, 1, 2]"


def test_an_anyio_task_group_spans_cells(kernel: KernelDriver) -> None:
    kernel.execute("import anyio\nmanager = anyio.create_task_group()\ngroup = await manager.__aenter__()").ok()
    kernel.execute("got = []\nasync def work(n): got.append(n)\nfor n in range(3): group.start_soon(work, n)").ok()
    kernel.execute("await manager.__aexit__(None, None, None)").ok()
    assert sorted(kernel.value("got")) == [0, 1, 2]


def test_context_variables_are_there_in_the_next_cell(kernel: KernelDriver) -> None:
    kernel.execute("from contextvars import ContextVar\nimport anyio\nvar = ContextVar('var', default='unset')").ok()
    kernel.execute("var.set('plainly')").ok()
    assert kernel.value("var.get()") == "plainly"
    kernel.execute("await anyio.sleep(0)\nvar.set('behind an await')").ok()
    assert kernel.value("var.get()") == "behind an await"
    assert kernel.execute("await anyio.sleep(0)\nvar.get()").ok().result == "'behind an await'"


def test_a_task_whose_error_nobody_awaits_does_not_end_the_kernel(kernel: KernelDriver) -> None:
    if kernel.library == "asyncio":
        kernel.execute("import asyncio, gc\nasync def fail(): 1 / 0\nasyncio.create_task(fail())\n").ok()
        kernel.execute("await asyncio.sleep(0.01)\ngc.collect()").ok()
    else:
        kernel.execute("import trio\nasync def fail(): 1 / 0\nmanager = trio.open_nursery()").ok()
        kernel.execute("nursery = await manager.__aenter__()\nnursery.start_soon(fail)").ok()
        kernel.execute("await trio.sleep(0.01)")
        kernel.execute("await manager.__aexit__(None, None, None)")
    kernel.expects_stderr = True
    assert kernel.execute("'well'", stop_on_error=False).ok().result == "'well'"


FAILING = "import {library}\nwent = []\nasync def fail():\n    went.append(1)\n    1 / 0\n"

GROUPS = {
    "trio": ("trio.open_nursery()", "group.start_soon(fail)"),
    "asyncio": ("asyncio.TaskGroup()", "group.create_task(fail()); None"),
    "anyio": ("anyio.create_task_group()", "group.start_soon(fail)"),
}


@pytest.mark.parametrize("place", ["main", "subshell"])
@pytest.mark.parametrize("whose", ["the backend's", "anyio's"])
def test_a_task_that_fails_while_no_cell_runs_does_not_end_the_kernel(
    kernel: KernelDriver, whose: str, place: str
) -> None:
    header = {}
    if place == "subshell":
        if kernel.library == "trio":
            pytest.skip("there each cell is in a cancel scope of its own, and a nursery ends with its cell")
        created = kernel.request("create_subshell_request", channel="control")["content"]
        header = {"subshell_id": created["subshell_id"]}
    library = kernel.library if whose == "the backend's" else "anyio"
    manager, start = GROUPS[library]
    kernel.execute(FAILING.format(library=library), header=header).ok()
    kernel.execute(f"manager = {manager}; group = await manager.__aenter__()", header=header).ok()
    kernel.execute(start, header=header).ok()
    for _ in range(3):  # the task runs between two cells
        assert kernel.execute("6 * 7", header=header).ok().result == "42"
    assert kernel.value("went") == [1]
    left = kernel.execute("await manager.__aexit__(None, None, None)", header=header)
    assert left.reply["ename"] == "ExceptionGroup"
    assert kernel.execute(f"import {library}; await {library}.sleep(0.001) or 42", header=header).ok().result == "42"
    if header:
        kernel.request("delete_subshell_request", header, channel="control")


def test_a_task_that_cancels_the_kernels_own_does_not_end_the_kernel(kernel: KernelDriver) -> None:
    if kernel.library == "trio":
        code = "import trio\nscope = trio.CancelScope(); scope.__enter__(); scope.cancel()"
        leave = "scope.__exit__(None, None, None)"
    else:
        code = "import asyncio\nasyncio.get_running_loop().call_soon(asyncio.current_task().cancel); None"
        leave = "pass"
    for _ in range(3):
        kernel.execute(code).ok()
        assert kernel.execute("6 * 7").ok().result == "42"
        kernel.execute(leave).ok()
    assert kernel.execute(f"await {kernel.library}.sleep(0.001) or 42").ok().result == "42"


@pytest.mark.parametrize(
    "code", ["import asyncio\nawait asyncio.sleep(0)", "import asyncio\nasyncio.get_running_loop()"]
)
def test_code_for_asyncio_on_trio_is_told_so(kernel: KernelDriver, code: str) -> None:
    cell = kernel.execute(code)
    if kernel.library == "asyncio":
        cell.ok()
    else:
        assert cell.status == "error"
        assert "".join(cell.reply["traceback"]).count("This kernel runs trio, and this code is for asyncio.") == 1
        assert "".join(kernel.execute("%tb").contents("error")[-1:][0]["traceback"]).count("This kernel runs trio") == 1


def test_other_errors_on_trio_are_as_they_are(kernel: KernelDriver) -> None:
    for code in ("1 / 0", "raise TypeError('wrong')", "raise RuntimeError('no loop')"):
        assert "This kernel runs" not in "".join(kernel.execute(code).reply["traceback"])
