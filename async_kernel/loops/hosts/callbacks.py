"""Callbacks of a toolkit: what they give back, and what runs on the host's thread besides the guest's main task.

Nothing here knows cells or kernels.
"""

from __future__ import annotations

import asyncio
import contextvars
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from async_kernel.interrupts.callbacks import Callback, LoopCallbacks, main_stack
from async_kernel.interrupts.interrupter import Interrupt
from async_kernel.loops.hosts import ErrorSink, Host
from async_kernel.stacks import Stack, callers, runs_loops
from async_kernel.stacks.tracing import Tracing, is_traced

__all__ = ["Callbacks", "HostEvent", "sent_further", "start_handler"]

STEP_SECONDS = 1.0
"""How long a wait serves the toolkit at a time. The event that is waited for ends it, not this."""

HANG_SECONDS = 0.05
"""How long a callback may keep the work from being interrupted before it is interrupted as well."""

_tasks: set[asyncio.Task[None]] = set()  # a loop keeps only weak references to its tasks


@runs_loops
def start_handler(result: object, sink: ErrorSink | None) -> object:
    """`result` of a callback; if the callback is an `async def`, it is started as a task of the guest, in the calling
    context, and `sink` is told of the exception that ends it.
    """
    if not isinstance(result, Coroutine):
        return result
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        trio.lowlevel.spawn_system_task(_told, result, sink, context=contextvars.copy_context())
    else:
        task = asyncio.get_running_loop().create_task(_told(result, sink))
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)
    return None


@runs_loops
async def _told(handler: Coroutine[Any, Any, object], sink: ErrorSink | None) -> None:
    """Await `handler`. Its exception ends neither trio, as from a system task it would, nor anything else."""
    try:
        await handler
    except (Exception, KeyboardInterrupt, SystemExit, BaseExceptionGroup) as error:
        (sink or sys.excepthook)(type(error), error, error.__traceback__)


def sent_further() -> bool:
    """Whether a KeyboardInterrupt that the toolkit drops goes on: it hit what the toolkit called while code further out
    on the stack waits for the toolkit, as with a dialog. It is sent once more then.
    """
    if main_stack().has_user_code:  # PySide raises the exception that it has kept in whichever thread calls it next
        signal.raise_signal(signal.SIGINT)
        return True
    return False


@runs_loops
class HostEvent(threading.Event):
    """An event whose `wait`, on the host's thread, serves the toolkit's events: windows live meanwhile."""

    def __init__(self, host: Host) -> None:
        super().__init__()
        self._host = host

    def set(self) -> None:
        """End the waits, now and later."""
        super().set()
        self._host.call_soon_threadsafe(int)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the event is set. On the host's thread a timeout is of no use and ignored."""
        if threading.current_thread() is not threading.main_thread():
            return super().wait(timeout)
        while not self.is_set():
            self._host.step(STEP_SECONDS)
        return True


@runs_loops
class Callbacks(LoopCallbacks):
    """The code that runs on the host's thread outside the guest's main task.

    `make` makes a `Callback` of its outermost frame. Construct this once SIGINT is taken: main loops that user code
    nests leave it to the handler that is there now.
    """

    def __init__(self, host: Host, make: Callable[[FrameType], Callback]) -> None:
        super().__init__(make)
        self._host = host
        handler = signal.getsignal(signal.SIGINT)
        host.around_nested = lambda: _sigint_kept_by(handler)
        self._spared: tuple[FrameType, float] | None = None

    def spares(self, interrupt: Interrupt, stack: Stack) -> bool:
        """Whether `stack` is that of a callback or a task that runs for a moment while `interrupt` is meant for other
        work, a cell that awaits or shows a dialog. One that goes on holds everything up, and is not spared.

        Functions called by the guest itself always are: an exception there would be the guest's end.
        """
        # A callback of a nested main loop may have nothing of ours around it: its exception ends nothing, and is
        # dropped.
        callback = next((each for each in stack.inside if self._host.is_handler(each)), None)
        if callback is None and stack.is_called_by_loop:
            callback = stack.called
            if callback is None:
                return True
        if callback is None or (isinstance(interrupt.work, Callback) and interrupt.work.is_at(callback)):
            self._spared = None
            return False
        now = time.monotonic()
        if self._spared is None or self._spared[0] is not callback:
            self._spared = callback, now
        return now < self._spared[1] + HANG_SECONDS

    def end_nested(self, interrupt: Interrupt) -> None:
        """Soon, on the host's thread: if the work to be interrupted has nested a main loop, as a modal dialog does, end
        that loop, and raise KeyboardInterrupt where its caller goes on. Callable from any thread.

        Python runs no code of the caller while it is in there, so that nothing can be raised before.
        """

        def end() -> None:
            if not interrupt.settled and (self._host.guest_depth or isinstance(interrupt.work, Callback)):
                _raise_on_return(interrupt)
                self._host.dismiss()

        self._host.call_soon_threadsafe(end)


@contextmanager
def _sigint_kept_by(handler: Any) -> Iterator[None]:
    """Have SIGINT handled by `handler` meanwhile, whoever has taken it for the time of a nested main loop.

    matplotlib does, to leave the loop, with a handler that fails when it is called again before that. Interrupts are
    sent until they are delivered, and such an error, raised between any two lines of the guest, would be its end.
    """
    there = signal.getsignal(signal.SIGINT)
    if there is None or there == handler or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, there)


def _raise_on_return(interrupt: Interrupt) -> None:
    """Deliver `interrupt` when the caller of the main loop that runs us goes on, by the next trace event there:
    earlier than any signal, so that no line behind a dialog runs that was dismissed in nobody's name."""
    frame = callers().outside()
    if frame is None or is_traced():  # by a debugger: the next signal has to do
        return
    tracing = Tracing()

    def deliver(frame: FrameType, event: str, arg: object) -> None:
        tracing.stop()
        if interrupt.claim():
            raise KeyboardInterrupt

    tracing.start([frame], deliver)
