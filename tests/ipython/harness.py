"""An interpreter under test: requests whose outlet records, streams that write to them, loops to run cells on."""

from __future__ import annotations

import asyncio
import io
import itertools
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import pytest

from async_kernel.concurrency.portal import Portal, current_portal
from async_kernel.ipython.interpreter import IPythonInterpreter
from async_kernel.kernel.request import Request, find_request, serving
from async_kernel.protocol.messages import Buffer, Content, Header, Message
from tests.fakes import FakeOutlet

BACKENDS = ("asyncio", "uvloop", "trio")


class Recorder(FakeOutlet):
    """What a request gives rise to. `ends` has, for each time that the end of the kernel was asked for, whether for a
    restart."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[bool] = []


class RequestStream(io.TextIOBase):
    """What `print` writes to: the current request."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def write(self, text: str) -> int:
        request = find_request()
        if request is not None and text:
            request.stream(self._name, text)
        return len(text)


_numbers = itertools.count(1)


def new_request(
    msg_type: str = "execute_request", content: Content | None = None, buffers: Sequence[Buffer] = ()
) -> tuple[Request, Recorder]:
    """A request and the recorder of what it gives rise to."""
    recorder = Recorder()
    header = Header(f"m{next(_numbers)}", msg_type, "session")
    message = Message(header, b"{}", content or {}, {}, {}, (), buffers)
    return Request(message, recorder, end_kernel=recorder.ends.append), recorder


class Ran(NamedTuple):
    """What running a cell gave: the reply, and the messages in order."""

    reply: Content
    recorder: Recorder

    @property
    def types(self) -> list[str]:
        """The types of the messages."""
        return [message.msg_type for message in self.recorder.messages]

    def contents(self, msg_type: str) -> list[Content]:
        """The contents of the messages of one type."""
        return [message.content for message in self.recorder.messages if message.msg_type == msg_type]

    def text(self, name: str = "stdout") -> str:
        """All that was written to a stream."""
        return "".join(content["text"] for content in self.contents("stream") if content["name"] == name)

    @property
    def result(self) -> str:
        """The plain text of the cell's one result."""
        (content,) = self.contents("execute_result")
        text: str = content["data"]["text/plain"]
        return text


class Shell:
    """Runs cells as a lane does."""

    def __init__(self, interpreter: IPythonInterpreter, monkeypatch: pytest.MonkeyPatch) -> None:
        self.interpreter = interpreter
        self.portal: Portal | None = None
        """The way to the latest cell: `end_wait()` ends what it awaits."""
        self._monkeypatch = monkeypatch

    async def run(
        self,
        code: str,
        *,
        silent: bool = False,
        store_history: bool = True,
        user_expressions: dict[str, str] | None = None,
        given: tuple[Request, Recorder] | None = None,
    ) -> Ran:
        """Run a cell; `given` is its request, made by the caller to be kept at hand."""
        for name in ("stdout", "stderr"):  # here and not in a fixture: pytest sets its own between the phases of a test
            if not isinstance(getattr(sys, name), RequestStream):
                self._monkeypatch.setattr(sys, name, RequestStream(name))
        request, recorder = given or new_request()
        portal = self.portal = current_portal()
        with serving(request):
            try:
                with portal.waiting():
                    reply = await self.interpreter.execute(
                        code,
                        silent=silent,
                        store_history=store_history,
                        user_expressions=user_expressions or {},
                        cell_id=None,
                        metadata={},
                    )
            finally:
                await portal.settle()
        return Ran(reply, recorder)


def run_on(backend: str, main: Callable[[], Awaitable[Any]]) -> Any:
    """Run `main` on a new loop of the backend, in the calling thread."""
    if backend == "trio":
        import trio

        return trio.run(main)
    factory = None
    if backend == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(_as_coroutine(main))


async def _as_coroutine(main: Callable[[], Awaitable[Any]]) -> Any:
    return await main()
