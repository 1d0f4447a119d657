"""The process of a kernel that has it for itself: its signals, its parent and its children, its end."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from async_kernel.concurrency.portal import Portal
from async_kernel.early_interrupts import disregard, disregard_interrupts, heed_interrupts
from async_kernel.errors import AsyncKernelError
from async_kernel.interrupts.foreign_handlers import guard_handlers
from async_kernel.interrupts.interrupter import Interrupter
from async_kernel.kernel.kernel import Kernel
from async_kernel.kernel.request import Request
from async_kernel.system.abandoned_imports import abandon_imports_when, go_on_importing
from async_kernel.system.children import give_signals_back_in_children
from async_kernel.system.end_signals import take_end_signals
from async_kernel.system.ending import Ending
from async_kernel.system.guardian import start_guardian
from async_kernel.system.parent_watch import find_parent, watch_parent
from async_kernel.system.real import real
from async_kernel.system.service_thread import begin
from async_kernel.system.watch import Planned, Watch
from async_kernel.transport.connection_file import say_where
from async_kernel.wire import Wire

if TYPE_CHECKING:
    from async_kernel.loops.plan import Plan

__all__ = ["GRACE", "OwnProcess"]

GRACE = 3.0
"""Seconds that a kernel has to end in good order once it was asked to; jupyter_client kills after five."""

ORPHAN_GRACE = 1.2
"""The same when the parent process is gone and nobody waits."""

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


class OwnProcess:
    """The process of one kernel, as a context manager: on leaving it, the process may end with `status`.

    To be made in the main thread, before there are others: its guardian, which ends the kernel when nothing here can,
    is forked from it.
    """

    def __init__(self) -> None:
        self.status = 0
        """The exit status: 0 after a shutdown, another when the kernel could not run."""
        self._parent = find_parent(os.environ)  # the kernel is not to outlive it
        self._guardian = start_guardian(self._parent)
        self._watch = Watch()
        self._ending = Ending(log, self._watch)
        self._undo = ExitStack()
        self._listen: Callable[[], None] = lambda: None
        self._end: Callable[..., None] = lambda: None

    def __enter__(self) -> Self:
        if disregard_interrupts():  # until the kernel takes them
            self._undo.callback(heed_interrupts)
        gc.disable()  # until all is imported: see `Claims.garbage`
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        gc.enable()
        self._undo.close()
        if self._guardian is not None:
            self._guardian.dismiss()
        if kind is None:
            self._ending.leave(self.status)

    def end_soon(self) -> None:
        """The process ends within GRACE, whatever still holds it. Any thread; returns at once."""
        self._ending.come_within(GRACE)

    def later(self, seconds: float, function: Callable[[], object]) -> Planned:
        """Call `function()` in a thread of its own so many seconds from now: until then there is none."""
        return self._watch.at(real.monotonic() + seconds, partial(begin, function))

    @contextmanager
    def serving(
        self, kernel: Kernel, wire: Wire, interrupter: Interrupter, before_exit: Callable[[], None]
    ) -> Iterator[None]:
        """Give the process to `kernel`: signals, the parent's end, the log. On leaving, all that the cells have left
        is ended; `before_exit()` is called before the exit functions of users run."""
        self._ending.tell_server()
        self._watch.start()  # when it is needed the process may be given no thread any more
        self._ending.stand_by(kernel.interruption.interrupt_all, before_exit, wire.remove_files)
        self._end = partial(self._end_soon, kernel, wire)
        self._take_signals(kernel, interrupter)
        if self._parent is not None:
            watch_parent(self._watch, self._parent, partial(self._end, ORPHAN_GRACE))
        if wire.is_ours:
            say_where(wire.path)
        if self._guardian is not None:
            self._guardian.wait_started()
            for file in wire.files:
                self._guardian.remember(file)
        self._ending.watch_children()
        try:
            yield
        finally:
            self.end_soon()  # it may end without a shutdown
            kernel.shells.settle(CELLS_GRACE)
            self._ending.run_exit_functions(THREADS_GRACE)  # while all is there that the cells have left
            self._ending.end_children(CHILDREN_GRACE)

    def _take_signals(self, kernel: Kernel, interrupter: Interrupter) -> None:
        """An interrupt while the kernel still starts has nothing to end; SIGTERM and SIGHUP are a shutdown."""
        interrupter.install()
        take_end_signals(self._watch, partial(self._end, GRACE))
        give_signals_back_in_children()
        if sys.platform == "win32":
            from async_kernel.interrupts.windows_event import interrupt_event_of, watch_interrupt_event

            event = interrupt_event_of(os.environ)
            if event is not None:
                watch_interrupt_event(event, kernel.interruption.interrupt)

    def _end_soon(
        self, kernel: Kernel, wire: Wire, grace: float = GRACE, done: Callable[[], object] = lambda: None
    ) -> None:
        """Have the kernel shut down, then call `done()`. Returns at once, in the thread of the watch: the I/O thread
        does it, which may wait for the locks of shells, as it does for each message."""
        self._ending.come_within(grace)

        def end() -> None:
            try:
                kernel.shut_down()
            finally:
                done()

        wire.transport.call(end)

    # Running

    @contextmanager
    def telling_failure(self, kernel: Kernel, wire: Wire) -> Iterator[None]:
        """Inside, `kernel` is served until it is shut down. If that fails before, each client that asks is told why,
        until the kernel is shut down; the exception goes no further."""
        abandon_imports_when(lambda: kernel.closing)  # until all is loaded
        try:
            yield
        except BaseException as error:
            go_on_importing()
            if kernel.closing:  # things that cells left open, such as a nursery, may fail when the loop ends
                log.debug("the loop ended with an error", exc_info=error)
                return
            self.status = 1
            _tell(error)
            if wire.is_ours and not wire.subscribed.is_set():  # no client knows of it: a person has read the error
                self.status = error.exit_status if isinstance(error, AsyncKernelError) else 1
            else:
                wire.subscribed.wait(SUBSCRIBE_SECONDS)  # or a quick client is answered before it can see it
                kernel.fail(error)

    def run_loop(
        self, plan: Plan, interrupter: Interrupter, serve: Callable[[Portal], Coroutine[Any, Any, None]]
    ) -> None:
        """Run `serve(portal)` by the plan in the main thread; the loop and its signals are in the kernel's hands."""
        from async_kernel.loops.run import run

        async def main() -> None:
            portal = self._take_loop(interrupter)
            await portal.settle()  # it takes in an interrupt that has come before
            await serve(portal)

        if plan.backend == "trio":
            # trio takes SIGINT when it finds Python's own handler there; its handler is its public way to raise
            # KeyboardInterrupt in the main task, and becomes part of the portal. Until then an interrupt is to wait
            # for that task to settle.
            signal.signal(signal.SIGINT, disregard)
            at_checkpoints = {"restrict_keyboard_interrupt_to_checkpoints": True}
            plan = plan._replace(backend_options={**plan.backend_options, **at_checkpoints})
        run(plan, main)

    def _take_loop(self, interrupter: Interrupter) -> Portal:
        """In the loop, before anything else: loops within it, SIGINT again, signals that end blocking calls. Returns
        the portal of the loop."""
        from async_kernel.concurrency.portal import current_portal
        from async_kernel.concurrency.runners import allow_inner_loops

        portal = current_portal(main=True)  # it keeps the handler of SIGINT that is there now
        self._undo.callback(allow_inner_loops())
        interrupter.install()
        self._relay_signals()
        _stay_awake()
        return portal

    def _relay_signals(self) -> None:
        """Have signals end blocking calls for certain. The loop runs already, so that it is passed on to."""
        if sys.platform != "win32":
            from async_kernel.interrupts.wakeup import SignalRelay

            signals = None if self._guardian is None else self._guardian.signals
            relay = SignalRelay(self._watch, end=self._end, pair=signals)
            relay.listen()
            self._undo.callback(relay.close)
            self._listen = relay.listen

    # Scopes around a cell

    def hearing(self, request: Request) -> None:
        """Around a cell: the loop, or a cell before it, may have taken back the descriptor that signals are read from
        (a `CellScope`)."""
        self._listen()

    def guarding(self, request: Request) -> Callable[[], object]:
        """The innermost `CellScope`: handlers of signals that the cell leaves raise in no code of ours."""
        return guard_handlers


def _stay_awake() -> None:
    """On macOS, which slows down a process without windows, say that somebody waits for this process."""
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
