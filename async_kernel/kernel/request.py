"""A request: one message and the means to answer it, as a value.

Whatever a request gives rise to (output, display, errors, questions) is said through the request itself, so that it
belongs to the right cell whoever says it and whenever. The request travels in one context variable; there is no global
parent. This module knows nothing of sockets: its means are an `Outlet`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, Token
from functools import partial
from typing import Any, Protocol
from weakref import WeakSet

from async_kernel.errors import StdinNotAllowedError
from async_kernel.protocol.codec import to_json
from async_kernel.protocol.messages import Buffer, Content, Header, Message

__all__ = [
    "Outlet",
    "Parent",
    "Record",
    "Request",
    "Turn",
    "adopt",
    "current_request",
    "find_request",
    "follow_fallback",
    "follow_latest",
    "following",
    "lent",
    "put_down",
    "serving",
    "set_fallback",
    "sources",
    "speak_elsewhere",
    "take_up",
]


class Outlet(Protocol):
    """Where the answers to one request go. Every method may be called from any thread and returns at once,
    except `ask`, which blocks the calling thread until the client has answered."""

    def publish(
        self,
        parent: Message,
        msg_type: str,
        content: Content,
        metadata: Content,
        buffers: Sequence[Buffer],
        topic: bytes,
    ) -> None:
        """Publish on iopub, for all clients."""

    def writer(
        self, parent: Message, name: str, begun: Callable[[list[str]], None] | None = None
    ) -> Callable[[str], object]:
        """What appends text to the stream `name` ("stdout" or "stderr"); neighbouring texts may be sent as one message.
        `begun(pieces)` is called for each such message, with the list to which its texts are appended.

        A function to be kept: a cell that prints in a loop calls it, and little else of the kernel's.
        """

    def reply(self, parent: Message, content: Content, metadata: Content, buffers: Sequence[Buffer]) -> None:
        """Send the reply to the client that asked, on the channel it asked on."""

    def ask(self, parent: Message, prompt: str, password: bool) -> str:
        """Send an input_request to the client that asked and return what was typed."""


class Record(Protocol):
    """What keeps the output of a request, beside its being sent. Both methods may be called from any thread, with locks
    held, and return at once."""

    def text(self, name: str, pieces: list[str]) -> None:
        """Text of the stream `name` has begun; what follows it directly is appended to `pieces`."""

    def message(self, msg_type: str, content: Content) -> None:
        """A message was published."""


class Turn:
    """The cells of one shell: `latest` is the one that runs in its turn, or ran last; None before there is one."""

    __slots__ = ("latest",)

    def __init__(self) -> None:
        self.latest: Request | None = None


class Request:
    """One message and the means to answer it.

    `message` is what came in; `count()` gives the number of the latest cell in the history; `end_kernel(restart)`
    ends the kernel when no cell runs any more (see `Closing.when_quiet`); `started` is the time at
    which its serving began, by `time.time()`, 0.0 before. `interrupted` becomes True once an interrupt was delivered to
    the work on this request, and `reason` says why, unless the client asked for it. `ended` becomes True when all is
    done but the reply and idle; `turn` has the cells of its shell, once it is in a lane. `latest` has the request that
    came last, by channel, for channels without lanes.
    `checkpoint`, when it is not None, waits to be called by a function that user code calls, as its last deed, and that
    is marked for it (`stacks.calls_checkpoint`): one that writes output, displays, sends or starts threads. It may
    raise KeyboardInterrupt. All methods
    may be called from any thread. `record`, when it is set before anything was written, keeps the output.
    """

    __slots__ = (
        "_late",
        "_outlet",
        "_over",
        "allow_stdin",
        "checkpoint",
        "content",
        "count",
        "end_kernel",
        "ended",
        "interrupted",
        "latest",
        "message",
        "msg_type",
        "reason",
        "record",
        "replied",
        "started",
        "turn",
    )

    def __init__(
        self,
        message: Message,
        outlet: Outlet,
        count: Callable[[], int] = lambda: 0,
        latest: Mapping[str, Request] | None = None,
        end_kernel: Callable[[bool], object] = lambda restart: None,
    ) -> None:
        self.message = message
        self.msg_type = message.header.msg_type
        """The type of the message, for example "execute_request"."""
        self.content = message.content
        self._outlet = outlet
        self.count = count
        self.latest = {} if latest is None else latest
        self.end_kernel = end_kernel
        self.started = 0.0
        self.replied = False
        self.ended = False
        self.turn: Turn | None = None
        self.interrupted = False
        self.reason = ""
        self._over = False
        self._late: Callable[[Content], None] | None = None
        self.checkpoint: Callable[[], None] | None = None
        self.record: Record | None = None
        self.allow_stdin = bool(message.content.get("allow_stdin", False))

    def is_answered_by(self, outlets: Collection[Outlet]) -> bool:
        """Whether its answers go to one of these: whether it came to their kernel."""
        return self._outlet in outlets

    def heir(self, *, serves: bool) -> Request:
        """The request that output belongs to, of all that this one has started: this one until it has ended. Then it is
        the latest cell of its shell, if the writer works for others (`serves`), and in a batch run, whose clients drop
        what comes for a cell that has ended."""
        if not self.ended or self.turn is None or self.turn.latest is None:
            return self
        return self.turn.latest if serves or self.message.is_of_batch else self

    def as_dict(self) -> dict[str, Any]:
        """The message as the dict that jupyter_client makes of one, which is what users' callbacks know."""
        message = self.message
        values = {
            "header": self.header_as_dict(),
            "msg_id": message.header.msg_id,
            "msg_type": message.header.msg_type,
            "parent_header": message.parent_header,
            "metadata": message.metadata,
            "content": message.content,
            "buffers": list(message.buffers),
        }
        return Parent(self, values)

    def header_as_dict(self) -> dict[str, Any]:
        """The header of that."""
        return Parent(self, self.message.header._asdict())

    def with_header(self, header: Mapping[str, Any]) -> Request:
        """A request with another header, whose output reaches the same clients: one that is not known any more, or was
        never sent."""
        known = Header(*(str(header.get(name, "")) for name in Header._fields[:-1]))
        message = Message(known, to_json(dict(header)), {}, {}, {}, self.message.identities)
        return Request(message, self._outlet, self.count, self.latest)

    def publish(
        self,
        msg_type: str,
        content: Content,
        metadata: Content | None = None,
        buffers: Sequence[Buffer] = (),
        topic: bytes = b"",
    ) -> None:
        """Publish a message of this request on iopub, for example `publish("status", {"execution_state": "busy"})`.

        `topic` is the ZMQ topic; by default it is derived from `msg_type`.
        """
        if _elsewhere is not None:
            _elsewhere(msg_type, content)
            return
        if msg_type != "status":  # statuses come from any thread at any time, and nothing is ordered by them
            for bring_in in sources:
                bring_in()
        if self._over and msg_type in ("status", "error"):
            return
        if self.record is not None:
            self.record.message(msg_type, content)
        self._outlet.publish(self.message, msg_type, content, metadata or {}, buffers, topic)

    def stream(self, name: str, text: str) -> None:
        """Write `text` to this request's stdout or stderr as the front end shows it."""
        if _elsewhere is not None:
            _elsewhere("stream", {"name": name, "text": text})
            return
        self.writer(name)(text)

    def writer(self, name: str) -> Callable[[str], object]:
        """What does that, for code that writes often, and in no forked child."""
        if self.record is None:
            return self._outlet.writer(self.message, name)
        return self._outlet.writer(self.message, name, partial(self.record.text, name))

    def reply(self, content: Content, metadata: Content | None = None, buffers: Sequence[Buffer] = ()) -> None:
        """Send the one reply to this request; a second call does nothing."""
        if _elsewhere is not None:
            return
        if not self.replied:
            self.replied = True
            try:
                self._outlet.reply(self.message, content, metadata or {}, buffers)
            except BaseException:  # it cannot be said, which something else can be
                self.replied = False
                raise
        elif self._late is not None:
            late, self._late = self._late, None
            late(content)

    def defer(self, checkpoint: Callable[[], None]) -> None:
        """Have `checkpoint()` called after the next output of this request (see the class)."""
        self.checkpoint = checkpoint

    def detach(self, content: Content, late: Callable[[Content], None]) -> None:
        """Reply `content` now; what would have been the reply goes to `late(content)` when it is there. Nobody waits
        for questions any more, so none can be asked."""
        self.reply(content)
        self._late = late
        self.allow_stdin = False

    @property
    def answered(self) -> bool:
        """Whether all that is to be said in reply was said."""
        return self.replied and self._late is None

    def end(self) -> None:
        """Have said all that is to be said of the request itself: a thread that still works on it, and was left to
        itself, says no second error, reply or idle. Its output still comes."""
        self._over = self.replied = True

    def ask(self, prompt: str = "", password: bool = False) -> str:
        """Ask the client for a line of input and return it, without the newline.

        Blocks the calling thread until the answer is there. Raises `StdinNotAllowedError` when the request did not
        allow stdin, KeyboardInterrupt when the request is interrupted meanwhile.
        """
        if not self.allow_stdin:
            raise StdinNotAllowedError(
                "This cell asked for input, but the front end that sent it does not allow any.",
                "Run it in a front end that shows input prompts, or take the input() call out.",
            )
        if _elsewhere is not None:
            raise StdinNotAllowedError("A forked child asked for input.", "Ask in the cell, before it forks.")
        return self._outlet.ask(self.message, prompt, password)


class Parent(dict[str, Any]):
    """A message, or the header of one, that knows its request. A copy is a plain dict."""

    __slots__ = ("request",)

    def __init__(self, request: Request, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.request = request

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        return dict, (dict(self),)


_current: ContextVar[Request | None] = ContextVar("async_kernel_request", default=None)
_fallback: list[Request] = []
_served: WeakSet[threading.Thread] = WeakSet()  # see `follow_latest`

_elsewhere: Callable[[str, Content], None] | None = None

sources: list[Callable[[], None]] = []
"""What holds text that was written and not said yet, as the pipes of descriptors 1 and 2 do: each is called before a
message but a status is published, to have it say that first. Callable from any thread; none raises."""


class Following:
    """The `threads` that belong to the fallback whatever their context says; None before there is one, so that most
    kernels never pay for looking."""

    __slots__ = ("threads",)

    def __init__(self) -> None:
        self.threads: WeakSet[threading.Thread] | None = None


following = Following()

current_request: Callable[[], Request | None] = _current.get
"""The request that the calling context works on, or None outside any."""


def find_request() -> Request | None:
    """The current request, else the one that code without a context of its own belongs to (see `set_fallback`)."""
    request = _current.get()
    if request is not None and (following.threads is None or threading.current_thread() not in following.threads):
        return request.heir(serves=threading.current_thread() in _served) if request.ended else request
    return _fallback[0] if _fallback else None


def set_fallback(request: Request | None) -> None:
    """Name the request that owns what is written outside any context: the latest cell of the main shell. With None it
    belongs to no request."""
    _fallback[:] = [] if request is None else [request]


def follow_fallback(thread: threading.Thread) -> None:
    """Let everything that `thread` does belong to the request that `set_fallback` named last."""
    if following.threads is None:
        following.threads = WeakSet()
    following.threads.add(thread)


def follow_latest(thread: threading.Thread) -> None:
    """Let what `thread` does for a request that has ended belong to the heir of that: it works for others by then."""
    _served.add(thread)


@contextmanager
def lent(request: Request) -> Iterator[None]:
    """Have what the calling thread does within the block belong to `request` and to no heir of it: work that was handed
    to a thread which also works for others."""
    thread = threading.current_thread()
    follows = thread in _served
    _served.discard(thread)
    try:
        with serving(request):
            yield
    finally:
        if follows:
            _served.add(thread)


def speak_elsewhere(show: Callable[[str, Content], None]) -> None:
    """Let no request of this process reach a client any more: it is a forked child. What is published goes to
    `show(msg_type, content)`, replies go nowhere, and nothing can be asked."""
    global _elsewhere
    _elsewhere = show


def adopt(request: Request | None) -> None:
    """Make `request` the current one of the calling context from now on, as a thread does at its start; None has it
    belong to whatever `set_fallback` names."""
    _current.set(request)


@contextmanager
def serving(request: Request) -> Iterator[None]:
    """Make `request` the current one for the calling context, and whatever is started in it."""
    before = take_up(request)
    try:
        yield
    finally:
        put_down(before)


def take_up(request: Request) -> Token[Request | None]:
    """The same as a call, which costs a seventh: `put_down` is given the result in the end, in the same context."""
    return _current.set(request)


def put_down(before: Token[Request | None]) -> None:
    """Have the request that was current before `take_up` be so again."""
    _current.reset(before)


def error_content(error: BaseException) -> Mapping[str, Any]:
    """The content of an error reply, without a traceback: `{"status": "error", "ename": ..., "evalue": ..., ...}`."""
    try:
        evalue = str(error)
    except BaseException:  # a class of somebody's own
        evalue = ""
    return {"status": "error", "ename": type(error).__name__, "evalue": evalue, "traceback": []}
