"""Detached cells: replied to as they arrive, their state there to be asked, everything else as with any cell."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from async_kernel.kernel import detached
from async_kernel.protocol.names import Channel

from .harness import Harness, Interrupting


def detach(kernel: Harness, code: str, **metadata: Any) -> str:
    """Send a detached cell; return its id."""
    msg_id = kernel.send("execute_request", {"code": code}, metadata={"detach": True, **metadata})
    kernel.wait(lambda sent: any(one.parent == msg_id and one.what == "execute_reply" for one in sent))
    return msg_id


def state(kernel: Harness, detached_id: str) -> dict[str, Any]:
    """How a detached cell stands."""
    reply = kernel.ask("detached_request", {"detached_id": detached_id})
    assert reply["status"] == "ok"
    (cell,) = reply["detached"]
    return dict(cell)


def state_at_end(kernel: Harness, detached_id: str) -> dict[str, Any]:
    """The same once idle was said of it."""
    kernel.served(detached_id)
    return state(kernel, detached_id)


def test_the_reply_comes_before_the_cell_has_begun(unserved: Harness) -> None:
    cell = detach(unserved, "print text")
    (reply,) = unserved.so_far(cell)
    assert reply.channel is Channel.SHELL
    assert reply.message.content["status"] == "ok"
    assert reply.message.content["detached_id"] == cell
    assert state(unserved, cell)["state"] == "queued"
    unserved.start()
    assert unserved.whats(cell) == ["execute_reply", "busy", "stream", "idle"], "one reply, and no other"
    ended = state(unserved, cell)
    assert ended["state"] == "ok"
    assert ended["queued"] <= ended["started"] <= ended["ended"]
    assert ended["reply"]["execution_count"] == 1


def test_it_runs_beside_the_shell(kernel: Harness) -> None:
    cell = detach(kernel, "block gate")
    kernel.interpreter.wait_for("block gate")
    assert state(kernel, cell)["state"] == "running"
    assert kernel.status(kernel.execute("ok")) == "ok"
    kernel.interpreter.release("gate")
    assert state_at_end(kernel, cell)["state"] == "ok"


def test_it_begins_in_its_turn(kernel: Harness) -> None:
    first = kernel.execute("await key")
    kernel.interpreter.wait_for("await key")
    cell = detach(kernel, "ok detached")
    assert state(kernel, cell)["state"] == "queued"
    assert "ok detached" not in kernel.interpreter.log
    kernel.interpreter.release("key")
    assert kernel.status(first) == "ok"
    assert state_at_end(kernel, cell)["state"] == "ok"


def test_marked_as_a_task_it_runs_as_one(kernel: Harness) -> None:
    kernel.execute("ok")
    cell = detach(kernel, "ok task", tags=["task"])
    state_at_end(kernel, cell)
    assert kernel.interpreter.threads["ok task"] == kernel.interpreter.threads["ok"]
    cell = detach(kernel, "ok thread")
    state_at_end(kernel, cell)
    assert kernel.interpreter.threads["ok thread"] != kernel.interpreter.threads["ok"]


def test_an_error_is_in_the_state(kernel: Harness) -> None:
    cell = detach(kernel, "error wrong")
    ended = state_at_end(kernel, cell)
    assert (ended["state"], ended["reply"]["evalue"]) == ("error", "wrong")
    assert kernel.whats(cell) == ["execute_reply", "busy", "error", "idle"]


@pytest.mark.parametrize("timeout", ["long", [1]])
def test_what_would_be_an_error_reply_is_published(kernel: Harness, timeout: object) -> None:
    cell = detach(kernel, "ok", timeout=timeout)
    ended = state_at_end(kernel, cell)
    assert ended["state"] == "error"
    assert "timeout" in ended["reply"]["evalue"]
    assert kernel.whats(cell) == ["execute_reply", "busy", "error", "idle"]


def test_behind_an_error_it_is_aborted_and_that_is_told(kernel: Harness) -> None:
    first = kernel.execute("await key")
    kernel.interpreter.wait_for("await key")
    second = kernel.execute("error")
    cell = detach(kernel, "ok detached")
    kernel.interpreter.release("key")
    assert (kernel.status(first), kernel.status(second)) == ("ok", "error")
    assert state_at_end(kernel, cell)["state"] == "aborted"
    assert kernel.whats(cell) == ["execute_reply", "busy", "error", "idle"]
    assert "ok detached" not in kernel.interpreter.log


def test_it_can_ask_nobody(kernel: Harness, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    cell = kernel.send("execute_request", {"code": "ask name?", "allow_stdin": True}, metadata={"detach": True})
    ended = state_at_end(kernel, cell)
    assert ended["reply"]["ename"] == "StdinNotAllowedError"


def test_one_of_them_is_interrupted(kernel: Harness) -> None:
    kernel.interrupts = Interrupting()
    cells = [detach(kernel, f"forever {number}") for number in range(2)]
    for number in range(2):
        kernel.interpreter.wait_for(f"forever {number}")
    assert kernel.ask("interrupt_request", {"detached_id": cells[0]})["status"] == "ok"
    assert state_at_end(kernel, cells[0])["state"] == "error"
    assert state(kernel, cells[1])["state"] == "running"
    assert kernel.ask("interrupt_request", {"detached_id": cells[0]})["status"] == "error", "it has ended"
    assert kernel.ask("interrupt_request", {"detached_id": cells[1]})["status"] == "ok"
    assert state_at_end(kernel, cells[1])["state"] == "error"


@pytest.mark.parametrize("msg_type", ["detached_request", "interrupt_request"])
@pytest.mark.parametrize("detached_id", ["unknown", 5])
def test_what_is_not_there_is_an_error(kernel: Harness, msg_type: str, detached_id: object) -> None:
    kernel.interrupts = Interrupting()
    reply = kernel.ask(msg_type, {"detached_id": detached_id})
    assert reply["status"] == "error"
    assert repr(detached_id) in reply["evalue"]


@pytest.mark.parametrize("mark", [None, False, "true", 1, {}])
def test_anything_else_is_no_mark(kernel: Harness, mark: object) -> None:
    cell = kernel.send("execute_request", {"code": "ok"}, metadata={"detach": mark})
    assert kernel.whats(cell) == ["busy", "execute_reply", "idle"]
    assert kernel.ask("detached_request")["detached"] == []


def test_all_are_listed_and_old_ones_forgotten(kernel: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detached, "KEPT", 3)
    cells = [detach(kernel, "block gate")]
    for _ in range(6):
        cells.append(detach(kernel, "ok"))
        kernel.served(cells[-1])
    listed = kernel.ask("detached_request", channel=Channel.CONTROL)["detached"]
    assert [cell["detached_id"] for cell in listed] == [cells[0], *cells[-4:]], "what runs is not forgotten"
    assert [cell["state"] for cell in listed] == ["running"] + ["ok"] * 4
