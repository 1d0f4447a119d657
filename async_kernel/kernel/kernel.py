"""The kernel: takes messages in, gives each to the lane that serves it, and ends in good order."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from async_kernel.concurrency.portal import Portal
from async_kernel.errors import RequestError
from async_kernel.protocol.codec import Codec
from async_kernel.protocol.messages import Buffer, Content, Message
from async_kernel.protocol.names import Channel, topic_of
from async_kernel.system import reserve

from .clocks import ClientClocks
from .closing import Closing
from .debugging import Debugging
from .desk import Desk
from .detached import Detached
from .dispatch import abort, decline, refuse, unreadable
from .interruption import Interruption
from .late_parts import LateParts
from .orders import make_orders
from .outlet import ChannelOutlet
from .ports import Parts, RunLoop, Transport
from .prompts import Prompts
from .request import Request
from .routes import ROUTES, Order
from .shells import Shells
from .statuses import Statuses

__all__ = ["Kernel"]

log = logging.getLogger(__name__)


class Kernel:
    """One kernel.

    `info` is the content of its kernel_info_reply, with a banner that the interpreter's replaces, `ports` of its
    connect_reply; `run_loop` runs the backend in the threads of subshells and cells. `ending()` is called when the
    kernel is shut down. Requests are taken in from the start, and served once `serve` has loaded the late parts.
    """

    def __init__(
        self,
        *,
        codec: Codec,
        transport: Transport,
        info: Content,
        ports: Mapping[str, int],
        run_loop: RunLoop,
        ending: Callable[[], None] = lambda: None,
    ) -> None:
        self._codec = codec
        self._transport = transport
        self._ending = ending
        self._ended = threading.Event()
        self._parts = parts = LateParts()
        self._clocks = ClientClocks()
        self._prompts = Prompts(parts.make_event)
        self._latest: dict[str, Request] = {}
        statuses = Statuses()
        self._outlets = {
            channel: ChannelOutlet(channel, codec, transport, self._prompts, statuses)
            for channel in (Channel.SHELL, Channel.CONTROL)
        }

        self.shells = Shells(transport, self._prompts, run_loop, parts)
        self._detached = Detached()
        self._debugging = Debugging(parts)
        self._closing = Closing(self.shells, self.shut_down)
        self.interruption = Interruption(self.shells, self._detached, self._clocks, parts)
        self._desk = Desk(
            info,
            ports,
            parts,
            self.shells,
            detached=self._detached,
            interruption=self.interruption,
            debugging=self._debugging,
            closing=self._closing,
        )
        self._orders = make_orders(self.shells, self._detached, parts, self._answered_at_once)

    # Taking messages in: called by the thread that moves them

    def accept(self, channel: Channel, message: Message) -> None:
        """Take in a message that arrived on `channel`. Returns at once; never raises."""
        self._clocks.note(message.header)
        route = ROUTES.get(message.header.msg_type)
        if channel is Channel.STDIN:
            if route is None or route.order is not Order.STDIN or not self._prompts.answer(message):
                log.debug("dropped a message on stdin that answers no open question: %s", message.header.msg_type)
            return
        request = Request(message, self._outlets[channel], self._count, self._latest, self._closing.when_quiet)
        if channel is Channel.CONTROL:
            self._latest[channel] = request
        try:
            if route is None or route.handler is None:
                raise RequestError(f"This kernel does not know the message type {request.msg_type!r}.")
            if channel not in route.channels:
                there = " or ".join(sorted(route.channels))
                raise RequestError(f"{request.msg_type} is served on the {there} channel, not on {channel}.")
            handler = unreadable if message.problem else partial(route.handler, self._desk)
            self._orders[route.order].put(request, handler)
        except RequestError as error:
            decline(request, error)
        if self._parts.failure is not None:
            self._refuse_queued(self._parts.failure)

    def _count(self) -> int:
        """The number of the latest cell in the history; 0 before there is one."""
        return 0 if self._parts.given is None else self._parts.given.interpreter.execution_count - 1

    # Serving

    async def serve(self, portal: Portal, load: Callable[[], Parts]) -> None:
        """Load the late parts, then serve the main shell until the kernel is shut down.

        To be awaited in the main thread's loop, which `portal` leads to. An exception of `load` is raised from here;
        see `fail`.
        """
        self._parts.give(load())
        reserve.hold()
        await self.shells.main.serve(portal, lambda: self._closing.begun)

    def fail(self, error: BaseException) -> None:
        """Answer every request with `error`: the kernel cannot run.

        Blocks until an execute_request was answered so, and a user has therefore been told, or the kernel is shut
        down. To be called in the main thread, instead of `serve` or after it raised.
        """
        self._parts.fail(error)
        self._refuse_queued(error)
        self._ended.wait()

    def _refuse_queued(self, error: BaseException) -> None:
        for request in self.shells.take():
            refuse(request, error)
            if request.msg_type == "execute_request":
                self._ended.set()

    def _answered_at_once(self) -> None:
        if self._closing.begun:
            self.shut_down()

    # Any thread

    @property
    def closing(self) -> bool:
        """Whether the kernel has been told to end."""
        return self._closing.begun

    @property
    def restart(self) -> bool:
        """Whether another kernel is to take the place of this one when it has ended."""
        return self._closing.restart

    def resume_stopped(self) -> None:
        """Let go on whatever a debugger has stopped: it is to be interrupted."""
        self._debugging.resume_stopped()

    def end_question(self, claim: Callable[[], bool]) -> None:
        """End the question to a client that the main thread waits for, if there is one and `claim()` says yes: the
        question of a callback or task that a cell has left behind."""
        self._prompts.cancel(thread=threading.main_thread().ident, claim=claim)

    def shut_down(self) -> None:
        """End the kernel: take nothing new, abort the queues, interrupt the cells. `serve` and `fail` return. Nothing
        more happens at a second call, from any thread.

        Not to be called by a signal handler: it takes locks that the interrupted code may hold.
        """
        if not self._closing.begin():
            return
        self._ending()
        # Before the main shell ends: its loop cancels the tasks that are left then, and their `finally` is to run.
        callback = self.interruption.callback()
        for request in self.shells.end():
            abort(request)
        for order in self._orders.values():
            order.close()
        self._debugging.close()
        self.interruption.interrupt_cells_and(callback)
        self._ended.set()

    def serves(self, request: Request) -> bool:
        """Whether `request` came to this kernel: a process may have several."""
        return request.is_answered_by(self._outlets.values())

    def publish(self, msg_type: str, content: Content, metadata: Content, buffers: Sequence[Buffer]) -> None:
        """Publish on iopub on behalf of no request: what is said outside any cell."""
        topic = topic_of(self._codec.session, msg_type)
        self._transport.send(Channel.IOPUB, self._codec.encode(msg_type, content, b"{}", metadata, buffers, (topic,)))
