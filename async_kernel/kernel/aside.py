"""Asides: requests that are answered beside the cells, also while one of them runs.

An aside is offered to the loop of its shell, which takes it up at once when it idles or its cell awaits. When the cell
keeps the thread to itself, the service thread takes the aside after a short while: the first to take it serves it. The
handler is told the place: the service thread has to answer without running any of the user's code. Without a
service thread, as a process may be given none, an aside that would have to wait for the cell is refused.
"""

from __future__ import annotations

import threading
import time

from async_kernel.concurrency.portal import Portal
from async_kernel.errors import RequestError
from async_kernel.system.service_thread import Worker

from .dispatch import Handler, answer, refuse
from .execution import is_held
from .job import Job
from .lanes import Lane
from .place import Place
from .request import Request

__all__ = ["PATIENCE", "Asides"]

PATIENCE = 0.01
"""Seconds that the shell's own thread is given before the service thread answers in its place, if a cell holds it."""

LONGEST_PATIENCE = 1.0
"""The same if nothing can be seen to hold it: it is late, on a machine that is busy."""


class _Aside:
    """A job that is offered to the loop of a lane, and to the service thread."""

    def __init__(self, job: Job, lane: Lane) -> None:
        self.job = job
        self._lane = lane
        self._portal: Portal | None = None  # the way into the loop that it was offered to
        self.taken = threading.Event()

    def offer(self) -> Portal | None:
        """Offer it to the loop of the lane; return the way there, or None while the shell is still starting."""
        portal = self._portal = self._lane.reach(self.run_at_home)
        if portal is not None:
            portal.call(self.run_at_home)
        return portal

    def is_kept_waiting(self) -> bool:
        """Whether the thread that it was offered to cannot take it."""
        portal = self._portal
        return portal is not self._lane.bench.portal or (portal is not None and is_held(portal.thread))

    def run_at_home(self) -> None:
        """Serve it in the thread of its shell, unless the service thread has taken it."""
        self._run(Place.BESIDE if self._lane.bench.is_busy else Place.IN_TURN)

    def run_apart(self) -> None:
        """Serve it in the service thread, unless that of its shell has taken it."""
        self._run(Place.APART)

    def refuse(self) -> None:
        """Answer that it cannot be served now, unless it has been."""
        if self.job.withdraw():
            reason = "A cell is running, and no thread can be started to answer beside it."
            error = RequestError(reason, "End some threads or processes, or ask again after the cell.")
            refuse(self.job.request, error)

    def _run(self, place: Place) -> None:
        if self.job.take(place):
            self.taken.set()
            answer(self.job.request, self.job.handler, place)


class Asides:
    """Takes asides in, from the thread that moves messages."""

    def __init__(self) -> None:
        self._worker: Worker[_Aside] = Worker("asides", self._serve)

    def put(self, request: Request, handler: Handler, lane: Lane) -> None:
        """Have `request` served beside the cells of `lane`. Returns at once."""
        aside = _Aside(Job(request, handler), lane)
        if aside.offer() is None:
            return
        if not self._worker.put(aside) and aside.is_kept_waiting():
            aside.refuse()

    def close(self) -> None:
        """End the service thread, once it has served what it was offered. From any thread."""
        self._worker.close()

    def _serve(self, aside: _Aside) -> None:
        patience = PATIENCE
        while not aside.taken.wait(max(0.0, aside.job.arrived + patience - time.monotonic())):
            if patience >= LONGEST_PATIENCE or aside.is_kept_waiting():
                aside.run_apart()
            patience += PATIENCE
