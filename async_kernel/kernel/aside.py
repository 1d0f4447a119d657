"""Asides: requests that are answered beside the cells, also while one of them runs.

An aside is offered to the loop of its shell, which takes it up at once when it idles or its cell awaits. When the cell
keeps the thread to itself, the service thread takes the aside after a short while: whoever comes first serves it.
"""

from __future__ import annotations

import queue
import threading
import time

from .dispatch import SyncHandler, serve_now
from .lanes import Lane
from .request import Request

__all__ = ["PATIENCE", "Asides"]

PATIENCE = 0.05
"""Seconds that the shell's own thread is given before the service thread answers in its place."""


class _Aside:
    def __init__(self, request: Request, handler: SyncHandler) -> None:
        self._request = request
        self._handler = handler
        self._lock = threading.Lock()
        self.arrived = time.monotonic()
        self.taken = threading.Event()

    def run(self) -> None:
        """Serve it, unless another thread has taken it."""
        if self._lock.acquire(blocking=False):
            self.taken.set()
            serve_now(self._request, self._handler)


class Asides:
    """Takes asides in, from the thread that moves messages."""

    def __init__(self) -> None:
        self._offered: queue.SimpleQueue[_Aside] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def put(self, request: Request, handler: SyncHandler, lane: Lane) -> None:
        """Have `request` served beside the cells of `lane`. Returns at once."""
        aside = _Aside(request, handler)
        portal = lane.reach(aside.run)
        if portal is None:  # the shell is still starting
            return
        portal.call(aside.run)
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="asides", daemon=True)
            self._thread.start()
        self._offered.put(aside)

    def _serve(self) -> None:
        while True:
            aside = self._offered.get()
            if not aside.taken.wait(max(0.0, aside.arrived + PATIENCE - time.monotonic())):
                aside.run()
