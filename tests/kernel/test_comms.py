"""Comm messages: in their turn, or before it beside a cell: in its loop when it awaits, in a thread when it blocks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest

from async_kernel.kernel import comm_line
from async_kernel.kernel.place import Place

from .harness import DEADLINE, Harness, Interrupting


@pytest.fixture(autouse=True)
def quiet_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`patience(code)` leaves messages to the loop for as long as it takes, unless it is that of a cell that blocks: on
    a machine that stands still meanwhile the thread would be right to take one."""
    usual = comm_line.PATIENCE

    def set_patience(code: str) -> None:
        monkeypatch.setattr(comm_line, "PATIENCE", usual if code.startswith("block") else DEADLINE)

    return set_patience


def comm(kernel: Harness, comm_id: str = "1", msg_type: str = "comm_msg", **content: str) -> str:
    return kernel.send(msg_type, {"comm_id": comm_id, **content})


def held(kernel: Harness, code: str) -> str:
    """A cell that runs until "gate" is released."""
    cell = kernel.execute(code)
    kernel.interpreter.wait_for(code)
    return cell


def release(kernel: Harness, cell: str) -> None:
    kernel.interpreter.release("gate")
    assert kernel.status(cell) == "ok"


@pytest.mark.parametrize("msg_type", ["comm_open", "comm_msg", "comm_close"])
@pytest.mark.parametrize("code", ["await gate", "block gate"])
def test_a_message_is_served_beside_a_cell(
    kernel: Harness, code: str, msg_type: str, patience: Callable[[str], None]
) -> None:
    patience(code)
    cell = held(kernel, code)
    msg_id = comm(kernel, msg_type=msg_type, print="callback")
    assert kernel.whats(msg_id) == ["busy", "stream", "idle"]
    assert kernel.served(msg_id)[1].message.content["text"] == "callback"
    assert [sent.what for sent in kernel.so_far(cell)] == ["busy"], "the cell still runs"
    home = kernel.interpreter.threads[code]
    assert (kernel.comms.threads[msg_id] == home) == (code == "await gate")
    assert kernel.comms.places[msg_id] is not Place.IN_TURN
    release(kernel, cell)
    assert kernel.status(kernel.execute("ok")) == "ok"
    assert kernel.comms.log == [msg_type], "once"


def test_an_idle_shell_serves_in_its_own_thread_and_alone(kernel: Harness, patience: Callable[[str], None]) -> None:
    patience("idle")
    assert kernel.status(kernel.execute("ok home")) == "ok"
    for _ in range(10):
        msg_id = comm(kernel)
        assert kernel.whats(msg_id) == ["busy", "idle"]
        assert kernel.comms.threads[msg_id] == kernel.interpreter.threads["ok home"]
        assert kernel.comms.places[msg_id] is Place.IN_TURN


def test_a_message_behind_short_cells_comes_after_them(unserved: Harness) -> None:
    """Who sends a cell and a message at once, to a shell that idles, means them in this order."""
    cells = [unserved.execute(f"ok {number}") for number in range(5)]
    msg_id = comm(unserved)
    last = unserved.execute("ok last")
    unserved.start()
    assert unserved.status(last) == "ok"
    ends = [sent.parent for sent in unserved.transport.sent if sent.what == "idle"]
    assert ends == [*cells, msg_id, last]
    assert unserved.comms.places[msg_id] is Place.IN_TURN


def test_a_message_that_waits_is_served_beside_the_next_cell_that_awaits(unserved: Harness) -> None:
    cell = unserved.execute("await gate")
    msg_id = comm(unserved)
    unserved.start()
    assert unserved.whats(msg_id) == ["busy", "idle"]
    assert [sent.what for sent in unserved.so_far(cell)] == ["busy"]
    release(unserved, cell)


@pytest.mark.parametrize("code", ["await gate", "block gate"])
def test_a_message_that_waits_is_served_in_the_thread_of_its_shell_when_a_cell_begins_in_another(
    unserved: Harness, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop of a cell in a thread ends with the cell, and may stand still: callbacks of comms are not for it."""
    monkeypatch.setattr(comm_line, "PATIENCE", DEADLINE)  # the thread takes none, however late the loop is
    home = unserved.execute("ok home")
    cell = unserved.execute(f"# thread\n{code}")
    msg_id = comm(unserved)
    unserved.start()
    assert unserved.status(home) == "ok"
    assert unserved.whats(msg_id) == ["busy", "idle"]
    unserved.interpreter.wait_for(f"# thread\n{code}")
    threads = unserved.interpreter.threads
    assert threads["ok home"] == unserved.comms.threads[msg_id] != threads[f"# thread\n{code}"]
    assert unserved.comms.places[msg_id] in (Place.IN_TURN, Place.BESIDE)
    release(unserved, cell)


@pytest.mark.parametrize("code", ["await gate", "block gate"])
def test_messages_are_served_once_each_in_order_of_arrival(kernel: Harness, code: str) -> None:
    cell = held(kernel, code)
    ids = []
    for number in range(40):
        ids.append(comm(kernel, str(number % 3)))
        if number == 20:
            kernel.served(ids[10])
            kernel.interpreter.release("gate")
    ids += [comm(kernel, "1") for _ in range(10)]
    for msg_id in ids:
        assert kernel.whats(msg_id) == ["busy", "idle"]
    assert kernel.comms.done == ids
    assert kernel.status(cell) == "ok"


def test_a_cell_that_awaits_leaves_nothing_to_the_thread(kernel: Harness, patience: Callable[[str], None]) -> None:
    patience("await")
    cell = held(kernel, "await gate")
    ids = [comm(kernel) for _ in range(50)]
    for msg_id in ids:
        kernel.served(msg_id)
    assert {kernel.comms.threads[msg_id] for msg_id in ids} == {kernel.interpreter.threads["await gate"]}
    release(kernel, cell)


@pytest.mark.parametrize("code", ["await gate", "block gate"])
def test_a_message_for_a_comm_that_is_not_there_waits_for_its_turn(kernel: Harness, code: str) -> None:
    """The cells before it may open the comm. What follows for the same comm waits with it, other comms do not."""
    kernel.comms.missing.add("new")
    cell = held(kernel, code)
    between = kernel.execute("print between")
    early = [comm(kernel, "new", "comm_open"), comm(kernel, "new")]
    other = comm(kernel)
    assert kernel.whats(other) == ["busy", "idle"]
    assert [kernel.so_far(msg_id) for msg_id in (*early, between)] == [[], [], []]
    release(kernel, cell)
    for msg_id in early:
        assert kernel.whats(msg_id) == ["busy", "idle"]
    assert kernel.comms.done == [other, *early]
    ends = [sent.parent for sent in kernel.transport.sent if sent.what == "idle"]
    assert ends == [other, cell, between, *early]


@pytest.mark.parametrize("code", ["await gate", "block gate"])
def test_a_comm_that_the_running_cell_has_opened_gets_messages(kernel: Harness, code: str) -> None:
    kernel.comms.missing.add("new")
    cell = held(kernel, code)
    kernel.comms.missing.clear()
    assert kernel.whats(comm(kernel, "new")) == ["busy", "idle"]
    release(kernel, cell)


def test_switched_off_messages_wait_for_a_cell_that_blocks(unserved: Harness) -> None:
    unserved.late = {"comms_in_thread": False}
    kernel = unserved.start()
    cell = held(kernel, "block gate")
    msg_id = comm(kernel)
    assert kernel.status(kernel.send("complete_request", {"code": "name"})) == "ok", "after the usual patience"
    assert kernel.so_far(msg_id) == []
    release(kernel, cell)
    assert kernel.whats(msg_id) == ["busy", "idle"]
    assert kernel.comms.threads[msg_id] == kernel.interpreter.threads["block gate"]


def test_switched_off_messages_are_served_beside_a_cell_that_awaits(unserved: Harness) -> None:
    unserved.late = {"comms_in_thread": False}
    kernel = unserved.start()
    cell = held(kernel, "await gate")
    assert kernel.whats(comm(kernel)) == ["busy", "idle"]
    release(kernel, cell)


def test_a_coroutine_is_awaited_in_the_loop_of_the_shell(kernel: Harness) -> None:
    cell = held(kernel, "block gate")
    msg_id, behind = comm(kernel, **{"await": "reply"}), comm(kernel)
    kernel.wait(lambda sent: any(one.parent == msg_id for one in sent))
    release(kernel, cell)
    kernel.interpreter.release("reply")
    assert kernel.whats(msg_id) == ["busy", "idle"]
    assert kernel.whats(behind) == ["busy", "idle"]
    assert kernel.comms.done == [msg_id, behind]
    assert kernel.comms.threads[msg_id] != kernel.interpreter.threads["block gate"]
    assert kernel.comms.threads["await reply"] == kernel.interpreter.threads["block gate"]


def test_a_coroutine_goes_on_beside_cells_that_were_sent_before_and_ahead_of_those_after(kernel: Harness) -> None:
    cell = held(kernel, "await gate")
    before = kernel.execute("ok before")
    msg_id = comm(kernel, **{"await": "reply"})
    after = kernel.execute("ok after")
    kernel.wait(lambda sent: any(one.parent == msg_id for one in sent))
    release(kernel, cell)
    assert kernel.status(before) == "ok"
    assert kernel.so_far(after) == []
    kernel.interpreter.release("reply")
    assert kernel.status(after) == "ok"
    assert kernel.whats(msg_id) == ["busy", "idle"]


@pytest.mark.parametrize("name", ["RuntimeError", "Mute", "Fatal"])
@pytest.mark.parametrize("code", ["await gate", "block gate"])
def test_what_goes_wrong_beside_a_cell_harms_nobody(kernel: Harness, code: str, name: str) -> None:
    cell = held(kernel, code)
    for _ in range(2):
        assert kernel.whats(comm(kernel, **{"raise": name})) == ["busy", "idle"]
    assert kernel.whats(comm(kernel)) == ["busy", "idle"]
    release(kernel, cell)


@pytest.mark.parametrize("code", ["await gate", "block gate"])
def test_messages_of_a_subshell_are_its_own(kernel: Harness, code: str, patience: Callable[[str], None]) -> None:
    patience(code)
    subshell = kernel.ask("create_subshell_request")["subshell_id"]
    main = held(kernel, "block main")
    cell = kernel.execute(code, subshell_id=subshell)
    kernel.interpreter.wait_for(code)
    msg_id = kernel.send("comm_msg", {"comm_id": "1"}, subshell_id=subshell)
    assert kernel.whats(msg_id) == ["busy", "idle"]
    assert {sent.message.parent_header.get("subshell_id") for sent in kernel.so_far(msg_id)} == {subshell}
    threads = kernel.interpreter.threads
    assert (kernel.comms.threads[msg_id] == threads[code]) == (code == "await gate")
    assert kernel.comms.threads[msg_id] != threads["block main"]
    for key, one in (("gate", cell), ("main", main)):
        kernel.interpreter.release(key)
        assert kernel.status(one) == "ok"


def test_messages_are_served_by_the_shell_that_their_comm_belongs_to(kernel: Harness) -> None:
    sent_to, other = (kernel.ask("create_subshell_request")["subshell_id"] for _ in range(2))
    kernel.comms.homes.update(main=None, other=other)
    for code, shell in (("ok main", None), ("ok other", other)):
        assert kernel.status(kernel.execute(code, subshell_id=shell)) == "ok"
        msg_id = kernel.send("comm_msg", {"comm_id": code.split()[1]}, subshell_id=sent_to)
        assert kernel.whats(msg_id) == ["busy", "idle"]
        assert {sent.message.parent_header.get("subshell_id") for sent in kernel.so_far(msg_id)} == {sent_to}
        assert kernel.comms.threads[msg_id] == kernel.interpreter.threads[code]
    assert kernel.ask("delete_subshell_request", {"subshell_id": other})["status"] == "ok"
    msg_id = kernel.send("comm_msg", {"comm_id": "other"}, subshell_id=sent_to)
    assert kernel.whats(msg_id) == ["busy", "idle"]
    assert kernel.comms.threads[msg_id] == kernel.interpreter.threads["ok main"], "its own is gone"


def test_a_deleted_subshell_refuses_messages_without_a_reply(kernel: Harness) -> None:
    subshell = kernel.ask("create_subshell_request")["subshell_id"]
    kernel.comms.missing.add("new")
    cell = kernel.execute("await gate", subshell_id=subshell)
    kernel.interpreter.wait_for("await gate")
    served = kernel.send("comm_msg", {"comm_id": "1"}, subshell_id=subshell)
    left = kernel.send("comm_msg", {"comm_id": "new"}, subshell_id=subshell)
    assert kernel.whats(served) == ["busy", "idle"]
    assert kernel.ask("delete_subshell_request", {"subshell_id": subshell})["status"] == "ok"
    assert kernel.whats(left) == ["busy", "idle"]
    release(kernel, cell)
    assert kernel.whats(served) == ["busy", "idle"]
    assert kernel.comms.log == ["comm_msg"]


# Interrupts


def test_an_interrupt_is_for_the_cell_and_not_for_a_callback_beside_it(kernel: Harness) -> None:
    kernel.interrupts = interrupts = Interrupting()
    cell = held(kernel, "forever")
    msg_id = comm(kernel, **{"await": "reply"})
    kernel.wait(lambda sent: any(one.parent == msg_id for one in sent))
    kernel.ask("interrupt_request")
    assert kernel.status(cell) == "error"
    assert [one.work.request.message.header.msg_id for one in interrupts.interrupts] == [cell]
    kernel.interpreter.release("reply")
    assert kernel.whats(msg_id) == ["busy", "idle"]
    assert kernel.comms.done == [msg_id]


def test_with_no_cell_left_an_interrupt_is_for_the_callback_that_hangs(kernel: Harness) -> None:
    kernel.interrupts = interrupts = Interrupting()
    cell = held(kernel, "block gate")
    msg_id = comm(kernel, block="hang")
    kernel.interpreter.wait_for("block hang")
    release(kernel, cell)
    next_cell = kernel.execute("ok next")
    kernel.ask("interrupt_request")
    assert kernel.so_far(next_cell) == [], "order is order"
    (interrupt,) = interrupts.interrupts
    assert interrupt.work.request.message.header.msg_id == msg_id
    assert interrupt.work.thread == kernel.comms.threads[msg_id]
    kernel.interpreter.release("hang")
    assert kernel.status(next_cell) == "ok"


def test_a_thread_that_nothing_ends_is_left_to_itself(kernel: Harness) -> None:
    cell = held(kernel, "block gate")
    msg_id = comm(kernel, block="hang")
    kernel.interpreter.wait_for("block hang")
    (execution,) = kernel.kernel.shells.main.bench.background
    execution.leave()
    assert kernel.whats(msg_id) == ["busy", "idle"]
    following = comm(kernel)
    assert kernel.whats(following) == ["busy", "idle"]
    assert len({kernel.comms.threads[one] for one in (msg_id, following)}) == 2
    release(kernel, cell)
    kernel.interpreter.release("hang")
    assert kernel.status(kernel.execute("ok")) == "ok"
    assert kernel.whats(msg_id) == ["busy", "idle"]


def test_the_threads_of_comms_end_with_the_kernel(backend: str) -> None:
    before = {thread for thread in threading.enumerate() if thread.name == "comms"}
    harness = Harness(backend).start()
    cell = held(harness, "block gate")
    assert harness.whats(comm(harness)) == ["busy", "idle"]
    release(harness, cell)
    threads = {thread for thread in threading.enumerate() if thread.name == "comms"} - before
    assert len(threads) == 1
    harness.close()
    for thread in threads:
        thread.join(DEADLINE)
        assert not thread.is_alive()
