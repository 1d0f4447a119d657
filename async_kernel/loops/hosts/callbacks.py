"""Callbacks of a toolkit: coroutines that they return, interrupts that the toolkit drops, events to wait for.

Nothing here knows cells or kernels.
"""

from __future__ import annotations

import asyncio
import contextvars
import signal
import sys
import threading
from collections.abc import Coroutine
from typing import Any

from async_kernel.interrupts.callbacks import main_stack
from async_kernel.loops.hosts import ErrorSink, Host
from async_kernel.stacks import runs_loops

__all__ = ["HostEvent", "sent_further", "start_handler"]

STEP_SECONDS = 1.0
"""How long a wait serves the toolkit at a time. The event that is waited for ends it, not this."""

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
