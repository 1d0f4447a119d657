"""Serving one request: busy, the handler, its reply, idle. Whatever happens in between, the reply and idle are said."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from async_kernel.errors import RequestError
from async_kernel.protocol.messages import Content
from async_kernel.system.real import real
from async_kernel.system.reserve import spared

from .request import Request, error_content, serving

__all__ = [
    "Handler",
    "Start",
    "SyncHandler",
    "abort",
    "decline",
    "finish",
    "give_up",
    "refuse",
    "serve",
    "serve_now",
    "start_now",
]

Handler = Callable[[Request], Awaitable[Content | None]]
"""Serves a request in the loop of a lane; returns the content of the reply, None when its type has no reply."""

SyncHandler = Callable[[Request], Content | None]
"""The same, in a thread without a loop."""

Start = Callable[[Request, bool], Coroutine[Any, Any, None] | None]
"""Serves a request that has no reply, in any thread; returns what is left to be awaited in the loop of its shell, if
anything. The flag says that no cell runs meanwhile."""


async def serve(
    request: Request, handler: Handler, before_reply: Callable[[], Awaitable[None]] | None = None
) -> Content:
    """Serve `request` with `handler`; return what was replied ({} for a type without a reply).

    `before_reply` is awaited when the handler's reply is an error.
    """
    with serving(request):
        content: Content | None = None
        try:
            _busy(request)
            try:
                if request.message.problem:
                    raise RequestError(request.message.problem)
                content = await handler(request)
            except BaseException as error:
                content = _error(request, error)
            failed = content is not None and content.get("status") == "error"
            if before_reply is not None and failed and not request.replied:
                await before_reply()
        finally:
            _done(request, content)
        return content or {}


def serve_now(request: Request, handler: SyncHandler) -> None:
    """Serve `request` in the calling thread."""
    with serving(request):
        content: Content | None = None
        try:
            _busy(request)
            if request.message.problem:
                raise RequestError(request.message.problem)
            content = handler(request)
        except BaseException as error:
            content = _error(request, error)
        finally:
            _done(request, content)


def start_now(request: Request, start: Start) -> Coroutine[Any, Any, None] | None:
    """Serve `request` in the calling thread, beside a cell. What is returned, if anything, is left for `finish`."""
    rest: Coroutine[Any, Any, None] | None = None
    with serving(request):
        try:
            _busy(request)
            rest = start(request, False)
        except BaseException as error:
            _error(request, error)
        finally:
            if rest is None:
                _done(request, None)
    return rest


async def finish(request: Request, rest: Awaitable[object]) -> None:
    """Await what `start_now` has left, and so end the serving of `request`."""
    with serving(request):
        try:
            await rest
        except BaseException as error:
            _error(request, error)
        finally:
            _done(request, None)


def decline(request: Request, error: BaseException) -> None:
    """Answer `request` with an error: it is wrong, so that no shell was given it, and only its sender is told."""
    _busy(request)
    _done(request, dict(error_content(error)))


def refuse(request: Request, error: BaseException) -> None:
    """Answer `request` with an error, without serving it. An execute_request's error is shown to all clients too."""
    _busy(request)
    give_up(request, error)


def give_up(request: Request, error: BaseException) -> None:
    """End a request that is being served with an error."""
    content = dict(error_content(error))
    if request.msg_type == "execute_request":
        shown = dict(content)
        del shown["status"]
        request.publish("error", shown)
    _done(request, content)
    request.end()


def abort(request: Request) -> None:
    """Answer a request that was queued behind an error, or behind the end (messaging spec, "Request-Reply")."""
    _busy(request)
    if request.replied:  # it is detached: nothing else would tell
        evalue = "This cell was not run: an earlier one failed, or the kernel has ended."
        request.publish("error", {"ename": "Aborted", "evalue": evalue, "traceback": []})
    _done(request, {"status": "aborted"} if request.msg_type.endswith("_request") else None)


_WITHOUT_REPLY = frozenset({"comm_open", "comm_msg", "comm_close"})


def _busy(request: Request) -> None:
    request.started = real.time()
    spared(request.publish, "status", {"execution_state": "busy"})


def _done(request: Request, content: Content | None) -> None:
    request.ended = True
    try:
        if content is not None and request.msg_type not in _WITHOUT_REPLY:
            reply = _reply_to_cell if request.msg_type == "execute_request" else Request.reply
            try:
                spared(reply, request, content)
            except Exception as error:  # it cannot be said: there is no memory for all of it, or it is no JSON
                spared(reply, request, _error(request, error))
    finally:
        spared(request.publish, "status", {"execution_state": "idle"})


def _reply_to_cell(request: Request, content: Content) -> None:
    """Reply with the fields that each execute_reply has, whatever became of the cell.

    `execution_count` is the kernel's counter (messaging spec, "Execution results"), which a cell that was not run
    leaves as it is. The metadata is ipykernel's, from which front ends know how long a cell took:
    `{"started": "2026-01-31T12:00:00.000000+00:00", "status": "ok"}`. The reply's own date says when it ended.
    """
    started = datetime.fromtimestamp(request.started, UTC).isoformat(timespec="microseconds")
    content = content if "execution_count" in content else {**content, "execution_count": request.count()}
    request.reply(content, {"started": started, "status": content.get("status", "ok")})


def _error(request: Request, error: BaseException) -> Content:
    if not isinstance(error, RequestError) and not request.interrupted:
        logging.getLogger(__name__).error("%s failed", request.msg_type, exc_info=error)
    content = dict(error_content(error))
    if request.replied:  # it is detached: nothing else would tell
        request.publish("error", {name: content[name] for name in ("ename", "evalue", "traceback")})
    return content
