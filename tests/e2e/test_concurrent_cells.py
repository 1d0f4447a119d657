"""Cells that are marked to run beside others, as tasks and in threads; context variables that cells share."""

from __future__ import annotations

from typing import Any

import pytest

from .driver import DEADLINE, KernelDriver, wait_until

AWAITING = "print('A start')\nwhile not go.is_set(): await lib.sleep(0.005)\nprint('A end')\n'A'"
BLOCKING = "print('A start')\nassert go.wait(20)\nprint('A end')\n'A'"

MARKS: dict[str, tuple[str, dict[str, Any]]] = {
    "magic": ("%%{}\n", {}),
    "directive": ("# {}\n", {}),
    "tag": ("", {"tags": ["{}"]}),
}


def start_marked(kernel: KernelDriver, kind: str, code: str, mark: str = "magic", **content: Any) -> str:
    """Start a cell marked as "task" or "thread"; its id."""
    line, metadata = MARKS[mark]
    tags = {"tags": [tag.format(kind) for tag in metadata["tags"]]} if metadata else {}
    fields = {"code": line.format(kind) + code, "silent": False, "store_history": True, "stop_on_error": True}
    return kernel.send("execute_request", fields | content, metadata=tags)


@pytest.fixture(autouse=True)
def prepared(kernel: KernelDriver) -> None:
    """The names that the cells use."""
    kernel.execute(f"import threading, time, {kernel.library} as lib\ngo = threading.Event()").ok()


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("kind", ["task", "thread"])
def test_a_marked_cell_does_not_hold_up_the_next(kernel: KernelDriver, kind: str, mark: str) -> None:
    a = start_marked(kernel, kind, AWAITING if kind == "task" else BLOCKING, mark)
    kernel.wait_printed(a, "A start")
    b = kernel.execute("go.set()\nprint('B')\n'B'").ok()
    ended = kernel.finish(a).ok()
    assert (ended.result, ended.text()) == ("'A'", "A end\n")
    assert (b.result, b.text()) == ("'B'", "B\n")
    assert b.reply["execution_count"] == ended.reply["execution_count"] + 1
    result = ended.contents("execute_result")[0]
    assert result["execution_count"] == ended.reply["execution_count"]


def test_a_thread_cell_awaits_on_a_loop_of_its_own_on_the_same_backend(kernel: KernelDriver) -> None:
    code = (
        "import sniffio\nawait lib.sleep(0.001)\nname = sniffio.current_async_library()\n"
        "if name == 'asyncio': name = type(lib.get_running_loop()).__module__.partition('.')[0]\n"
        "name, threading.current_thread() is threading.main_thread()"
    )
    ended = kernel.finish(start_marked(kernel, "thread", code)).ok()
    assert ended.result == str((kernel.backend, False))
    assert kernel.value("name") == kernel.backend


def test_many_marked_cells_have_their_own_numbers_outputs_and_results(kernel: KernelDriver) -> None:
    code = "number = {}\nfor turn in range(3):\n    print('cell', {}, turn)\n    await lib.sleep(0.002)\n{}"
    cells = [
        start_marked(kernel, "task" if n % 2 else "thread", code.replace("{}", str(n)).replace("number", f"number{n}"))
        for n in range(8)
    ]
    ended = [kernel.finish(cell).ok() for cell in cells]
    for n, cell in enumerate(ended):
        assert cell.text() == "".join(f"cell {n} {turn}\n" for turn in range(3))
        assert cell.result == str(n)
    counts = [cell.reply["execution_count"] for cell in ended]
    assert len(set(counts)) == 8


@pytest.mark.parametrize("kind", ["task", "thread"])
def test_an_error_of_a_marked_cell_aborts_nothing(kernel: KernelDriver, kind: str) -> None:
    a = start_marked(kernel, kind, "await lib.sleep(0.01)\n1 / 0")
    following = [kernel.start("await lib.sleep(0.02)\n'well'") for _ in range(3)]
    assert kernel.finish(a).reply["ename"] == "ZeroDivisionError"
    assert [kernel.finish(cell).ok().result for cell in following] == ["'well'"] * 3


def test_an_error_before_a_marked_cell_aborts_it(kernel: KernelDriver) -> None:
    blocked = kernel.start_until_printed("print('ready')\nassert go.wait(20)\n1 / 0", "ready")
    marked = start_marked(kernel, "task", "1")
    kernel.send("execute_request", {"code": "go.set()", "silent": True}, header={"subshell_id": subshell(kernel)})
    assert kernel.finish(blocked).reply["ename"] == "ZeroDivisionError"
    assert kernel.finish(marked).status == "aborted"


def subshell(kernel: KernelDriver) -> str:
    """A new subshell."""
    created: str = kernel.request("create_subshell_request", channel="control")["content"]["subshell_id"]
    return created


@pytest.mark.parametrize("kind", ["task", "thread"])
def test_an_interrupt_is_for_the_cell_in_its_turn_and_then_for_marked_ones(kernel: KernelDriver, kind: str) -> None:
    hang = {"task": AWAITING, "thread": "print('A start')\nwhile not go.is_set(): time.sleep(0.005)"}[kind]
    a = start_marked(kernel, kind, hang)
    kernel.wait_printed(a, "A start")
    b = kernel.start_until_printed("print('ready')\ntime.sleep(60)", "ready")
    kernel.request("interrupt_request", channel="control")
    assert kernel.finish(b).reply["ename"] == "KeyboardInterrupt"
    assert kernel.execute("go.is_set()").ok().result == "False"
    kernel.request("interrupt_request", channel="control")
    assert kernel.finish(a).reply["ename"] == "KeyboardInterrupt"
    kernel.execute("1").ok()


def test_a_task_that_keeps_the_thread_is_ended_for_the_cell_that_waits(kernel: KernelDriver) -> None:
    code = "print('A start')\nwhile not go.is_set(): await lib.sleep(0)\nprint('A blocks')\nwhile True: pass"
    a = start_marked(kernel, "task", code)
    kernel.wait_printed(a, "A start")
    b = kernel.start("go.set()\nawait lib.sleep(60)")
    kernel.wait_printed(a, "A blocks")
    kernel.request("interrupt_request", channel="control")
    assert kernel.finish(a).reply["ename"] == "KeyboardInterrupt"
    assert kernel.finish(b).reply["ename"] == "KeyboardInterrupt"


def test_a_deadline_ends_a_marked_cell(kernel: KernelDriver) -> None:
    fields = {"code": "%%task\nawait lib.sleep(60)", "silent": False, "store_history": True}
    a = kernel.send("execute_request", fields, metadata={"timeout": 0.05})
    kernel.execute("1").ok()
    assert kernel.finish(a).reply["ename"] == "KeyboardInterrupt"


def test_marked_cells_run_in_subshells_and_loops_run_in_marked_cells(kernel: KernelDriver) -> None:
    fields = {"code": "%%task\nawait lib.sleep(0.001)\n'A'", "silent": False, "store_history": True}
    a = kernel.send("execute_request", fields, header={"subshell_id": subshell(kernel)})
    assert kernel.finish(a).ok().result == "'A'"
    code = "import asyncio\nasync def main(): return 'inside'\nasyncio.run(main())"
    for kind in ("task", "thread"):
        assert kernel.finish(start_marked(kernel, kind, code)).ok().result == "'inside'"


@pytest.mark.parametrize("kind", ["task", "thread"])
def test_a_shutdown_ends_marked_cells(start_kernel: Any, backend: str, kind: str) -> None:
    kernel: KernelDriver = start_kernel(backend)
    kernel.execute(f"import time, {kernel.library} as lib").ok()
    a = start_marked(kernel, kind, "print('A start')\ntry: await lib.sleep(60)\nfinally: print('finally')")
    kernel.wait_printed(a, "A start")
    kernel.send("shutdown_request", {"restart": False}, channel="control")
    assert kernel.wait_exit() == 0
    wait_until(lambda: kernel.process.poll() is not None, "the exit", DEADLINE)


def test_context_variables_are_shared_by_cells_and_seen_by_marked_ones(kernel: KernelDriver) -> None:
    kernel.execute("from contextvars import ContextVar\nvariable = ContextVar('variable', default='unset')").ok()
    for pause in ("", "await lib.sleep(0)\n"):
        for n, read in enumerate(("", "await lib.sleep(0)\n")):
            kernel.execute(f"{pause}token = variable.set('{pause[:5]}{n}')").ok()
            assert kernel.execute(f"{read}variable.get()").ok().result == repr(f"{pause[:5]}{n}")
    for kind in ("task", "thread"):
        marked = start_marked(kernel, kind, "before = variable.get()\nvariable.set('its own')\nbefore")
        assert kernel.finish(marked).ok().result == "'await1'"
    assert kernel.execute("variable.get()").ok().result == "'await1'"
