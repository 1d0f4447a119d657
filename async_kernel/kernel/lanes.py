"""Lanes: ordered queues of requests, each served on one thread. Each shell and subshell has one.

The problem. The cells of a shell run one after another, in the order in which they were sent. After an error those
behind it must not run, as *Run all* has sent them; but a cell that the user sends after having seen the error has to
run. A cell may await, compute, or stand in a call that nothing ends. Some are marked to run beside the others. Comm
messages want to be served before their turn. A cell may leave cancellations behind in the task, or end the loop. The
kernel may be told to end at any moment.

What does not work, and why.

- To read the sockets in the loop that runs the cells, as it comes to it. Beside a cell that computes nothing is read,
  the interrupt that is to end it least of all.
- To leave the queue in the sockets. A request that waits there can be neither counted, aborted nor overtaken.
- A flag that an error sets and the next request clears, or a time after which it is cleared. A request that was sent
  after the error may be taken for one that was sent before it, and the other way round.
- A task for each cell. Task groups, nurseries and context variables could not span cells.
- Two queues, one for cells and one for comm messages. On an idle shell their order among each other counts.

The solution.

1. The thread that moves messages puts each request in as it arrives (`put`), and counts the arrivals. The queue leads
   from any thread into one loop (`concurrency.queue`), and may be filled before there is a loop.
2. One task serves a shell for its whole life (`serve`). Its own waits outlast the cancellations that cells leave behind
   (`Portal.shielded_wait`).
3. A job is served by the first that takes it (`job`). A comm message is put in the lane and in its `comm_line`, which
   may take it before its turn; the lane then goes on to the next.
4. After an error, before it is replied, the transport delivers all that has reached the sockets (a barrier). The number
   of the latest arrival is noted, and exactly the cells up to it are aborted. An answer to the reply comes later.
5. A marked cell is started in its turn, so that cells are numbered in order, as a task of the loop or in a thread; the
   lane waits for its begin only.
6. When a cell stands in a call that nothing ends, its bench gives up the execution, and another thread serves the lane
   (`serve_elsewhere`). What waits in the old loop, beside the cell, is answered with an error. Should the old thread
   come back, it finds that the bench has another portal, and ends.
7. The end closes the lane under its lock: a request is either in the queue, and is handed back to be aborted, or is
   refused.

What is given up on.

- The thread of the main shell is never left: signals, toolkits and the main task belong to it.
- A cell that was left goes on, with its output; it only has no lane any more.
- There is no order between shells, nor between a cell in the background and those behind it.
- Before or after the error is decided by arrival. A client that sends without having read the error is taken for one
  that has not seen it.
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
                job = await portal.shielded_wait(partial(self._queue.get, portal))
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
        await portal.shielded_wait(started.wait)

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
            self.bench.strand(execution.thread)
            self._comms.leave_loop(execution.thread)
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
        await portal.shielded_wait(reached.wait)
        self._aborted = self._arrived
