"""The debugger as front ends see it: debug_request, debug_reply, debug_event (messaging spec, "Debug request").

Requests are those of the Debug Adapter Protocol, which debugpy serves, and some of Jupyter's own about cells and
variables, which are served here. debugpy is started by the first `initialize`, and gone after `disconnect`: cells that
nobody debugs are not traced.
"""

from __future__ import annotations

import ast
import itertools
import json
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from async_kernel.errors import RequestError
from async_kernel.kernel.ports import Debuggee
from async_kernel.protocol.messages import Content
from async_kernel.protocol.murmur2 import SEED

from .cell_files import CellFiles, in_this_process
from .client import Client, DebuggerError
from .framing import Message
from .session import Session, untrace
from .variables import Variables

__all__ = ["Debugger"]

VISIT_SECONDS = 0.5
"""How long the shell is waited for, to have it show a variable."""

PACKAGE = Path(__file__).resolve().parents[1]

log = logging.getLogger(__name__)


class Debugger:
    """Fits `kernel.ports.Debugger`.

    `publish(msg_type, content)` publishes on behalf of no request; `in_shell(function, seconds)` calls a function in
    the thread of the shell and returns its result, or raises TimeoutError.
    """

    def __init__(
        self,
        debuggee: Debuggee,
        publish: Callable[[str, Content], None],
        in_shell: Callable[[Callable[[], Any], float], Any],
    ) -> None:
        self._debuggee = debuggee
        self._publish = publish
        self._in_shell = in_shell
        self._session: Session | None = None
        self._files = CellFiles()
        self._variables = Variables(debuggee)
        self._breakpoints: dict[str, list[Any]] = {}  # by file
        self._stopped: set[int] = set()  # threads, as debugpy numbers them
        self._was_resumed = False
        self._numbers = itertools.count(1)
        self._own: dict[str, Callable[[Content], Content]] = {
            "debugInfo": self._debug_info,
            "dumpCell": self._dump_cell,
            "source": self._source,
            "modules": self._modules,
            "inspectVariables": self._inspect_variables,
            "richInspectVariables": self._rich_inspect,
        }
        self._through: dict[str, Callable[[Content], Message]] = {
            "initialize": self._initialize,
            "attach": self._attach,
            "disconnect": self._disconnect,
            "terminate": self._disconnect,
            "setBreakpoints": self._set_breakpoints,
            "stackTrace": self._stack_trace,
            "variables": self._inner_variables,
            "copyToGlobals": self._copy_to_globals,
        }

    # kernel.ports.Debugger

    def request(self, content: Content) -> Content:
        """The response to a request, which tells of a failure by `"success": False` and a `message`."""
        command = content.get("command")
        arguments = content.get("arguments") or {}
        if not isinstance(command, str) or not isinstance(arguments, dict):
            raise RequestError("A debug_request has to be a request of the Debug Adapter Protocol, with a command.")
        try:
            if command in self._own:
                response = {"success": True, "body": self._own[command](arguments)}
            elif command in self._through:
                response = self._through[command](arguments)
            else:
                response = self._client.request(command, arguments)
        except DebuggerError as error:
            response = {"success": False, "message": str(error)}
        # The numbers of several clients may be the same, so debugpy got others than theirs.
        return response | {
            "type": "response",
            "command": command,
            "seq": next(self._numbers),
            "request_seq": content.get("seq", 0),
        }

    def resume_stopped(self) -> None:
        """Let everything that is stopped go on to its end, as it is to be interrupted. Any thread; returns at once."""
        session = self._session
        if session is None or not self._stopped:
            return
        self._was_resumed = True  # a loop would stop at its breakpoint again before the interrupt gets there
        for path in list(self._breakpoints):  # a debug_request may change them meanwhile
            session.client.send("setBreakpoints", {"source": {"path": path}, "breakpoints": []})
        for thread in list(self._stopped):
            session.client.send("continue", {"threadId": thread})

    def before_cell(self) -> None:
        """Have cells stop at breakpoints again, after `resume_stopped`; have none traced when nothing is debugged."""
        session = self._session
        if session is None:
            untrace()
        if session is None or not self._was_resumed:
            return
        self._was_resumed = False
        with suppress(DebuggerError):
            for path, breakpoints in list(self._breakpoints.items()):
                session.client.request("setBreakpoints", {"source": {"path": path}, "breakpoints": breakpoints})

    def close(self) -> None:
        """End debugging, and remove the files of cells."""
        session, self._session = self._session, None
        if session is not None:
            session.client.send("disconnect", {"terminateDebuggee": False})
            session.client.close()
        self._files.remove()

    # The session with debugpy

    @property
    def _client(self) -> Client:
        if self._session is None:
            raise DebuggerError("The debugger is not started; `initialize` starts it.")
        return self._session.client

    def _initialize(self, arguments: Content) -> Message:
        if self._session is None:
            self._session = Session(self._take_event, self._end, self._debuggee.libraries)
        return self._session.client.request("initialize", arguments)

    def _attach(self, arguments: Content) -> Message:
        """Attach and begin to trace. Front ends differ in whether they say `configurationDone`, and when: breakpoints
        can be set at any time, so nothing is gained by waiting for it."""
        # The kernel's own frames are nobody's code: they are not stepped into, nor shown.
        rules = [{"path": str(PACKAGE / "**"), "include": False}]
        response = self._client.request("attach", {"justMyCode": True, **arguments, "rules": rules})
        if self._session is not None and response.get("success"):
            self._client.request("configurationDone")
            self._session.wait_ready()
        return response

    def _disconnect(self, arguments: Content) -> Message:
        if self._session is not None and not self._session.is_ready:
            self._attach({})  # or debugpy went on waiting for it
        response = self._client.request("disconnect", {"restart": False, "terminateDebuggee": False})  # not the kernel
        self._end()
        return response

    def _end(self) -> None:
        """Forget the session, whoever has ended it."""
        session, self._session = self._session, None
        self._stopped.clear()
        self._breakpoints.clear()
        self._was_resumed = False
        if session is not None:
            session.close()
            with suppress(TimeoutError):  # busy: its next cell does it
                self._in_shell(untrace, VISIT_SECONDS)

    def _take_event(self, event: Message) -> None:
        body = event.get("body") or {}
        if event.get("event") == "stopped":
            self._stopped.add(body.get("threadId", 0))
        elif event.get("event") == "continued":
            if body.get("allThreadsContinued", True):
                self._stopped.clear()
            self._stopped.discard(body.get("threadId", 0))
        if self._session is not None or event.get("event") == "initialized":
            self._publish("debug_event", {**event, "seq": next(self._numbers)})

    # Requests that debugpy serves, and our additions

    def _set_breakpoints(self, arguments: Content) -> Message:
        source = arguments.get("source") or {}
        path = in_this_process(str(source.get("path", "")), self._debuggee.prefix)
        response = self._client.request("setBreakpoints", {**arguments, "source": {**source, "path": path}})
        if response.get("success") and path:
            self._breakpoints[path] = arguments.get("breakpoints") or []
            if not self._breakpoints[path]:
                del self._breakpoints[path]
        return response

    def _stack_trace(self, arguments: Content) -> Message:
        """The frames down to that of the cell: its callers are the interpreter and the loop."""
        response = self._client.request("stackTrace", arguments)
        frames = (response.get("body") or {}).get("stackFrames") or []
        prefix = self._debuggee.prefix
        last = max(
            (n for n, frame in enumerate(frames) if str((frame.get("source") or {}).get("path")).startswith(prefix)),
            default=len(frames),
        )
        if frames:
            response["body"] |= {"stackFrames": frames[: last + 1], "totalFrames": len(frames[: last + 1])}
        return response

    def _inner_variables(self, arguments: Content) -> Message:
        inside = self._variables.inside(int(arguments.get("variablesReference", 0)))
        if inside is not None:
            return {"success": True, "body": {"variables": inside}}
        return self._client.request("variables", arguments)

    def _copy_to_globals(self, arguments: Content) -> Message:
        return self._client.request(
            "setExpression",
            {
                "expression": f"globals()[{str(arguments.get('dstVariableName', ''))!r}]",
                "value": arguments.get("srcVariableName", ""),
                "frameId": arguments.get("srcFrameId", 0),
            },
        )

    # Jupyter's own requests

    def _debug_info(self, arguments: Content) -> Content:
        return {
            "isStarted": self._session is not None,
            "hashMethod": "Murmur2",
            "hashSeed": SEED,
            "tmpFilePrefix": self._debuggee.prefix,
            "tmpFileSuffix": self._debuggee.suffix,
            "breakpoints": [
                {"source": path, "breakpoints": breakpoints} for path, breakpoints in self._breakpoints.items()
            ],
            "stoppedThreads": sorted(self._stopped),
            "richRendering": True,
            "exceptionPaths": ["Python Exceptions"],
            "copyToGlobals": True,
        }

    def _dump_cell(self, arguments: Content) -> Content:
        code = str(arguments.get("code", ""))
        name = self._debuggee.file_of(code)
        self._files.write(name, code)
        session, breakpoints = self._session, self._breakpoints.get(name)
        if session is not None and breakpoints:  # debugpy ignores those that were set before there was a file
            session.client.request("setBreakpoints", {"source": {"path": name}, "breakpoints": breakpoints})
        return {"sourcePath": name}

    def _source(self, arguments: Content) -> Content:
        path = in_this_process(str((arguments.get("source") or {}).get("path", "")), self._debuggee.prefix)
        try:
            return {"content": Path(path).read_text(encoding="utf-8", errors="replace")}
        except OSError as error:
            raise DebuggerError(f"The source {path!r} cannot be read: {error}") from None

    def _modules(self, arguments: Content) -> Content:
        found = [
            {"id": number, "name": name, "path": file}
            for number, (name, module) in enumerate(sorted(sys.modules.items()))
            if isinstance(module, ModuleType) and isinstance(file := vars(module).get("__file__"), str)
        ]
        start = int(arguments.get("startModule", 0))
        count = int(arguments.get("moduleCount", 0)) or len(found)
        return {"modules": found[start : start + count], "totalModules": len(found)}

    def _inspect_variables(self, arguments: Content) -> Content:
        return {"variables": self._variables.all()}

    def _rich_inspect(self, arguments: Content) -> Content:
        """A variable as a cell would display it; as text, where the shell is too busy for that."""
        name = str(arguments.get("variableName", ""))
        if self._stopped:
            return self._show_in_frame(name, arguments.get("frameId"))
        variables = self._debuggee.variables()
        if name not in variables:
            raise DebuggerError(f"There is no variable {name!r}.")
        value = variables[name]
        try:
            data, metadata = self._in_shell(lambda: self._debuggee.show(value), VISIT_SECONDS)
        except Exception:  # the shell is busy, or its formatter fails
            data, metadata = {"text/plain": self._debuggee.summary(value)[1]}, {}
        return {"data": data, "metadata": metadata}

    def _show_in_frame(self, name: str, frame: object) -> Content:
        response = self._client.request(
            "evaluate", {"expression": self._debuggee.showing(name), "frameId": frame, "context": "clipboard"}
        )
        if not response.get("success"):
            raise DebuggerError(f"{name!r} cannot be shown: {response.get('message')}")
        result = str(response["body"]["result"])
        with suppress(ValueError, SyntaxError):
            result = str(ast.literal_eval(result))  # it comes as Python writes a text
        try:
            data, metadata = json.loads(result)
        except ValueError:
            data, metadata = {"text/plain": result}, {}
        return {"data": data, "metadata": metadata}
