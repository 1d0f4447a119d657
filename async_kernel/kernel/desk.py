"""The desk: one method for each message type that the routes name. They return content and say nothing else."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from async_kernel.errors import RequestError
from async_kernel.protocol.messages import Content
from async_kernel.system.reserve import make_room

from .closing import Closing
from .debugging import Debugging
from .detached import Detached
from .dispatch import refuse
from .interruption import Interruption
from .late_parts import LateParts
from .place import Place
from .ports import Comms, Interpreter
from .request import Request
from .shells import Shells

if TYPE_CHECKING:
    from async_kernel.system.usage import Usage

__all__ = ["Desk"]

T = TypeVar("T")

_HISTORY_FIELDS: Content = {"hist_access_type": "", "session": 0, "start": 0, "stop": 0, "n": 0, "pattern": ""}
"""Those that have a type to be kept, and a value of it."""


class Desk:
    """The answers of a kernel, message type by message type (messaging spec, the section of the same name).

    `info` is the content of its kernel_info_reply, with a banner that the interpreter's replaces, `ports` of its
    connect_reply.
    """

    def __init__(
        self,
        info: Content,
        ports: Mapping[str, int],
        parts: LateParts,
        shells: Shells,
        *,
        detached: Detached,
        interruption: Interruption,
        debugging: Debugging,
        closing: Closing,
    ) -> None:
        self._info = info
        self._ports = ports
        self._parts = parts
        self._shells = shells
        self._detached = detached
        self._interruption = interruption
        self._debugging = debugging
        self._closing = closing
        self._usage: Usage | None = None

    @property
    def _interpreter(self) -> Interpreter:
        return self._parts.get().interpreter

    @property
    def _comms(self) -> Comms:
        return self._parts.get().comms

    # At once

    def kernel_info(self, request: Request, place: Place) -> Content:
        """ "Kernel info"."""
        return self._info if self._parts.banner is None else {**self._info, "banner": self._parts.banner}

    def connect(self, request: Request, place: Place) -> Content:
        """ "Connect"."""
        return {"status": "ok", **self._ports}

    def detached(self, request: Request, place: Place) -> Content:
        """Our own: how detached cells stand, all of them or the one whose `detached_id` is given."""
        return {"status": "ok", "detached": self._detached.states(_field(request.content, "detached_id", ""))}

    def interrupt(self, request: Request, place: Place) -> Content:
        """ "Kernel interrupt": the main shell and all subshells, as JEP 91 leaves it to the kernel; with a
        `detached_id`, which is our own, that cell alone."""
        _field(request.content, "detached_id", "")
        self._interruption.interrupt(request.message)
        return {"status": "ok"}

    # In order

    def execute(self, request: Request, place: Place) -> Coroutine[Any, Any, Content]:
        """ "Execute". A `timeout` in the metadata, in seconds, has the cell interrupted after that time."""
        return self._execute(request)

    async def _execute(self, request: Request) -> Content:
        content = request.content
        parts = self._parts.get()
        interpreter = parts.interpreter
        silent = _field(content, "silent", False)
        metadata = request.message.metadata
        timeout = metadata.get("timeout", interpreter.timeout)
        if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, (int, float))):
            raise RequestError(f"The timeout in the metadata of the request has to be a number, not {timeout!r:.80}.")
        after: list[Callable[[], object] | None] = []
        try:
            for scope in (self._debugging.around_cell, *parts.cell_scopes):
                after.append(scope(request))
            after.append(self._interruption.deadline(request, timeout))
            reply = await interpreter.execute(
                _code(content),
                silent=silent,
                store_history=_field(content, "store_history", not silent) and not silent,
                user_expressions=_field(content, "user_expressions", {}),
                cell_id=metadata.get("cellId"),
                metadata=metadata,
            )
        finally:
            make_room()  # for all that follows: a loop in which an allocation fails may lose its tasks
            _call_last_first(after)
        return _cut_short(request, reply) if self._closing.begun else reply

    # Comms

    def comm_open(self, request: Request, place: Place) -> Coroutine[Any, Any, None] | None:
        """ "Opening a Comm"."""
        return self._comms.open(request, place)

    def comm_msg(self, request: Request, place: Place) -> Coroutine[Any, Any, None] | None:
        """ "Comm Messages"."""
        return self._comms.message(request, place)

    def comm_close(self, request: Request, place: Place) -> Coroutine[Any, Any, None] | None:
        """ "Tearing Down Comms"."""
        return self._comms.close(request, place)

    # Aside

    def complete(self, request: Request, place: Place) -> Content:
        """ "Completion"."""
        code = _code(request.content)
        return self._interpreter.complete(code, _cursor(request.content, code), place)

    def inspect(self, request: Request, place: Place) -> Content:
        """ "Introspection"."""
        code = _code(request.content)
        detail_level = _field(request.content, "detail_level", 0)
        return self._interpreter.inspect(code, _cursor(request.content, code), detail_level, place)

    def is_complete(self, request: Request, place: Place) -> Content:
        """ "Code completeness"."""
        return self._interpreter.is_complete(_code(request.content), place)

    def history(self, request: Request, place: Place) -> Content:
        """ "History". Its fields go into queries of a database, which a wrong type makes take itself for corrupt."""
        for name, default in _HISTORY_FIELDS.items():
            _field(request.content, name, default)
        return self._interpreter.history(request.content)

    def comm_info(self, request: Request, place: Place) -> Content:
        """ "Comm info"."""
        return self._comms.info(request.content)

    # Control

    def debug(self, request: Request, place: Place) -> Content:
        """ "Debug request"."""
        return self._debugging.answer(request.content)

    def shutdown(self, request: Request, place: Place) -> Content:
        """ "Kernel shutdown"."""
        restart = _field(request.content, "restart", False)
        content = {"status": "ok", "restart": restart}
        request.publish("shutdown_reply", content)
        self._closing.plan(restart)
        return content

    def usage(self, request: Request, place: Place) -> Content:
        """What the kernel uses of its machine, as jupyter-resource-usage asks for it: see `system.usage`."""
        if self._usage is None:
            from async_kernel.system.usage import measure_with

            try:
                import psutil
            except ImportError:
                psutil = None
            self._usage = measure_with(psutil)
        return {"status": "ok", **self._usage.read()}

    def create_subshell(self, request: Request, place: Place) -> Content:
        """JEP 91, "Create subshell"."""
        return {"status": "ok", "subshell_id": self._shells.subshells.create()}

    def delete_subshell(self, request: Request, place: Place) -> Content:
        """JEP 91, "Delete subshell"."""
        for left in self._shells.subshells.delete(_field(request.content, "subshell_id", "")):
            refuse(left, RequestError("The subshell of this request was deleted."))
        return {"status": "ok"}

    def list_subshell(self, request: Request, place: Place) -> Content:
        """JEP 91, "List subshells"."""
        return {"status": "ok", "subshell_id": self._shells.subshells.ids()}


def _call_last_first(functions: list[Callable[[], object] | None]) -> None:
    """Call those that there are, all of them, whatever one raises."""
    try:
        while functions:
            if (function := functions.pop()) is not None:
                function()
    finally:
        if functions:
            _call_last_first(functions)


def _cut_short(request: Request, reply: Content) -> Content:
    """The reply to a cell during which the kernel was asked to end. It may have taken the interrupt in and gone on, or
    have been at its last statement: nothing tells, and a client that writes down results must not take it for done."""
    if reply["status"] != "ok":
        return reply
    evalue = "The kernel ended while this cell ran."
    error = {"ename": "KeyboardInterrupt", "evalue": evalue, "traceback": [f"KeyboardInterrupt: {evalue}"]}
    request.publish("error", error)
    return {**reply, **error, "status": "error"}


def _field(content: Content, name: str, default: T) -> T:
    """A field of a request's content, of the default's type. RequestError when it has another."""
    value: Any = content.get(name, default)
    if value is None:
        return default
    if not isinstance(value, type(default)):
        expected = type(default).__name__
        raise RequestError(f"The field {name!r} of the request has to be of type {expected}, not {value!r:.80}.")
    return value


def _code(content: Content) -> str:
    """The code of a request. RequestError when it has none."""
    if "code" not in content:
        raise RequestError("The request lacks the field 'code'.")
    return _field(content, "code", "")


def _cursor(content: Content, code: str) -> int:
    """The cursor position in code points, at the end when it is absent or outside."""
    position = _field(content, "cursor_pos", len(code))
    return position if 0 <= position <= len(code) else len(code)
