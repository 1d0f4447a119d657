"""busy, the reply, idle: in this order, once each, for every request and whatever happens in between."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from async_kernel.kernel.routes import ROUTES, Order
from async_kernel.protocol.messages import Buffer
from async_kernel.protocol.names import Channel, reply_type

from .harness import Harness, Sent

REQUESTS = {
    "kernel_info_request": {},
    "connect_request": {},
    "execute_request": {"code": "ok"},
    "comm_open": {"comm_id": "1"},
    "comm_msg": {"comm_id": "1"},
    "comm_close": {"comm_id": "1"},
    "complete_request": {"code": "a", "cursor_pos": 1},
    "inspect_request": {"code": "a", "cursor_pos": 1},
    "is_complete_request": {"code": "a"},
    "history_request": {},
    "comm_info_request": {},
    "interrupt_request": {},
    "detached_request": {},
    "debug_request": {"command": "initialize"},
    "usage_request": {},
    "create_subshell_request": {},
    "delete_subshell_request": {"subshell_id": "none"},
    "list_subshell_request": {},
    "shutdown_request": {"restart": False},
}


@pytest.fixture(autouse=True)
def quiet_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


def test_the_table_is_complete() -> None:
    assert set(REQUESTS) == {name for name, route in ROUTES.items() if route.order is not Order.STDIN}


@pytest.mark.parametrize("msg_type", REQUESTS)
def test_each_type_is_busy_answered_idle(kernel: Harness, msg_type: str) -> None:
    msg_id = kernel.send(msg_type, REQUESTS[msg_type])
    extra = ["shutdown_reply"] if msg_type == "shutdown_request" else []
    reply = [] if msg_type.startswith("comm_") and msg_type != "comm_info_request" else [reply_type(msg_type)]
    assert kernel.whats(msg_id) == ["busy", *extra, *reply, "idle"]
    for sent in kernel.served(msg_id):
        assert sent.message.parent_header == {"msg_id": msg_id, "msg_type": msg_type, "session": "client"}
        if sent.message.header.msg_type == "status":
            assert sent.channel is Channel.IOPUB
        if sent.channel is not Channel.IOPUB:
            assert sent.message.identities == (b"client",)


@pytest.mark.parametrize(
    ("code", "status"), [("ok", "ok"), ("error", "error"), ("raise RuntimeError", "error"), (None, "error")]
)
def test_a_reply_to_a_cell_says_when_it_began_and_what_became_of_it(
    kernel: Harness, code: str | None, status: str
) -> None:
    before = datetime.now(UTC)
    assert kernel.reply(kernel.execute("ok"))["execution_count"] == 1
    msg_id = kernel.send("execute_request", {"code": code} if code is not None else {})
    kernel.served(msg_id)
    (reply,) = [one.message for one in kernel.so_far(msg_id) if one.what == "execute_reply"]
    assert reply.metadata["status"] == reply.content["status"] == status
    assert before <= datetime.fromisoformat(reply.metadata["started"]) <= datetime.now(UTC)
    assert reply.content["execution_count"] == (1 if code is None else 2), "one that was not run counts nothing"


@pytest.mark.parametrize("field", ["hist_access_type", "session", "start", "stop", "n", "pattern"])
def test_history_is_asked_for_with_the_types_of_the_protocol(kernel: Harness, field: str) -> None:
    """IPython takes what SQLite makes of another type for a corrupt file, and puts the user's history away."""
    reply = kernel.ask("history_request", {"hist_access_type": "search", field: ["a"]})
    assert reply["status"] == "error"
    assert field in reply["evalue"]
    assert kernel.ask("history_request", {"hist_access_type": "range", field: None})["status"] == "ok"


def test_a_deadline_may_be_as_far_away_as_can_be_said(kernel: Harness) -> None:
    cell = kernel.send("execute_request", {"code": "await gate"}, metadata={"timeout": 1e300})
    kernel.interpreter.wait_for("await gate")
    kernel.interpreter.release("gate")
    assert kernel.status(cell) == "ok"


@pytest.mark.parametrize("name", ["RuntimeError", "Mute", "Fatal", "KeyboardInterrupt", "SystemExit", "CancelledError"])
def test_what_an_interpreter_lets_out_becomes_the_reply(kernel: Harness, name: str) -> None:
    if name == "CancelledError" and kernel.backend == "trio":
        name = "Fatal"  # trio makes its cancellations itself: see test_interrupts
    msg_id = kernel.execute(f"raise {name}")
    assert kernel.whats(msg_id) == ["busy", "error", "execute_reply", "idle"], "front ends show what is published"
    assert kernel.reply(msg_id)["status"] == "error"
    assert kernel.reply(msg_id)["ename"] == name
    assert kernel.status(kernel.execute("ok")) == "ok", "the lane goes on"


@pytest.mark.parametrize("name", ["RuntimeError", "Mute", "Fatal"])
def test_what_a_comm_lets_out_harms_nobody(kernel: Harness, name: str) -> None:
    msg_id = kernel.send("comm_msg", {"comm_id": "1", "raise": name})
    assert kernel.whats(msg_id)[-1] == "idle"
    assert kernel.status(kernel.execute("ok")) == "ok"


@pytest.mark.parametrize("name", ["RuntimeError", "Mute", "Fatal"])
def test_what_an_aside_lets_out_becomes_its_reply(kernel: Harness, name: str) -> None:
    assert kernel.status(kernel.execute("ok")) == "ok"
    msg_id = kernel.send("complete_request", {"code": f"raise {name}"})
    assert kernel.whats(msg_id) == ["busy", "complete_reply", "idle"]
    assert kernel.reply(msg_id)["ename"] == name
    assert kernel.status(kernel.execute("ok")) == "ok"


@pytest.mark.parametrize("channel", [Channel.SHELL, Channel.CONTROL])
@pytest.mark.parametrize("msg_type", ["no_such_request", "input_reply", "status", "execute_reply"])
def test_an_unknown_type_is_answered(kernel: Harness, msg_type: str, channel: Channel) -> None:
    msg_id = kernel.send(msg_type, channel=channel)
    assert kernel.whats(msg_id) == ["busy", reply_type(msg_type), "idle"]
    assert msg_type in kernel.reply(msg_id)["evalue"]


@pytest.mark.parametrize(
    ("msg_type", "channel"), [("execute_request", Channel.CONTROL), ("debug_request", Channel.SHELL)]
)
def test_the_wrong_channel_is_an_error(kernel: Harness, msg_type: str, channel: Channel) -> None:
    msg_id = kernel.send(msg_type, REQUESTS[msg_type], channel=channel)
    assert kernel.status(msg_id) == "error"
    assert str(channel) in kernel.reply(msg_id)["evalue"]
    assert {sent.channel for sent in kernel.served(msg_id)} == {channel, Channel.IOPUB}
    assert kernel.interpreter.log == []


@pytest.mark.parametrize(
    ("msg_type", "content", "field"),
    [
        ("execute_request", {"code": 1}, "code"),
        ("execute_request", {"code": "ok", "silent": "no"}, "silent"),
        ("execute_request", {"code": "ok", "store_history": []}, "store_history"),
        ("execute_request", {"code": "ok", "user_expressions": ["a"]}, "user_expressions"),
        ("complete_request", {"code": ["a"]}, "code"),
        ("complete_request", {"code": "a", "cursor_pos": "1"}, "cursor_pos"),
        ("inspect_request", {"code": "a", "detail_level": "1"}, "detail_level"),
        ("is_complete_request", {"code": {}}, "code"),
        ("delete_subshell_request", {"subshell_id": 1}, "subshell_id"),
        ("shutdown_request", {"restart": "yes"}, "restart"),
    ],
)
def test_a_field_of_the_wrong_type_is_named(kernel: Harness, msg_type: str, content: object, field: str) -> None:
    reply = kernel.ask(msg_type, content)
    assert reply["status"] == "error"
    assert repr(field) in reply["evalue"]
    assert kernel.status(kernel.execute("ok")) == "ok"


@pytest.mark.parametrize("msg_type", ["execute_request", "complete_request", "list_subshell_request"])
def test_content_that_is_no_object_is_an_error(kernel: Harness, msg_type: str) -> None:
    msg_id = kernel.send(msg_type, ["code"])
    shown = ["error"] if msg_type == "execute_request" else []
    assert kernel.whats(msg_id) == ["busy", *shown, reply_type(msg_type), "idle"]
    assert "content" in kernel.reply(msg_id)["evalue"]


@pytest.mark.parametrize(("position", "used"), [(None, 3), (-1, 3), (99, 3), (2, 2), (0, 0)])
def test_a_cursor_outside_the_code_is_at_its_end(kernel: Harness, position: int | None, used: int) -> None:
    reply = kernel.ask("complete_request", {"code": "abc", "cursor_pos": position})
    assert reply["cursor_end"] == used


@pytest.mark.parametrize(
    ("content", "silent", "store_history"),
    [
        ({}, False, True),
        ({"silent": True, "store_history": True}, True, False),
        ({"store_history": False}, False, False),
    ],
)
def test_silence_is_not_stored(kernel: Harness, content: dict[str, Any], silent: bool, store_history: bool) -> None:
    assert kernel.status(kernel.execute("ok", **content)) == "ok"
    (fields,) = kernel.interpreter.fields
    assert (fields["silent"], fields["store_history"]) == (silent, store_history)


def test_output_belongs_to_its_request(kernel: Harness) -> None:
    ids = [kernel.execute(f"print {number}") for number in range(5)]
    for number, msg_id in enumerate(ids):
        assert kernel.whats(msg_id) == ["busy", "stream", "execute_reply", "idle"]
        assert kernel.served(msg_id)[1].message.content == {"name": "stdout", "text": str(number)}


BESIDE = ["kernel_info_request", "complete_request", "comm_msg", "list_subshell_request", "no_such_request"]


@pytest.mark.parametrize("msg_type", BESIDE)
def test_the_latest_status_is_busy_as_long_as_a_cell_is(kernel: Harness, msg_type: str) -> None:
    """Front ends show it as the kernel's, and a server that ends idle kernels believes it."""
    cell = kernel.execute("block gate")
    kernel.interpreter.wait_for("block gate")
    beside = kernel.send(msg_type, {"code": "a", "comm_id": "1"})
    kernel.served(beside)
    kernel.wait(lambda sent: (sent[-1].parent, sent[-1].what) == (cell, "busy"))
    kernel.interpreter.release("gate")
    kernel.served(cell)
    assert [one.what for one in kernel.transport.sent if one.what in ("busy", "idle")] == [
        *("busy", "busy", "idle", "busy", "idle")
    ]


def says(cell: str, sent: Sequence[Sent]) -> bool:
    """Whether text of a cell was sent."""
    return any(one.parent == cell and one.what == "stream" for one in sent)


def test_the_latest_status_is_that_of_any_cell_that_runs(kernel: Harness) -> None:
    subshell = str(kernel.ask("create_subshell_request")["subshell_id"])
    cells = [kernel.execute("hold a"), kernel.execute("hold b", subshell_id=subshell)]
    for cell in cells:
        kernel.wait(partial(says, cell))
    kernel.interpreter.release("b")
    kernel.served(cells[1])
    kernel.wait(lambda sent: (sent[-1].parent, sent[-1].what) == (cells[0], "busy"))
    kernel.interpreter.release("a")
    kernel.served(cells[0])
    assert kernel.transport.sent[-1].what == "idle"


def test_kernel_info_is_answered_before_anybody_serves(unserved: Harness) -> None:
    assert unserved.ask("kernel_info_request") == {"status": "ok", "implementation": "fake"}
    unserved.start()
    assert unserved.status(unserved.execute("ok")) == "ok"
    assert unserved.ask("kernel_info_request")["banner"] == "fake banner"
    assert unserved.ask("connect_request")["shell_port"] == 1
    assert unserved.ask("list_subshell_request")["subshell_id"] == []


def test_a_stray_message_on_stdin_is_dropped(kernel: Harness) -> None:
    for msg_type in ("input_reply", "execute_request", "no_such_request"):
        kernel.send(msg_type, {"value": "x", "code": "ok"}, channel=Channel.STDIN)
    assert kernel.status(kernel.execute("ok")) == "ok"
    assert len(kernel.interpreter.log) == 1


@pytest.fixture
def led(kernel: Harness, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is put, to leave with the message that follows it at once."""
    led: list[str] = []

    def put(channel: Channel, frames: Sequence[Buffer]) -> None:
        kernel.transport.send(channel, frames)
        led.append(kernel.transport.sent[-1].what)

    monkeypatch.setattr(kernel.transport, "put", put)
    return led


@pytest.mark.parametrize("code", ["ok", "error wrong"])
def test_a_cell_is_busy_with_its_input_and_idle_with_its_reply(kernel: Harness, led: list[str], code: str) -> None:
    """Two messages each that leave together: half the cost of a small cell was in four that left alone."""
    assert kernel.whats(kernel.execute(code))[-1] == "idle"
    assert led == ["busy", "execute_reply"]


def test_a_silent_cell_is_busy_at_once(kernel: Harness, led: list[str]) -> None:
    """It has no input that would follow."""
    kernel.served(kernel.execute("ok", silent=True))
    assert led == ["execute_reply"]


def test_a_detached_cell_is_replied_to_at_once(kernel: Harness, led: list[str]) -> None:
    kernel.served(kernel.send("execute_request", {"code": "ok"}, metadata={"detach": True}))
    assert led == ["busy"]


@pytest.mark.parametrize("msg_type", sorted(REQUESTS.keys() - {"execute_request"}))
def test_nothing_else_waits_for_what_follows(kernel: Harness, led: list[str], msg_type: str) -> None:
    kernel.served(kernel.send(msg_type, REQUESTS[msg_type]))
    assert led == []


def test_that_a_cell_is_busy_again_waits_for_nothing(kernel: Harness, led: list[str]) -> None:
    cell = kernel.execute("await gate")
    kernel.wait(lambda sent: any(one.parent == cell for one in sent))
    kernel.served(kernel.send("comm_msg", {"comm_id": "1"}))
    kernel.interpreter.release("gate")
    kernel.served(cell)
    assert led == ["busy", "execute_reply"]
