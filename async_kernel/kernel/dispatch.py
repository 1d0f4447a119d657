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

from .place import Place
from .request import Request, error_content, serving

__all__ = ["Answer", "Handler", "abort", "answer", "begin", "decline", "finish", "give_up", "refuse", "serve"]

Answer = Content | Coroutine[Any, Any, Content | None] | None
"""The content of a reply, None for a type that has no reply, or a coroutine that returns one of the two. A coroutine is
awaited in the loop of the shell."""

Handler = Callable[[Request, Place], Answer]
"""Serves a request, in the calling thread, at a place."""


async def serve(
    request: Request, handler: Handler, place: Place, before_reply: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Serve `request` in the calling task. `before_reply` is awaited when a coroutine of the handler gives an error."""
    with serving(request):
        rest = _begin(request, handler, place)
        if rest is not None:
            await _finish(request, rest, before_reply)


def answer(request: Request, handler: Handler, place: Place) -> None:
    """Serve `request` in the calling thread, for a handler that leaves nothing to be awaited."""
    rest = begin(request, handler, place)
    if rest is not None:
        rest.close()
        give_up(request, RuntimeError(f"{request.msg_type} is answered without a loop, and its handler awaits."))


def begin(request: Request, handler: Handler, place: Place) -> Coroutine[Any, Any, Content | None] | None:
    """Say busy and call the handler in the calling thread. A coroutine that is returned is left for `finish`."""
    with serving(request):
        return _begin(request, handler, place)


async def finish(request: Request, rest: Coroutine[Any, Any, Content | None]) -> None:
    """Await what `begin` has left, and so end the serving of `request`."""
    with serving(request):
        await _finish(request, rest, None)


def _begin(request: Request, handler: Handler, place: Place) -> Coroutine[Any, Any, Content | None] | None:
    content: Content | None = None
    rest: Coroutine[Any, Any, Content | None] | None = None
    try:
        _busy(request)
        if request.message.problem:
            raise RequestError(request.message.problem)
        given = handler(request, place)
        if given is None or isinstance(given, dict):
            content = given
        else:
            rest = given
    except BaseException as error:
        content = _error(request, error)
    finally:
        if rest is None:
            _done(request, content)
    return rest


async def _finish(
    request: Request,
    rest: Coroutine[Any, Any, Content | None],
    before_reply: Callable[[], Awaitable[None]] | None,
) -> None:
    content: Content | None = None
    try:
        try:
            content = await rest
        except BaseException as error:
            content = _error(request, error)
        failed = content is not None and content.get("status") == "error"
        if before_reply is not None and failed and not request.replied:
            await before_reply()
    finally:
        _done(request, content)


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
    if request.msg_type == "execute_request":  # front ends show what is published, and a detached cell has its reply
        request.publish("error", {name: content[name] for name in ("ename", "evalue", "traceback")})
    return content
