"""The comm messages of one shell, in order of arrival. Each is served once: in its turn, or before it beside a cell.

Its turn is its place in the lane, as for any request. While a cell runs it does not wait for that: the shell's loop
takes it up when the cell awaits, and when nobody has for a short while, since the cell keeps the loop's thread to
itself, the thread of this line does. One is served at a time, the oldest first. A message for a comm that is not there
is left for its turn, behind the cells that may open it, and so is what follows for the same comm.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, NamedTuple

from async_kernel.concurrency.portal import Portal, current_portal
from async_kernel.concurrency.spawn import spawn_task
from async_kernel.protocol.messages import Content
from async_kernel.system.service_thread import IDLE_SECONDS

from .bench import Bench
from .dispatch import give_up
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
    """The comm messages of the shell that has the `bench`. All methods but `serve_in_turn` may be called from any
    thread."""

    def __init__(self, rules: CommRules, bench: Bench) -> None:
        self._rules = rules
        self._bench = bench
        self._changed = threading.Condition()  # its lock is over all that follows
        self._waiting: deque[Job] = deque()
        self._served: Job | None = None  # now
        self._handed_over: Job | None = None  # the one whose rest the loop has been given and has not begun
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
        if self._bench.is_busy:
            self._bench.call(self._look_for_early)

    def cell_began(self) -> None:
        """Note that a cell has begun, beside which messages that wait may be served."""
        if self._waiting:
            with self._changed:
                self._loop_answered()
                self._changed.notify()
            self._bench.call(self._look_for_early)

    async def serve_in_turn(self, job: Job, portal: Portal, left: Callable[[Execution], None] | None) -> None:
        """Serve a message whose turn it is, unless it has been served beside a cell, or is being: then wait for the end
        of that. `left` as for `Bench.serve`."""
        freed = portal.event()

        def tell() -> None:
            portal.call(freed.set)

        while (state := self._take_in_turn(job, tell)) is State.WAITING:
            served = self._served
            with self._bench.standing_behind(None if served is None else served.execution):
                await portal.shielded_wait(freed.wait)
            freed = portal.event()
        if state is State.TAKEN:
            await self._serve(job, portal, left)

    def _take_in_turn(self, job: Job, freed: Callable[[], object]) -> State:
        """Take a message whose turn it is. TAKEN: the caller is to serve it. DONE: it has been served already.

        WAITING: one is being served; `freed()` is called at its end, when this has to be called again.
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

    def withdraw(self, job: Job) -> bool:
        """Take out a message that will not be served; False when it has been, or is being."""
        with self._changed:
            if not job.withdraw():
                return False
            self._waiting.remove(job)
            return True

    def leave_loop(self, thread: int) -> None:
        """Go on without what is being served in the loop of a thread that is left to itself."""
        served = self._served
        if served is None:
            return
        if served is self._handed_over:
            self._strand(served)
        elif served.execution is not None and served.execution.thread == thread:
            self._done(served)

    def close(self) -> None:
        """End the thread, once it has served what it is on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def join(self, seconds: float) -> None:
        """Wait for the end of the thread that was told to end, for up to `seconds`."""
        if (thread := self._thread) is not None:
            thread.join(seconds)

    # In the loop

    def _look_for_early(self) -> None:
        """If there is a message to be served beside the cell that awaits, start the task that does."""
        with self._changed:
            self._loop_answered()
            found = self._next_early() is not None
        if found:
            self._bench.context.copy().run(spawn_task, self._serve_early)

    async def _serve_early(self) -> None:
        with self._changed:
            job = self._next_early()
            if job is not None:
                self._take(job, Place.BESIDE)
        if job is not None:
            await self._serve(job, current_portal())

    async def _serve(self, job: Job, portal: Portal, left: Callable[[Execution], None] | None = None) -> None:
        try:
            await self._bench.serve(job, portal, left=left)
        finally:
            self._done(job)

    async def _finish(self, job: Job, rest: Coroutine[Any, Any, Content | None]) -> None:
        """Await the rest of a message that the thread began."""
        if self._handed_over is job:
            self._handed_over = None
        try:
            await self._bench.finish(job, rest)
        finally:
            self._done(job)

    # The state

    def _done(self, job: Job) -> None:
        """Note that a message has been served."""
        with self._changed:
            job.done()
            if self._served is job:
                self._served = None
                self._heard = time.monotonic()
                self._changed.notify()
                if self._turn is not None:
                    self._freed()
            others_wait = bool(self._waiting)
        if others_wait:
            self._bench.call(self._look_for_early)

    def _take(self, job: Job, place: Place) -> Job:
        job.take(place)
        self._waiting.remove(job)
        self._served = job
        return job

    def _next_early(self) -> Job | None:
        if self._served is not None or self._turn is not None or not self._bench.is_busy:
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

    # The thread

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
                self._serve_apart(job)
            except BaseException:
                log.exception("a comm message could not be served")

    def _serve_apart(self, job: Job) -> None:
        """Serve a message in the calling thread, beside a cell that keeps the loop's to itself."""
        self._bench.call(self._look_for_early)  # to be heard when the loop runs callbacks again
        rest: Coroutine[Any, Any, Content | None] | None = None
        try:
            rest = self._bench.context.copy().run(self._bench.serve_apart, job)
        finally:
            if rest is None:
                self._done(job)
        if rest is not None:
            self._handed_over = job
            go_on = partial(spawn_task, partial(self._finish, job, rest))
            if not self._bench.call(self._bench.context.copy().run, go_on):
                rest.close()
                self._strand(job)

    def _strand(self, job: Job) -> None:
        """End a message whose rest no loop will serve."""
        if self._handed_over is job:
            self._handed_over = None
        job.request.interrupted = True  # should the loop go on after all, its end is nothing to report
        give_up(job.request, RuntimeError("Its loop has ended, or stands in a call that nothing ends."))
        self._done(job)

    def _leave_thread(self, job: Job, execution: Execution) -> None:
        """Leave the thread that serves `job` to itself, and go on in another."""
        with self._changed:
            self._start_thread()
        self._done(job)

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
                if not self._bench.is_held:  # on a machine that is busy, a loop that is free may be that late
                    self._changed.wait(PATIENCE)
                    continue
                self._is_stuck = True
                self._bench.take_apart(job, partial(self._leave_thread, job))
                return self._take(job, Place.APART)
            return None
