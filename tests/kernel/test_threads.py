"""No more threads are to be had: requests are answered at once, and served again when there are some."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

import pytest

from async_kernel.system.service_thread import Worker, later

from .harness import Harness
from .test_debugging import FakeDebugger

Switch = Callable[[bool], None]


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Switch:
    """`threads(False)`: the system gives no more."""
    given, start = True, threading.Thread.start

    def start_if_given(self: threading.Thread) -> None:
        if not given:
            raise RuntimeError("can't start new thread")
        start(self)

    def switch(is_given: bool) -> None:
        nonlocal given
        given = is_given

    monkeypatch.setattr(threading.Thread, "start", start_if_given)
    return switch


@pytest.mark.parametrize("msg_type", ["complete_request", "inspect_request", "is_complete_request", "history_request"])
def test_an_aside_beside_a_cell_that_blocks_is_refused(kernel: Harness, threads: Switch, msg_type: str) -> None:
    cell = kernel.execute("block gate")
    kernel.interpreter.wait_for("block gate")
    threads(False)
    asked = kernel.send(msg_type, {"code": "name"})
    reply = kernel.reply(asked)
    assert reply["status"] == "error"
    assert "no thread can be started" in reply["evalue"]
    assert kernel.whats(asked) == ["busy", msg_type.replace("request", "reply"), "idle"]
    threads(True)
    assert kernel.ask(msg_type, {"code": "name"})["status"] != "error"
    kernel.interpreter.release("gate")
    assert kernel.status(cell) == "ok"
    assert kernel.whats(asked) == ["busy", msg_type.replace("request", "reply"), "idle"], "answered once"


def test_an_aside_beside_a_cell_that_awaits_needs_none(kernel: Harness, threads: Switch) -> None:
    kernel.execute("await gate")
    kernel.interpreter.wait_for("await gate")
    threads(False)
    assert kernel.ask("complete_request", {"code": "name"})["matches"] == ["name"]
    kernel.interpreter.release("gate")


def test_a_debug_request_is_refused(unserved: Harness, threads: Switch) -> None:
    debugger = FakeDebugger()
    unserved.late = {"make_debugger": lambda: debugger}
    kernel = unserved.start()
    threads(False)
    for _ in range(2):
        reply = kernel.ask("debug_request", {"command": "initialize"})
        assert reply["status"] == "error"
        assert "No thread" in reply["evalue"]
    threads(True)
    assert kernel.ask("debug_request", {"command": "initialize"})["success"]
    assert debugger.log == ["initialize"]


def test_a_comm_message_is_served_in_its_turn(kernel: Harness, threads: Switch) -> None:
    cell = kernel.execute("block gate")
    kernel.interpreter.wait_for("block gate")
    threads(False)
    kernel.comms.missing.clear()
    first = kernel.send("comm_msg", {"comm_id": "1"})
    kernel.interpreter.release("gate")
    assert kernel.status(cell) == "ok"
    assert kernel.whats(first) == ["busy", "idle"]
    assert kernel.comms.done == [first]


def test_a_worker_tries_again(threads: Switch) -> None:
    ran: queue.SimpleQueue[str] = queue.SimpleQueue()
    worker = Worker("worker", ran.put)
    threads(False)
    assert not worker.put("refused")
    threads(True)
    assert worker.put("first")
    assert worker.put("second")
    worker.close()
    assert [ran.get(timeout=20) for _ in range(2)] == ["first", "second"]


def test_a_worker_is_there_while_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("async_kernel.system.service_thread.IDLE_SECONDS", 0.01)
    served: queue.SimpleQueue[threading.Thread] = queue.SimpleQueue()
    worker = Worker[int]("worker", lambda item: served.put(threading.current_thread()))
    for item in range(3):
        assert worker.put(item)
        thread = served.get(timeout=20)
        thread.join(20)
        assert not thread.is_alive()


def test_the_thread_for_comms_is_there_while_it_is_needed(unserved: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("async_kernel.kernel.comm_line.IDLE_SECONDS", 0.01)
    kernel = unserved.start()
    for name in ("1", "2"):
        cell = kernel.execute(f"block {name}")
        kernel.interpreter.wait_for(f"block {name}")
        assert kernel.whats(kernel.send("comm_open", {"comm_id": name}))[-1] == "idle", "beside the cell"
        kernel.interpreter.release(name)
        assert kernel.status(cell) == "ok"
        for thread in threading.enumerate():
            if thread.name == "comms":
                thread.join(20)
                assert not thread.is_alive()


def test_what_is_to_come_later_is_left_out(threads: Switch) -> None:
    threads(False)
    assert later(0.0, print) is None
