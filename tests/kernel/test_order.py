"""Order: arrival within a lane; stop_on_error aborts just what was queued behind the error."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from .harness import Harness


def test_a_lane_serves_in_order_of_arrival(kernel: Harness) -> None:
    gate = kernel.execute("await gate")
    ids = []
    for number in range(20):
        ids.append(kernel.execute(f"ok {number}"))
        kernel.send("comm_msg", {"comm_id": str(number)})
    kernel.interpreter.release("gate")
    for msg_id in ids:
        assert kernel.status(msg_id) == "ok"
    assert kernel.interpreter.log == ["await gate", *(f"ok {number}" for number in range(20))]
    order = [sent.parent for sent in kernel.transport.sent if sent.what == "execute_reply"]
    assert order == [gate, *ids]


def test_requests_do_not_overlap(kernel: Harness) -> None:
    ids = [kernel.execute(f"print {number}") for number in range(10)]
    for msg_id in ids:
        kernel.served(msg_id)
    seen = [(sent.parent, sent.what) for sent in kernel.transport.sent]
    assert seen == [(msg_id, what) for msg_id in ids for what in ("busy", "stream", "execute_reply", "idle")]


def test_an_error_aborts_what_is_queued_behind_it(kernel: Harness) -> None:
    kernel.execute("await gate")
    error = kernel.execute("error")
    behind = [kernel.execute(f"ok {number}") for number in range(3)]
    comm = kernel.send("comm_msg", {"comm_id": "1"})
    kernel.interpreter.release("gate")
    assert kernel.status(error) == "error"
    assert [kernel.reply(msg_id) for msg_id in behind] == [{"status": "aborted", "execution_count": 2}] * 3
    for msg_id in behind:
        (reply,) = [one.message for one in kernel.so_far(msg_id) if one.what == "execute_reply"]
        assert reply.metadata["status"] == "aborted"
        assert datetime.fromisoformat(reply.metadata["started"])
    assert [kernel.whats(msg_id) for msg_id in behind] == [["busy", "execute_reply", "idle"]] * 3
    assert kernel.whats(comm) == ["busy", "idle"]
    assert kernel.comms.log == ["comm_msg"], "just cells are aborted"
    assert kernel.interpreter.log == ["await gate", "error"]
    assert kernel.status(kernel.execute("ok after")) == "ok"


def test_what_had_reached_the_socket_is_aborted_too(kernel: Harness) -> None:
    """The client sent it before it could know of the error, but the lane had not seen it yet."""
    under_way: list[str] = []
    kernel.transport.on_barrier = lambda: under_way.append(kernel.execute("ok under way"))
    assert kernel.status(kernel.execute("error")) == "error"
    kernel.transport.on_barrier = lambda: None
    (msg_id,) = under_way
    assert kernel.status(msg_id) == "aborted"
    assert kernel.status(kernel.execute("ok")) == "ok"


def test_what_is_sent_in_answer_to_the_error_is_served(kernel: Harness) -> None:
    answers: list[str] = []
    transport, send = kernel.transport, kernel.transport.send

    def answering(channel: Any, frames: Any) -> None:
        send(channel, frames)
        if transport.sent[-1].what == "execute_reply" and not answers:
            answers.append(kernel.execute("ok answer"))

    transport.send = answering  # type: ignore[method-assign]  # the client answers before anything else is sent
    assert kernel.status(kernel.execute("error")) == "error"
    (msg_id,) = answers
    assert kernel.status(msg_id) == "ok"


@pytest.mark.parametrize("code", ["error", "raise RuntimeError"])
def test_without_stop_on_error_nothing_is_aborted(kernel: Harness, code: str) -> None:
    kernel.execute("await gate")
    error = kernel.execute(code, stop_on_error=False)
    behind = kernel.execute("ok")
    kernel.interpreter.release("gate")
    assert kernel.status(error) == "error"
    assert kernel.status(behind) == "ok"


def test_an_error_that_nobody_is_shown_aborts_nothing(kernel: Harness) -> None:
    """Front ends ask silently, for ends of their own: no reason to drop the user's cells, nor one for ipykernel."""
    kernel.execute("await gate")
    error = kernel.execute("error", silent=True)
    behind = kernel.execute("ok")
    kernel.interpreter.release("gate")
    assert kernel.status(error) == "error"
    assert kernel.status(behind) == "ok"


def test_a_request_that_cannot_be_served_stops_as_an_error_does(kernel: Harness) -> None:
    kernel.execute("await gate")
    error = kernel.send("execute_request", {"code": 1})
    behind = kernel.execute("ok")
    kernel.interpreter.release("gate")
    assert kernel.status(error) == "error"
    assert kernel.status(behind) == "aborted"


def test_an_error_that_was_aborted_aborts_nothing(kernel: Harness) -> None:
    kernel.execute("await gate")
    kernel.execute("error")
    aborted = kernel.execute("error")
    kernel.interpreter.release("gate")
    assert kernel.status(aborted) == "aborted"
    assert kernel.status(kernel.execute("ok")) == "ok"


def test_an_error_of_a_comm_aborts_nothing(kernel: Harness) -> None:
    kernel.execute("await gate")
    kernel.send("comm_msg", {"comm_id": "1", "raise": "RuntimeError"})
    behind = kernel.execute("ok")
    kernel.interpreter.release("gate")
    assert kernel.status(behind) == "ok"


def test_an_error_stops_its_own_shell_only(kernel: Harness) -> None:
    subshell = kernel.ask("create_subshell_request")["subshell_id"]
    kernel.execute("await main")
    kernel.execute("await sub", subshell_id=subshell)
    main = kernel.execute("ok main")
    error = kernel.execute("error", subshell_id=subshell)
    behind = kernel.execute("ok sub", subshell_id=subshell)
    kernel.interpreter.release("sub")
    assert kernel.status(error) == "error"
    assert kernel.status(behind) == "aborted"
    kernel.interpreter.release("main")
    assert kernel.status(main) == "ok"
