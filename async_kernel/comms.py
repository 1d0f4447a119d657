"""Comms: named channels between a front end and objects in the kernel, such as widgets (messaging spec, "Comms").

The `comm` package is the registry that ipywidgets and others talk to; this fits it to requests. The messages of a comm
go through the request of the calling context, so it belongs to the cell or comm message that caused it. A message is
served by the thread that has to: that of the shell, or another while a cell keeps that one to itself. Knows neither the
interpreter nor sockets.
"""

from __future__ import annotations

import inspect
import logging
import sys
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import comm
from comm.base_comm import BaseComm, CommManager

from async_kernel.kernel.place import Place
from async_kernel.kernel.request import Request, find_request
from async_kernel.protocol.messages import Buffer, Content
from async_kernel.stacks import calls_checkpoint, runs_user_code

__all__ = ["CommHandlers", "KernelComm", "Publish", "keep_hooks", "place_here"]

Publish = Callable[[str, Content, Content, Sequence[Buffer]], None]
"""Publishes a message (type, content, metadata, buffers) on behalf of no request."""

_log = logging.getLogger(__name__)


class KernelComm(BaseComm):
    """One end of a channel; the other is in the front end.

    A callback given to `on_msg` or `on_close` may be a coroutine function: it is awaited, in the loop of the shell,
    before the message counts as handled. `outlet` is where it speaks outside any request, `home` the subshell whose
    cell has made it, if one has.
    """

    def __init__(self, *args: Any, outlet: Publish | None = None, home: str | None = None, **kwargs: Any) -> None:
        self._outlet = outlet
        self._home = home
        self._asking: Request | None = None  # the latest cell that has spoken by it
        super().__init__(*args, **kwargs)

    @property
    def home(self) -> str | None:
        """The subshell where its callbacks are called; None for the main shell. While a cell runs that has spoken by
        it, and may wait for the answer, that is the shell of this cell."""
        asking = self._asking
        return self._home if asking is None or asking.ended else asking.message.header.subshell_id

    @calls_checkpoint
    def publish_msg(
        self,
        msg_type: str,
        data: Content | None = None,
        metadata: Content | None = None,
        buffers: Sequence[Buffer] | None = None,
        **keys: Any,
    ) -> None:
        """Publish comm_open, comm_msg or comm_close."""
        content = {"data": data or {}, "comm_id": self.comm_id, **keys}
        request = find_request()
        if request is not None:
            if request.msg_type == "execute_request":
                self._asking = request
            request.publish(msg_type, content, metadata, buffers or (), self.topic)
            if request.checkpoint is not None:  # code that sends and sends is in here nearly all of the time
                request.checkpoint()
        elif self._outlet is not None:
            self._outlet(msg_type, content, metadata or {}, buffers or ())

    def handle_msg(self, msg: dict[str, Any]) -> Awaitable[object] | None:  # type: ignore[override]  # awaited if it is
        """Give a comm_msg to the callback; return an awaitable, if there is one."""
        return _run(self._msg_callback, msg) if self._msg_callback is not None else None

    def handle_close(self, msg: dict[str, Any]) -> Awaitable[object] | None:  # type: ignore[override]  # awaited if it is
        """Give a comm_close to the callback; return an awaitable, if there is one."""
        return _run(self._close_callback, msg) if self._close_callback is not None else None


class CommHandlers:
    """Serves the comm messages of a kernel.

    From its making on `comm.create_comm` and `comm.get_comm_manager` give this kernel's comms, for requests that
    `serves(request)` says are its own when there are several kernels; `restore()` puts the former functions back.
    `outlet` publishes messages of comms outside any request, `runs_cell()` says whether a cell runs in any shell of the
    kernel. `fire(event)` fires an event of the interpreter (`ports.Interpreter.fire`).
    """

    def __init__(
        self,
        outlet: Publish | None = None,
        runs_cell: Callable[[], bool] = lambda: False,
        serves: Callable[[Request], bool] = lambda request: True,
        fire: Callable[[str], object] = lambda event: None,
    ) -> None:
        self.manager = CommManager()
        self._runs_cell = runs_cell
        self._serves = serves
        self._fire = fire
        # Targets that libraries registered before the kernel was there keep working.
        self.manager.targets.update(comm.get_comm_manager().targets)
        self._outlet = outlet
        _hooks.enter(self)

    def restore(self) -> None:
        """Give back the hooks, if they are still ours, and forget all comms without a word to the front end."""
        _hooks.leave(self)
        for channel in self.manager.comms.values():
            channel._closed = True
        self.manager.comms.clear()

    def create(self, *args: Any, **kwargs: Any) -> KernelComm:
        """A new comm of this kernel: `comm.create_comm` in its cells."""
        return KernelComm(*args, **self.place(), **kwargs)

    def place(self) -> dict[str, Any]:
        """The arguments of a comm that the calling context makes: `outlet` and `home` of its kernel."""
        request = find_request()
        if request is None or request.msg_type != "execute_request":
            home = None if request is None else self.home(request)  # a callback makes comms for where its own is
        else:
            home = request.message.header.subshell_id
        return {"outlet": self._outlet, "home": home}

    def is_known(self, request: Request) -> bool:
        """Whether the comm of a message is there; for a comm_open, whether its target is."""
        content = request.content
        if request.msg_type == "comm_open":
            return str(content.get("target_name", "")) in self.manager.targets
        return str(content.get("comm_id", "")) in self.manager.comms

    def home(self, request: Request) -> str | None:
        """The id of the subshell whose cell has made the comm of a message, or speaks by it now; None for the main
        shell.

        It is there that callbacks are called, whichever shell a message is sent to: JupyterLab sends those of all
        widgets to subshells of its own, lest a cell hold them up. Their futures and figures belong to the main thread.
        """
        channel = self.manager.comms.get(str(request.content.get("comm_id", "")))
        return channel.home if isinstance(channel, KernelComm) else None

    def open(self, request: Request, place: Place = Place.IN_TURN) -> Coroutine[Any, Any, None] | None:
        """Serve a comm_open: hand the new comm to its target. When there is no such target, or it fails, the comm is
        closed again, which the front end is told by a comm_close. JupyterLab opens `jupyter.widget.control` with each
        notebook, whether ipywidgets is imported or not."""
        content = request.content
        name, comm_id = str(content.get("target_name", "")), str(content.get("comm_id", ""))
        channel = self.create(comm_id=comm_id, primary=False, target_name=name)
        self.manager.register_comm(channel)
        target = self.manager.targets.get(name)
        if target is None:
            _log.debug("no such comm target registered: %s", name)
            channel.close()
            return None
        return _serve(request, lambda: _run(target, channel, request.as_dict()), failed=channel.close)

    def message(self, request: Request, place: Place = Place.IN_TURN) -> Coroutine[Any, Any, None] | None:
        """Serve a comm_msg: call the comm's callback. A message for no comm is dropped, an exception is shown.

        The interpreter's events are fired around it when its place is IN_TURN. Beside a cell they would do for the cell
        what is done at its end: matplotlib would show its figures before it has drawn them, and not in the cell. Such a
        cell may run in another shell, and may have begun meanwhile.
        """
        channel = self._find(request)
        if channel is None:
            return None

        def run() -> Awaitable[object] | None:
            rest: Awaitable[object] | None = channel.handle_msg(request.as_dict())
            return rest

        def ended() -> None:
            if not self._runs_cell():
                self._fire("post_execute")

        if place is not Place.IN_TURN or self._runs_cell():
            return _serve(request, run)
        self._fire("pre_execute")
        return _serve(request, run, ended=ended)

    def close(self, request: Request, place: Place = Place.IN_TURN) -> Coroutine[Any, Any, None] | None:
        """Serve a comm_close: forget the comm and call its callback; an exception is shown."""
        channel = self._find(request)
        if channel is None:
            return None
        channel._closed = True
        self.manager.comms.pop(channel.comm_id, None)
        return _serve(request, lambda: channel.handle_close(request.as_dict()))

    def info(self, content: Content) -> Content:
        """The content of a comm_info_reply: the open comms, of one target when the request names it.

        For example `{"status": "ok", "comms": {"9a3c": {"target_name": "jupyter.widget"}}}`.
        """
        wanted = content.get("target_name")
        # A copy first: another thread may open a comm meanwhile.
        comms = {
            comm_id: {"target_name": channel.target_name}
            for comm_id, channel in list(self.manager.comms.items())
            if not wanted or channel.target_name == wanted
        }
        return {"status": "ok", "comms": comms}

    def _find(self, request: Request) -> Any:
        comm_id = str(request.content.get("comm_id", ""))
        channel = self.manager.comms.get(comm_id)
        if channel is None:
            _log.debug("no such comm: %s", comm_id)
        return channel


class _Hooks:
    """The two functions of `comm` that a kernel replaces, for all kernels of the process."""

    def __init__(self) -> None:
        self._kernels: list[CommHandlers] = []
        self._ours: tuple[Any, Any] = (self._create, self._manager)
        self._previous: tuple[Any, Any] = self._ours

    def enter(self, kernel: CommHandlers) -> None:
        there = comm.create_comm, comm.get_comm_manager
        if there != self._ours:
            self._previous = there
            comm.create_comm, comm.get_comm_manager = self._ours
        self._kernels.append(kernel)

    def leave(self, kernel: CommHandlers) -> None:
        if kernel in self._kernels:
            self._kernels.remove(kernel)
        if not self._kernels and (comm.create_comm, comm.get_comm_manager) == self._ours:
            comm.create_comm, comm.get_comm_manager = self._previous

    def current(self) -> CommHandlers | None:
        """The kernel of the calling context, else the latest; None when a library calls functions that it has kept of
        them."""
        request = find_request()
        mine = (each for each in self._kernels if request is not None and each._serves(request))
        return next(mine, self._kernels[-1] if self._kernels else None)

    def _create(self, *args: Any, **kwargs: Any) -> BaseComm:
        current = self.current()
        made: BaseComm = (self._previous[0] if current is None else current.create)(*args, **kwargs)
        return made

    def _manager(self) -> CommManager:
        current = self.current()
        manager: CommManager = self._previous[1]() if current is None else current.manager
        return manager


_hooks = _Hooks()


def place_here() -> dict[str, Any]:
    """The arguments of `KernelComm` where a library makes one itself: `outlet` and `home` of the kernel of the
    calling context, nothing where none serves comms."""
    current = _hooks.current()
    return {} if current is None else current.place()


@contextmanager
def keep_hooks() -> Iterator[None]:
    """While inside, imported modules may set `comm.create_comm` and `comm.get_comm_manager`; afterwards they are as
    before. Whoever has them serves all widgets of the process, which nobody means to change by importing a module."""
    there = comm.create_comm, comm.get_comm_manager
    try:
        yield
    finally:
        comm.create_comm, comm.get_comm_manager = there


def _nothing() -> None:
    pass


def _serve(
    request: Request,
    run: Callable[[], Awaitable[object] | None],
    *,
    failed: Callable[[], object] = _nothing,
    ended: Callable[[], object] = _nothing,
) -> Coroutine[Any, Any, None] | None:
    """Call the handler of a message, `failed()` when it raises, and `ended()` in the end. If it returns an awaitable,
    return a coroutine that awaits it and then calls `failed` and `ended`."""
    rest: Awaitable[object] | None = None
    try:
        rest = run()
    except BaseException as error:
        try:
            _tell(request, error)
        finally:
            failed()
    finally:
        if rest is None:
            ended()
    return None if rest is None else _go_on(request, rest, failed, ended)


async def _go_on(
    request: Request, rest: Awaitable[object], failed: Callable[[], object], ended: Callable[[], object]
) -> None:
    try:
        await _await(rest)
    except BaseException as error:
        try:
            _tell(request, error)
        finally:
            failed()
    finally:
        ended()


@runs_user_code
def _run(function: Callable[..., object], *arguments: object) -> Awaitable[object] | None:
    """Call a callback: the frame below which user code runs. Its result is returned if it is awaitable."""
    outcome = function(*arguments)
    return outcome if inspect.isawaitable(outcome) else None


@runs_user_code
async def _await(rest: Awaitable[object]) -> None:
    """Await the result of a callback: the frame below which a coroutine of the user's runs."""
    await rest


def _tell(request: Request, error: BaseException) -> None:
    """Show the exception of a callback where the output of the comm message goes. A cancellation goes on."""
    is_error = isinstance(error, (Exception, KeyboardInterrupt))
    if is_error or request.interrupted:
        request.stream("stderr", "".join(traceback.format_exception(error)))
    if not is_error:
        raise error
    if isinstance(error, RuntimeError) and not _has_loop():
        request.stream("stderr", _NO_LOOP)


_NO_LOOP = """
(No event loop runs where this callback was called: in a thread, beside a cell that keeps the loop's own thread to \
itself. An async function is always run in the loop; --no-kernel.comms_in_thread makes all callbacks wait for it.)
"""


def _has_loop() -> bool:
    asyncio, trio = sys.modules.get("asyncio"), sys.modules.get("trio")
    in_asyncio = asyncio is not None and asyncio._get_running_loop() is not None
    return in_asyncio or (trio is not None and trio.lowlevel.in_trio_run())
