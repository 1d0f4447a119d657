"""Detached cells: their requests are replied to as they arrive, and how each of them stands can be asked.

The mark is `detach: true` in the metadata of an execute_request. Knows nothing of what runs the cells.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from async_kernel.errors import RequestError
from async_kernel.protocol.messages import Content

from .dispatch import Answer, Handler
from .place import Place
from .request import Request

__all__ = ["KEPT", "Detached"]

KEPT = 1000
"""Cells that have ended and are remembered."""


class Detached:
    """The detached cells of a kernel, oldest first. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cells: dict[str, Content] = {}

    def take(self, request: Request, handler: Handler) -> Handler:
        """Reply to `request` now, and return the handler that serves it in place of `handler`.

        The reply says `{"status": "ok", "detached_id": <the msg_id of the request>, "detached_state": "queued"}`.
        """
        cell: Content = {"detached_id": request.message.header.msg_id, "state": "queued", "queued": _now()}
        with self._lock:
            self._cells[cell["detached_id"]] = cell
            ended = [name for name, kept in self._cells.items() if "ended" in kept]
            for name in ended[:-KEPT]:
                del self._cells[name]

        def serve(request: Request, place: Place) -> Answer:
            with self._lock:
                cell.update(state="running", started=_now())
            return handler(request, place)

        def end(reply: Content) -> None:
            with self._lock:
                cell.update(state=reply["status"], ended=_now(), reply=reply)

        reply = {"status": "ok", "execution_count": 0, "user_expressions": {}, "payload": []}
        request.detach(reply | {"detached_id": cell["detached_id"], "detached_state": "queued"}, end)
        return serve

    def states(self, detached_id: str = "") -> list[Content]:
        """How each cell stands, or the one with the id: `{"detached_id": "4f0c…", "state": "running", ...}`.

        The states are "queued", "running", "ok", "error" and "aborted"; `queued`, `started` and `ended` say since when,
        and `reply` is what would have been the reply, once it has ended. RequestError for an unknown id.
        """
        with self._lock:
            if not detached_id:
                return [dict(cell) for cell in self._cells.values()]
            if detached_id in self._cells:
                return [dict(self._cells[detached_id])]
        raise RequestError(f"There is no detached cell {detached_id!r}, or it has ended long ago.")


def _now() -> str:
    return datetime.now(UTC).isoformat()
