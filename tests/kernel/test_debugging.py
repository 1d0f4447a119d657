"""debug_requests: served apart from everything else, by a debugger that is made when it is first asked for."""

from __future__ import annotations

import logging
import threading

import pytest

from async_kernel.protocol.messages import Content

from .harness import DEADLINE, Harness, Interrupting


class FakeDebugger:
    """Answers; "hold" only when it is told to."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.holding, self.let_hold_go = threading.Event(), threading.Event()
        self.threads: set[int] = set()

    def request(self, content: Content) -> Content:
        self.threads.add(threading.get_ident())
        command = content["command"]
        self.log.append(command)
        if command == "hold":
            self.holding.set()
            assert self.let_hold_go.wait(DEADLINE)
        return {"success": True, "command": command}

    def resume_stopped(self) -> None:
        self.log.append("let go")

    def before_cell(self) -> None:
        self.log.append("cell")

    def close(self) -> None:
        self.log.append("close")
        self.let_hold_go.set()


@pytest.fixture
def debugger(unserved: Harness) -> FakeDebugger:
    debugger = FakeDebugger()
    unserved.late = {"make_debugger": lambda: debugger}
    return debugger


def test_requests_are_served_in_order_while_a_cell_runs(debugger: FakeDebugger, kernel: Harness) -> None:
    cell = kernel.execute("block gate")
    kernel.interpreter.wait_for("block gate")
    asked = [kernel.send("debug_request", {"command": f"c{number}"}) for number in range(5)]
    for number, msg_id in enumerate(asked):
        assert kernel.whats(msg_id) == ["busy", "debug_reply", "idle"]
        assert kernel.reply(msg_id)["command"] == f"c{number}"
    assert debugger.log == [f"c{number}" for number in range(5)]
    kernel.interpreter.release("gate")
    assert kernel.status(cell) == "ok"


def test_one_that_takes_long_holds_up_neither_control_nor_shutdown(debugger: FakeDebugger, kernel: Harness) -> None:
    kernel.send("debug_request", {"command": "hold"})
    assert debugger.holding.wait(DEADLINE)
    assert kernel.ask("list_subshell_request")["status"] == "ok"
    assert kernel.ask("shutdown_request", {"restart": False})["status"] == "ok"
    assert debugger.let_hold_go.wait(DEADLINE)


def test_each_cell_is_announced_to_it(debugger: FakeDebugger, kernel: Harness) -> None:
    kernel.execute("ok")
    assert kernel.ask("debug_request", {"command": "first"})["success"]
    assert kernel.status(kernel.execute("ok")) == "ok"
    assert debugger.log[-1] == "cell"


def test_without_one_the_error_says_what_to_do(kernel: Harness, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    kernel.interrupts = Interrupting()
    reply = kernel.ask("debug_request", {"command": "initialize"})
    assert reply["status"] == "error"
    assert "pip install debugpy" in reply["evalue"]
