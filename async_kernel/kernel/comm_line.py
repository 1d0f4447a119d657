"""The comm messages of one shell, in order of arrival. Each is served once: in its turn, or before it beside a cell.

Its turn is its place in the lane, as for any request. While a cell runs it does not wait for that: the shell's loop
takes it up when the cell awaits, and when nobody has for a short while, since the cell keeps the loop's thread to
itself, the thread of this line does. One is served at a time, the oldest first. A message for a comm that is not there
is left for its turn, behind the cells that may open it, and so is what follows for the same comm.

Knows neither loops nor what serving is.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from async_kernel.system.service_thread import IDLE_SECONDS

from .execution import Execution
from .job import Job, State
from .place import Place
from .request import Request

__all__ = ["PATIENCE", "CommLine", "CommRules"]

PATIENCE = 0.01
"""Seconds that the loop of a shell is given before the thread serves a message in its place."""


log = logging.getLogger(__name__)


class CommRules(NamedTuple):
    """What is asked about comm messages; both may be called from any thread."""

    is_known: Callable[[Request], bool]
    """Whether what a message is for is there: its comm, or the target of a comm_open."""

    in_thread: Callable[[], bool]
    """Whether messages may be served by a thread."""


class CommLine:
    """All methods may be called from any thread.

    `is_busy()` says whether a cell runs, `is_held()` whether the loop is kept from going on now. The thread calls
    `begin(job)`, which gives the execution and must not wait, and then `serve(job)`.
    """

    def __init__(
        self,
        rules: CommRules,
        *,
        is_busy: Callable[[], bool],
        is_held: Callable[[], bool],
        begin: Callable[[Job], Execution],
        serve: Callable[[Job], None],
    ) -> None:
        self._rules = rules
        self._is_busy = is_busy
        self._is_held = is_held
        self._begin = begin
        self._serve = serve
        self._changed = threading.Condition()  # its lock is over all that follows
        self._waiting: deque[Job] = deque()
        self._served: Job | None = None  # now
        self._turn: Job | None = None  # whose turn it is, while it waits for the one that is being served
        self._freed: Callable[[], object] = lambda: None
        self._heard = 0.0  # when the loop has last shown that it runs callbacks, or a message was done
        self._is_stuck = False  # the loop has not answered since the thread took over
        self._thread: threading.Thread | None = None
        self._closed = False

    def put(self, job: Job) -> None:
        """Append a message."""
        with self._changed:
            self._waiting.append(job)
            if self._thread is None:
                self._start_thread()
            else:
                self._changed.notify()

    def cell_began(self) -> bool:
        """Note that a cell has begun, in the loop. Whether messages wait that may be served beside it."""
        if not self._waiting:
            return False
        with self._changed:
            self._loop_answered()
            self._changed.notify()
        return True

    def loop_answers(self) -> bool:
        """Note that the loop runs callbacks. Whether there is one to be served beside a cell now."""
        with self._changed:
            self._loop_answered()
            return self._next_early() is not None

    def take_early(self) -> Job | None:
        """Take the message that is to be served next beside a cell, in the loop; None when there is none."""
        with self._changed:
            job = self._next_early()
            return None if job is None else self._take(job, Place.BESIDE)

    def take(self, job: Job, freed: Callable[[], object]) -> State:
        """Take a message whose turn it is. TAKEN: the caller is to serve it. DONE: it has been served already.

        WAITING: one is being `served`; `freed()` is called at its end, when this has to be called again.
        """
        with self._changed:
            self._turn = None
            if self._served is not None:
                self._turn, self._freed = job, freed
                return State.WAITING
            self._loop_answered()
            if job.state is not State.WAITING:
                return State.DONE
            self._take(job, Place.IN_TURN)
            return State.TAKEN

    @property
    def served(self) -> Job | None:
        """The message that is being served now."""
        return self._served

    def withdraw(self, job: Job) -> bool:
        """Take out a message that will not be served; False when it has been, or is being."""
        with self._changed:
            if not job.withdraw():
                return False
            self._waiting.remove(job)
            return True

    def done(self, job: Job) -> bool:
        """Note that a message has been served. Whether others wait."""
        with self._changed:
            job.done()
            if self._served is job:
                self._served = None
                self._heard = time.monotonic()
                self._changed.notify()
                if self._turn is not None:
                    self._freed()
            return bool(self._waiting)

    def leave(self, job: Job) -> None:
        """Leave the thread that serves `job` to itself, and go on in another."""
        with self._changed:
            self._start_thread()
        self.done(job)

    def close(self) -> None:
        """End the thread, once it has served what it is on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def join(self, seconds: float) -> None:
        """Wait for the end of the thread that was told to end, for up to `seconds`."""
        if (thread := self._thread) is not None:
            thread.join(seconds)

    def _take(self, job: Job, place: Place) -> Job:
        job.take(place)
        self._waiting.remove(job)
        self._served = job
        return job

    def _next_early(self) -> Job | None:
        if self._served is not None or self._turn is not None or not self._is_busy():
            return None
        left: set[str] = set()
        for job in self._waiting:
            comm_id = str(job.request.content.get("comm_id", ""))
            if comm_id not in left and self._rules.is_known(job.request):
                return job
            left.add(comm_id)
        return None

    def _loop_answered(self) -> None:
        self._is_stuck = False
        self._heard = time.monotonic()

    def _start_thread(self) -> None:
        if self._rules.in_thread() and not self._closed:
            self._thread = threading.Thread(target=self._watch, name="comms", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # the system gives none: they are served by the loop, and the next one tries again
                self._thread = None

    def _watch(self) -> None:
        while (job := self._take_late()) is not None:
            try:
                self._serve(job)
            except BaseException:
                log.exception("a comm message could not be served")

    def _take_late(self) -> Job | None:
        """Wait for a message that the loop does not take up, and take it. None once the thread is to end."""
        with self._changed:
            while not self._closed and self._thread is threading.current_thread():
                job = self._next_early()
                if job is None:
                    if not self._changed.wait(IDLE_SECONDS) and not self._waiting and self._served is None:
                        self._thread = None
                    continue
                patience = max(job.arrived, self._heard) + PATIENCE - time.monotonic()
                if patience > 0 and not self._is_stuck:
                    self._changed.wait(patience)
                    continue
                if not self._is_held():  # on a machine that is busy, a loop that is free may be that late
                    self._changed.wait(PATIENCE)
                    continue
                self._is_stuck = True
                job.execution = self._begin(job)
                return self._take(job, Place.APART)
            return None
