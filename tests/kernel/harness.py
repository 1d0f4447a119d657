"""A kernel on the memory transport, with an interpreter that understands a few words and a client that asks.

Cells for the fake interpreter are one command: "ok", "print TEXT", "error", "raise NAME", "await KEY" (until
`FakeInterpreter.release(KEY)`), "forever", "block KEY" (the same, but the thread stands still), "ask PROMPT"; "talk
KEY" and "hold KEY" are "await" and "block" with "KEY begins" printed before, "KEY ends" after. A first line marks them.
"""

from __future__ import annotations

import asyncio
import builtins
import itertools
import json
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple

import anyio

from async_kernel.concurrency.portal import Portal, current_portal
from async_kernel.kernel.kernel import Kernel
from async_kernel.kernel.place import Place
from async_kernel.kernel.ports import Debuggee, Parts, RunLoop
from async_kernel.kernel.request import Request, current_request
from async_kernel.protocol.codec import Codec
from async_kernel.protocol.messages import Buffer, Content, Message
from async_kernel.protocol.names import DELIMITER, Channel
from async_kernel.protocol.signing import Signer
from async_kernel.transport.memory import MemoryTransport

DEADLINE = 20.0
"""Seconds after which a wait has failed."""

KEY = b"a key"


def run_loop(backend: str) -> RunLoop:
    """What runs a main coroutine on the standard library's asyncio, on uvloop or on trio."""

    def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if backend == "trio":
            anyio.run(main, backend="trio")
        else:
            anyio.run(main, backend_options={"use_uvloop": backend == "uvloop"})

    return run


class Fatal(BaseException):
    """What no `except Exception` catches."""


class Mute(Exception):
    """An exception that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no")


class FakeInterpreter:
    """Fits `kernel.ports.Interpreter`, but lets out what goes wrong in a cell, which a real one never does."""

    banner = "fake banner"
    timeout = 0.0

    def __init__(self) -> None:
        self.execution_count = 1
        self.log: list[str] = []
        self.threads: dict[str, int] = {}
        self.places: dict[str, Place] = {}
        self.fields: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._waits: dict[str, tuple[Portal, anyio.Event]] = {}
        self._released: set[str] = set()
        self._gates: dict[str, threading.Event] = {}
        self._changed = threading.Condition()

    async def execute(self, code: str, **fields: Any) -> Content:
        command, _, argument = code.rpartition("\n")[2].partition(" ")
        with self._changed:
            count = self.execution_count
            self.execution_count += 1
            self.fields.append(fields)
            self.log.append(code)
            self.threads[code] = threading.get_ident()
            self._changed.notify_all()
        value = await getattr(self, f"_{command}")(argument)
        content = {"status": "ok", "execution_count": count, "user_expressions": {}}
        return {**value, "execution_count": count} if isinstance(value, dict) else {**content, "value": value}

    async def _ok(self, argument: str) -> None:
        pass

    async def _print(self, text: str) -> None:
        _request().stream("stdout", text)

    async def _error(self, text: str) -> Content:
        _request().publish("error", {"ename": "Error", "evalue": text, "traceback": []})
        return {"status": "error", "ename": "Error", "evalue": text, "traceback": []}

    async def _raise(self, name: str) -> None:
        own = {"Fatal": Fatal, "Mute": Mute, "CancelledError": asyncio.CancelledError}
        raise own.get(name) or getattr(builtins, name)

    async def _await(self, key: str) -> None:
        with self._lock:
            if key in self._released:
                return
            event = anyio.Event()
            self._waits[key] = (current_portal(), event)
        await event.wait()

    async def _forever(self, argument: str) -> None:
        await anyio.sleep_forever()

    async def _block(self, key: str) -> None:
        assert self._gate(key).wait(DEADLINE)

    async def _talk(self, key: str) -> None:
        _request().stream("stdout", f"{key} begins\n")
        await self._await(key)
        _request().stream("stdout", f"{key} ends\n")

    async def _hold(self, key: str) -> None:
        _request().stream("stdout", f"{key} begins\n")
        await self._block(key)
        _request().stream("stdout", f"{key} ends\n")

    async def _ask(self, prompt: str) -> str:
        return _request().ask(prompt)

    def complete(self, code: str, cursor_pos: int, place: Place) -> Content:
        self.places[code] = place
        self.threads[f"complete {code}"] = threading.get_ident()
        if code.startswith("raise "):
            raise {"Mute": Mute, "Fatal": Fatal, "RuntimeError": RuntimeError}[code[6:]]
        return {"status": "ok", "matches": [code], "cursor_start": 0, "cursor_end": cursor_pos}

    def inspect(self, code: str, cursor_pos: int, detail_level: int, place: Place) -> Content:
        return {"status": "ok", "found": False, "detail_level": detail_level}

    def is_complete(self, code: str, place: Place) -> Content:
        return {"status": "complete"}

    def history(self, content: Content) -> Content:
        return {"status": "ok", "history": []}

    def fire(self, event: str) -> None:
        self.log.append(event)

    @property
    def debuggee(self) -> Debuggee:
        raise NotImplementedError("no test of the kernel has a debugger that looks into it")

    def save(self) -> None:
        pass

    def close(self, restart: bool) -> None:
        pass

    # For tests

    def release(self, key: str) -> None:
        """Let the cell "await KEY" or "block KEY" go on, now or when it comes."""
        with self._lock:
            self._released.add(key)
            waiting = self._waits.pop(key, None)
        self._gate(key).set()
        if waiting is not None:
            portal, event = waiting
            portal.call(event.set)

    def wait_for(self, code: str) -> None:
        """Return once the cell `code` has begun."""
        with self._changed:
            assert self._changed.wait_for(lambda: code in self.log, DEADLINE), f"{code!r} did not begin"

    def _gate(self, key: str) -> threading.Event:
        return self._gates.setdefault(key, threading.Event())


class FakeComms:
    """Fits `kernel.ports.Comms`: notes what comes, when it is done, and where. The content says what goes on:

    {"raise": "Mute"} and the like goes wrong, {"block": KEY} stands still until `FakeInterpreter.release(KEY)`,
    {"await": KEY} awaits that, {"print": TEXT} prints. The comms of `missing` are not there. `homes` says to which
    shells comms belong; others belong to that which a message is sent to.
    """

    def __init__(self, interpreter: FakeInterpreter) -> None:
        self.log: list[str] = []
        self.done: list[str] = []
        self.threads: dict[str, int] = {}
        self.places: dict[str, Place] = {}
        self.missing: set[str] = set()
        self.homes: dict[str, str | None] = {}
        self._interpreter = interpreter

    def home(self, request: Request) -> str | None:
        return self.homes.get(str(request.content.get("comm_id")), request.message.header.subshell_id)

    def is_known(self, request: Request) -> bool:
        return str(request.content.get("comm_id")) not in self.missing

    def open(self, request: Request, place: Place) -> Coroutine[Any, Any, None] | None:
        self.missing.discard(str(request.content.get("comm_id")))
        return self._handle(request, place)

    def message(self, request: Request, place: Place) -> Coroutine[Any, Any, None] | None:
        return self._handle(request, place)

    def close(self, request: Request, place: Place) -> Coroutine[Any, Any, None] | None:
        return self._handle(request, place)

    def _handle(self, request: Request, place: Place) -> Coroutine[Any, Any, None] | None:
        content, msg_id = request.content, request.message.header.msg_id
        self.log.append(request.msg_type)
        self.threads[msg_id] = threading.get_ident()
        self.places[msg_id] = place
        if "raise" in content:
            raise {"Mute": Mute, "Fatal": Fatal, "RuntimeError": RuntimeError}[content["raise"]]
        if "print" in content:
            _request().stream("stdout", content["print"])
        if "block" in content:
            with self._interpreter._changed:
                self._interpreter.log.append(f"block {content['block']}")
                self._interpreter._changed.notify_all()
            assert self._interpreter._gate(content["block"]).wait(DEADLINE)
        if "await" in content:
            return self._wait(content["await"], msg_id)
        self.done.append(msg_id)
        return None

    async def _wait(self, key: str, msg_id: str) -> None:
        self.threads[f"await {key}"] = threading.get_ident()
        await self._interpreter._await(key)
        self.done.append(msg_id)

    def info(self, content: Content) -> Content:
        return {"status": "ok", "comms": {}}


def _request() -> Request:
    request = current_request()
    assert request is not None
    return request


class Sent(NamedTuple):
    """One message that the kernel sent."""

    channel: Channel
    message: Message

    @property
    def parent(self) -> str:
        """The msg_id of the request that it belongs to."""
        return str(self.message.parent_header.get("msg_id", ""))

    @property
    def what(self) -> str:
        """Its type, for a status the state instead: "busy"."""
        return str(self.message.content.get("execution_state", self.message.header.msg_type))


class RecordingTransport(MemoryTransport):
    """The memory transport, with everything in one order, decoded. `on_barrier` is called before a barrier is reached:
    what it delivers had arrived at the socket."""

    def __init__(self) -> None:
        super().__init__()
        self.on_barrier: Callable[[], None] = lambda: None
        self.sent: list[Sent] = []
        self.change = threading.Condition()
        self._codec = Codec(Signer(KEY), "client", "user", lambda: "")

    def send(self, channel: Channel, frames: Sequence[Buffer]) -> None:
        super().send(channel, frames)
        with self.change:
            self.sent.append(Sent(channel, self._codec.decode([bytes(frame) for frame in frames])))
            self.change.notify_all()

    def barrier(self, reached: Callable[[], None]) -> None:
        self.on_barrier()
        super().barrier(reached)


class Harness:
    """A kernel and its client. `start` serves it in a thread, `serve` in the calling one."""

    def __init__(self, backend: str) -> None:
        self.backend = backend
        self.transport = RecordingTransport()
        self.interpreter = FakeInterpreter()
        self.comms = FakeComms(self.interpreter)
        self.codec = Codec(Signer(KEY), "kernel", "user", lambda: "2026-01-31T12:00:00+00:00")
        self.kernel = Kernel(
            codec=self.codec,
            transport=self.transport,
            info={"status": "ok", "implementation": "fake"},
            ports={"shell_port": 1},
            run_loop=run_loop(backend),
        )
        self.interrupts: Interrupting | Any = None
        """What the kernel interrupts by; None: nothing. May be set at any time."""
        self.late: dict[str, Any] = {}
        """Further parts that the kernel loads."""
        self.failure: BaseException | None = None
        self._ids = itertools.count(1)
        self._signer = Signer(KEY)
        self._thread = threading.Thread(target=self._serve_in_thread, name="main lane", daemon=True)

    # The kernel's side

    def load(self) -> Parts:
        """What the kernel loads."""
        return Parts(self.interpreter, self.comms, self, **self.late)

    def interrupt(self, work: Any) -> object:
        """As `kernel.ports.Interrupts`."""
        return None if self.interrupts is None else self.interrupts.interrupt(work)

    def serve(self, load: Callable[[], Parts] | None = None) -> None:
        """Serve in the calling thread until the kernel is shut down."""

        async def main() -> None:
            await self.kernel.serve(current_portal(), load or self.load)

        run_loop(self.backend)(main)

    def start(self) -> Harness:
        """Serve in a thread of its own."""
        self._thread.start()
        return self

    def _serve_in_thread(self) -> None:
        try:
            self.serve()
        except BaseException as error:
            self.failure = error

    def close(self) -> None:
        """End the kernel. Its main lane must have been whole until now."""
        for key in list(self.interpreter._gates):
            self.interpreter.release(key)
        self.interrupts = Interrupting()
        self.kernel.shut_down()
        if self._thread.ident is not None:
            self._thread.join(DEADLINE)
            assert not self._thread.is_alive(), "the main lane did not end"
            assert self.failure is None, f"the main lane ended with {self.failure!r}"

    # The client's side

    def send(
        self,
        msg_type: str,
        content: object = None,
        *,
        channel: Channel | None = None,
        subshell_id: str | None = None,
        parent: Content | None = None,
        metadata: Content | None = None,
        date: str = "",
    ) -> str:
        """Send a message as a client does; return its msg_id."""
        if channel is None:
            is_control = any(word in msg_type for word in ("usage", "subshell", "shutdown", "interrupt", "debug"))
            channel = Channel.CONTROL if is_control else Channel.SHELL
        header: Content = {"msg_id": f"m{next(self._ids)}", "msg_type": msg_type, "session": "client"}
        if subshell_id is not None:
            header["subshell_id"] = subshell_id
        if date:
            header["date"] = date
        parts = (header, parent or {}, metadata or {}, {} if content is None else content)
        signed = [json.dumps(part).encode() for part in parts]
        frames = [b"client", DELIMITER, self._signer.sign(signed), *signed]
        self.kernel.accept(channel, self.codec.decode(frames))
        return str(header["msg_id"])

    def execute(self, code: str, *, subshell_id: str | None = None, **content: Any) -> str:
        """Send a cell; return its msg_id."""
        return self.send("execute_request", {"code": code, **content}, subshell_id=subshell_id)

    def wait(self, condition: Callable[[list[Sent]], bool]) -> None:
        """Return once `condition` holds of all that was sent."""
        transport = self.transport
        with transport.change:
            reached = transport.change.wait_for(lambda: condition(transport.sent), DEADLINE)
            assert reached, f"after {DEADLINE} s just: {[(sent.parent, sent.what) for sent in transport.sent]}"

    def served(self, msg_id: str) -> list[Sent]:
        """What was sent for a request, once it is idle."""
        self.wait(lambda sent: any(one.parent == msg_id and one.what == "idle" for one in sent))
        return self.so_far(msg_id)

    def so_far(self, msg_id: str) -> list[Sent]:
        """What was sent for a request until now; that it is busy counts once (see `kernel.statuses`)."""
        sent = [one for one in list(self.transport.sent) if one.parent == msg_id]
        first = next((one for one in sent if one.what == "busy"), None)
        return [one for one in sent if one is first or one.what != "busy"]

    def whats(self, msg_id: str) -> list[str]:
        """The types of what was sent for a request, once it is idle."""
        return [sent.what for sent in self.served(msg_id)]

    def reply(self, msg_id: str) -> Content:
        """The content of the one reply to a request, once it is idle."""
        served = self.served(msg_id)
        (reply,) = [sent.message for sent in served if sent.channel in (Channel.SHELL, Channel.CONTROL)]
        return reply.content

    def status(self, msg_id: str) -> str:
        """The status in the reply to a request."""
        return str(self.reply(msg_id)["status"])

    def ask(self, msg_type: str, content: object = None, **options: Any) -> Content:
        """Send a request and return the content of its reply."""
        return self.reply(self.send(msg_type, content, **options))


class Interrupting:
    """Fits `kernel.ports.Interrupts`, for work that awaits: ends the wait, as the real one does."""

    def __init__(self) -> None:
        self.interrupts: list[Any] = []

    def interrupt(self, work: Any) -> object:
        from async_kernel.interrupts.target import Interrupt

        interrupt = Interrupt(work)
        self.interrupts.append(interrupt)
        work.end_wait(interrupt)
        return interrupt
