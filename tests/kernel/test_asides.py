"""Asides are answered beside the cells of their shell: in its thread while a cell awaits, else in another."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from async_kernel.kernel import aside
from async_kernel.kernel.place import Place

from .harness import DEADLINE, Harness

ASIDES = ["complete_request", "inspect_request", "is_complete_request", "history_request", "comm_info_request"]


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`patience(code)` leaves asides to the loop for as long as it takes, unless it is that of a cell that blocks."""
    usual = aside.PATIENCE

    def set_patience(code: str) -> None:
        monkeypatch.setattr(aside, "PATIENCE", usual if code.startswith("block") else DEADLINE)

    return set_patience


@pytest.mark.parametrize("msg_type", ASIDES)
@pytest.mark.parametrize("code", ["await gate", "block gate"])
def test_asides_are_answered_while_a_cell_runs(kernel: Harness, code: str, msg_type: str) -> None:
    cell = kernel.execute(code)
    kernel.interpreter.wait_for(code)
    asked = kernel.send(msg_type, {"code": "name"})
    assert kernel.status(asked) == ("complete" if msg_type == "is_complete_request" else "ok")
    assert kernel.whats(asked) == ["busy", msg_type.replace("request", "reply"), "idle"]
    assert [sent.what for sent in kernel.so_far(cell)] == ["busy"], "the cell still runs"
    kernel.interpreter.release("gate")
    assert kernel.status(cell) == "ok"


def test_the_thread_of_a_cell_that_awaits_answers(kernel: Harness, patience: Callable[[str], None]) -> None:
    patience("await")
    kernel.execute("await gate")
    kernel.interpreter.wait_for("await gate")
    assert kernel.ask("complete_request", {"code": "name"})["matches"] == ["name"]
    threads = kernel.interpreter.threads
    assert threads["complete name"] == threads["await gate"]
    kernel.interpreter.release("gate")


def test_another_thread_answers_for_a_cell_that_blocks(kernel: Harness) -> None:
    cell = kernel.execute("block gate")
    kernel.interpreter.wait_for("block gate")
    asked = kernel.send("complete_request", {"code": "name"})
    assert kernel.reply(asked)["matches"] == ["name"]
    threads = kernel.interpreter.threads
    assert threads["complete name"] != threads["block gate"]
    kernel.interpreter.release("gate")
    assert kernel.status(cell) == "ok"
    assert kernel.status(kernel.execute("ok")) == "ok"
    assert kernel.whats(asked) == ["busy", "complete_reply", "idle"], "answered once"


def test_the_place_is_what_the_cells_allow(kernel: Harness, patience: Callable[[str], None]) -> None:
    assert kernel.status(kernel.execute("ok")) == "ok"
    patience("idle")
    kernel.ask("complete_request", {"code": "idle"})
    for code in ("await", "block"):
        patience(code)
        cell = kernel.execute(f"{code} {code}")
        kernel.interpreter.wait_for(f"{code} {code}")
        kernel.ask("complete_request", {"code": code})
        kernel.interpreter.release(code)
        assert kernel.status(cell) == "ok"
    assert kernel.interpreter.places == {"idle": Place.IN_TURN, "await": Place.BESIDE, "block": Place.APART}


def test_many_asides_are_answered_once_each(kernel: Harness) -> None:
    cell = kernel.execute("block gate")
    kernel.interpreter.wait_for("block gate")
    asides = [kernel.send("complete_request", {"code": f"name{number}"}) for number in range(50)]
    for number, msg_id in enumerate(asides):
        if number == 25:
            kernel.interpreter.release("gate")
        assert kernel.reply(msg_id)["matches"] == [f"name{number}"]
    assert kernel.status(cell) == "ok"


def test_asides_of_a_subshell_are_its_own(kernel: Harness, patience: Callable[[str], None]) -> None:
    patience("await")
    subshell = kernel.ask("create_subshell_request")["subshell_id"]
    kernel.execute("await main")
    kernel.execute("await sub", subshell_id=subshell)
    kernel.interpreter.wait_for("await main")
    kernel.interpreter.wait_for("await sub")
    for where, code in ((None, "main"), (subshell, "sub")):
        msg_id = kernel.send("complete_request", {"code": code}, subshell_id=where)
        assert kernel.reply(msg_id)["matches"] == [code]
        assert kernel.interpreter.threads[f"complete {code}"] == kernel.interpreter.threads[f"await {code}"]
    for key in ("main", "sub"):
        kernel.interpreter.release(key)


def test_control_is_served_while_a_cell_blocks(kernel: Harness) -> None:
    cell = kernel.execute("block gate")
    kernel.interpreter.wait_for("block gate")
    assert kernel.ask("list_subshell_request") == {"status": "ok", "subshell_id": []}
    assert kernel.ask("kernel_info_request")["status"] == "ok"
    kernel.interpreter.release("gate")
    assert kernel.status(cell) == "ok"


def test_an_aside_that_came_before_anybody_served_does_not_wait_for_the_first_cell(unserved: Harness) -> None:
    cell = unserved.execute("await gate")
    asked = unserved.send("complete_request", {"code": "name"})
    unserved.start()
    unserved.interpreter.wait_for("await gate")
    assert unserved.status(asked) == "ok"
    assert [sent.what for sent in unserved.so_far(cell)] == ["busy"]
    unserved.interpreter.release("gate")
    assert unserved.status(cell) == "ok"


def test_a_shell_that_is_late_and_held_by_nothing_answers_itself(
    kernel: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = threading.Event()

    def is_held(thread: int) -> bool:
        looked.set()
        return False

    monkeypatch.setattr(aside, "is_held", is_held)
    monkeypatch.setattr(aside, "PATIENCE", 0.001)
    monkeypatch.setattr(aside, "LONGEST_PATIENCE", DEADLINE)
    kernel.execute("block gate")
    kernel.interpreter.wait_for("block gate")
    asked = kernel.send("complete_request", {"code": "name"})
    assert looked.wait(DEADLINE)
    kernel.interpreter.release("gate")
    assert kernel.reply(asked)["matches"] == ["name"]
    threads = kernel.interpreter.threads
    assert threads["complete name"] == threads["block gate"]
