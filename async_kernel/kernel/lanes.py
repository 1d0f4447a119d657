"""Lanes: ordered queues of requests, each served on one thread.

Each shell and subshell has one. Order is arrival; `stop_on_error` aborts just what had arrived behind the error.
A cell that is marked to run beside others starts in its turn, and the lane goes on with the next.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from async_kernel.concurrency.nested import InnerLoop, innermost
from async_kernel.concurrency.portal import Portal, current_portal
from async_kernel.concurrency.queue import Queue
from async_kernel.concurrency.spawn import spawn_task, spawn_thread
from async_kernel.errors import RequestError
from async_kernel.system.interrupt import Interrupt

from .dispatch import Handler, abort, give_up, refuse, serve
from .modes import Mode
from .ports import RunLoop, Transport
from .prompts import Prompts
from .request import Request

__all__ = ["Execution", "Lane", "execution_on"]


class Execution:
    """A request that a lane is serving, as something that can be interrupted (`system.interrupt.Interruptible`)."""

    def __init__(self, request: Request, portal: Portal, prompts: Prompts, left: Callable[[], None] | None) -> None:
        self.request = request
        self.thread = portal.thread
        self.started = time.time()
        self.finished = False
        self._left = left
        self._portal = portal
        self._prompts = prompts

    def end_wait(self, interrupt: Interrupt) -> None:
        """End a question to the client, or what the task awaits, if the execution still goes on by then."""
        # With a question open its thread stands in Prompts.ask, where nothing else claims the interrupt.
        if not self._prompts.cancel(self.request.message.header.msg_id, interrupt.claim):
            # A loop that the cell runs by itself, inside ours, is what has to end: ours stands still meanwhile.
            loop = innermost(self.thread) or self._portal
            loop.call(self._end_wait, interrupt, loop)

    def mark_interrupted(self) -> None:
        """Let the interpreter know that a cancellation means an interrupt."""
        self.request.interrupted = True
        self.request.checkpoint = None

    def leave(self) -> None:
        """Give up on the thread: it stands in a call that nothing ends. Its lane goes on in another thread."""
        if self._left is not None and not self.finished:
            self.finished = True
            give_up(
                self.request, KeyboardInterrupt("The cell was left to itself: it waits in a call that nothing ends.")
            )
            self._left()

    def defer(self, checkpoint: Callable[[], None]) -> None:
        """Have what writes output for this request call `checkpoint()` when it is done."""
        self.request.checkpoint = checkpoint

    def _end_wait(self, interrupt: Interrupt, loop: InnerLoop) -> None:
        if interrupt.claim():
            loop.end_wait()


async def _work(execution: Execution, handler: Handler) -> dict[str, object] | None:
    """The frame by which `execution_on` knows whose code a thread is in."""
    return await handler(execution.request)


def execution_on(thread: int) -> Execution | None:
    """The execution whose own code runs on a thread now; None when it waits, or runs what a cell has left behind."""
    frame = sys._current_frames().get(thread)
    while frame is not None:
        if frame.f_code is _work.__code__:
            execution: Execution = frame.f_locals["execution"]
            return execution
        frame = frame.f_back
    return None


class _Item(NamedTuple):
    number: int  # of arrival in this lane
    request: Request
    handler: Handler
    stops: bool  # whether an error aborts what is queued behind it
    can_abort: bool
    mode: Mode | None  # how it runs beside the lane; None: in it


class Lane:
    """An ordered queue of requests, served by the task that awaits `serve`.

    Requests can be put in before anybody serves them. All methods but `serve` may be called from any thread.
    `serve_elsewhere(lane)` starts another thread that serves the lane, when the one that does is stuck in a call.
    `run_loop` runs the backend in the threads of cells that are marked to run in one.
    """

    def __init__(
        self,
        transport: Transport,
        prompts: Prompts,
        run_loop: RunLoop,
        serve_elsewhere: Callable[[Lane], None] | None = None,
    ) -> None:
        self._run_loop = run_loop
        self._serve_elsewhere = serve_elsewhere
        self._transport = transport
        self._prompts = prompts
        self._queue: Queue[_Item | None] = Queue()
        self._jobs: list[Callable[[], None]] = []
        self._lock = threading.Lock()  # over the two and what follows: nothing is put into a closed lane
        self._closed = False
        self._arrived = 0
        self._aborted = 0  # what can be aborted and arrived up to here is
        self.portal: Portal | None = None
        """The way into the loop that serves the lane; None before it runs."""
        self.execution: Execution | None = None
        """What the lane is serving now."""
        self.idle_since = 0.0
        """When it was done with the latest, by `time.time()`."""
        self._beside: list[Execution] = []

    @property
    def beside(self) -> list[Execution]:
        """What runs beside the lane, as tasks of its loop or in threads, oldest first."""
        return list(self._beside)

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
        with self._lock:
            self._check_open()
            self._arrived += 1
            self._queue.put(_Item(self._arrived, request, handler, stops and mode is None, can_abort, mode))

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
        self._do_jobs()
        return [item.request for item in left if item is not None]

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
                with portal.own_wait():
                    item = await self._queue.get(portal)
                if item is None:
                    return
                await self._serve(item, portal)
        finally:
            if self.portal is portal:
                self.portal = None

    def _leave_thread(self) -> None:
        """Have the lane served by another thread; the one that served it ends when its call does."""
        with self._lock:
            self.portal = self.execution = None
        if self._serve_elsewhere is not None:
            self._serve_elsewhere(self)

    def take(self) -> list[Request]:
        """The requests that nobody will serve any more, taken out of the queue; jobs are done on the way."""
        self._do_jobs()
        return [item.request for item in self._queue.take() if item is not None]

    def _do_jobs(self) -> None:
        with self._lock:
            jobs, self._jobs = self._jobs, []
        for job in jobs:
            job()

    async def _serve(self, item: _Item, portal: Portal) -> None:
        if item.can_abort and item.number <= self._aborted:
            abort(item.request)
        elif item.mode is not None:
            await self._serve_beside(item, item.mode, portal)
        else:
            await self._execute(item, portal)

    async def _serve_beside(self, item: _Item, mode: Mode, portal: Portal) -> None:
        """Start a request that runs beside the lane; return once it has begun, so that numbers are given in order."""
        import anyio

        begun = anyio.Event()

        async def main() -> None:
            await self._execute(item, current_portal(), lambda: portal.call(begun.set))

        def failed(error: BaseException) -> None:
            if not item.request.replied:
                refuse(item.request, error)
            portal.call(begun.set)

        if mode is Mode.TASK:
            spawn_task(main)
        else:
            spawn_thread(self._run_loop, main, failed)
        await begun.wait()

    async def _execute(self, item: _Item, portal: Portal, begun: Callable[[], object] | None = None) -> None:
        """Serve a request in the calling task, whose portal is given; beside the lane when there is `begun` to call."""

        async def handler(request: Request) -> dict[str, object] | None:
            # From here on there is something to interrupt; a request with a problem does not come this far.
            left = self._leave_thread if self._serve_elsewhere is not None and begun is None else None
            execution = Execution(request, portal, self._prompts, left)
            self._enter(execution, begun is not None)
            try:
                if begun is not None:
                    begun()
                with portal.waiting():
                    return await _work(execution, item.handler)
            finally:
                execution.finished = True
                request.checkpoint = None
                self._leave(execution)
                if begun is None:  # else the task ends here
                    await portal.settle()

        await serve(item.request, handler, self._stop_queued if item.stops else None)
        if begun is not None:
            begun()  # in case that there was a problem

    def _enter(self, execution: Execution, beside: bool) -> None:
        if beside:
            self._beside.append(execution)
        else:
            self.execution = execution

    def _leave(self, execution: Execution) -> None:
        if execution in self._beside:
            self._beside.remove(execution)
        elif self.execution is execution:
            self.execution = None
            self.idle_since = time.time()

    async def _stop_queued(self) -> None:
        """Abort what has arrived behind an error.

        Before the error is replied: what a client sends in answer to the reply is not queued behind the error. The
        barrier brings in what had reached the socket but not yet the lane.
        """
        import anyio

        portal = self.portal
        assert portal is not None
        reached = anyio.Event()

        def tell() -> None:
            portal.call(reached.set)

        self._transport.barrier(tell)
        with portal.own_wait():
            await reached.wait()
        self._aborted = self._arrived
