"""Row 28: breakpoints in cells, asynchronous ones too, and after an interrupt."""

from __future__ import annotations

from typing import Any

from ..kernel import Kernel, Subject
from ..probe import Missed, Outcome, passed, probe
from ..wire import Received

FUNCTION = "def double(value):\n    result = 2 * value\n    return result\ndouble(21)"
STOP_SECONDS = 10.0


class _FrontEnd:
    """What JupyterLab does to debug."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._seq = 0
        self._stops = 0

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        self._seq += 1
        content = {"type": "request", "seq": self._seq, "command": command, "arguments": arguments}
        request = self._kernel.client.send("control", "debug_request", content)
        response = self._kernel.client.reply(request, 20, f"the response to {command}").content
        if not response.get("success"):
            raise Missed(f"{command} gave {response.get('message') or response.get('evalue') or response}"[:160])
        return response.get("body") or {}

    def begin(self) -> None:
        info = self._kernel.info
        if not (info.get("debugger") or "debugger" in info.get("supported_features", ())):
            raise Missed("no debugger")
        self.ask("initialize", clientID="needs", adapterID="", pathFormat="path", linesStartAt1=True)
        self.ask("attach")

    def break_at(self, code: str, line: int) -> None:
        path = self.ask("dumpCell", code=code)["sourcePath"]
        self.ask("setBreakpoints", source={"path": path}, breakpoints=[{"line": line}], sourceModified=False)
        self.ask("configurationDone")

    def stopped(self) -> int:
        """Wait for the next stop; return the thread."""
        client = self._kernel.client
        client.wait(lambda: len(self._events()) > self._stops, STOP_SECONDS, "the stop at the breakpoint")
        self._stops += 1
        return int(self._events()[self._stops - 1].content["body"]["threadId"])

    def _events(self) -> list[Received]:
        return [
            message
            for message in self._kernel.client.messages
            if message.msg_type == "debug_event" and message.content.get("event") == "stopped"
        ]

    def variables(self, thread: int) -> dict[str, str]:
        """The local variables where it has stopped."""
        frame = self.ask("stackTrace", threadId=thread)["stackFrames"][0]["id"]
        scope = self.ask("scopes", frameId=frame)["scopes"][0]["variablesReference"]
        return {one["name"]: one["value"] for one in self.ask("variables", variablesReference=scope)["variables"]}


@probe(28, "debug-cell", "a cell stops at its breakpoint, shows its variables, and goes on")
def _(subject: Subject) -> Outcome:
    return _stop(subject, FUNCTION, 3, {"value": "21", "result": "42"}, "42")


@probe(28, "debug-await", "so does a cell that awaits")
def _(subject: Subject) -> Outcome:
    code = f"import {subject.backend} as lib\nasync def work(n):\n    await lib.sleep(0)\n    return n\nawait work(5)"
    return _stop(subject, code, 4, {"n": "5"}, "5")


def _stop(subject: Subject, code: str, line: int, variables: dict[str, str], result: str) -> Outcome:
    with Kernel(subject) as kernel:
        front = _FrontEnd(kernel)
        front.begin()
        front.break_at(code, line)
        cell = kernel.client.execute(code)
        thread = front.stopped()
        shown = front.variables(thread)
        if shown != variables:
            raise Missed(f"the variables are {shown}")
        front.ask("continue", threadId=thread)
        ended = kernel.finish(cell)
        if result not in ended.displayed:
            raise Missed(f"the cell gave {ended.error or ended.displayed}")
    return passed()


@probe(28, "debug-interrupt", "an interrupt ends a stopped cell, and the next one stops again")
def _(subject: Subject) -> Outcome:
    code = "n = 0\nwhile True:\n    n += 1\n"
    with Kernel(subject) as kernel:
        front = _FrontEnd(kernel)
        front.begin()
        front.break_at(code, 3)
        for _ in range(2):
            cell = kernel.client.execute(code)
            front.stopped()
            kernel.interrupt("message")
            ended = kernel.finish(cell, 10)
            if not kernel.tells_interrupt(ended.reply):
                raise Missed(f"the interrupted cell gave {ended.error or 'ok'}")
    return passed()


@probe(28, "debug-breakpoint", "`breakpoint()` stops in the front end's debugger")
def _(subject: Subject) -> Outcome:
    code = "def here(a):\n    breakpoint()\n    return a\nhere(1)"
    with Kernel(subject) as kernel:
        front = _FrontEnd(kernel)
        front.begin()
        front.ask("dumpCell", code=code)
        front.ask("configurationDone")
        cell = kernel.client.execute(code)
        thread = front.stopped()
        front.ask("continue", threadId=thread)
        ended = kernel.finish(cell)
        if "1" not in ended.displayed:
            raise Missed(f"the cell gave {ended.error or ended.displayed}")
    return passed()


@probe(28, "debug-rich", "a variable of a stopped frame is shown as a cell would display it")
def _(subject: Subject) -> Outcome:
    code = (
        "class Rich:\n    def _repr_html_(self):\n        return '<b>rich</b>'\n"
        "def inside():\n    thing = Rich()\n    return thing\ninside();"
    )
    with Kernel(subject) as kernel:
        front = _FrontEnd(kernel)
        front.begin()
        front.break_at(code, 6)
        cell = kernel.client.execute(code)
        thread = front.stopped()
        frame = front.ask("stackTrace", threadId=thread)["stackFrames"][0]["id"]
        shown = front.ask("richInspectVariables", variableName="thing", frameId=frame)
        if shown.get("data", {}).get("text/html") != "<b>rich</b>":
            raise Missed(f"it is shown as {shown}"[:160])
        front.ask("continue", threadId=thread)
        kernel.finish(cell)
    return passed()


@probe(28, "debug-variables", "the list of variables runs no code of the user's")
def _(subject: Subject) -> Outcome:
    code = (
        "told = []\nclass Sly:\n    def __repr__(self):\n        told.append(1)\n        return 'sly'\n"
        "sly = Sly()\nnumber = 17"
    )
    with Kernel(subject) as kernel:
        kernel.need(code)
        front = _FrontEnd(kernel)
        front.begin()
        shown = {one["name"]: one["value"] for one in front.ask("inspectVariables")["variables"]}
        if shown.get("number") != "17" or "sly" not in shown:
            raise Missed(f"the variables are {shown}"[:160])
        told = kernel.need("told").displayed
        if told != ["[]"]:
            raise Missed("the list called __repr__")
    return passed()


@probe(28, "debug-off", "switched off, cells are not traced, and it can be switched on again")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        front = _FrontEnd(kernel)
        for _ in range(2):
            front.begin()
            front.break_at(FUNCTION, 2)
            cell = kernel.client.execute(FUNCTION)
            front.ask("continue", threadId=front.stopped())
            kernel.finish(cell)
            front.ask("disconnect", restart=False, terminateDebuggee=False)
            traced = kernel.need("import sys; sys.gettrace() is not None").displayed
            if traced != ["False"]:
                raise Missed("cells are still traced")
    return passed()
