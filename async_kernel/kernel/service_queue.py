"""A service queue: requests that are answered one after another in a thread of their own, whatever the shells do."""

from __future__ import annotations

import queue
from collections.abc import Callable

from async_kernel.errors import RequestError
from async_kernel.system.service_thread import Standby

from .dispatch import Handler, answer, refuse
from .place import Place
from .request import Request

__all__ = ["ServiceQueue"]


class ServiceQueue:
    """All methods may be called from any thread and return at once.

    The thread, called `name`, is started when it is first needed. It calls `before()` once, which may wait, and
    `after()` when it has answered a request.
    """

    def __init__(
        self, name: str, *, before: Callable[[], object] = lambda: None, after: Callable[[], object] = lambda: None
    ) -> None:
        self._before = before
        self._after = after
        self._requests: queue.SimpleQueue[tuple[Request, Handler] | None] = queue.SimpleQueue()
        self._standby = Standby(name, self._serve)

    def wake(self) -> bool:
        """Whether its thread runs; it is started now, if it does not and one is to be had."""
        return self._standby.wake()

    def put(self, request: Request, handler: Handler) -> None:
        """Have `request` answered by `handler`, or refused if there is no thread for it."""
        if self.wake():
            self._requests.put((request, handler))
        else:
            reason = "No thread can be started to answer this request."
            refuse(request, RequestError(reason, "End some threads or processes."))

    def close(self) -> None:
        """End the thread, once it has answered what was put before."""
        self._requests.put(None)

    def _serve(self) -> None:
        self._before()
        while (asked := self._requests.get()) is not None:
            answer(*asked, Place.APART)
            self._after()
