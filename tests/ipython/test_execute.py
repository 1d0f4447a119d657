"""Cells: numbers, results, top-level await, expressions, payloads, and whose output is whose."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from async_kernel.kernel.request import set_fallback

from .harness import Ran, Shell, new_request, run_on


def test_a_cell_gives_its_input_then_its_output_then_its_result(shell: Shell, backend: str) -> None:
    async def main() -> None:
        number = shell.interpreter.execution_count
        ran = await shell.run("print('hello')\n6 * 7")
        assert ran.types == ["execute_input", "stream", "execute_result"]
        assert ran.contents("execute_input") == [{"code": "print('hello')\n6 * 7", "execution_count": number}]
        assert ran.contents("execute_result") == [
            {"execution_count": number, "data": {"text/plain": "42"}, "metadata": {}}
        ]
        assert ran.reply == {"status": "ok", "execution_count": number, "user_expressions": {}, "payload": []}
        assert shell.interpreter.execution_count == number + 1

    run_on(backend, main)


def test_await_at_the_top_level(shell: Shell, backend: str) -> None:
    async def main() -> None:
        ran = await shell.run(
            "import anyio, contextlib\n"
            "@contextlib.asynccontextmanager\n"
            "async def manager():\n    await anyio.sleep(0)\n    yield 1\n"
            "async def numbers():\n    for n in 2, 3:\n        await anyio.sleep(0)\n        yield n\n"
            "async with manager() as m: found = [m]\n"
            "async for n in numbers(): found.append(n)\n"
            "await anyio.sleep(0.001)\n"
            "[x async for x in numbers()] + found"
        )
        assert ran.result == "[2, 3, 1, 2, 3]"
        ran = await shell.run("import sniffio; sniffio.current_async_library()")
        assert ran.result == repr("trio" if backend == "trio" else "asyncio")

    run_on(backend, main)


def test_silent_cells_leave_no_trace(cells: Callable[..., Ran], shell: Shell) -> None:
    number = shell.interpreter.execution_count
    ran = cells("secret = 1; secret", silent=True)
    assert ran.types == []
    assert ran.reply["execution_count"] == number - 1
    assert shell.interpreter.execution_count == number
    assert cells("print('still said')", silent=True).text() == "still said\n"


def test_cells_outside_the_history_take_no_number(cells: Callable[..., Ran], shell: Shell) -> None:
    cells("1;")
    number = shell.interpreter.execution_count
    ran = cells("5", store_history=False)
    assert ran.contents("execute_input")[0]["execution_count"] == number
    assert ran.contents("execute_result")[0]["execution_count"] == ran.reply["execution_count"] == number - 1
    assert shell.interpreter.execution_count == number


@pytest.mark.parametrize("code", ["", "  \n", "\t"])
def test_blank_cells_take_no_number(cells: Callable[..., Ran], shell: Shell, code: str) -> None:
    number = shell.interpreter.execution_count
    ran = cells(code)
    assert ran.types == ["execute_input"]
    assert ran.reply["status"] == "ok"
    assert shell.interpreter.execution_count == number


def test_a_semicolon_keeps_the_result_back(cells: Callable[..., Ran], shell: Shell) -> None:
    number = shell.interpreter.execution_count
    assert cells("'kept back';").types == ["execute_input"]
    assert cells(f"{number} in Out").result == "False"


def test_results_are_kept_under_the_number_of_their_cell(cells: Callable[..., Ran], shell: Shell) -> None:
    number = shell.interpreter.execution_count
    cells("'the result'")
    assert cells(f"(_, Out[{number}], _{number}, In[{number}])").result == (
        "('the result', 'the result', 'the result', \"'the result'\")"
    )


def test_user_expressions(cells: Callable[..., Ran]) -> None:
    ran = cells("x = 3", user_expressions={"good": "x", "bad": "1/0", "image": "PNG()"})
    values = ran.reply["user_expressions"]
    assert values["good"] == {"status": "ok", "data": {"text/plain": "3"}, "metadata": {}}
    assert values["bad"]["status"] == "error"
    assert values["bad"]["ename"] == "ZeroDivisionError"
    assert cells("1/0", user_expressions={"good": "x"}).reply["user_expressions"] == {}


def test_output_of_a_task_belongs_to_the_cell_that_started_it(shell: Shell, backend: str) -> None:
    spawn = "trio.lowlevel.spawn_system_task(later)" if backend == "trio" else "task = asyncio.create_task(later())"

    async def main() -> None:
        first = await shell.run(
            "import asyncio, anyio\n"
            + ("import trio\n" if backend == "trio" else "")
            + "go, done = anyio.Event(), anyio.Event()\n"
            "async def later():\n"
            "    await go.wait()\n    print('later'); display('shown')\n    done.set()\n" + spawn + ";"
        )
        second = await shell.run("go.set(); await done.wait(); print('second')")
        assert first.text() == "later\n"
        assert [content["data"]["text/plain"] for content in first.contents("display_data")] == ["'shown'"]
        assert second.text() == "second\n"
        assert second.contents("display_data") == []

    if backend == "trio":
        # A system task copies the context of the system unless told; the current cell's is what a nursery would give.
        spawn = "import contextvars; trio.lowlevel.spawn_system_task(later, context=contextvars.copy_context())"
        spawn = spawn.replace("import contextvars; ", "import contextvars\n")
    run_on(backend, main)


def test_output_of_a_thread_with_a_context_belongs_to_its_cell(cells: Callable[..., Ran]) -> None:
    ran = cells(
        "import contextvars, threading\n"
        "context = contextvars.copy_context()\n"
        "thread = threading.Thread(target=context.run, args=(print, 'from the thread'))\n"
        "thread.start(); thread.join()"
    )
    assert ran.text() == "from the thread\n"


def test_cells_that_overlap_keep_their_numbers_and_results(shell: Shell, backend: str) -> None:
    async def main() -> None:
        import anyio

        results: dict[str, Ran] = {}

        async def cell(name: str, code: str) -> None:
            results[name] = await shell.run(code)

        await shell.run("import anyio; started, go = anyio.Event(), anyio.Event()")
        number = shell.interpreter.execution_count
        async with anyio.create_task_group() as group:
            group.start_soon(cell, "slow", "started.set(); await go.wait(); 'slow'")
            with anyio.fail_after(10):
                await shell.interpreter.shell.user_ns["started"].wait()
            group.start_soon(cell, "quick", "get_ipython().set_next_input('q'); go.set(); 'quick'")
        assert [results[name].reply["execution_count"] for name in ("slow", "quick")] == [number, number + 1]
        assert results["slow"].contents("execute_result")[0]["execution_count"] == number
        assert results["slow"].reply["payload"] == []
        assert results["quick"].reply["payload"] == [{"source": "set_next_input", "text": "q", "replace": False}]
        assert (await shell.run(f"Out[{number}], Out[{number + 1}]")).result == "('slow', 'quick')"

    run_on(backend, main)


def test_numbers_are_given_once_however_many_threads_start_cells(shell: Shell) -> None:
    ready = threading.Barrier(8)
    numbers: list[int] = []

    def start() -> None:
        ready.wait(timeout=10)
        for _ in range(200):
            numbers.append(shell.interpreter.shell.begin_cell("1", stored=True).number)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(set(numbers)) == 1600


NEXT_INPUT = {"source": "set_next_input", "text": "x = 1", "replace": True}
PAGE = {"source": "page", "data": {"text/plain": "text"}, "start": 3}


@pytest.mark.parametrize(
    ("code", "ends"),
    [
        ("exit", [False]),
        ("quit()", [False]),
        ("def leave(): exit()\nleave()", [False]),
        ("exit(keep_kernel=True)", []),
        ("get_ipython().kernel.do_shutdown(True)", [True]),
        ("import sys; sys.exit(3)", []),
        ("raise SystemExit", []),
    ],
)
@pytest.mark.filterwarnings("ignore:To exit")
def test_what_ends_the_kernel(cells: Callable[..., Ran], code: str, ends: list[bool]) -> None:
    assert cells(code).recorder.ends == ends


@pytest.mark.parametrize(
    ("code", "payload"),
    [
        ("exit", {"source": "ask_exit", "keepkernel": False}),
        ("quit()", {"source": "ask_exit", "keepkernel": False}),
        ("exit(keep_kernel=True)", {"source": "ask_exit", "keepkernel": True}),
        ("get_ipython().set_next_input('x = 1', replace=True)", NEXT_INPUT),
        ("from IPython.core.page import page; page('text', start=3)", PAGE),
    ],
)
def test_payloads(cells: Callable[..., Ran], code: str, payload: dict[str, Any]) -> None:
    assert cells(code).reply["payload"] == [payload]
    assert cells("1;").reply["payload"] == []


def test_help_goes_to_the_pager(cells: Callable[..., Ran]) -> None:
    (payload,) = cells("len?").reply["payload"]
    assert payload["source"] == "page"
    assert "Return the number of items" in payload["data"]["text/plain"]


def test_edit_asks_the_front_end(cells: Callable[..., Ran], tmp_path: Path) -> None:
    file = tmp_path / "script.py"
    file.write_text("pass\n")
    (payload,) = cells(f"%edit -n 1 {file}").reply["payload"]
    assert payload == {"source": "edit_magic", "filename": str(file), "line_number": "1"}


def test_events_fire_around_every_cell(cells: Callable[..., Ran], shell: Shell) -> None:
    seen: list[str] = []
    events = shell.interpreter.shell.events
    names = ("pre_execute", "pre_run_cell", "post_execute", "post_run_cell")
    callbacks = {name: (lambda *args, name=name: seen.append(name)) for name in names}
    for name, callback in callbacks.items():
        events.register(name, callback)
    try:
        cells("1;")
        assert seen == ["pre_execute", "pre_run_cell", "post_execute", "post_run_cell"]
        seen.clear()
        cells("1;", silent=True)
        assert seen == ["pre_execute", "post_execute"]
        seen.clear()
        cells("1/0")
        assert seen == list(names)
    finally:
        for name, callback in callbacks.items():
            events.unregister(name, callback)


def test_code_outside_any_context_writes_to_the_fallback(cells: Callable[..., Ran]) -> None:
    request, recorder = new_request()
    set_fallback(request)
    ran = cells(
        "import threading\nthread = threading.Thread(target=display, args=('bare thread',))\n"
        "thread.start(); thread.join()"
    )
    assert ran.contents("display_data") == []
    assert [message.msg_type for message in recorder.messages] == ["display_data"]


def numbered(ran: Ran, first: int) -> list[tuple[int, str]]:
    """The results of a cell with their numbers, the first of which counts as 1."""
    results = ran.contents("execute_result")
    return [(content["execution_count"] - first + 1, content["data"]["text/plain"]) for content in results]


def test_a_nested_cell_that_is_stored_has_a_number_of_its_own(cells: Callable[..., Ran], shell: Shell) -> None:
    first = shell.interpreter.execution_count
    ran = cells("get_ipython().run_cell('40 + 2', store_history=True)\nget_ipython().execution_count")
    assert numbered(ran, first) == [(2, "42"), (1, str(first + 2))]
    assert ran.reply["execution_count"] == first
    namespace = shell.interpreter.shell.user_ns
    assert [namespace["Out"][first + n] for n in (0, 1)] == [first + 2, 42]
    assert namespace["In"][-1] == "40 + 2"
    assert namespace[f"_{first + 1}"] == 42
    assert cells("'next'").reply["execution_count"] == first + 2


def test_cells_that_are_nested_in_nested_ones_count_on(cells: Callable[..., Ran], shell: Shell) -> None:
    first = shell.interpreter.execution_count
    inner = "get_ipython().run_cell('3', store_history=True); 2"
    ran = cells(f"for _ in range(2): get_ipython().run_cell({inner!r}, store_history=True)\n1")
    assert numbered(ran, first) == [(3, "3"), (2, "2"), (5, "3"), (4, "2"), (1, "1")]
    assert [shell.interpreter.shell.user_ns["Out"][first + n] for n in range(5)] == [1, 2, 3, 2, 3]


def test_a_nested_cell_outside_the_history_speaks_under_the_number_of_its_cell(
    cells: Callable[..., Ran], shell: Shell
) -> None:
    first = shell.interpreter.execution_count
    ran = cells("get_ipython().run_cell('50')\nget_ipython().execution_count")
    assert numbered(ran, first) == [(1, "50"), (1, str(first + 1))]


def test_a_semicolon_is_looked_for_in_the_nested_cell(cells: Callable[..., Ran], shell: Shell) -> None:
    first = shell.interpreter.execution_count
    assert numbered(cells("get_ipython().run_cell('1;')\n2"), first) == [(1, "2")]
    assert numbered(cells("get_ipython().run_cell('1')\n2;"), first) == [(2, "1")]


def test_a_nested_cell_in_one_that_takes_no_number(cells: Callable[..., Ran], shell: Shell) -> None:
    first = shell.interpreter.execution_count
    ran = cells("get_ipython().run_cell('5', store_history=True)", store_history=False)
    assert numbered(ran, first)[0] == (1, "5")
    assert numbered(cells(f"In[-2], Out[{first}]"), first) == [(2, "('5', 5)")]


def test_the_payload_of_a_nested_cell_goes_into_the_reply(cells: Callable[..., Ran]) -> None:
    ran = cells("get_ipython().run_cell(\"get_ipython().set_next_input('x')\", store_history=True)\nNone")
    assert [one["text"] for one in ran.reply["payload"]] == ["x"]


def test_a_nested_cell_that_fails_leaves_its_outer_one_well(cells: Callable[..., Ran], shell: Shell) -> None:
    first = shell.interpreter.execution_count
    ran = cells("get_ipython().run_cell('1 / 0', store_history=True)\n'went on'")
    assert ran.types.count("error") == 1
    assert (ran.reply["status"], numbered(ran, first)) == ("ok", [(1, "'went on'")])
    assert numbered(cells("2"), first) == [(3, "2")]
