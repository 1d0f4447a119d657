"""Interrupts are bound to an execution: they end it, once, and hit nothing else."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from async_kernel.concurrency.portal import current_portal
from async_kernel.interrupts.interrupter import Interrupter
from async_kernel.interrupts.target import Interrupt
from async_kernel.kernel import targets
from async_kernel.stacks import runs_user_code

from .harness import DEADLINE, FakeInterpreter, Harness, Interrupting, run_loop


@pytest.fixture(autouse=True)
def quiet_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


@pytest.fixture
def interrupts(kernel: Harness) -> Interrupting:
    kernel.interrupts = interrupting = Interrupting()
    return interrupting


def test_an_interrupt_ends_what_a_cell_awaits(kernel: Harness, interrupts: Interrupting) -> None:
    waiting = kernel.execute("forever")
    kernel.interpreter.wait_for("forever")
    assert kernel.ask("interrupt_request") == {"status": "ok"}
    assert kernel.whats(waiting) == ["busy", "error", "execute_reply", "idle"]
    assert kernel.status(waiting) == "error"
    (interrupt,) = interrupts.interrupts
    assert interrupt.delivered
    assert kernel.status(kernel.execute("ok")) == "ok"


def test_the_deadline_of_the_shell_holds_for_requests_without_one(kernel: Harness, interrupts: Interrupting) -> None:
    kernel.interpreter.timeout = 0.01
    assert kernel.status(kernel.execute("forever")) == "error"
    cell = kernel.send("execute_request", {"code": "await gate"}, metadata={"timeout": 0})
    kernel.interpreter.wait_for("await gate")
    kernel.interpreter.release("gate")
    assert kernel.status(cell) == "ok"
    kernel.interpreter.timeout = 0.0
    assert kernel.status(kernel.execute("ok")) == "ok"


def test_an_interrupt_waits_for_no_other_request(
    kernel: Harness, interrupts: Interrupting, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, let_go = threading.Event(), threading.Event()

    def ids() -> list[str]:
        asked.set()
        assert let_go.wait(DEADLINE)
        return []

    monkeypatch.setattr(kernel.kernel.shells.subshells, "ids", ids)
    slow = kernel.send("list_subshell_request")
    assert asked.wait(DEADLINE)
    waiting = kernel.execute("forever")
    kernel.interpreter.wait_for("forever")
    kernel.ask("interrupt_request")
    assert kernel.status(waiting) == "error"
    let_go.set()
    assert kernel.status(slow) == "ok"


@pytest.mark.parametrize(("certain", "status"), [(3600.0, "ok"), (0.0, "error")])
def test_a_clock_that_was_set_back_keeps_no_interrupt_from_a_cell_that_has_run_for_a_while(
    kernel: Harness, interrupts: Interrupting, monkeypatch: pytest.MonkeyPatch, certain: float, status: str
) -> None:
    """The cell looks as if it had begun after the interrupt was sent, which is another's then, or none's."""
    monkeypatch.setattr(targets, "CERTAIN_SECONDS", certain)
    now = datetime.now(UTC)
    assert kernel.status(kernel.send("is_complete_request", {"code": "ok"}, date=now.isoformat())) == "complete"
    cell = kernel.execute("await gate")
    kernel.interpreter.wait_for("await gate")
    kernel.reply(kernel.send("interrupt_request", date=(now - timedelta(minutes=5)).isoformat()))
    kernel.interpreter.release("gate")
    assert kernel.status(cell) == status


def test_an_interrupt_ends_one_cell(kernel: Harness, interrupts: Interrupting) -> None:
    first = kernel.execute("forever", stop_on_error=False)
    second = kernel.execute("await second")
    kernel.interpreter.wait_for("forever")
    kernel.ask("interrupt_request")
    assert kernel.status(first) == "error"
    kernel.interpreter.wait_for("await second")
    assert interrupts.interrupts[0].settled
    kernel.interpreter.release("second")
    assert kernel.status(second) == "ok"


def test_a_late_interrupt_does_not_hit_the_next_cell(kernel: Harness) -> None:
    first = kernel.execute("await first")
    kernel.interpreter.wait_for("await first")
    execution = kernel.kernel.shells.main.bench.execution
    assert execution is not None
    late = Interrupt(execution)
    kernel.interpreter.release("first")
    assert kernel.status(first) == "ok"
    second = kernel.execute("await second")
    kernel.interpreter.wait_for("await second")
    execution.end_wait(late)
    kernel.interpreter.release("second")
    assert kernel.status(second) == "ok"
    assert late.settled
    assert not late.delivered


def test_two_interrupts_of_one_cell_end_one_cell(kernel: Harness, interrupts: Interrupting) -> None:
    first = kernel.execute("forever", stop_on_error=False)
    kernel.interpreter.wait_for("forever")
    execution = kernel.kernel.shells.main.bench.execution
    assert execution is not None
    both = [Interrupt(execution), Interrupt(execution)]
    for interrupt in both:
        execution.end_wait(interrupt)
    assert kernel.status(first) == "error"
    second = kernel.execute("await second")
    kernel.interpreter.wait_for("await second")
    kernel.interpreter.release("second")
    assert kernel.status(second) == "ok"


def test_an_interrupt_of_an_idle_kernel_does_nothing(kernel: Harness, interrupts: Interrupting) -> None:
    assert kernel.status(kernel.execute("ok")) == "ok"
    assert kernel.ask("interrupt_request") == {"status": "ok"}
    assert interrupts.interrupts == []
    assert kernel.status(kernel.execute("ok")) == "ok"


@pytest.mark.parametrize("content", [["no object"], {"code": 1}], ids=["no object", "wrong field"])
def test_a_request_that_cannot_be_served_leaves_nothing_to_interrupt(
    kernel: Harness, interrupts: Interrupting, content: object
) -> None:
    assert kernel.ask("execute_request", content)["status"] == "error"
    assert kernel.ask("interrupt_request") == {"status": "ok"}
    assert interrupts.interrupts == []
    assert kernel.status(kernel.execute("ok")) == "ok"


def test_an_interrupt_reaches_the_subshells_too(kernel: Harness, interrupts: Interrupting) -> None:
    subshell = kernel.ask("create_subshell_request")["subshell_id"]
    main, sub = kernel.execute("await main"), kernel.execute("forever", subshell_id=subshell)
    kernel.interpreter.wait_for("await main")
    kernel.interpreter.wait_for("forever")
    kernel.ask("interrupt_request")
    assert kernel.status(sub) == "error"
    assert kernel.status(main) == "error"
    for where in (None, subshell):
        assert kernel.status(kernel.execute("ok", subshell_id=where)) == "ok"


def test_an_interrupt_reaches_the_last_cell_of_a_deleted_subshell(kernel: Harness, interrupts: Interrupting) -> None:
    first, second = (kernel.ask("create_subshell_request")["subshell_id"] for _ in range(2))
    cell = kernel.execute("forever", subshell_id=first)
    kernel.interpreter.wait_for("forever")
    for subshell in (first, second):
        kernel.ask("delete_subshell_request", {"subshell_id": subshell})
    kernel.ask("interrupt_request")
    assert kernel.status(cell) == "error"


def test_an_interrupt_ends_a_question(kernel: Harness, interrupts: Interrupting) -> None:
    asking = kernel.execute("ask name", allow_stdin=True)
    kernel.wait(lambda sent: any(one.what == "input_request" for one in sent))
    kernel.ask("interrupt_request")
    assert kernel.reply(asking)["ename"] == "KeyboardInterrupt"
    assert kernel.status(kernel.execute("ok")) == "ok"


# With the real interrupter, in the main thread, whose signals it uses


class Blocking(FakeInterpreter):
    """Its "spin" is user code that keeps the thread to itself."""

    user_code = compile("while True: pass", "<cell>", "exec")

    @runs_user_code
    def enter(self, argument: str) -> None:
        exec(self.user_code, {"__name__": "__main__"})

    async def _spin(self, argument: str) -> None:
        self.enter(argument)


@pytest.fixture
def main_thread_kernel(backend: str) -> Iterator[tuple[Harness, Interrupter]]:
    import signal

    from async_kernel.system.main_thread import wake_main_thread

    harness = Harness(backend)
    harness.interpreter = Blocking()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupter = Interrupter(wake_main_thread, lambda: harness.kernel.interruption.here())
    harness.interrupts = interrupter
    yield harness, interrupter
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("code", ["forever", "spin"])
def test_cells_in_the_main_thread_are_interrupted(main_thread_kernel: tuple[Harness, Interrupter], code: str) -> None:
    harness, interrupter = main_thread_kernel
    seen: list[object] = []

    def client() -> None:
        try:
            for turn in range(5):
                msg_id = harness.execute(f"{code} {turn}", stop_on_error=False)
                following = harness.execute("ok")
                harness.interpreter.wait_for(f"{code} {turn}")
                harness.ask("interrupt_request")
                seen.append((harness.status(msg_id), harness.status(following)))
        except BaseException as error:
            seen.append(error)
        finally:
            harness.kernel.shut_down()

    thread = threading.Thread(target=client, daemon=True)

    async def main() -> None:
        portal = current_portal(main=True)
        interrupter.install()
        thread.start()
        try:
            await harness.kernel.serve(portal, harness.load)
        finally:
            interrupter.restore()

    run_loop(harness.backend)(main)
    thread.join(DEADLINE)
    assert seen == [("error", "ok")] * 5


def test_a_cell_that_is_given_up_is_answered_and_the_subshell_goes_on(kernel: Harness) -> None:
    subshell = kernel.ask("create_subshell_request")["subshell_id"]
    stuck = kernel.execute("block gate", subshell_id=subshell)
    queued = kernel.execute("ok queued", subshell_id=subshell)
    kernel.interpreter.wait_for("block gate")
    execution = kernel.kernel.shells.subshells.lane(subshell).bench.execution
    assert execution is not None
    execution.leave()
    assert kernel.reply(stuck)["ename"] == "KeyboardInterrupt"
    following = kernel.execute("ok next", subshell_id=subshell)
    assert kernel.status(queued) == "aborted"
    assert kernel.status(following) == "ok"
    threads = kernel.interpreter.threads
    assert threads["ok next"] != threads["block gate"]
    behind = kernel.execute("block other", subshell_id=subshell)
    after = kernel.execute("ok after", subshell_id=subshell)
    kernel.interpreter.wait_for("block other")
    kernel.interpreter.release("gate")  # what comes of it is nobody's business any more
    kernel.interpreter.release("other")
    assert [kernel.status(behind), kernel.status(after)] == ["ok", "ok"]
    assert kernel.whats(stuck) == ["busy", "error", "execute_reply", "idle"]


def test_a_thread_that_comes_back_keeps_its_subshell(kernel: Harness) -> None:
    subshell = kernel.ask("create_subshell_request")["subshell_id"]
    lane = kernel.kernel.shells.subshells.lane(subshell)
    for turn in range(3):
        stuck = kernel.execute(f"block {turn}", subshell_id=subshell, stop_on_error=False)
        kernel.interpreter.wait_for(f"block {turn}")
        execution = lane.bench.execution
        assert execution is not None
        overdue: list[object] = []
        execution.when_overdue = overdue.append  # type: ignore[assignment,method-assign]  # it is exchanged
        execution.leave()
        (move,) = overdue
        assert kernel.reply(stuck)["ename"] == "KeyboardInterrupt"
        kernel.interpreter.release(str(turn))
        assert kernel.status(kernel.execute(f"ok {turn}", subshell_id=subshell)) == "ok"
        assert callable(move)
        move(execution)  # the time is up only now
    assert kernel.status(kernel.execute("ok last", subshell_id=subshell)) == "ok"
    assert len({kernel.interpreter.threads[f"{word} {turn}"] for word in ("block", "ok") for turn in range(3)}) == 1
    assert kernel.interpreter.threads["ok last"] == kernel.interpreter.threads["block 0"]
