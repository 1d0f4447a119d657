"""Starting, failing to start, ending: nobody who asked is left without an answer."""

from __future__ import annotations

import logging
import threading
import time
from types import SimpleNamespace

import pytest

from async_kernel.kernel.ports import Parts
from async_kernel.kernel.request import Request, current_request

from .harness import DEADLINE, Harness


@pytest.fixture(autouse=True)
def quiet_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


def test_what_was_queued_before_the_interpreter_is_served(unserved: Harness) -> None:
    ids = [unserved.execute(f"ok {number}") for number in range(3)]
    aside = unserved.send("complete_request", {"code": "a"})
    comm = unserved.send("comm_open", {"comm_id": "1"})
    assert unserved.transport.sent == []
    unserved.start()
    assert [unserved.status(msg_id) for msg_id in ids] == ["ok"] * 3
    assert unserved.status(aside) == "ok"
    assert unserved.whats(comm) == ["busy", "idle"]
    assert unserved.interpreter.log == ["ok 0", "ok 1", "ok 2"]


class TestFailure:
    """The interpreter cannot be loaded."""

    @pytest.fixture
    def failing(self, unserved: Harness) -> Harness:
        """A kernel in whose queues something waits, and that then fails in a thread."""
        return unserved

    def fail(self, harness: Harness) -> threading.Thread:
        """Serve with a load that fails, as the interface does; the thread ends when `fail` returns."""

        def load() -> Parts:
            raise ImportError("no interpreter here")

        def run() -> None:
            try:
                harness.serve(load)
            except ImportError as error:
                harness.kernel.fail(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def check(self, harness: Harness, msg_id: str) -> None:
        reply = harness.reply(msg_id)
        assert (reply["status"], reply["evalue"]) == ("error", "no interpreter here")

    def test_everything_queued_gets_the_error(self, failing: Harness) -> None:
        subshell = failing.ask("create_subshell_request")["subshell_id"]
        for shell in (None, subshell):
            aside = failing.send("complete_request", {"code": "a"}, subshell_id=shell)
            cells = [failing.execute("ok", subshell_id=shell) for _ in range(2)]
            comm = failing.send("comm_open", {"comm_id": "1"}, subshell_id=shell)
            if shell is None:
                before = [aside, *cells]
        thread = self.fail(failing)
        for msg_id in (*before, aside, *cells):
            self.check(failing, msg_id)
        assert failing.whats(comm)[-1] == "idle"
        assert failing.whats(cells[0]) == ["busy", "error", "execute_reply", "idle"], "all clients see it"
        thread.join(DEADLINE)
        assert not thread.is_alive()

    def test_what_comes_later_gets_the_error_and_the_first_cell_ends_it(self, failing: Harness) -> None:
        thread = self.fail(failing)
        assert failing.ask("kernel_info_request")["status"] == "ok"
        for msg_type in ("complete_request", "comm_info_request"):
            self.check(failing, failing.send(msg_type, {"code": "a"}))
        assert thread.is_alive(), "nobody who ran a cell has been told yet"
        self.check(failing, failing.execute("ok"))
        thread.join(DEADLINE)
        assert not thread.is_alive()

    def test_a_debug_request_gets_the_error(self, failing: Harness) -> None:
        before = failing.send("debug_request", {"command": "initialize"})
        self.fail(failing)
        self.check(failing, before)
        self.check(failing, failing.send("debug_request", {"command": "initialize"}))

    def test_a_shutdown_ends_it(self, failing: Harness) -> None:
        thread = self.fail(failing)
        assert failing.ask("shutdown_request", {"restart": False})["status"] == "ok"
        thread.join(DEADLINE)
        assert not thread.is_alive()


@pytest.mark.parametrize("restart", [False, True])
def test_shutdown_is_answered_before_the_end(kernel: Harness, restart: bool) -> None:
    msg_id = kernel.send("shutdown_request", {"restart": restart})
    kernel._thread.join(DEADLINE)
    assert not kernel._thread.is_alive()
    assert kernel.whats(msg_id) == ["busy", "shutdown_reply", "shutdown_reply", "idle"]
    assert kernel.reply(msg_id) == {"status": "ok", "restart": restart}
    assert kernel.kernel.restart is restart


def test_shutdown_interrupts_what_awaits(kernel: Harness) -> None:
    from .harness import Interrupting

    kernel.interrupts = Interrupting()
    cell = kernel.execute("forever")
    kernel.interpreter.wait_for("forever")
    assert kernel.ask("shutdown_request")["status"] == "ok"
    assert kernel.status(cell) == "error"
    kernel._thread.join(DEADLINE)
    assert not kernel._thread.is_alive()


def test_shutdown_interrupts_the_callback_that_runs_when_it_comes(
    unserved: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None that begins behind it: the loop cancels the tasks that are left, and their `finally` is to run."""
    shells = unserved.kernel.shells
    interrupted: list[object] = []
    runs = "before"

    def end() -> list[Request]:
        nonlocal runs
        runs = "behind"
        return type(shells).end(shells)

    monkeypatch.setattr(shells, "end", end)
    unserved.late["callback"] = lambda: runs
    unserved.interrupts = SimpleNamespace(interrupt=interrupted.append)
    unserved.start()
    assert unserved.status(unserved.execute("ok")) == "ok", "the parts have come"
    unserved.kernel.shut_down()
    assert (runs, interrupted) == ("behind", ["before"])


def test_no_thread_outlives_a_kernel_that_no_client_has_ended(backend: str) -> None:
    """One that is embedded ends with its task; the program goes on, and may embed another."""
    before = set(threading.enumerate())
    harness = Harness(backend).start()
    cell = harness.execute("block gate")
    harness.interpreter.wait_for("block gate")
    assert harness.status(harness.send("complete_request", {"code": "a"})) == "ok"
    comm = harness.send("comm_open", {"comm_id": "1"})
    assert harness.whats(comm)[-1] == "idle"
    harness.interpreter.release("gate")
    assert harness.status(cell) == "ok"
    assert harness.ask("list_subshell_request")["status"] == "ok"
    started = set(threading.enumerate()) - before
    assert {thread.name for thread in started} >= {"asides", "comms"}  # that of control ends with its last request
    harness.close()
    for thread in started:
        thread.join(DEADLINE)
        assert not thread.is_alive(), thread.name


@pytest.mark.parametrize("served", [True, False], ids=["served", "not yet served"])
def test_what_is_queued_at_the_end_is_aborted(unserved: Harness, served: bool) -> None:
    from .harness import Interrupting

    unserved.interrupts = Interrupting()
    if served:
        unserved.start()
        unserved.execute("forever")
        unserved.interpreter.wait_for("forever")
    cells = [unserved.execute("ok") for _ in range(3)]
    comm = unserved.send("comm_open", {"comm_id": "1"})
    assert unserved.ask("shutdown_request")["status"] == "ok"
    assert [unserved.whats(cell) for cell in cells] == [["busy", "execute_reply", "idle"]] * 3
    assert {unserved.status(cell) for cell in cells} == {"aborted"}
    assert unserved.whats(comm) == ["busy", "idle"], "a comm message has no reply"
    late = unserved.execute("ok")
    assert unserved.status(late) == "error"
    assert "ok" not in unserved.interpreter.log


def test_settling_waits_for_the_idle_of_every_shell(kernel: Harness) -> None:
    subshell = kernel.ask("create_subshell_request")["subshell_id"]
    cell = kernel.execute("block gate", subshell_id=subshell)
    kernel.interpreter.wait_for("block gate")
    kernel.kernel.shells.settle(0.01)
    assert kernel.so_far(cell)[-1].what != "idle", "its time was up"
    threading.Timer(0.05, kernel.interpreter.release, ("gate",)).start()
    began = time.monotonic()
    kernel.kernel.shells.settle(2 * DEADLINE)
    assert time.monotonic() - began < DEADLINE, "it was told"
    assert kernel.so_far(cell)[-1].what == "idle"


def test_what_runs_between_requests_belongs_to_none(kernel: Harness) -> None:
    assert kernel.status(kernel.execute("ok")) == "ok"
    assert current_request() is None


def test_publishing_on_behalf_of_no_request(kernel: Harness) -> None:
    kernel.kernel.publish("comm_msg", {"comm_id": "1"}, {}, [b"data"])
    kernel.wait(lambda sent: any(one.what == "comm_msg" for one in sent))
    (message,) = [one.message for one in kernel.transport.sent if one.what == "comm_msg"]
    assert message.parent_header == {}
    assert message.buffers == [b"data"]
