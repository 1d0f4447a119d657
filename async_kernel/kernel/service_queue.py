"""A service queue: requests that are answered one after another in a thread of their own, whatever the shells do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from async_kernel.errors import RequestError
from async_kernel.system.service_thread import Worker

from .dispatch import Handler, answer, refuse
from .place import Place
from .request import Request

__all__ = ["ServiceQueue"]


class ServiceQueue:
    """All methods may be called from any thread and return at once.

    The thread, called `name`, is there while it is needed, and for `linger` seconds more (see `Worker`). It calls
    `before()` before each request, which may wait.
    """

    def __init__(self, name: str, *, before: Callable[[], object] = lambda: None, linger: float | None = None) -> None:
        self._before = before
        self._worker: Worker[Callable[[], None]] = Worker(name, self._serve, linger=linger)

    def put(self, request: Request, handler: Handler) -> None:
        """Have `request` answered by `handler`, or refused if there is no thread for it."""
        if not self._worker.put(partial(answer, request, handler, Place.APART)):
            reason = "No thread can be started to answer this request."
            refuse(request, RequestError(reason, "End some threads or processes."))

    def close(self) -> None:
        """End the thread, once it has answered what was put before."""
        self._worker.close()

    def _serve(self, answer: Callable[[], None]) -> None:
        self._before()
        answer()
