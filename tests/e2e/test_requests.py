"""Requests other than execute: what they answer, and that each of them, right or wrong, ends in a reply and `idle`."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from jupyter_kernel_test.msgspec_v5 import validate_message

from .conftest import StartKernel
from .driver import KernelDriver, plain

# Questions


def test_kernel_info_says_what_the_kernel_can(kernel: KernelDriver) -> None:
    reply = kernel.request("kernel_info_request")
    validate_message(reply, "kernel_info_reply", reply["parent_header"]["msg_id"])
    info = reply["content"]
    assert info["status"] == "ok"
    assert info["protocol_version"] == "5.5"
    assert info["language_info"]["name"] == "python"
    assert info["language_info"]["mimetype"] == "text/x-python"
    assert info["language_info"]["version"] == kernel.value("__import__('platform').python_version()")
    assert info["language_info"]["codemirror_mode"] == {"name": "ipython", "version": 3}
    assert "kernel subshells" in info["supported_features"]
    assert info["banner"]


def test_kernel_info_on_control_is_the_same(kernel: KernelDriver) -> None:
    on_shell = kernel.request("kernel_info_request")["content"]
    assert kernel.request("kernel_info_request", channel="control")["content"] == on_shell


@pytest.mark.parametrize("msg_type", ["kernel_info_request", "complete_request"])
def test_a_cell_that_still_runs_is_said_to_be_busy_again(kernel: KernelDriver, msg_type: str) -> None:
    """Else a server takes the kernel for idle, shows it so, and ends it if it was told to end idle ones."""
    hold, let_go = kernel.gate()
    cell = kernel.start_until_printed(f"print('in')\n{hold}", "in")
    kernel.request(msg_type, {"code": "pri", "cursor_pos": 3})
    (again,) = kernel.publication(cell, lambda message: True)
    assert again["content"] == {"execution_state": "busy"}
    let_go()
    assert kernel.finish(cell).ok().contents("status")[-1] == {"execution_state": "idle"}


def test_connect_gives_the_ports(kernel: KernelDriver) -> None:
    content = kernel.request("connect_request")["content"]
    ports: dict[str, Any] = {**kernel.manager.get_connection_info()}
    names = ("shell_port", "iopub_port", "stdin_port", "hb_port", "control_port")
    assert {name: content[name] for name in names} == {name: ports[name] for name in names}


def test_usage_is_measured_while_a_cell_runs(kernel: KernelDriver) -> None:
    """jupyter-resource-usage asks for it."""
    cell = kernel.start_until_printed("import time; print('begun'); time.sleep(600)", "begun")
    first, second = (kernel.request("usage_request", channel="control")["content"] for _ in range(2))
    kernel.request("interrupt_request", channel="control")
    assert kernel.finish(cell).reply["ename"] == "KeyboardInterrupt"
    assert first["status"] == "ok"
    assert (first["pid"], first["hostname"]) == (kernel.process.pid, socket.gethostname())
    assert first["kernel_memory"] > 10 << 20
    assert {"kernel_cpu", "cpu_count", "host_virtual_memory", "host_cpu_percent"} <= set(second)


@pytest.mark.parametrize("backend", ["asyncio"])
def test_usage_is_measured_without_psutil(start_kernel: StartKernel, backend: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['psutil'] = None\n")
    usage = start_kernel(backend, env={"PYTHONPATH": str(tmp_path)}).request("usage_request", channel="control")
    assert usage["content"]["kernel_memory"] > 10 << 20
    assert usage["content"]["kernel_cpu"] == 0.0


def test_complete_in_the_middle_of_a_line_with_wide_characters_before(kernel: KernelDriver) -> None:
    kernel.execute("duck_one = duck_two = 1").ok()
    code = "'🦆🦆'; duck_ + 1"
    position = code.index("duck_") + len("duck_")
    content = kernel.request("complete_request", {"code": code, "cursor_pos": position})["content"]
    assert content["status"] == "ok"
    assert sorted(content["matches"]) == ["duck_one", "duck_two"]
    assert (content["cursor_start"], content["cursor_end"]) == (code.index("duck_"), position)


def test_complete_knows_magics_and_files(kernel: KernelDriver) -> None:
    (kernel.folder / "some_unusual_name.txt").write_text("")
    magics = kernel.request("complete_request", {"code": "%matplot", "cursor_pos": 8})["content"]["matches"]
    assert "%matplotlib" in magics
    code = "open('some_unus"
    files = kernel.request("complete_request", {"code": code, "cursor_pos": len(code)})["content"]["matches"]
    assert any("some_unusual_name.txt" in match for match in files)


def test_inspect_shows_signature_and_docstring_and_source_when_asked(kernel: KernelDriver) -> None:
    kernel.execute("def quack(times: int = 2):\n    'Say it.'\n    return 'quack' * times").ok()
    asked = {"code": "quack(1)", "cursor_pos": 3}
    little = kernel.request("inspect_request", asked | {"detail_level": 0})["content"]
    assert little["status"] == "ok"
    assert little["found"] is True
    assert "quack(times: int = 2)" in plain(little["data"]["text/plain"])
    assert "Say it." in little["data"]["text/plain"]
    assert "return 'quack'" not in little["data"]["text/plain"]
    much = kernel.request("inspect_request", asked | {"detail_level": 1})["content"]
    assert "return" in much["data"]["text/plain"]


def test_inspect_of_nothing_known_is_not_found(kernel: KernelDriver) -> None:
    content = kernel.request("inspect_request", {"code": "no_such_name", "cursor_pos": 4, "detail_level": 0})["content"]
    assert (content["status"], content["found"], content["data"]) == ("ok", False, {})


@pytest.mark.parametrize(
    ("code", "status"),
    [("1 + 1", "complete"), ("for x in y:", "incomplete"), ("1 +* 1", "invalid"), ("async with a as b:", "incomplete")],
)
def test_is_complete(kernel: KernelDriver, code: str, status: str) -> None:
    content = kernel.request("is_complete_request", {"code": code})["content"]
    assert content["status"] == status
    if status == "incomplete":
        assert content["indent"] == "    "


def test_history_by_tail_range_and_search(kernel: KernelDriver) -> None:
    for number in range(3):
        kernel.execute(f"'history {number}'").ok()

    def ask(**content: Any) -> list[Any]:
        asked = {"output": False, "raw": True, "session": 0, **content}
        return list(kernel.request("history_request", asked)["content"]["history"])

    tail = ask(hist_access_type="tail", n=3)
    assert [line for _, _, line in tail] == ["'history 0'", "'history 1'", "'history 2'"]
    session, start, _ = tail[0]
    ranged = ask(hist_access_type="range", session=session, start=start, stop=start + 2)
    assert [line for _, _, line in ranged] == ["'history 0'", "'history 1'"]
    current = ask(hist_access_type="range", start=start, stop=start + 1, output=True)
    assert current[0][2][0] == "'history 0'"
    found = ask(hist_access_type="search", pattern="'hist*1'", n=5, unique=True)
    assert [line for _, _, line in found] == ["'history 1'"]


# Every request is answered

ANSWERED: list[tuple[str, dict[str, Any]]] = [
    ("kernel_info_request", {}),
    ("connect_request", {}),
    ("comm_info_request", {}),
    ("comm_info_request", {"target_name": "none such"}),
    ("execute_request", {"code": "1/0", "silent": False}),
    ("complete_request", {"code": "", "cursor_pos": 0}),
    ("complete_request", {"code": "ab", "cursor_pos": 99}),
    ("inspect_request", {"code": "", "cursor_pos": 0, "detail_level": 0}),
    ("is_complete_request", {"code": ""}),
    ("history_request", {"hist_access_type": "tail", "n": 0, "output": False, "raw": True}),
]

WRONG: list[tuple[str, dict[str, Any]]] = [
    ("execute_request", {}),
    ("execute_request", {"code": 42}),
    ("complete_request", {}),
    ("complete_request", {"code": "a", "cursor_pos": "here"}),
    ("inspect_request", {"cursor_pos": 1}),
    ("is_complete_request", {}),
    ("history_request", {"hist_access_type": "no such way", "output": False, "raw": True}),
    ("no_such_request", {}),
]


@pytest.mark.parametrize(("msg_type", "content"), ANSWERED)
def test_a_request_is_answered_between_busy_and_idle(
    kernel: KernelDriver, msg_type: str, content: dict[str, Any]
) -> None:
    msg_id = kernel.send(msg_type, content)
    reply = kernel.reply(msg_id)
    assert reply["msg_type"] == msg_type.replace("_request", "_reply")
    published = kernel.published(msg_id)
    states = [message["content"]["execution_state"] for message in published if message["msg_type"] == "status"]
    assert states == ["busy", "idle"]
    assert published[0]["msg_type"] == published[-1]["msg_type"] == "status"


@pytest.mark.parametrize(("msg_type", "content"), WRONG)
def test_a_wrong_request_gets_an_error_reply_and_idle(
    kernel: KernelDriver, msg_type: str, content: dict[str, Any]
) -> None:
    msg_id = kernel.send(msg_type, content)
    reply = kernel.reply(msg_id)
    assert reply["msg_type"] == msg_type.replace("_request", "_reply")
    assert reply["content"]["status"] == "error"
    assert reply["content"]["ename"]
    assert reply["content"]["evalue"]
    states = [m["content"]["execution_state"] for m in kernel.published(msg_id) if m["msg_type"] == "status"]
    assert states == ["busy", "idle"]
    assert kernel.execute("'well'").ok().result == "'well'"


def test_an_unknown_request_on_control_gets_an_error_reply(kernel: KernelDriver) -> None:
    reply = kernel.request("no_such_request", channel="control")
    assert reply["msg_type"] == "no_such_reply"
    assert reply["content"]["status"] == "error"
    assert "no_such_request" in reply["content"]["evalue"]


def test_a_message_without_a_reply_leaves_the_kernel_alone(kernel: KernelDriver) -> None:
    """Types that do not end in _request are no questions; nobody waits for an answer to them."""
    kernel.send("no_such_message")
    assert kernel.execute("'well'").ok().result == "'well'"


def test_questions_are_answered_while_a_cell_awaits(kernel: KernelDriver) -> None:
    waiting = kernel.start_until_printed("import anyio; print('in'); await anyio.sleep(60)", "in")
    try:
        assert kernel.request("kernel_info_request", channel="control")["content"]["status"] == "ok"
    finally:
        kernel.send("interrupt_request", channel="control")
        kernel.finish(waiting)


# While a cell runs

WATCHED = """
import sys, threading, time
gate, ran = threading.Event(), []
home = threading.current_thread()

def note():
    ran.append(threading.current_thread() is home)

class Watched:
    "Notes the thread of whoever runs its code."
    def __init__(self):
        vars(self)["alpha"] = 1
    @property
    def beta(self):
        note()
    def __getattr__(self, name):
        note()
        raise AttributeError(name)
    def __dir__(self):
        note()
        return ["alpha", "beta", "made_up"]
    def __repr__(self):
        note()
        return "watched"

watched = Watched()
"""


def held(kernel: KernelDriver, how: str) -> str:
    """Start a cell that "awaits" or "sleeps" until the gate is set; return its id."""
    step = f"await {kernel.library}.sleep(0.01)" if how == "awaits" else "time.sleep(0.01)"
    return kernel.start_until_printed(
        f"import {kernel.library}\ngate.clear()\nprint('in')\nwhile not gate.is_set(): {step}", "in"
    )


def let_go(kernel: KernelDriver, cell: str) -> None:
    """Have a cell in a subshell open the gate."""
    subshell = kernel.request("create_subshell_request", channel="control")["content"]["subshell_id"]
    kernel.execute("gate.set()", header={"subshell_id": subshell}).ok()
    kernel.finish(cell).ok()
    kernel.request("delete_subshell_request", {"subshell_id": subshell}, channel="control")


@pytest.mark.parametrize("how", ["awaits", "sleeps"])
def test_the_first_answers_of_a_process_come_while_a_cell_runs_and_import_no_jedi(
    start_kernel: StartKernel, backend: str, how: str
) -> None:
    kernel = start_kernel(backend)
    kernel.execute(WATCHED).ok()
    cell = held(kernel, how)
    content = kernel.request("complete_request", {"code": "watched.al", "cursor_pos": 10})["content"]
    assert content["matches"] == ["alpha"]
    assert (content["cursor_start"], content["cursor_end"]) == (8, 10)
    content = kernel.request("inspect_request", {"code": "held = Watched", "cursor_pos": 14})["content"]
    assert "Notes the thread" in content["data"]["text/plain"]
    let_go(kernel, cell)
    assert kernel.value("'jedi' in sys.modules") is False


def test_no_user_code_runs_in_another_thread_for_an_answer(kernel: KernelDriver) -> None:
    kernel.execute(WATCHED).ok()
    cell = held(kernel, "sleeps")
    for code in ("watched.", "watched.al", "watched.beta.", "watched.nothing.", "watch", "table[watched."):
        asked = {"code": code, "cursor_pos": len(code)}
        assert kernel.request("complete_request", asked)["content"]["status"] == "ok"
        assert kernel.request("inspect_request", asked | {"detail_level": 1})["content"]["status"] == "ok"
    let_go(kernel, cell)
    assert kernel.value("ran") == []


def test_user_code_runs_in_the_thread_of_the_shell_for_an_answer_beside_a_cell_that_awaits(
    kernel: KernelDriver,
) -> None:
    kernel.execute(WATCHED).ok()
    cell = held(kernel, "awaits")
    matches = kernel.request("complete_request", {"code": "watched.", "cursor_pos": 8})["content"]["matches"]
    let_go(kernel, cell)
    ran = kernel.value("ran")
    assert "made_up" in matches or not ran, "on a slow machine the other thread may have answered"
    assert all(ran)
