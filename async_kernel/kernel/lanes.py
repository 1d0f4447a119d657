"""Lanes: ordered queues of requests, each served on one thread.

Each shell and subshell has one. Order is arrival; `stop_on_error` aborts just what had arrived behind the error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from async_kernel.concurrency.portal import Portal
from async_kernel.concurrency.queue import Queue
from async_kernel.system.interrupt import Interrupt

from .dispatch import Handler, abort, serve
from .ports import Transport
from .prompts import Prompts
from .request import Request

__all__ = ["Execution", "Lane"]


class Execution:
    """A request that a lane is serving, as something that can be interrupted (`system.interrupt.Interruptible`)."""

    def __init__(self, request: Request, portal: Portal, prompts: Prompts) -> None:
        self.request = request
        self.thread = portal.thread
        self.finished = False
        self._portal = portal
        self._prompts = prompts

    def end_wait(self, interrupt: Interrupt) -> None:
        """End a question to the client, or what the task awaits, if the execution still goes on by then."""
        msg_id = self.request.message.header.msg_id
        if self._prompts.waits(msg_id):  # its thread stands in Prompts.ask, where nothing else claims the interrupt
            if interrupt.claim():
                self._prompts.cancel(msg_id)
        else:
            self._portal.call(self._end_wait, interrupt)

    def mark_interrupted(self) -> None:
        """Let the interpreter know that a cancellation means an interrupt."""
        self.request.interrupted = True
        self.request.checkpoint = None

    def defer(self, checkpoint: Callable[[], None]) -> None:
        """Have what writes output for this request call `checkpoint()` when it is done."""
        self.request.checkpoint = checkpoint

    def _end_wait(self, interrupt: Interrupt) -> None:
        if interrupt.claim():
            self._portal.end_wait()


class _Item(NamedTuple):
    number: int  # of arrival in this lane
    request: Request
    handler: Handler
    stops: bool  # whether an error aborts what is queued behind it
    can_abort: bool


class Lane:
    """An ordered queue of requests, served by the task that awaits `serve`.

    Requests can be put in before anybody serves them. All methods but `serve` may be called from any thread.
    """

    def __init__(self, transport: Transport, prompts: Prompts) -> None:
        self._transport = transport
        self._prompts = prompts
        self._queue: Queue[_Item | Callable[[], None] | None] = Queue()
        self._arrived = 0
        self._aborted = 0  # what can be aborted and arrived up to here is
        self.portal: Portal | None = None
        """The way into the loop that serves the lane; None before it runs."""
        self.execution: Execution | None = None
        """What the lane is serving now."""

    def put(self, request: Request, handler: Handler, *, stops: bool = False, can_abort: bool = False) -> None:
        """Queue a request. `stops`: an error reply aborts those queued requests that `can_abort`."""
        self._arrived += 1
        self._queue.put(_Item(self._arrived, request, handler, stops, can_abort))

    def put_job(self, job: Callable[[], None]) -> None:
        """Queue something else to be done between requests: a function that does not raise."""
        self._queue.put(job)

    def close(self) -> None:
        """End `serve` once what it is serving now is done."""
        self._queue.put(None)

    async def serve(self, portal: Portal, closing: Callable[[], bool]) -> None:
        """Serve what is queued, in order, until the lane is closed or `closing()` is true between two requests.

        `portal` is that of the calling task.
        """
        self.portal = portal
        try:
            while not closing():
                item = await self._queue.get(portal)
                if item is None:
                    return
                if isinstance(item, _Item):
                    await self._serve(item, portal)
                else:
                    item()
        finally:
            self.portal = None

    def take(self) -> list[Request]:
        """The requests that nobody will serve any more, taken out of the queue; jobs are done on the way."""
        requests = []
        for item in self._queue.take():
            if isinstance(item, _Item):
                requests.append(item.request)
            elif item is not None:
                item()
        return requests

    async def _serve(self, item: _Item, portal: Portal) -> None:
        if item.can_abort and item.number <= self._aborted:
            abort(item.request)
            return

        async def handler(request: Request) -> dict[str, object] | None:
            # From here on there is something to interrupt; a request with a problem does not come this far.
            execution = self.execution = Execution(request, portal, self._prompts)
            try:
                with portal.waiting():
                    return await item.handler(request)
            finally:
                execution.finished = True
                request.checkpoint = None
                self.execution = None
                await portal.settle()

        await serve(item.request, handler, self._stop_queued if item.stops else None)

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
        await reached.wait()
        self._aborted = self._arrived
