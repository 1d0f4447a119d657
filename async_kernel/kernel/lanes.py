"""Lanes: ordered queues of requests, each served on one thread.

Each shell and subshell has one. Order is arrival; `stop_on_error` aborts just what had arrived behind the error.
A cell that is marked to run beside others starts in its turn, and the lane goes on with the next. Comm messages are
served in their turn, or before it beside a cell: see `comm_line`.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from async_kernel.concurrency.nested import set_aside
from async_kernel.concurrency.portal import Portal, current_portal
from async_kernel.concurrency.queue import Queue
from async_kernel.concurrency.spawn import spawn_task, spawn_thread
from async_kernel.errors import RequestError
from async_kernel.protocol.messages import Content
from async_kernel.system.real import real

from .comm_line import CommLine, CommRules
from .dispatch import Handler, abort, begin, finish, refuse, serve
from .execution import Execution, ThisThread, is_held, work
from .job import Job, State
from .modes import Mode
from .open_requests import OpenRequests
from .place import Place
from .ports import RunLoop, Transport
from .prompts import Prompts
from .request import Request, Turn

__all__ = ["Lane"]


class Lane:
    """An ordered queue of requests, served by the task that awaits `serve`.

    Requests can be put in before anybody serves them. All methods but `serve` may be called from any thread.
    `serve_elsewhere(lane)` starts another thread that serves the lane, when the one that does is stuck in a call.
    `run_loop` runs the backend in the threads of cells that are marked to run in one, `comm_rules` is asked about
    comm messages.
    """

    def __init__(
        self,
        transport: Transport,
        prompts: Prompts,
        run_loop: RunLoop,
        comm_rules: CommRules,
        serve_elsewhere: Callable[[Lane], None] | None = None,
    ) -> None:
        self._run_loop = run_loop
        self._serve_elsewhere = serve_elsewhere
        self._transport = transport
        self._prompts = prompts
        self._queue: Queue[Job | None] = Queue()
        self._jobs: list[Callable[[], None]] = []
        self._lock = threading.Lock()  # over the two and what follows
        self._closed = False
        self._arrived = 0
        self._aborted = 0  # what can be aborted and arrived up to here is
        self.portal: Portal | None = None
        """The way into the loop that serves the lane; None before it runs."""
        self.execution: Execution | None = None
        """What the lane is serving now."""
        self.idle_since = 0.0
        """When it was done with the latest, by `time.time()`."""
        self._turn = Turn()
        self._background: list[Execution] = []
        self._open = OpenRequests()
        self._context = contextvars.copy_context()  # what comm messages are served in when it is not their turn
        self._comms = CommLine(
            comm_rules,
            is_busy=lambda: self.is_busy,
            is_held=lambda: self.portal is not None and is_held(self.portal.thread),
            begin=self._begin_in_thread,
            serve=self._serve_in_thread,
        )

    def rests(self, seconds: float = 0.0) -> bool:
        """Whether all that was said to be busy was said to be idle, within so many `seconds` from now."""
        return self._open.wait_for_none(seconds)

    @property
    def is_busy(self) -> bool:
        """Whether anything is being served, in the lane or beside it."""
        return self.execution is not None or bool(self._background)

    @property
    def background(self) -> list[Execution]:
        """The executions beside the lane, as tasks of its loop or in threads, oldest first."""
        return list(self._background)

    def put(
        self,
        request: Request,
        handler: Handler,
        *,
        stops: bool = False,
        can_abort: bool = False,
        mode: Mode | None = None,
    ) -> None:
        """Queue a request. `stops`: an error reply aborts those queued requests that `can_abort`. With a `mode` it runs
        beside the lane once it is its turn, and its error aborts nothing.

        RequestError when the lane is closed.
        """
        request.turn = self._turn
        with self._lock:
            self._check_open()
            self._arrived += 1
            self._queue.put(
                Job(
                    request,
                    handler,
                    number=self._arrived,
                    stops=stops and mode is None,
                    can_abort=can_abort,
                    mode=mode,
                )
            )

    def put_comm(self, request: Request, handler: Handler) -> None:
        """Queue a comm message, which may be served before its turn, beside a cell. RequestError when the lane is
        closed."""
        request.turn = self._turn
        with self._lock:
            self._check_open()
            self._arrived += 1
            job = Job(request, handler, number=self._arrived, is_early=True)
            self._comms.put(job)
            self._queue.put(job)
            portal = self.portal
        if portal is not None and self.is_busy:
            portal.call(self._look_for_early)

    def reach(self, job: Callable[[], None]) -> Portal | None:
        """The way into the loop that serves the lane. Before it runs None, and `job()`, which does not raise, is done
        as soon as it does, ahead of the requests. RequestError when the lane is closed."""
        with self._lock:
            self._check_open()
            if self.portal is None:
                self._jobs.append(job)
            return self.portal

    def end(self) -> list[Request]:
        """Take nothing more, and end `serve` once it is done with what it is on; return what is left of the queue."""
        with self._lock:
            self._closed = True
            left = self._queue.take()
            self._queue.put(None)
        self._comms.close()
        self._do_jobs()
        return self._not_served(left)

    def join(self, seconds: float) -> None:
        """After `end`: wait for the thread that has served comm messages beside the cells, for up to `seconds`."""
        self._comms.join(seconds)

    def _check_open(self) -> None:
        if self._closed:
            raise RequestError("The shell of this request has ended.")

    async def serve(self, portal: Portal, closing: Callable[[], bool]) -> None:
        """Serve what is queued, in order, until the lane is closed or `closing()` is true between two requests.

        `portal` is that of the calling task.
        """
        with self._lock:
            self.portal = portal
        try:
            self._do_jobs()
            while self.portal is portal and not closing():
                job = await portal.own_wait(partial(self._queue.get, portal))
                if job is None:
                    return
                await self._serve(job, portal)
        finally:
            if self.portal is portal:
                self.portal = None

    def _abandon(self, execution: Execution) -> None:
        """Leave a cell that runs beside the lane to its thread, which ends when its call does."""
        self._open.discard(execution.request)
        self._leave(execution)

    def _leave_thread(self, stops: bool, execution: Execution) -> None:
        """Have the lane served by another thread, unless its own comes back soon."""
        self._open.discard(execution.request)
        if stops:
            self._aborted = self._arrived
        execution.when_overdue(self._go_elsewhere)

    def _go_elsewhere(self, execution: Execution) -> None:
        """Have the lane served by another thread; the one that served it ends when its call does."""
        with self._lock:
            if self.execution is not execution:
                return  # it has come back
            self.portal = self.execution = None
        if (served := self._comms.served) is not None and served.execution is execution:
            self._comms.done(served)
        if self._serve_elsewhere is not None:
            self._serve_elsewhere(self)

    def take(self) -> list[Request]:
        """The requests that nobody will serve any more, taken out of the queue; jobs are done on the way."""
        self._do_jobs()
        return self._not_served(self._queue.take())

    def _not_served(self, jobs: list[Job | None]) -> list[Request]:
        """The requests that have come out of the queue, without the comm messages that were served before."""
        return [job.request for job in jobs if job is not None and self._withdraw(job)]

    def _withdraw(self, job: Job) -> bool:
        return self._comms.withdraw(job) if job.is_early else job.withdraw()

    def _do_jobs(self) -> None:
        with self._lock:
            jobs, self._jobs = self._jobs, []
        for job in jobs:
            job()

    async def _serve(self, job: Job, portal: Portal) -> None:
        if job.can_abort and job.number <= self._aborted and job.withdraw():
            abort(job.request)
        elif job.is_early:
            await self._serve_in_turn(job, portal)
        elif job.mode is not None and job.take(Place.BESIDE):
            await self._serve_beside(job, job.mode, portal)
        elif job.take(Place.IN_TURN):
            await self._execute(job, portal)

    async def _serve_beside(self, job: Job, mode: Mode, portal: Portal) -> None:
        """Start a request that runs beside the lane; return once it has begun, so that numbers are given in order."""
        begun = portal.event()

        async def main() -> None:
            await self._execute(job, current_portal(), lambda: portal.call(begun.set))

        def failed(error: BaseException) -> None:
            if not job.request.answered:
                refuse(job.request, error)
            portal.call(begun.set)

        if mode is Mode.TASK:
            spawn_task(main)
        else:
            spawn_thread(self._run_loop, main, failed)
        await portal.own_wait(begun.wait)

    async def _execute(self, job: Job, portal: Portal, begun: Callable[[], object] = lambda: None) -> None:
        """Serve a job in the calling task, whose portal is given, at the place where it was taken. `begun()` is called
        once it has begun, or was refused."""
        started = real.time()  # before a client can know of it

        async def handler(request: Request, place: Place) -> Content | None:
            # From here on there is something to interrupt; a request with a problem does not come this far.
            execution = Execution(request, portal, self._prompts, self._way_to_leave(job))
            execution.started = started
            self._enter(job, execution)
            if not job.is_early and self._comms.cell_began():
                portal.call(self._look_for_early)
            try:
                begun()
                with portal.waiting():
                    return await work(execution, job.handler, place)
            finally:
                execution.finished = True
                request.checkpoint = None
                self._leave(execution)
                if place is Place.IN_TURN:  # else the task ends here
                    await portal.settle()

        assert job.place is not None
        self._open.add(job.request)
        try:
            await serve(job.request, handler, job.place, self._stop_queued if job.stops else None)
        finally:
            self._open.discard(job.request)
        begun()  # in case that there was a problem

    def _way_to_leave(self, job: Job) -> Callable[[Execution], None] | None:
        """How the thread of a job is left to itself, when it stands in a call that nothing ends; None: not at all."""
        if job.place is Place.IN_TURN and self._serve_elsewhere is not None:
            return partial(self._leave_thread, job.stops)
        return self._abandon if job.mode is Mode.THREAD else None

    def _enter(self, job: Job, execution: Execution) -> None:
        """Note that `execution` serves a job from now on."""
        job.execution = execution
        if job.place is not Place.IN_TURN:
            self._background.append(execution)
            return
        execution.free_since = self.idle_since
        self.execution = execution
        if not job.is_early:
            self._context = contextvars.copy_context()
            if not job.request.content.get("silent"):  # front ends look into variables with silent cells
                self._turn.latest = job.request

    async def _serve_in_turn(self, job: Job, portal: Portal) -> None:
        """Serve a comm message, unless it has been served beside a cell, or is being: then wait for the end of that."""
        freed = portal.event()

        def tell() -> None:
            portal.call(freed.set)

        while (state := self._comms.take(job, tell)) is State.WAITING:
            other = self._comms.served
            self.execution = ahead = None if other is None else other.execution  # what an interrupt is meant for
            try:
                await portal.own_wait(freed.wait)
            finally:
                if self.execution is ahead:
                    self.execution, self.idle_since = None, real.time()
            freed = portal.event()
        if state is State.TAKEN:
            try:
                await self._execute(job, portal)
            finally:
                self._comm_done(job)

    def _look_for_early(self) -> None:
        """In the loop: if there is a comm message to serve beside the cell that awaits, start the task that does."""
        if self._comms.loop_answers():
            self._context.copy().run(spawn_task, self._serve_early)

    async def _serve_early(self) -> None:
        job = self._comms.take_early()
        if job is not None:
            try:
                await self._execute(job, current_portal())
            finally:
                self._comm_done(job)

    def _comm_done(self, job: Job) -> None:
        portal = self.portal
        if self._comms.done(job) and portal is not None:
            portal.call(self._look_for_early)

    def _begin_in_thread(self, job: Job) -> Execution:
        return Execution(job.request, ThisThread(), self._prompts, lambda _: self._comms.leave(job))

    def _serve_in_thread(self, job: Job) -> None:
        """Serve a comm message in the calling thread, beside a cell that keeps the loop's to itself."""
        execution, portal = job.execution, self.portal
        assert execution is not None
        if portal is not None:
            portal.call(self._look_for_early)  # to be heard when the loop runs callbacks again
        self._background.append(execution)
        rest: Coroutine[Any, Any, Content | None] | None = None
        try:
            rest = self._context.copy().run(_begin_apart, job)
        finally:
            execution.finished = True
            self._leave(execution)
            if rest is None:
                self._comm_done(job)
        if rest is not None:
            go_on = partial(spawn_task, partial(self._finish, job, rest))
            if portal is None or not portal.call(self._context.copy().run, go_on):
                rest.close()

    async def _finish(self, job: Job, rest: Coroutine[Any, Any, Content | None]) -> None:
        """Await in the loop what the thread has left of a comm message."""
        portal = current_portal()
        execution = job.execution = Execution(job.request, portal, self._prompts, None)
        self._background.append(execution)

        async def handler(request: Request, place: Place) -> Content | None:
            with portal.waiting():
                return await rest

        try:
            await finish(job.request, work(execution, handler, Place.BESIDE))
        finally:
            execution.finished = True
            self._leave(execution)
            self._comm_done(job)

    def _leave(self, execution: Execution) -> None:
        if execution in self._background:
            self._background.remove(execution)
            return
        with self._lock:
            if self.execution is execution:
                self.execution = None
                self.idle_since = real.time()

    async def _stop_queued(self) -> None:
        """Abort what has arrived behind an error.

        Before the error is replied: what a client sends in answer to the reply is not queued behind the error. The
        barrier brings in what had reached the socket but not yet the lane.
        """
        portal = self.portal
        assert portal is not None
        reached = portal.event()

        def tell() -> None:
            portal.call(reached.set)

        self._transport.barrier(tell)
        await portal.own_wait(reached.wait)
        self._aborted = self._arrived


def _begin_apart(job: Job) -> Coroutine[Any, Any, Content | None] | None:
    """Serve a job in a thread without a loop; return what is left to `finish` in the loop."""
    with set_aside():  # the context may still say that the shell's loop runs
        return begin(job.request, job.handler, Place.APART)
