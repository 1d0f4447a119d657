"""Detached cells of real kernels: the reply at once, output and result under the same id, the state to be asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .driver import DEADLINE, Cell, KernelDriver, is_idle, wait_until

StartKernel = Callable[..., KernelDriver]


@pytest.fixture(autouse=True)
def prepared(kernel: KernelDriver, peer: str) -> None:
    """The names that the cells use."""
    if peer:
        pytest.skip("detached cells are ours")
    kernel.execute(f"import threading, time, {kernel.library} as lib\ngo = threading.Event()").ok()


def detach(kernel: KernelDriver, code: str, **metadata: Any) -> str:
    """Run a cell detached; its id, once the reply has come."""
    content = {"code": code, "silent": False, "store_history": True, "allow_stdin": True}
    msg_id = kernel.send("execute_request", content, metadata={"detach": True, **metadata})
    reply = kernel.reply(msg_id)["content"]
    assert (reply["status"], reply["detached_id"]) == ("ok", msg_id)
    return msg_id


def state(kernel: KernelDriver, detached_id: str, channel: str = "control") -> dict[str, Any]:
    """How a detached cell stands."""
    reply = kernel.request("detached_request", {"detached_id": detached_id}, channel=channel)
    (cell,) = reply["content"]["detached"]
    return dict(cell)


WAITS = {
    "blocking": "print('start')\nassert go.wait(20)\nprint('end')\n6 * 7",
    "awaiting": "print('start')\nwhile not go.is_set(): await lib.sleep(0.005)\nprint('end')\n6 * 7",
}


@pytest.mark.parametrize("channel", ["shell", "control"])
@pytest.mark.parametrize("wait", WAITS)
def test_output_and_result_arrive_later(kernel: KernelDriver, wait: str, channel: str) -> None:
    cell = detach(kernel, WAITS[wait])
    first = kernel.wait_printed(cell, "start")
    assert state(kernel, cell, channel)["state"] == "running"
    assert kernel.execute("print('beside')").ok().text() == "beside\n"
    kernel.execute("go.set()").ok()
    published = [*first, *kernel.published(cell)]
    published = [message for message in published if message["content"] != {"execution_state": "busy"}]  # said again
    texts = [message["content"]["text"] for message in published if message["msg_type"] == "stream"]
    assert "".join(texts) == "start\nend\n"
    assert [message["msg_type"] for message in published][-2:] == ["execute_result", "status"]
    ended = state(kernel, cell, channel)
    assert (ended["state"], ended["reply"]["status"]) == ("ok", "ok")
    assert ended["reply"]["execution_count"] == published[-2]["content"]["execution_count"]


def test_the_reply_does_not_wait_for_a_shell_that_is_blocked(kernel: KernelDriver) -> None:
    running = kernel.start_until_printed("print('in')\nassert go.wait(20)", "in")
    cell = detach(kernel, "'mine'")
    assert state(kernel, cell)["state"] == "queued"
    free = detach(kernel, "go.set()")  # queued, too: only the test can free the shell
    kernel.send("interrupt_request", channel="control")
    assert kernel.finish(running).reply["ename"] == "KeyboardInterrupt"
    for one in (cell, free):
        assert kernel.published(one)
        assert state(kernel, one)["state"] == "aborted", "behind an error, as any cell"


def test_an_error_is_shown_and_kept(kernel: KernelDriver) -> None:
    cell = detach(kernel, "1 / 0")
    assert "error" in [message["msg_type"] for message in kernel.published(cell)]
    ended = state(kernel, cell)
    assert (ended["state"], ended["reply"]["ename"]) == ("error", "ZeroDivisionError")
    assert ended["reply"]["traceback"]


HANGS = {
    "computes": "print('in')\nwhile True: pass",
    "awaits": "print('in')\nawait lib.sleep(60)",
    "sleeps": "print('in')\ntime.sleep(5)\nprint('it went on')",
}


@pytest.mark.parametrize("hang", HANGS)
def test_one_is_interrupted_by_its_id(kernel: KernelDriver, hang: str) -> None:
    cell = detach(kernel, HANGS[hang])
    other = detach(kernel, WAITS["awaiting"])
    kernel.wait_printed(cell, "in")
    kernel.wait_printed(other, "start")
    reply = kernel.request("interrupt_request", {"detached_id": cell}, channel="control")
    assert reply["content"]["status"] == "ok"
    assert is_idle(kernel.published(cell)[-1])
    ended = state(kernel, cell)
    assert (ended["state"], ended["reply"]["ename"]) == ("error", "KeyboardInterrupt")
    assert state(kernel, other)["state"] == "running"
    kernel.execute("go.set()").ok()
    kernel.published(other)
    assert state(kernel, other)["state"] == "ok"


def test_a_timeout_holds_for_it(kernel: KernelDriver) -> None:
    cell = detach(kernel, "time.sleep(60)", timeout=0.2)
    published = kernel.published(cell)
    assert any("0.2 s" in message["content"].get("text", "") for message in published)
    ended = state(kernel, cell)
    assert (ended["state"], ended["reply"]["ename"]) == ("error", "KeyboardInterrupt")
    assert "Timeout: this cell was given 0.2 s." in ended["reply"]["evalue"]


@pytest.mark.parametrize("hang", ["await lib.sleep(60)", "time.sleep(60)"])
def test_any_cell_says_that_its_time_is_over(kernel: KernelDriver, hang: str) -> None:
    cell = kernel.send("execute_request", {"code": hang}, metadata={"timeout": 0.2})
    ended = kernel.finish(cell)
    [error] = ended.contents("error")
    for said in (ended.reply, error):
        assert (said["ename"], said["evalue"]) == ("KeyboardInterrupt", "Timeout: this cell was given 0.2 s.")


def test_a_shutdown_ends_it(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    kernel.execute(f"import {kernel.library} as lib").ok()
    cell = detach(kernel, "try: print('in'); await lib.sleep(60)\nfinally: print('out')")
    kernel.wait_printed(cell, "in")
    kernel.send("shutdown_request", {"restart": False}, channel="control")
    published = kernel.published(cell)
    assert Cell({"content": {}}, published).text() == "out\n"
    assert "error" in [message["msg_type"] for message in published]
    assert kernel.wait_exit() == 0
    wait_until(lambda: kernel.process.poll() is not None, "the exit", DEADLINE)
