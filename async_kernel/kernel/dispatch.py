"""Serving one request: busy, the handler, its reply, idle. Whatever happens in between, the reply and idle are said."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from async_kernel.errors import RequestError
from async_kernel.protocol.messages import Content
from async_kernel.system.real import real
from async_kernel.system.reserve import spared

from .place import Place
from .request import Request, error_content, put_down, take_up

__all__ = ["Answer", "Answering", "Handler", "abort", "answer", "begin", "decline", "give_up", "refuse", "unreadable"]

Answer = Content | Coroutine[Any, Any, Content | None] | None
"""The content of a reply, None for a type that has no reply, or a coroutine that returns one of the two. A coroutine is
awaited in the loop of the shell."""

Handler = Callable[[Request, Place], Answer]
"""Serves a request, in the calling thread, at a place."""


class Answering:
    """Around the serving of a request, in the thread and context that serve it: busy at its begin; at its end the reply
    with the `content` that it was given, or with an exception of the block, and idle.

    The block may end with a call of `leave`: then all of that is left to another one, which is made with `goes_on`.
    """

    __slots__ = ("_before", "_begins", "_ends", "_request", "content")

    def __init__(self, request: Request, *, goes_on: bool = False) -> None:
        self._request = request
        self._begins = not goes_on
        self._ends = True
        self.content: Content | None = None

    def __enter__(self) -> Self:
        self._before = take_up(self._request)
        if self._begins:
            try:  # noqa: SIM105 - each request comes by: `suppress` takes three calls
                _busy(self._request)
            except MemoryError:  # it is served all the same
                pass
        return self

    def leave(self) -> None:
        """Say nothing at the end."""
        self._ends = False

    def fail(self, error: BaseException) -> None:
        """Have `error` be the answer; it is logged unless it was to be expected."""
        self.content = _error(self._request, error)

    @property
    def has_failed(self) -> bool:
        """Whether the answer is an error that the client has not been told of."""
        return self.content is not None and self.content.get("status") == "error" and not self._request.replied

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        is_answer = error is not None and self.content is None
        try:
            if error is not None and is_answer:
                self.fail(error)
        finally:
            try:
                if self._ends:
                    _done(self._request, self.content)
            finally:
                put_down(self._before)
        return is_answer


def answer(request: Request, handler: Handler, place: Place) -> None:
    """Serve `request` in the calling thread, for a handler that leaves nothing to be awaited."""
    with Answering(request) as answering:
        given = handler(request, place)
        if not isinstance(given, dict | None):
            given.close()
            raise RuntimeError(f"{request.msg_type} is answered without a loop, and its handler awaits.")
        answering.content = given


def unreadable(request: Request, place: Place) -> Answer:
    """The handler of a request that could not be read in full: it raises RequestError."""
    raise RequestError(request.message.problem)


def begin(request: Request, handler: Handler, place: Place) -> Coroutine[Any, Any, Content | None] | None:
    """Serve `request` in the calling thread. A coroutine that the handler returns is returned, to be awaited in an
    `Answering` of the loop, which ends the work that this one has begun."""
    with Answering(request) as answering:
        given = handler(request, place)
        if not isinstance(given, dict | None):
            answering.leave()
            return given
        answering.content = given
    return None


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
