"""The bench of a shell: the work that the shell has now, and its loop.

Each request that is served there, in its turn or in the background, is an execution, which an interrupt reaches. Knows
no queues and no order.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from async_kernel.concurrency.nested import set_aside
from async_kernel.concurrency.portal import Portal, current_portal
from async_kernel.protocol.messages import Content
from async_kernel.stacks import held_by
from async_kernel.system.real import real

from .dispatch import Answering, begin
from .execution import Execution, ThisThread, is_held
from .job import Job
from .open_requests import OpenRequests
from .place import Place
from .prompts import Prompts
from .request import Turn

__all__ = ["Bench"]


class Bench:
    """All methods but those that are awaited may be called from any thread."""

    def __init__(self, prompts: Prompts) -> None:
        self._prompts = prompts
        self._lock = threading.Lock()  # over the first two
        self.portal: Portal | None = None
        """The way into the loop of the shell; None before it runs."""
        self.execution: Execution | None = None
        """The work in its turn."""
        self.idle_since = 0.0
        """When it was done with the latest, by `time.time()`."""
        self.turn = Turn()
        self._background: list[Execution] = []
        self._open = OpenRequests()
        self.context = contextvars.copy_context()
        """That of the latest cell."""

    @property
    def background(self) -> list[Execution]:
        """The executions beside the turn, as tasks of the loop or in threads, oldest first."""
        return list(self._background)

    @property
    def is_busy(self) -> bool:
        """Whether anything is being served, in its turn or in the background."""
        return self.execution is not None or bool(self._background)

    @property
    def is_held(self) -> bool:
        """Whether the loop is kept from going on now."""
        portal = self.portal
        return portal is not None and is_held(portal.thread)

    def rests(self, seconds: float = 0.0) -> bool:
        """Whether all that was said to be busy was said to be idle, within so many `seconds` from now."""
        return self._open.wait_for_none(seconds)

    def call(self, function: Callable[..., None], *args: Any) -> bool:
        """Run `function(*args)` soon in the loop. False when there is none."""
        portal = self.portal
        return portal is not None and portal.call(function, *args)

    # The loop

    def move_in(self, portal: Portal | None) -> None:
        """From now on the work is done in the loop that `portal` leads to."""
        with self._lock:
            self.portal = portal

    def move_out(self, portal: Portal) -> None:
        """The loop ends, or the work is done in another by now."""
        with self._lock:
            if self.portal is portal:
                self.portal = None

    def give_up(self, execution: Execution) -> bool:
        """Leave the thread of the work in turn, and its loop; False when it has come back."""
        with self._lock:
            if self.execution is not execution:
                return False
            self.portal = self.execution = None
            return True

    def strand(self, thread: int) -> None:
        """Answer what waits in the loop of a thread that is left to itself: nobody knows whether it ever goes on."""
        for execution in self.background:
            if execution.thread == thread and not execution.finished:
                execution.strand()
                self.abandon(execution)

    # Serving

    async def serve(
        self,
        job: Job,
        portal: Portal,
        *,
        left: Callable[[Execution], None] | None = None,
        begun: Callable[[], object] = lambda: None,
        failed: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Serve a job in the calling task, whose portal is given, at the place where it was taken.

        `left(execution)` leaves the thread to itself, when it stands in a call that nothing ends. `begun()` is called
        once there is something to interrupt; `failed()` is awaited before an error is replied.
        """
        started = real.time()  # before a client can know of it
        request, place = job.request, job.place
        assert place is not None
        self._open.add(request)
        try:
            with Answering(request) as answering:
                execution = job.execution = Execution(request, portal, self._prompts, left)
                execution.started = started
                self._enter(job, execution)
                try:
                    begun()
                    with portal.waiting():
                        answering.content = await held_by(execution, job.handler, request, place)
                except BaseException as error:
                    answering.fail(error)
                finally:
                    self._leave(execution)
                    if place is Place.IN_TURN:  # else the task ends here
                        await portal.settle()
                if failed is not None and answering.has_failed:
                    await failed()
        finally:
            self._open.discard(request)

    def take_apart(self, job: Job, left: Callable[[Execution], None]) -> None:
        """Make the execution of a job that the calling thread is about to `serve_apart`. Does not wait."""
        job.execution = Execution(job.request, ThisThread(), self._prompts, left)

    def serve_apart(self, job: Job) -> Coroutine[Any, Any, Content | None] | None:
        """Serve a job in the calling thread, which has no loop. Returns the rest, which is to `finish` in the loop."""
        execution = job.execution
        assert execution is not None
        self._background.append(execution)
        try:
            with set_aside():  # the context still says that the shell's loop runs
                return begin(job.request, job.handler, Place.APART)
        finally:
            self._leave(execution)

    async def finish(self, job: Job, rest: Coroutine[Any, Any, Content | None]) -> None:
        """Await in the loop the rest of a job that a thread began."""
        portal = current_portal()
        with Answering(job.request, goes_on=True) as answering:
            execution = job.execution = Execution(job.request, portal, self._prompts, None)
            self._background.append(execution)
            try:
                with portal.waiting():
                    answering.content = await held_by(execution, lambda: rest)
            finally:
                self._leave(execution)

    @contextmanager
    def standing_behind(self, execution: Execution | None) -> Iterator[None]:
        """While the turn waits for an execution in the background, an interrupt is meant for that."""
        self.execution = execution
        try:
            yield
        finally:
            if self.execution is execution:
                self.execution, self.idle_since = None, real.time()

    def abandon(self, execution: Execution) -> None:
        """Leave a cell in the background to its thread, which ends when its call does."""
        self.forget(execution)
        self._leave(execution)

    def forget(self, execution: Execution) -> None:
        """Wait no longer for the end of an execution: its thread is left to itself."""
        self._open.discard(execution.request)

    def _enter(self, job: Job, execution: Execution) -> None:
        if job.place is not Place.IN_TURN:
            self._background.append(execution)
            return
        execution.free_since = self.idle_since
        self.execution = execution
        if not job.is_early:
            self.context = contextvars.copy_context()
            if not job.request.content.get("silent"):  # front ends look into variables with silent cells
                self.turn.latest = job.request

    def _leave(self, execution: Execution) -> None:
        execution.finished = True
        execution.request.checkpoint = None
        if execution in self._background:
            self._background.remove(execution)
            return
        with self._lock:
            if self.execution is execution:
                self.execution = None
                self.idle_since = real.time()
