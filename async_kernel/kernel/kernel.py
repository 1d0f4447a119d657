"""The kernel: takes messages in, gives each to the lane that serves it, and ends in good order."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from async_kernel.concurrency.portal import Portal
from async_kernel.errors import RequestError
from async_kernel.interrupts.interrupter import TELL_SECONDS, Interruptible
from async_kernel.protocol.codec import Codec
from async_kernel.protocol.messages import Buffer, Content, Message
from async_kernel.protocol.names import Channel, topic_of
from async_kernel.system import reserve
from async_kernel.system.real import real
from async_kernel.system.service_thread import ServiceThread, later

from .aside import Asides
from .clocks import ClientClocks
from .comm_line import CommRules
from .debugging import Debugging
from .detached import Detached
from .dispatch import SyncHandler, abort, decline, refuse, serve_now
from .execution import Execution, execution_on
from .handlers import Handlers
from .lanes import Lane
from .modes import is_detached, mode_of
from .outlet import ChannelOutlet
from .ports import Comms, Interpreter, Interrupts, RunLoop, Transport
from .prompts import Prompts
from .request import Request, current_request
from .routes import ROUTES, Order, Route
from .statuses import Statuses
from .subshells import Subshells

__all__ = ["Kernel"]

CERTAIN_SECONDS = 1.0
"""How long after its begin a cell is meant by every interrupt that arrives: none is under way for so long, unless the
kernel could not read it, and then it is read before another cell has run for this time."""

HELD_SECONDS = 0.05
"""How long another cell may keep the thread to itself of one that is to be interrupted, before it is ended too."""

QUIET_SECONDS = 1.0
"""How long no cell has run when a kernel ends that a cell has asked to. Consoles end it themselves in this time, and a
batch run sends its next cell."""

log = logging.getLogger(__name__)


class Kernel:
    """One kernel.

    `info` is the content of its kernel_info_reply, with a banner that the interpreter's replaces, `ports` of its
    connect_reply. The interpreter is not needed to make it: requests are taken in from the start, and served once
    `serve` has been given one. `adopts_strays` has the latest cell own what is written outside any; `comms_in_thread`
    lets comm messages be served by a thread while a cell keeps the one of its shell to itself.
    `beside()` is what the main thread works on while the main shell has nothing to do, a callback or task of a user.
    `before_cell()` is called in the thread of each cell before it runs, `after_cell()` when it has run,
    `around_cell(request)` entered around it, `ending()` called when the kernel is shut down.
    """

    def __init__(
        self,
        *,
        codec: Codec,
        transport: Transport,
        info: Content,
        ports: Mapping[str, int],
        run_loop: RunLoop,
    ) -> None:
        self.info = info
        self.ports = ports
        self.adopts_strays = False
        self.comms_in_thread = True
        self.around_cell: Callable[[Request], AbstractContextManager[object]] = nullcontext
        self.before_cell: Callable[[], None] = lambda: None
        self.after_cell: Callable[[], None] = lambda: None
        self.ending: Callable[[], None] = lambda: None
        self.restart = False
        self.interrupts: Interrupts | None = None
        self.beside: Callable[[], Interruptible | None] = lambda: None
        self._codec = codec
        self._transport = transport
        self._parts: tuple[Interpreter, Comms] | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self.debugging = Debugging(self._ready)
        self._closing = False
        self._first_end = real.lock()  # taken for good
        self._leaves = False
        self._ended = threading.Event()
        self._clocks = ClientClocks()
        self._prompts = Prompts()
        statuses = Statuses()
        self._outlets = {
            channel: ChannelOutlet(channel, codec, transport, self._prompts, statuses)
            for channel in (Channel.SHELL, Channel.CONTROL)
        }
        self._latest: dict[str, Request] = {}
        self.main_lane = self._new_lane(run_loop)
        self.subshells = Subshells(lambda serve: self._new_lane(run_loop, serve), run_loop, self._ready)
        self.detached = Detached()
        self._asides = Asides()
        self._handlers = Handlers(self)
        self._control: queue.SimpleQueue[tuple[Request, SyncHandler] | None] = queue.SimpleQueue()
        self._control_thread = ServiceThread("control", self._serve_control)
        self._control_thread.start()

    def _new_lane(self, run_loop: RunLoop, serve_elsewhere: Callable[[Lane], None] | None = None) -> Lane:
        rules = CommRules(
            is_known=lambda request: self._parts is not None and self._parts[1].is_known(request),
            in_thread=lambda: self.comms_in_thread,
        )
        return Lane(self._transport, self._prompts, run_loop, rules, serve_elsewhere)

    # Taking messages in: called by the thread that moves them

    def accept(self, channel: Channel, message: Message) -> None:
        """Take in a message that arrived on `channel`. Returns at once; never raises."""
        self._clocks.note(message.header)
        route = ROUTES.get(message.header.msg_type)
        if channel is Channel.STDIN:
            if route is None or route.order is not Order.STDIN or not self._prompts.answer(message):
                log.debug("dropped a message on stdin that answers no open question: %s", message.header.msg_type)
            return
        request = Request(message, self._outlets[channel], self._count, self._latest, self.end_when_quiet)
        if channel is Channel.CONTROL:
            self._latest[channel] = request
        try:
            self._route(request, route, channel)
        except RequestError as error:
            decline(request, error)

    def _route(self, request: Request, route: Route | None, channel: Channel) -> None:
        if route is None or route.order is Order.STDIN:
            raise RequestError(f"This kernel does not know the message type {request.msg_type!r}.")
        if channel not in route.channels:
            there = " or ".join(sorted(route.channels))
            raise RequestError(f"{request.msg_type} is served on the {there} channel, not on {channel}.")
        if route.order is Order.DEBUG:
            self.debugging.put(request)
            return
        handler = getattr(self._handlers, route.handler)
        if route.order is Order.AT_ONCE:
            serve_now(request, handler)
        elif route.order is Order.CONTROL:
            self._control.put((request, handler))
        else:
            self._enqueue(request, route, handler)

    def _enqueue(self, request: Request, route: Route, handler: Any) -> None:
        subshell_id = request.message.header.subshell_id
        lane = self.subshells.lane(subshell_id) if subshell_id else self.main_lane
        if route.order is Order.IN_ORDER:
            is_execute = request.msg_type == "execute_request"
            stops = is_execute and _stops_on_error(request.content)
            mode = mode_of(request.message) if is_execute else None
            if is_execute and is_detached(request.message) and not request.message.problem:
                handler = self.detached.take(request, handler)
            lane.put(request, handler, stops=stops, can_abort=is_execute, mode=mode)
        elif route.order is Order.COMM:
            self._home(request, lane).put_comm(request, handler)
        else:
            self._asides.put(request, handler, lane)
        if self._failure is not None:
            self._refuse_queued(self._failure)

    def _home(self, request: Request, lane: Lane) -> Lane:
        """The lane that serves a comm message, which was sent to `lane`."""
        if self._parts is None:
            return lane
        home = self._parts[1].home(request)
        try:
            return self.subshells.lane(home) if home else self.main_lane
        except RequestError:  # it was deleted
            return self.main_lane

    # Serving

    @property
    def interpreter(self) -> Interpreter:
        """What runs code. RequestError before there is one."""
        return self._loaded()[0]

    def _count(self) -> int:
        """The number of the latest cell in the history; 0 before there is one."""
        return self._parts[0].execution_count - 1 if self._parts is not None else 0

    @property
    def comms(self) -> Comms:
        """The comms. RequestError before there are any."""
        return self._loaded()[1]

    def _loaded(self) -> tuple[Interpreter, Comms]:
        if self._parts is None:
            raise RequestError(str(self._failure or "The kernel is still starting."))
        return self._parts

    async def serve(self, portal: Portal, load: Callable[[], tuple[Interpreter, Comms]]) -> None:
        """Load the interpreter, then serve the main shell until the kernel is shut down.

        To be awaited in the main thread's loop, which `portal` leads to. What `load` raises is raised from here; see
        `fail`.
        """
        self._parts = load()
        self.info = {**self.info, "banner": self.interpreter.banner}
        self._ready.set()
        reserve.hold()
        await self.main_lane.serve(portal, lambda: self._closing)

    def fail(self, error: BaseException) -> None:
        """Answer every request with `error`: the kernel cannot run.

        Blocks until an execute_request was answered so, and somebody has therefore been told, or the kernel is shut
        down. To be called in the main thread, instead of `serve` or after it raised.
        """
        self._failure = error
        self._refuse_queued(error)
        self._ended.wait()

    def _refuse_queued(self, error: BaseException) -> None:
        for lane in self._lanes():
            for request in lane.take():
                refuse(request, error)
                if request.msg_type == "execute_request":
                    self._ended.set()

    # Interrupting and ending: any thread

    @property
    def closing(self) -> bool:
        """Whether the kernel has been told to end."""
        return self._closing

    @property
    def runs_cell(self) -> bool:
        """Whether a cell runs in its turn, in any shell."""
        running = [execution for lane in self._lanes() if (execution := lane.execution) is not None]
        return any(execution.request.msg_type == "execute_request" for execution in running)

    def executions(self) -> list[Execution]:
        """All that goes on: what the shells are working on, the main shell first, then the cells beside them."""
        lanes = self._lanes()
        in_turn = [execution for lane in lanes if (execution := lane.execution) is not None]
        return in_turn + [execution for lane in lanes for execution in lane.beside]

    def meant(self, message: Message | None = None) -> list[Execution]:
        """What one interrupt is for: what the shells are working on, and worked on already when `message` was sent.

        While they work on nothing it is for the cells that were marked to run beside the others. A message that names
        a subshell in its header is meant for that one, one that names a detached cell for that, which has to run.
        """
        if message is not None and message.content.get("detached_id"):
            return self._meant_detached(message.content["detached_id"])
        sent = None if message is None else self._clocks.sent(message.header)
        subshell_id = None if message is None else message.header.subshell_id
        lanes = [self.subshells.lane(subshell_id)] if subshell_id else self._lanes()
        running = [execution for lane in lanes if (execution := lane.execution) is not None]
        if sent is None:
            return running or [execution for lane in lanes for execution in lane.beside]
        earliest, latest = sent
        if not running:
            if any(lane.idle_since > latest for lane in lanes):
                return []  # it was for a cell that has ended since
            running = [execution for lane in lanes for execution in lane.beside]
        # If it may have been sent while the cell before still ran, it was: nobody interrupts what has just begun. What
        # has run for a while is meant whatever the clocks say: somebody may have set one.
        return [
            one
            for one in running
            if one.seconds > CERTAIN_SECONDS or (one.started <= latest and one.free_since <= earliest)
        ]

    def _meant_detached(self, detached_id: str) -> list[Execution]:
        (cell,) = self.detached.states(detached_id)
        found = [one for one in self.executions() if one.request.message.header.msg_id == detached_id]
        if not found:
            raise RequestError(f"The detached cell {detached_id!r} does not run: its state is {cell['state']!r}.")
        return found

    def _lanes(self) -> list[Lane]:
        return [self.main_lane, *self.subshells.lanes()]

    def execution_here(self) -> Interruptible | None:
        """What the calling context works on; outside any, what the main shell works on, or what runs beside it."""
        request = current_request()
        for execution in self.executions():
            if request is not None and execution.request.message is request.message:  # it may be a captured one
                return execution
        return self.main_lane.execution or self.beside()

    def interrupt(self, message: Message | None = None) -> None:
        """Interrupt what is `meant` by `message`. Returns at once. RequestError when it names what is not there."""
        if self.interrupts is None:
            return
        sent = None if message is None else self._clocks.sent(message.header)
        delay = 0.0 if sent is None else real.time() - sent[1]
        meant = self.meant(message)
        for execution in meant:
            if delay > TELL_SECONDS:
                execution.report_delay(delay)
            self.interrupts.interrupt(execution)
        for execution in meant:
            self._make_way(execution, self.interrupts)
        if message is None or not (message.header.subshell_id or message.content.get("detached_id")):
            self._interrupt_beside(self.interrupts)

    def _interrupt_beside(self, interrupts: Interrupts) -> None:
        if self.main_lane.execution is None:
            beside = self.beside()
            if beside is not None:
                interrupts.interrupt(beside)

    def _make_way(self, execution: Execution, interrupts: Interrupts) -> None:
        """Have a cell interrupted that runs as a task and keeps the thread of `execution` to itself."""

        def look() -> None:
            holder = execution_on(execution.thread)
            if not execution.finished and holder is not execution and holder in self.executions():
                interrupts.interrupt(holder)

        if any(lane.beside for lane in self._lanes()):
            later(HELD_SECONDS, look)

    def wait_with(self, make_event: Callable[[], threading.Event]) -> None:
        """Have those who ask the client something wait for events of this kind."""
        self._prompts.make_event = make_event

    def end_question(self, claim: Callable[[], bool]) -> None:
        """End the question to a client that the main thread waits for, if there is one and `claim()` says yes: that of
        a callback or task that a cell has left behind."""
        self._prompts.cancel(thread=threading.main_thread().ident, claim=claim)

    @contextmanager
    def deadline(self, request: Request, seconds: float | None) -> Iterator[None]:
        """Interrupt the work on `request`, and say so in its stderr, when it takes longer. None or 0: no deadline."""
        if not seconds:
            yield
            return

        def end() -> None:
            for execution in self.executions():
                if execution.request is request and self.interrupts is not None:
                    request.reason = f"Timeout: this cell was given {seconds} s."
                    request.stream("stderr", f"{request.reason}\n")
                    self.interrupts.interrupt(execution)

        timer = later(min(seconds, threading.TIMEOUT_MAX), end)
        if timer is None:
            raise RequestError("No thread can be started to end this cell in time.", "End some threads or processes.")
        try:
            yield
        finally:
            timer.cancel()

    def plan_shutdown(self, restart: bool) -> None:
        """Shut down once the request that the control thread is serving has been answered."""
        self.restart = restart
        self._closing = True

    def end_when_quiet(self, restart: bool) -> None:
        """Shut down, as a cell asks for, once no cell has run for QUIET_SECONDS. Returns at once; any thread."""
        self.restart = restart
        if not self._leaves:
            ServiceThread("exit", self._end_when_quiet).start()
            self._leaves = True

    def _end_when_quiet(self) -> None:
        pause = QUIET_SECONDS
        while pause > 0:
            real.sleep(min(pause, QUIET_SECONDS))  # somebody may set the clock
            lanes = self._lanes()
            pause = max(lane.idle_since for lane in lanes) + QUIET_SECONDS - real.time()
            if any(lane.is_busy for lane in lanes):
                pause = QUIET_SECONDS
        self.shut_down()

    def shut_down(self) -> None:
        """End the kernel: take nothing new, abort what is queued, interrupt what runs. `serve` and `fail` return.
        Nothing more happens at a second call, from any thread.

        Not to be called by a signal handler: it takes locks that the interrupted code may hold.
        """
        self._closing = True
        if not self._first_end.acquire(blocking=False):
            return
        self.ending()
        for request in self.main_lane.end() + self.subshells.end():
            abort(request)
        self._asides.close()
        self._control.put(None)
        self.debugging.close()
        self.interrupt_all()
        self._ended.set()

    def interrupt_all(self) -> None:
        """Interrupt all that goes on, in whichever shell. Returns at once."""
        if self.interrupts is not None:
            for execution in self.executions():
                self.interrupts.interrupt(execution)
            self._interrupt_beside(self.interrupts)

    def settle(self, seconds: float) -> None:
        """Wait, for up to so many `seconds`, until what runs in threads of its own has ended and said so."""
        end = real.monotonic() + seconds
        for lane in self._lanes():
            lane.rests(end - real.monotonic())

    def serves(self, request: Request) -> bool:
        """Whether `request` came to this kernel: a process may have several."""
        return request.is_answered_by(self._outlets.values())

    def publish(self, msg_type: str, content: Content, metadata: Content, buffers: Sequence[Buffer]) -> None:
        """Publish on iopub on behalf of no request: what is said outside any cell."""
        frames = self._codec.encode(
            msg_type, content, b"{}", metadata, buffers, (topic_of(self._codec.session, msg_type),)
        )
        self._transport.send(Channel.IOPUB, frames)

    def refuse(self, request: Request, error: BaseException) -> None:
        """Answer `request` with an error."""
        refuse(request, error)

    def _serve_control(self) -> None:
        while not self._closing:
            asked = self._control.get()
            if asked is None:  # shut down already
                return
            serve_now(*asked)
        self.shut_down()


def _stops_on_error(content: Content) -> bool:
    """Whether an error aborts what is queued behind its cell. That of a silent one, which nobody is shown, does not."""
    return content.get("stop_on_error", True) is not False and content.get("silent") is not True
