"""The composition root: the one module that knows every part, and puts a kernel together from them.

Order matters here. The sockets are bound and the I/O thread answers kernel_info before anything slow is imported; the
plan is made then, and the interpreter is the first job of the main lane. What the world gives (interpreter, comms,
streams) is named by import strings and loaded on demand.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from async_kernel.errors import AsyncKernelError, ProtocolError
from async_kernel.interrupts.foreign_handlers import guard_handlers
from async_kernel.interrupts.interrupter import Interrupter
from async_kernel.kernel.info import kernel_info
from async_kernel.kernel.kernel import Kernel
from async_kernel.kernel.request import find_request
from async_kernel.kernel.visit import visit
from async_kernel.launcher import load_interface, make_plan
from async_kernel.protocol.codec import Codec
from async_kernel.protocol.connection import ConnectionInfo
from async_kernel.protocol.names import Channel, topic_of
from async_kernel.protocol.refusals import Refusals
from async_kernel.protocol.signing import Signer
from async_kernel.settings import Settings
from async_kernel.system.children import give_signals_back_in_children
from async_kernel.system.end_signals import take_end_signals
from async_kernel.system.ending import Ending
from async_kernel.system.files import OwnFile
from async_kernel.system.guardian import Guardian, start_guardian
from async_kernel.system.main_thread import wake_main_thread
from async_kernel.system.parent_watch import find_parent, watch_parent
from async_kernel.transport.connection_file import (
    ConnectionFile,
    fill_in_ports,
    open_connection,
    say_where,
    write_connection,
)
from async_kernel.transport.io_thread import BACKLOG_BYTES, IOThread
from async_kernel.transport.registration import register
from async_kernel.transport.replay import Replay
from async_kernel.transport.sockets import bind_sockets

if TYPE_CHECKING:
    import socket
    from types import FrameType

    from async_kernel.interrupts.callbacks import Callback
    from async_kernel.kernel.ports import Comms, Interpreter
    from async_kernel.loops.hosts import Host
    from async_kernel.loops.plan import Plan

__all__ = ["GRACE", "ZMQInterface", "start_kernel_zmq_interface"]

INTERPRETER = "async_kernel.ipython:create_interpreter"
COMMS = "async_kernel.comms:CommHandlers"
NAMESAKES = "async_kernel.namesakes:lend_namesakes"
ERROR_SINK = "async_kernel.ipython.gui:show_callback_error"
DEBUGGER = "async_kernel.debugger.debugger:Debugger"
STREAMS = "async_kernel.streams.install:install_streams"

GRACE = 3.0
"""Seconds that a kernel has to end in good order once it was asked to; jupyter_client kills after five."""

ORPHAN_GRACE = 1.2
"""The same when the parent process is gone and nobody waits."""

GUARDIAN_GRACE = 1.5
"""The same when no Python code runs any more, as C code holds the GIL."""

CHILDREN_GRACE = 1.0
"""Seconds of these that the child processes of cells have, between SIGTERM and SIGKILL."""

CELLS_GRACE = 1.0
"""Seconds of these that cells in threads have to end, once they are interrupted."""

THREADS_GRACE = 1.0
"""Seconds of these that threads of cells have, which are no daemons, once the cells have ended. Those of an executor
wait for its processes."""

SUBSCRIBE_SECONDS = 1.0
"""How long a kernel that cannot run waits for a subscriber before it says why."""

log = logging.getLogger("async_kernel")


def start_kernel_zmq_interface(settings: Settings) -> int:
    """Start a kernel on ZMQ sockets, in the calling thread, and serve until it is shut down.

    This is the default `--start_interface`. Returns the exit status: 0 after a shutdown, 1 when the kernel could not
    run, in which case every client that asked has been told why.
    """
    parent = find_parent(os.environ)
    guardian = start_guardian(parent, GUARDIAN_GRACE, GRACE)  # while there is no other thread
    return ZMQInterface(settings).run(parent, guardian)


class ZMQInterface:
    """One kernel, its sockets, and what it needs of the world. It runs a process of its own (`run`); one that serves
    inside a program is `embedding.EmbeddedInterface`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._file: ConnectionFile = open_connection(settings)
        self._codec = make_codec(self._file.info)
        self._refusals = Refusals(log.warning, time.monotonic)
        sockets = bind_sockets(self._file.info)
        self._files: list[OwnFile] = [*sockets.files]
        info, given = sockets.connection, self._file.info
        self._file = self._file._replace(info=info)
        if self._file.registration is not None:
            register(self._file.registration, sockets)
        try:
            if self._file.is_new:
                self._files.append(write_connection(self._file))
            elif info != given:  # the launcher has left ports to the kernel
                fill_in_ports(self._file)
        except BaseException:
            sockets.close()
            raise
        for exposure in info.exposures():
            log.warning("%s", exposure)
        backlog = settings.attributes.get("kernel.backlog")
        limit = BACKLOG_BYTES if backlog is None else backlog << 20
        kept = settings.attributes.get("kernel.replay")
        replay = Replay(kept << 20, self._note) if kept else None
        self._transport = IOThread(sockets, self._deliver, self._welcome, self._note, limit, replay=replay)
        self.kernel = Kernel(
            codec=self._codec,
            transport=self._transport,
            info=kernel_info(),
            ports={f"{channel}_port": info.port(channel) for channel in Channel},
            run_loop=self._run_thread,
        )
        self._interrupter = Interrupter(wake_main_thread, self.kernel.execution_here, self.kernel.meant)
        self.kernel.interrupts = self._interrupter
        self._subscribed = threading.Event()
        self._plan: Plan | None = None
        self._interpreter: Interpreter | None = None
        self._leave_cells: Callable[[], None] = lambda: None
        self._signals: tuple[socket.socket, socket.socket] | None = None
        self._end_soon: Callable[[], None] = lambda: None
        self._restore: list[Callable[[], None]] = []
        self._ending = Ending(log)

    # In a process of its own

    def run(self, parent: int | None = None, guardian: Guardian | None = None) -> int:
        """Serve until the kernel is shut down, or the process `parent` has ended. To be called in the main thread;
        returns the exit status."""
        self._ending.tell_server()
        self._ending.stand_by()
        self._ending.again = self.kernel.interrupt_all
        self._ending.before_exit = self._before_exit
        self._ending.at_last = self._remove_files
        self.kernel.ending = lambda: self._ending.come_within(GRACE)
        if find_spec("debugpy") is not None:
            self.kernel.info = kernel_info(debugger=True)
        self._transport.start()
        self._take_signals()
        if parent is not None:
            watch_parent(parent, self._orphaned)
        typed = self._file.is_new and self._file.registration is None
        if typed:
            say_where(self._file.path)
        self.kernel.adopts_strays = True
        status = 0
        if guardian is not None:
            guardian.wait_started()
            self._signals = guardian.signals
            for file in self._files:
                guardian.remember(file)
        try:
            self._run_main()
        except BaseException as error:
            if self.kernel.closing:  # what cells left open, such as a nursery, may fail when the loop ends
                log.debug("the loop ended with an error", exc_info=error)
            else:
                status = 1
                _tell(error)
                if typed and not self._subscribed.is_set():  # no client knows of it: a person has read the error
                    status = error.exit_status if isinstance(error, AsyncKernelError) else 1
                else:
                    self._subscribed.wait(SUBSCRIBE_SECONDS)  # or a quick client is answered before it can see it
                    self.kernel.fail(error)
        finally:
            self._ending.come_within(GRACE)  # it may end without a shutdown
            self.kernel.settle(CELLS_GRACE)
            self._ending.run_exit_functions(THREADS_GRACE)  # while all is there that the cells have left
            self._ending.end_children(CHILDREN_GRACE)
            self._close()
            if guardian is not None:
                guardian.dismiss()
            self._ending.leave(status)
        return status

    def _run_main(self) -> None:
        """Make the plan and run it: the backend, and on it the kernel's main lane."""
        from async_kernel.loops.run import run

        plan = self._plan = make_plan(self._settings)
        log.debug("%s", plan)
        if plan.backend == "trio":
            # trio takes SIGINT when it finds Python's own handler there; its handler is its public way to raise
            # KeyboardInterrupt in the main task, and becomes part of the portal.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        run(plan, self._serve)

    async def _serve(self) -> None:
        from async_kernel.concurrency.portal import current_portal
        from async_kernel.concurrency.runners import allow_inner_loops

        portal = current_portal(main=True)
        self._restore.append(allow_inner_loops())
        self._interrupter.install()
        self._relay_signals()
        _stay_awake()
        await self.kernel.serve(portal, lambda: self._load(streams=True))

    def _take_signals(self) -> None:
        """An interrupt while the kernel still starts has nothing to end; SIGTERM and SIGHUP are a shutdown."""
        self._interrupter.install()
        self.kernel.after_cell = guard_handlers
        self._end_soon = take_end_signals(self.kernel.shut_down)
        give_signals_back_in_children()
        if sys.platform == "win32":
            from async_kernel.interrupts.windows_event import interrupt_event_of, watch_interrupt_event

            event = interrupt_event_of(os.environ)
            if event is not None:
                watch_interrupt_event(event, self.kernel.interrupt)

    def _relay_signals(self) -> None:
        """Have signals end blocking calls for certain. The loop runs already, so that it is passed on to."""
        if sys.platform != "win32":
            from async_kernel.interrupts.wakeup import SignalRelay

            relay = SignalRelay(end=self._end_soon, pair=self._signals)
            relay.listen()
            self._restore.append(relay.close)
            self.kernel.before_cell = relay.listen  # the loop, or a cell, may have taken the descriptor back

    def _orphaned(self) -> None:
        self._ending.come_within(ORPHAN_GRACE)
        self.kernel.shut_down()

    # Parts

    def _load(self, streams: bool, namespace: dict[str, Any] | None = None) -> tuple[Interpreter, Comms]:
        """Import the interpreter and the comms, and put the streams in place."""
        from async_kernel.ipython import stdin_refusal

        attributes = {**self._settings.attributes, "shell.connection_file": self._file.path}
        host = _host_here(self._plan)
        if host is not None:
            attributes["shell.gui_host"] = host.gui
        if self.kernel.adopts_strays:  # no program around us, which may use ipykernel for something else
            self._restore.append(load_interface(NAMESAKES)(self._file.path))
        interpreter: Interpreter = load_interface(INTERPRETER)(attributes, namespace)
        self._interpreter = interpreter
        comms = load_interface(COMMS)(self.kernel.publish, lambda: self.kernel.runs_cell, self.kernel.serves)
        # Toolkits want to be called by the thread of their main loop only, and plots are what widgets often change.
        self.kernel.comms_in_thread = self._settings.attributes.get("kernel.comms_in_thread", host is None)
        self._restore.append(comms.restore)
        if host is not None:
            self._join(host)
        elif self.kernel.adopts_strays:  # no program around us, whose tasks these would be
            self._watch_loop()
        if self.kernel.info["debugger"]:
            self._offer_debugger(interpreter)
        if streams:
            echo = self._settings.attributes.get("kernel.quiet") is False
            alone = self.kernel.adopts_strays  # nor whose descriptors
            capture = alone and self._settings.attributes.get("kernel.capture_fd") is not False
            installed = load_interface(STREAMS)(echo=echo, capture=capture, refusal=stdin_refusal())
            self.kernel.around_cell = installed.around_cell
            self._leave_cells = installed.leave_cells
            self._restore.append(installed.restore)
        return interpreter, comms

    def _offer_debugger(self, interpreter: Interpreter) -> None:
        """Have debug_requests served, and interrupts reach what is stopped."""
        self.kernel.debugging.make = lambda: load_interface(DEBUGGER)(
            interpreter.debuggee,
            lambda msg_type, content: self.kernel.publish(msg_type, content, {}, ()),
            lambda function, seconds: visit(self.kernel.main_lane.portal, function, seconds),
        )
        self._interrupter.let_go = self.kernel.debugging.let_go

    def _join(self, host: Host) -> None:
        """Let the toolkit's callbacks belong to cells, windows live while a cell asks, interrupts reach both."""
        from async_kernel.loops.hosts.callbacks import Callbacks, HostEvent

        callbacks = Callbacks(host, self._callback)
        self.kernel.beside = callbacks.current
        self.kernel.wait_with(lambda: HostEvent(host))
        self._interrupter.end_nested = callbacks.end_nested
        self._interrupter.spares = callbacks.spares
        host.carry_contexts(load_interface(ERROR_SINK))

    def _watch_loop(self) -> None:
        """Let interrupts reach what the loop runs while no cell does: a task that never awaits holds up everything."""
        from async_kernel.interrupts.callbacks import LoopCallbacks

        self.kernel.beside = LoopCallbacks(self._callback).current

    def _callback(self, frame: FrameType) -> Callback:
        """What can be interrupted of a callback or task whose outermost frame this is."""
        from async_kernel.interrupts.callbacks import Callback

        return Callback(frame, _defer, self.kernel.end_question)

    def _run_thread(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `main` on the plan's backend in the calling thread, which is not the main one: a subshell."""
        from async_kernel.loops.run import run

        assert self._plan is not None
        run(self._plan._replace(host=None, host_options={}), main)

    def _before_exit(self) -> None:
        """No cell follows, but exit functions of users, which may hang: keep what is to be kept, and have what they
        write go to the log."""
        self._leave_cells()
        if self._interpreter is not None:
            self._interpreter.save()

    def _close(self) -> None:
        """Give everything back, in the order that lets what is said meanwhile still go out."""
        try:
            if self._interpreter is not None:
                self._interpreter.close(self.kernel.restart)
        except BaseException:
            log.exception("the interpreter could not be closed in good order")
        self._interrupter.restore()
        self._transport.stop()
        self._refusals.tell()
        for restore in reversed(self._restore):
            restore()
        self._remove_files()

    def _remove_files(self) -> None:
        for file in self._files:
            file.remove()

    # Messages: called in the I/O thread

    def _deliver(self, channel: Channel, frames: list[bytes]) -> None:
        try:
            message = self._codec.decode(frames)
        except ProtocolError as error:
            self._refusals.add(channel, error)
        else:
            self.kernel.accept(channel, message)

    def _welcome(self, topic: bytes) -> list[Any]:
        """What a new subscriber gets first (JEP 65).

        Each client gets it, those that know nothing of JEP 65 too. The JEP leaves the parent header empty, which
        jupyter_kernel_gateway for one does not survive: it looks for a `msg_id` in all that is published. So the parent
        is a whole header, as strict clients ask of one that is not empty. It stands for the subscription.
        """
        self._subscribed.set()
        content = {"subscription": topic.decode("utf-8", "replace")}
        return self._codec.encode("iopub_welcome", content, self._codec.header("subscribe"), identities=(topic,))

    def _note(self, text: str) -> list[Any]:
        """A message of the transport itself."""
        topic = topic_of(self._codec.session, "stream.stderr")
        return self._codec.encode("stream", {"name": "stderr", "text": text}, identities=(topic,))


def _defer(checkpoint: Callable[[], None]) -> None:
    """Have `checkpoint()` called after the next output of what runs in this context."""
    request = find_request()
    if request is not None:
        request.checkpoint = checkpoint


def _host_here(plan: Plan | None) -> Host | None:
    if plan is None or plan.host is None:
        return None
    from async_kernel.loops.hosts import current_host

    return current_host()


def make_codec(info: ConnectionInfo) -> Codec:
    """The codec of a kernel with this connection information, for a session of its own."""
    return Codec(Signer(info.key.encode(), info.signature_scheme), os.urandom(16).hex(), _username(), _now)


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _username() -> str:
    return os.environ.get("LOGNAME") or os.environ.get("USER") or os.environ.get("USERNAME") or "username"


def _stay_awake() -> None:
    """On macOS, which slows down what shows no window, say that somebody waits for this process."""
    if sys.platform == "darwin":
        from async_kernel.system.app_nap import prevent_app_nap

        with suppress(OSError):
            prevent_app_nap("runs the cells of a notebook")


def _tell(error: BaseException) -> None:
    """Say in the server's log why the kernel cannot run."""
    if isinstance(error, AsyncKernelError):
        log.critical("%s", error)
    else:
        log.critical("the kernel cannot run", exc_info=error)
