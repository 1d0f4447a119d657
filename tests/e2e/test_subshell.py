"""Subshells (JEP 91): created, listed and deleted on control; cells in them run while the main shell is busy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .driver import KernelDriver, wait_until

BUSY = "import time; print('in'); time.sleep(60)"


def create(kernel: KernelDriver) -> str:
    content = kernel.request("create_subshell_request", channel="control")["content"]
    assert content["status"] == "ok"
    return str(content["subshell_id"])


def delete(kernel: KernelDriver, subshell: str) -> None:
    asked = {"subshell_id": subshell}
    assert kernel.request("delete_subshell_request", asked, channel="control")["content"]["status"] == "ok"


def listed(kernel: KernelDriver) -> list[str]:
    return list(kernel.request("list_subshell_request", channel="control")["content"]["subshell_id"])


@pytest.fixture
def subshell(kernel: KernelDriver) -> Iterator[str]:
    """The id of a new subshell, deleted at the end."""
    subshell = create(kernel)
    yield subshell
    if subshell in listed(kernel):
        delete(kernel, subshell)


def test_subshells_are_listed_from_creation_to_deletion(kernel: KernelDriver) -> None:
    assert listed(kernel) == []
    first, second = create(kernel), create(kernel)
    assert first != second
    assert sorted(listed(kernel)) == sorted([first, second])
    delete(kernel, first)
    assert listed(kernel) == [second]
    delete(kernel, second)
    assert listed(kernel) == []


def test_the_threads_of_a_subshell_have_ended_when_its_deletion_is_replied_to(kernel: KernelDriver) -> None:
    count = "__import__('threading').active_count()"

    def threads() -> int:
        return int(str(kernel.execute(count).result))

    delete(kernel, create(kernel))  # the thread for control has begun
    before = wait_until(lambda: threads() if threads() == threads() else None, "the end of the preparations")
    for _ in range(10):
        subshell = create(kernel)
        assert kernel.execute("1", header={"subshell_id": subshell}).ok().result == "1"
        delete(kernel, subshell)
        assert threads() == before


def test_a_subshell_runs_cells_while_the_main_shell_blocks(kernel: KernelDriver, subshell: str) -> None:
    main = kernel.start_until_printed(BUSY, "in")
    try:
        cell = kernel.execute("print('beside'); 6 * 7", header={"subshell_id": subshell}).ok()
        assert cell.result == "42"
        assert cell.text() == "beside\n"
        assert not kernel.socket("shell").poll(0)
    finally:
        kernel.send("interrupt_request", channel="control")
        assert kernel.finish(main).reply["ename"] == "KeyboardInterrupt"


def test_every_request_can_be_made_of_a_subshell_while_the_main_shell_blocks(
    kernel: KernelDriver, subshell: str
) -> None:
    main = kernel.start_until_printed(BUSY, "in")
    try:
        contents: dict[str, dict[str, Any]] = {
            "kernel_info_request": {},
            "complete_request": {"code": "prin", "cursor_pos": 4},
            "inspect_request": {"code": "print", "cursor_pos": 4, "detail_level": 0},
            "is_complete_request": {"code": "1"},
            "history_request": {"hist_access_type": "tail", "n": 1, "output": False, "raw": True},
            "comm_info_request": {},
        }
        for msg_type, content in contents.items():
            reply = kernel.request(msg_type, content, header={"subshell_id": subshell})
            assert reply["content"]["status"] in {"ok", "complete"}, msg_type
    finally:
        kernel.send("interrupt_request", channel="control")
        kernel.finish(main)


def test_the_namespace_is_shared(kernel: KernelDriver, subshell: str) -> None:
    kernel.execute("shared = ['main']").ok()
    kernel.execute("shared.append('sub')", header={"subshell_id": subshell}).ok()
    assert kernel.value("shared") == ["main", "sub"]


def test_top_level_await_works_in_a_subshell(kernel: KernelDriver, subshell: str) -> None:
    code = f"import {kernel.library}; await {kernel.library}.sleep(0.01); print('slept'); 'awake'"
    cell = kernel.execute(code, header={"subshell_id": subshell}).ok()
    assert (cell.text(), cell.result) == ("slept\n", "'awake'")


def test_a_subshell_runs_its_cells_one_after_the_other(kernel: KernelDriver, subshell: str) -> None:
    kernel.execute("order = []").ok()
    code = "import time; order.append(({0}, 'begin')); time.sleep(0.02); order.append(({0}, 'end'))"
    for msg_id in [kernel.start(code.format(n), header={"subshell_id": subshell}) for n in range(5)]:
        kernel.finish(msg_id).ok()
    assert kernel.value("order") == [(n, what) for n in range(5) for what in ("begin", "end")]


def test_an_error_in_one_shell_aborts_nothing_in_another(kernel: KernelDriver, subshell: str) -> None:
    held, let_go = kernel.gate()
    failing = kernel.start(f"{held}raise ValueError", header={"subshell_id": subshell})
    queued = kernel.start("1", header={"subshell_id": subshell})
    beside = kernel.start("2")
    let_go()
    assert kernel.finish(failing).status == "error"
    assert kernel.finish(queued).status == "aborted"
    assert kernel.finish(beside).ok().result == "2"


def test_a_request_to_an_unknown_or_deleted_subshell_gets_an_error(kernel: KernelDriver) -> None:
    gone = create(kernel)
    delete(kernel, gone)
    for subshell in ("no such", gone):
        cell = kernel.execute("1", header={"subshell_id": subshell})
        assert cell.status == "error"
        assert (cell.reply["ename"], cell.contents("error")) == ("UnknownSubshellError", [])
        content = kernel.request("delete_subshell_request", {"subshell_id": subshell}, channel="control")["content"]
        for reply in (cell.reply, content):
            assert reply["evalue"] == f"Unknown subshell_id {subshell!r}", "the words that clients know"


def test_an_interrupt_of_a_subshell_ends_its_cell_and_not_the_main_one(kernel: KernelDriver, subshell: str) -> None:
    held, let_go = kernel.gate()
    main = kernel.start_until_printed(f"print('in')\n{held}'main'", "in")
    beside = kernel.start_until_printed("print('sub')\nwhile True: pass", "sub", header={"subshell_id": subshell})
    kernel.send("interrupt_request", channel="control", header={"subshell_id": subshell})
    assert kernel.finish(beside).reply["ename"] == "KeyboardInterrupt"
    let_go()
    assert kernel.finish(main).ok().result == "'main'"


def test_a_subshell_in_use_can_be_deleted_and_the_kernel_lives(kernel: KernelDriver) -> None:
    subshell = create(kernel)
    held, let_go = kernel.gate()
    running = kernel.start_until_printed(f"print('in')\n{held}", "in", header={"subshell_id": subshell})
    delete(kernel, subshell)
    let_go()
    kernel.finish(running).ok()
    assert listed(kernel) == []
    assert kernel.execute("'well'").ok().result == "'well'"


WAITING = """
import comm, sys, threading, time
import {library}
heard = []
channel = comm.create_comm(target_name="front end", comm_id="one")

@channel.on_msg
async def listen(message):
    heard.append(message["content"]["data"])
    if heard[-1] == "wait":
        await {library}.sleep(600)
"""

IN_THE_CALL = """
def in_the_call():
    frame = sys._current_frames()[home]
    return frame.f_globals is globals() and frame.f_lineno == {line}

while not in_the_call():
    await {library}.sleep(0.01)
"""
"""Who sees this holds the GIL, and within a line a thread gives it up in a call of C only."""


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_callback_that_waits_in_a_loop_which_is_left_keeps_nobody_waiting(
    kernel: KernelDriver, subshell: str, when: str
) -> None:
    """The message came before the call that nothing ends: its callback waits in the loop. Or meanwhile: what is left of
    it has been handed over to the loop, and does not begin."""
    header = {"subshell_id": subshell}

    def tell(data: str) -> str:
        return kernel.send("comm_msg", {"comm_id": "one", "data": data}, header=header)

    kernel.execute(WAITING.format(library=kernel.library), header=header).ok()
    first = f"while not heard: await {kernel.library}.sleep(0.01)\n" if when == "before" else ""
    blocks = "home = threading.get_ident(); print('in')\n" + first + "time.sleep(20)"
    cell = kernel.start_until_printed(blocks, "in", header=header)
    waits = tell("wait")
    kernel.publication(waits, lambda message: message["msg_type"] == "status")  # it is being served
    kernel.execute(IN_THE_CALL.format(library=kernel.library, line=1 + blocks.count("\n"))).ok()
    kernel.send("interrupt_request", channel="control", header=header)
    assert kernel.finish(cell).reply["ename"] == "KeyboardInterrupt"
    assert kernel.published(waits)[-1]["content"] == {"execution_state": "idle"}
    assert kernel.published(tell("next"))[-1]["content"] == {"execution_state": "idle"}
    assert kernel.execute("heard[-1]", header=header).ok().result == "'next'"
