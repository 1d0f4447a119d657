"""Lanes: ordered queues of requests, each served on one thread.

Each shell and subshell has one. Order is arrival; `stop_on_error` aborts just what had arrived behind the error.
A cell that is marked to run beside others starts in its turn, and the lane goes on with the next. Comm messages are
served in their turn, or before it beside a cell: see `comm_line`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from async_kernel.concurrency.portal import Portal, current_portal
from async_kernel.concurrency.queue import Queue
from async_kernel.concurrency.spawn import spawn_task, spawn_thread
from async_kernel.errors import RequestError

from .bench import Bench
from .comm_line import CommLine, CommRules
from .dispatch import abort, refuse
from .execution import Execution
from .job import Job
from .modes import Mode
from .place import Place
from .ports import RunLoop, Transport
from .prompts import Prompts
from .request import Request

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
        self._queue: Queue[Job | None] = Queue()
        self._jobs: list[Callable[[], None]] = []
        self._lock = threading.Lock()  # over the two and what follows
        self._closed = False
        self._arrived = 0
        self._aborted = 0  # what can be aborted and arrived up to here is
        self.bench = Bench(prompts)
        """What the lane is serving."""
        self._comms = CommLine(comm_rules, self.bench)

    def put(self, job: Job) -> None:
        """Queue a job; one that is early may be served before its turn. RequestError when the lane is closed."""
        job.request.turn = self.bench.turn
        with self._lock:
            self._check_open()
            self._arrived += 1
            job.number = self._arrived
            if job.is_early:
                self._comms.put(job)
            self._queue.put(job)

    def reach(self, job: Callable[[], None]) -> Portal | None:
        """The way into the loop that serves the lane. Before it runs None, and `job()`, which does not raise, is done
        as soon as it does, ahead of the requests. RequestError when the lane is closed."""
        with self._lock:
            self._check_open()
            if self.bench.portal is None:
                self._jobs.append(job)
            return self.bench.portal

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
            self.bench.move_in(portal)
        try:
            self._do_jobs()
            while self.bench.portal is portal and not closing():
                job = await portal.own_wait(partial(self._queue.get, portal))
                if job is None:
                    return
                if job.can_abort and job.number <= self._aborted and job.withdraw():
                    abort(job.request)
                elif job.is_early:
                    await self._comms.serve_in_turn(job, portal, self._way_to_leave(job))
                elif job.mode is not None and job.take(Place.BACKGROUND):
                    await self._start_in_background(job, job.mode, portal)
                elif job.take(Place.IN_TURN):
                    await self.bench.serve(
                        job,
                        portal,
                        left=self._way_to_leave(job),
                        begun=self._comms.cell_began,
                        failed=self._stop_queued if job.stops else None,
                    )
        finally:
            self.bench.move_out(portal)

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

    async def _start_in_background(self, job: Job, mode: Mode, portal: Portal) -> None:
        """Start a cell in the background; return once it has begun, so that numbers are given in order."""
        started = portal.event()

        def tell() -> None:
            portal.call(started.set)

        def begun() -> None:
            self._comms.cell_began()
            tell()

        async def main() -> None:
            left = self.bench.abandon if mode is Mode.THREAD else None
            try:
                await self.bench.serve(job, current_portal(), left=left, begun=begun)
            finally:
                tell()

        def failed(error: BaseException) -> None:
            if not job.request.answered:
                refuse(job.request, error)
            tell()

        if mode is Mode.TASK:
            spawn_task(main)
        else:
            spawn_thread(self._run_loop, main, failed)
        await portal.own_wait(started.wait)

    def _way_to_leave(self, job: Job) -> Callable[[Execution], None] | None:
        """The function that leaves the thread of a job in turn to itself; None: nothing can."""
        return None if self._serve_elsewhere is None else partial(self._leave_thread, job.stops)

    def _leave_thread(self, stops: bool, execution: Execution) -> None:
        """Have the lane served by another thread, unless its own comes back soon."""
        self.bench.forget(execution)
        if stops:
            self._aborted = self._arrived
        execution.when_overdue(self._go_elsewhere)

    def _go_elsewhere(self, execution: Execution) -> None:
        """Have the lane served by another thread; the one that served it ends when its call does."""
        if self.bench.give_up(execution):
            self._comms.leave(execution)
            if self._serve_elsewhere is not None:
                self._serve_elsewhere(self)

    async def _stop_queued(self) -> None:
        """Abort what has arrived behind an error.

        Before the error is replied: what a client sends in answer to the reply is not queued behind the error. The
        barrier brings in what had reached the socket but not yet the lane.
        """
        portal = self.bench.portal
        assert portal is not None
        reached = portal.event()

        def tell() -> None:
            portal.call(reached.set)

        self._transport.barrier(tell)
        await portal.own_wait(reached.wait)
        self._aborted = self._arrived
