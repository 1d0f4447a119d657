"""What a kernel needs from the world, as Protocols.

The kernel knows its interpreter only through this module; `ipython` is one that fits, tests bring a fake one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from async_kernel.interrupts.target import Target
from async_kernel.protocol.messages import Buffer, Content, Message
from async_kernel.protocol.names import Channel

from .place import Place
from .request import Request

__all__ = [
    "CellScope",
    "Comms",
    "Debuggee",
    "Debugger",
    "Interpreter",
    "Interrupts",
    "Parts",
    "RunLoop",
    "Transport",
]

RunLoop = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
"""Runs a main coroutine on the backend, in the calling thread, until it returns."""

CellScope = Callable[[Request], Callable[[], object] | None]
"""Work around a cell, in its thread: called before the cell, it returns the function to call after it, if any.

Not a context manager, of which a generator with its decorator costs as much as all that most scopes do."""


class Transport(Protocol):
    """What moves messages. Every method is callable from any thread and returns at once."""

    def send(self, channel: Channel, frames: Sequence[Buffer]) -> None:
        """Send one message. Messages of one channel leave in the order of the calls."""

    def put(self, channel: Channel, frames: Sequence[Buffer]) -> None:
        """Send one message, in order with `send`, which at once sends another from the same thread: they leave
        together."""

    def show(
        self,
        parent: Message,
        frames: Sequence[Buffer],
        build: Callable[[tuple[Message, str], str], Sequence[Buffer]],
    ) -> None:
        """Send output of the request `parent` on iopub, in order with `send`. Of output, gathered text included, a part
        may be dropped when subscribers do not take it; then `build((parent, "stderr"), note)` is sent in its place."""

    def writer(
        self,
        key: tuple[Message, str],
        build: Callable[[tuple[Message, str], str], Sequence[Buffer]],
        begun: Callable[[list[str]], None] | None,
    ) -> Callable[[str], object]:
        """What sends text on iopub, in order with `send`; to be kept, as it is quick. Neighbouring texts with equal
        keys may leave together, as one message, whose frames `build(key, text)` makes. For each message
        `begun(pieces)` is called once, with the list to which its texts are appended."""

    def barrier(self, reached: Callable[[], None]) -> None:
        """Call `reached()`, in any thread, once everything that has arrived until now was delivered."""


class Interrupts(Protocol):
    """What reaches the threads that work."""

    def interrupt(self, work: Target) -> object:
        """Interrupt one piece of work; returns at once."""


class Comms(Protocol):
    """The comms of a kernel (messaging spec, "Custom Messages").

    What serves a message is called in the thread of its shell, or in a thread without a loop while a cell keeps that
    one to itself: `place` says which. It returns what is left to be awaited in the loop of the shell, if anything. None
    lets an exception of user code out.
    """

    def is_known(self, request: Request) -> bool:
        """Whether what a message is for is there: the comm, or the target of a comm_open. Any thread; returns at
        once."""

    def home(self, request: Request) -> str | None:
        """The id of the subshell that is to serve a message; None for the main shell. Any thread; returns at once."""

    def open(self, request: Request, place: Place) -> Coroutine[Any, Any, None] | None:
        """Serve comm_open."""

    def message(self, request: Request, place: Place) -> Coroutine[Any, Any, None] | None:
        """Serve comm_msg."""

    def close(self, request: Request, place: Place) -> Coroutine[Any, Any, None] | None:
        """Serve comm_close."""

    def info(self, content: Content) -> Content:
        """The content of a comm_info_reply."""


class Debugger(Protocol):
    """What serves debug_request (messaging spec, "Debug request"), and what the rest of the kernel has to tell it."""

    def request(self, content: Content) -> Content:
        """The content of the debug_reply: a response of the Debug Adapter Protocol. May take as long as what is being
        debugged does; called in a thread of its own, one request at a time. RequestError for what is no request."""

    def resume_stopped(self) -> None:
        """Let everything that is stopped go on to its end, as it is to be interrupted. Any thread; returns at once."""

    def before_cell(self) -> None:
        """Have cells stop at breakpoints again, after `resume_stopped`. Called in the thread of each cell before it
        runs."""

    def close(self) -> None:
        """End debugging. Any thread; returns at once."""


class Debuggee(Protocol):
    """What a debugger asks of the interpreter. Only `show` runs any code of the user's."""

    suffix: str
    """What the names of cells' files end with: ".py"."""

    @property
    def prefix(self) -> str:
        """What they begin with: "/tmp/ipykernel_4711/"."""

    def file_of(self, code: str) -> str:
        """The name of a cell's file: the prefix, the hash of its text (`protocol.murmur2`), the suffix."""

    def variables(self) -> Mapping[str, object]:
        """The user's variables, by name."""

    def summary(self, value: object) -> tuple[str, str]:
        """Its type and what it holds in short, for example `("list", "[1, 2]")`."""

    def parts(self, value: object) -> Mapping[str, object]:
        """What it consists of, by what follows its name in code, for example `{"[0]": 1}`."""

    libraries: Sequence[str]
    """Packages of the interpreter's that start threads, which a debugger leaves alone."""

    def show(self, value: object) -> tuple[Content, Content]:
        """The data and metadata by which a cell would display it. To be called in the thread of the shell."""

    def showing(self, name: str) -> str:
        """An expression that gives the same of the variable `name`, in a stopped frame: a pair, as JSON."""


class Interpreter(Protocol):
    """What runs code. One serves a shell and all its subshells, which share its namespace.

    Every method is called with the request current (`kernel.request.current_request()`), on the thread of a lane, those
    that take a `place` also on another, where they run none of the user's code: APART says so.

    What comes back is the content of the reply, as the messaging spec has it. A method that raises is answered by an
    error reply; none may let an exception of user code out. Methods take the fields of the request's content by name.
    """

    @property
    def execution_count(self) -> int:
        """The number that the next cell of the history gets: 1 in a fresh kernel. Any thread."""

    @property
    def timeout(self) -> float:
        """The deadline, in seconds, of cells whose requests bring none of their own; 0: none."""

    @property
    def banner(self) -> str:
        """What a console shows when it connects."""

    @property
    def debuggee(self) -> Debuggee:
        """What a debugger asks."""

    async def execute(
        self,
        code: str,
        *,
        silent: bool,
        store_history: bool,
        user_expressions: dict[str, str],
        cell_id: str | None,
        metadata: Content,
    ) -> Content:
        """Run one cell in the calling task; return the content of its execute_reply.

        Publishes execute_input first (unless silent), then whatever the cell gives. An exception of the cell,
        KeyboardInterrupt and cancellation included, is published as `error` and returned as an error reply.
        When the request is `interrupted`, a cancellation is shown as KeyboardInterrupt.
        """

    def complete(self, code: str, cursor_pos: int, place: Place) -> Content:
        """Completions at `cursor_pos` (code points)."""

    def inspect(self, code: str, cursor_pos: int, detail_level: int, place: Place) -> Content:
        """What is known of the name at `cursor_pos`."""

    def is_complete(self, code: str, place: Place) -> Content:
        """Whether a console should run `code` or ask for more lines."""

    def history(self, content: Content) -> Content:
        """Past input: range, tail or search, as the request's content says."""

    def fire(self, event: str) -> None:
        """Fire "pre_execute" or "post_execute", as around a cell: matplotlib, for one, shows figures after a callback
        that drew them. On the thread of a lane."""

    def save(self) -> None:
        """Store what is to outlive the kernel. No cell will follow; a second call does nothing. Any thread."""

    def close(self, restart: bool) -> None:
        """Let go of the namespace, of files and threads. Called once, on the main thread."""


class Parts(NamedTuple):
    """All that a kernel is given late, as one value: parts that are slow to import, or that need a running loop."""

    interpreter: Interpreter
    comms: Comms
    interrupts: Interrupts | None = None
    cell_scopes: Sequence[CellScope] = ()
    """Entered around each cell in this order."""
    make_debugger: Callable[[], Debugger] | None = None
    """Makes the debugger when the first debug_request comes; None: the kernel has none."""
    callback: Callable[[], Target | None] = lambda: None
    """The callback or task of a user that the main thread runs while the main shell has nothing to do. Any thread."""
    comms_in_thread: bool = True
    """Whether a thread may serve comm messages while a cell keeps the thread of its shell to itself."""
    make_event: Callable[[], threading.Event] = threading.Event
    """Makes the event by which a question to the client is waited for: one that does something useful meanwhile."""
