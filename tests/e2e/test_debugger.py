"""The debugger, as JupyterLab uses it: real kernels, real debugpy, breakpoints in cells on each backend."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from async_kernel.protocol.murmur2 import murmur2

from .conftest import StartKernel
from .driver import KernelDriver, Message, plain, wait_until

Body = dict[str, Any]

CHANNELS = ("shell", "iopub", "stdin", "control", "hb")


class FrontEnd:
    """The part of a front end that debugs."""

    def __init__(self, kernel: KernelDriver) -> None:
        self.kernel = kernel
        self._numbers = itertools.count(7)

    def ask(self, command: str, **arguments: Any) -> Body:
        """Send a request; return its response, whatever it says."""
        number = next(self._numbers)
        content = {"seq": number, "type": "request", "command": command, "arguments": arguments}
        reply = self.kernel.request("debug_request", content, channel="control")
        assert reply["msg_type"] == "debug_reply"
        response: Body = reply["content"]
        assert (response["type"], response["command"], response["request_seq"]) == ("response", command, number)
        return response

    def do(self, command: str, **arguments: Any) -> Body:
        """Send a request that has to succeed; return the body of its response."""
        response = self.ask(command, **arguments)
        assert response["success"], response
        return response.get("body") or {}

    def event(self, name: str) -> Body:
        """Wait for an event; return its body."""

        def wanted(message: Message) -> bool:
            return message["msg_type"] == "debug_event" and message["content"]["event"] == name

        content = self.kernel.publication("", wanted, what=f"the event {name!r}")[-1]["content"]
        return content.get("body") or {}

    def begin(self) -> None:
        """Start debugging, as far as a front end does before there are breakpoints."""
        assert self.do("initialize", clientID="test", adapterID="", pathFormat="path")["supportsSetVariable"]
        self.do("attach")
        self.event("initialized")

    def break_at(self, code: str, *lines: int, **more: Any) -> str:
        """Set the breakpoints of a cell; return the path of its file."""
        path = str(self.do("dumpCell", code=code)["sourcePath"])
        breakpoints = [{"line": line, **more} for line in lines]
        body = self.do("setBreakpoints", source={"path": path}, breakpoints=breakpoints, sourceModified=False)
        assert [one["verified"] for one in body["breakpoints"]] == [True] * len(lines)
        return path

    def stopped(self) -> tuple[int, list[Body]]:
        """Wait until something is stopped; return the thread, and its frames, innermost first."""
        thread = int(self.event("stopped")["threadId"])
        return thread, self.do("stackTrace", threadId=thread)["stackFrames"]

    def locals_of(self, frame: Body) -> dict[str, str]:
        """The local variables of a frame, as they are shown."""
        scope = self.do("scopes", frameId=frame["id"])["scopes"][0]
        shown = self.do("variables", variablesReference=scope["variablesReference"])["variables"]
        return {one["name"]: one["value"] for one in shown}

    def pass_through(self, code: str) -> None:
        """Run a cell that stops once, and have it go on to its end."""
        cell = self.kernel.start(code)
        thread, _ = self.stopped()
        self.do("continue", threadId=thread)
        self.kernel.finish(cell).ok()

    def end(self) -> None:
        """Stop debugging."""
        self.do("disconnect", restart=False, terminateDebuggee=False)


@pytest.fixture
def front(kernel: KernelDriver) -> Iterator[FrontEnd]:
    """A front end that debugs; nothing is debugged any more afterwards."""
    front = FrontEnd(kernel)
    front.begin()
    yield front
    if front.do("debugInfo")["isStarted"]:
        front.end()
    assert front.do("debugInfo")["isStarted"] is False


FUNCTION = "def double(value):\n    result = 2 * value\n    return result\nanswer = double(21)\nanswer"


def test_kernel_info_offers_it_and_debug_info_says_how(kernel: KernelDriver) -> None:
    info = kernel.request("kernel_info_request")["content"]
    assert info["debugger"] is True
    assert "debugger" in info["supported_features"]
    about = FrontEnd(kernel).do("debugInfo")
    assert about["isStarted"] is False
    assert (about["breakpoints"], about["stoppedThreads"]) == ([], [])
    assert (about["hashMethod"], about["richRendering"], about["copyToGlobals"]) == ("Murmur2", True, True)
    expected = f"{about['tmpFilePrefix']}{murmur2(FUNCTION.encode(), about['hashSeed'])}{about['tmpFileSuffix']}"
    assert FrontEnd(kernel).do("dumpCell", code=FUNCTION)["sourcePath"] == expected
    assert Path(expected).read_text() == FUNCTION


def test_nobody_can_connect_to_it_or_read_along(front: FrontEnd) -> None:
    """What it says goes through a pair of sockets in the process, and through no port."""
    ports: dict[str, Any] = {**front.kernel.client.get_connection_info()}
    channels = {ports[f"{name}_port"] for name in CHANNELS}
    for connection in psutil.Process(front.kernel.process.pid).net_connections("inet"):
        assert connection.laddr.port in channels


def test_a_cell_stops_at_its_breakpoint_shows_its_variables_and_goes_on(front: FrontEnd) -> None:
    path = front.break_at(FUNCTION, 3)
    assert front.do("debugInfo")["breakpoints"] == [{"source": path, "breakpoints": [{"line": 3}]}]
    cell = front.kernel.start(FUNCTION)
    thread, frames = front.stopped()
    assert [(frame["name"], frame["line"]) for frame in frames] == [("double", 3), (frames[-1]["name"], 4)]
    assert {frame["source"]["path"] for frame in frames} == {path}, "what has called the cell is nobody's concern"
    assert front.locals_of(frames[0]) == {"value": "21", "result": "42"}
    assert front.do("source", source={"path": path})["content"] == FUNCTION
    assert front.do("debugInfo")["stoppedThreads"] == [thread]
    assert front.do("evaluate", expression="value + 1", frameId=frames[0]["id"])["result"] == "22"
    front.do("next", threadId=thread)
    assert front.stopped()[1][0]["line"] == 5
    front.do("continue", threadId=thread)
    assert front.kernel.finish(cell).ok().result == "42"
    assert front.do("debugInfo")["stoppedThreads"] == []


AWKWARD = {
    "empty lines first": "\n  \n\nimport math\nx = 1\ny = math.floor(2.5)\n",
    "a command over two lines": "!true \\\n  x\nx = 1\n!true \\\n \\\n\nx = 2\ny = 3\n",
    "a comment, a magic and an assignment": "# c\n\n%pwd \\\n\nz = !true \\\n x\nx = 1\ny = 2\n",
    "indented": "\n    x = 1\n    y = 2\n",
}


@pytest.mark.parametrize("code", AWKWARD.values(), ids=AWKWARD)
def test_lines_are_those_that_the_front_end_shows(front: FrontEnd, code: str) -> None:
    line = 1 + next(number for number, text in enumerate(code.split("\n")) if text.strip().startswith("y ="))
    front.break_at(code, line)
    cell = front.kernel.start(code)
    thread, frames = front.stopped()
    assert frames[0]["line"] == line
    front.do("continue", threadId=thread)
    front.kernel.finish(cell).ok()


@pytest.mark.parametrize("backend", ["asyncio"])
def test_breakpoints_of_a_process_that_is_gone_are_those_of_the_one_that_follows(
    start_kernel: StartKernel, backend: str
) -> None:
    """JupyterLab sets them again after a restart, by the paths that they had."""
    kernel = start_kernel(backend)
    front = FrontEnd(kernel)
    front.begin()
    old = front.break_at(FUNCTION, 3)
    kernel.restart()
    front.begin()
    breakpoints = [{"line": 3}]
    front.do("setBreakpoints", source={"path": old}, breakpoints=breakpoints, sourceModified=False)
    new = str(front.do("dumpCell", code=FUNCTION)["sourcePath"])
    assert new != old
    assert front.do("debugInfo")["breakpoints"] == [{"source": new, "breakpoints": breakpoints}]
    assert front.do("source", source={"path": old})["content"] == FUNCTION
    front.pass_through(FUNCTION)


def test_a_cell_that_awaits_stops(front: FrontEnd) -> None:
    code = (
        f"import {front.kernel.library} as lib\nasync def work(n):\n    await lib.sleep(0)\n    return n\nawait work(5)"
    )
    front.break_at(code, 4)
    cell = front.kernel.start(code)
    thread, frames = front.stopped()
    assert (frames[0]["name"], front.locals_of(frames[0])) == ("work", {"n": "5"})
    front.do("continue", threadId=thread)
    assert front.kernel.finish(cell).ok().result == "5"


def test_the_kernel_answers_while_a_cell_is_stopped(front: FrontEnd) -> None:
    front.break_at(FUNCTION, 2)
    cell = front.kernel.start(FUNCTION)
    thread, _ = front.stopped()
    assert front.kernel.request("kernel_info_request")["content"]["status"] == "ok"
    complete = front.kernel.request("complete_request", {"code": "doub", "cursor_pos": 4})["content"]
    assert "double" in complete["matches"]
    front.do("continue", threadId=thread)
    front.kernel.finish(cell).ok()


def test_an_interrupt_ends_a_stopped_cell_and_breakpoints_hold_afterwards(front: FrontEnd) -> None:
    code = "n = 0\nwhile True:\n    n += 1\n"
    front.break_at(code, 3)
    for _ in range(2):
        cell = front.kernel.start(code)
        front.stopped()
        front.kernel.request("interrupt_request", channel="control")
        assert front.kernel.finish(cell).reply["ename"] == "KeyboardInterrupt"
        assert front.kernel.execute("'whole'").ok().result == "'whole'"


def test_a_condition_and_an_exception_stop_it(front: FrontEnd) -> None:
    code = "for n in range(10):\n    m = n\nraise ValueError(m)"
    front.break_at(code, 2, condition="n == 7")
    front.do("setExceptionBreakpoints", filters=["raised"])
    cell = front.kernel.start(code)
    thread, frames = front.stopped()
    assert front.do("evaluate", expression="n", frameId=frames[0]["id"])["result"] == "7"
    front.do("continue", threadId=thread)
    thread, frames = front.stopped()
    assert frames[0]["line"] == 3
    front.do("setExceptionBreakpoints", filters=[])
    front.do("continue", threadId=thread)
    assert front.kernel.finish(cell).reply["ename"] == "ValueError"


def test_breakpoint_stops_in_the_front_end(front: FrontEnd) -> None:
    front.do("configurationDone")  # some front ends say so, and may
    code = "def here(a):\n    breakpoint()\n    return a\nhere(1)"
    front.do("dumpCell", code=code)
    cell = front.kernel.start(code)
    thread, frames = front.stopped()
    assert frames[0]["name"] == "here"
    front.do("continue", threadId=thread)
    assert front.kernel.finish(cell).ok().result == "1"


def test_variables_of_a_stopped_frame_are_shown_richly_and_copied_out(front: FrontEnd) -> None:
    code = (
        "class Rich:\n    def _repr_html_(self):\n        return '<b>rich</b>'\n"
        "def inside():\n    thing = Rich()\n    return thing\ninside();"
    )
    front.break_at(code, 6)
    cell = front.kernel.start(code)
    thread, frames = front.stopped()
    shown = front.do("richInspectVariables", variableName="thing", frameId=frames[0]["id"])
    assert shown["data"]["text/html"] == "<b>rich</b>"
    front.do("copyToGlobals", srcVariableName="thing", dstVariableName="copied", srcFrameId=frames[0]["id"])
    front.do("continue", threadId=thread)
    front.kernel.finish(cell).ok()
    assert front.kernel.value("type(copied).__name__") == "Rich"


def test_a_cell_in_a_subshell_stops_and_the_main_shell_goes_on(front: FrontEnd) -> None:
    create = front.kernel.request("create_subshell_request", channel="control")["content"]
    front.break_at(FUNCTION, 2)
    cell = front.kernel.start(FUNCTION, header={"subshell_id": create["subshell_id"]})
    thread, frames = front.stopped()
    assert frames[0]["name"] == "double"
    front.do("continue", threadId=thread)
    assert front.kernel.finish(cell).ok().result == "42"
    front.kernel.request("delete_subshell_request", {"subshell_id": create["subshell_id"]}, channel="control")


def test_it_can_be_started_again_and_cells_that_nobody_debugs_are_not_traced(kernel: KernelDriver) -> None:
    front = FrontEnd(kernel)
    traced = "__import__('sys').gettrace() is not None"
    hooked = "'_stop_at_caller' in repr(__import__('sys').breakpointhook)"
    for _ in range(2):
        assert (kernel.value(traced), kernel.value(hooked)) == (False, False)
        front.begin()
        front.break_at(FUNCTION, 2)
        front.pass_through(FUNCTION)
        assert kernel.value(hooked)
        front.end()
    assert (kernel.value(traced), kernel.value(hooked)) == (False, False)
    assert kernel.execute(FUNCTION).ok().result == "42"


def test_a_session_that_was_never_attached_ends_and_the_next_one_works(kernel: KernelDriver) -> None:
    threads = "len(__import__('sys')._current_frames())"  # threading leaves out what pydevd hides
    front = FrontEnd(kernel)
    front.do("debugInfo")
    before = kernel.value(threads)
    front.do("initialize", adapterID="")
    front.end()
    wait_until(lambda: kernel.value(threads) <= before, "the end of debugpy's threads")
    front.begin()
    front.break_at(FUNCTION, 2)
    front.pass_through(FUNCTION)
    front.end()


def test_disconnecting_lets_a_stopped_cell_go_on(front: FrontEnd) -> None:
    front.break_at(FUNCTION, 2)
    cell = front.kernel.start(FUNCTION)
    front.stopped()
    front.end()
    assert front.kernel.finish(cell).ok().result == "42"


# While nothing is stopped


def test_the_variables_are_listed_without_running_any_code_of_the_users(kernel: KernelDriver) -> None:
    code = (
        "class Sly:\n    def __repr__(self):\n        told.append('repr')\n        return 'sly'\n"
        "told = []\nsly = Sly()\nsly.inner = [1, {'a': 2}]\nnumber = 17\n"
    )
    kernel.execute(code).ok()
    front = FrontEnd(kernel)
    shown = {one["name"]: one for one in front.do("inspectVariables")["variables"]}
    assert (shown["number"]["value"], shown["number"]["type"]) == ("17", "int")
    assert (shown["sly"]["value"], shown["sly"]["type"]) == ("<Sly>", "Sly")
    assert not {"In", "Out", "get_ipython", "exit"} & set(shown)
    [inner] = front.do("variables", variablesReference=shown["sly"]["variablesReference"])["variables"]
    assert (inner["name"], inner["value"], inner["evaluateName"]) == ("inner", "[1, <dict>]", "sly.inner")
    items = front.do("variables", variablesReference=inner["variablesReference"])["variables"]
    assert [(one["name"], one["value"], one["evaluateName"]) for one in items] == [
        ("0", "1", "sly.inner[0]"),
        ("1", "{'a': 2}", "sly.inner[1]"),
    ]
    assert kernel.value("told") == []
    assert front.do("richInspectVariables", variableName="sly")["data"] == {"text/plain": "sly"}
    assert kernel.value("told") == ["repr"]


def test_a_busy_shell_is_not_waited_for_to_show_a_variable(kernel: KernelDriver) -> None:
    kernel.execute("import time, threading\ngate = threading.Event()\nlisted = [1, 2]").ok()
    cell = kernel.start_until_printed("print('in'); gate.wait(60); gone = 1", "in")
    front = FrontEnd(kernel)
    assert front.do("richInspectVariables", variableName="listed")["data"] == {"text/plain": "[1, 2]"}
    kernel.request("interrupt_request", channel="control")
    kernel.finish(cell)


def test_modules_are_listed_in_pages(kernel: KernelDriver) -> None:
    front = FrontEnd(kernel)
    whole = front.do("modules")
    assert whole["totalModules"] == len(whole["modules"]) > 100
    assert front.do("modules", startModule=3, moduleCount=2)["modules"] == whole["modules"][3:5]


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        ("setBreakpoints", {}, "not started"),
        ("nonsense", {}, "not started"),
        ("source", {"source": {"path": "/no/such/file.py"}}, "cannot be read"),
        ("richInspectVariables", {"variableName": "no_such_name"}, "no variable"),
    ],
)
def test_what_cannot_be_done_is_said(kernel: KernelDriver, command: str, arguments: Body, message: str) -> None:
    response = FrontEnd(kernel).ask(command, **arguments)
    assert response["success"] is False
    assert message in response["message"]


def test_what_is_no_request_gets_an_error_reply(kernel: KernelDriver) -> None:
    reply = kernel.request("debug_request", {"command": 3}, channel="control")["content"]
    assert (reply["status"], reply["ename"]) == ("error", "RequestError")


# The end


@pytest.mark.parametrize("backend", ["asyncio"])
def test_a_kernel_that_is_stopped_can_be_shut_down(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    front = FrontEnd(kernel)
    front.begin()
    path = front.break_at(FUNCTION, 2)
    kernel.start(FUNCTION)
    front.stopped()
    kernel.request("shutdown_request", {"restart": False}, channel="control")
    assert kernel.wait_exit() == 0
    wait_until(lambda: not Path(path).exists(), "the end of the cell's file")


@pytest.mark.parametrize("backend", ["asyncio"])
def test_without_debugpy_kernel_info_says_so_and_the_error_says_what_to_do(
    start_kernel: StartKernel, backend: str, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['debugpy'] = None\n")
    kernel = start_kernel(backend, env={"PYTHONPATH": str(tmp_path)})
    info = kernel.request("kernel_info_request")["content"]
    assert info["debugger"] is False
    assert "debugger" not in info["supported_features"]
    asked = {"seq": 1, "type": "request", "command": "initialize", "arguments": {}}
    reply = kernel.request("debug_request", asked, channel="control")["content"]
    assert reply["status"] == "error"
    assert "pip install debugpy" in plain(json.dumps(reply))
