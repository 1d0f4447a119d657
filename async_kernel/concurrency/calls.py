"""Loops that take calls: functions and coroutine functions, given by any thread, run in the thread of the loop.

A loop that anybody runs becomes one by a task of ours that waits in it until it ends. It is found by code that runs in
it, and that of the main thread from everywhere.
"""

from __future__ import annotations

import contextvars
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from .nested import has_set_aside
from .pending import Pending
from .portal import Portal, current_portal, main_portal
from .runners_of_calls import run, run_awaitable
from .spawn import spawn_task

if TYPE_CHECKING:
    import asyncio

    import anyio

__all__ = ["END_SECONDS", "Loop", "carried_context", "known_main_loop", "library_here", "loop_here", "main_loop"]

END_SECONDS = 1.0
"""How long a loop, or the exit of the process, waits for the calls and threads that end with it."""

_lock = threading.Lock()  # over the two that follow
_loops: dict[object, Loop] = {}  # by the value of `_running`
_main: Loop | None = None


class Loop:
    """An event loop that takes calls, from any thread, until it ends. `portal` leads into it; `serve` is to be run in
    it as a task."""

    def __init__(self, portal: Portal, name: str) -> None:
        self.name = name
        self.thread = portal.thread
        self.closed = False
        self._portal = portal
        self._lock = threading.Lock()  # nothing is put into a closed loop
        self._open: set[Pending[Any]] = set()  # the calls that have not ended
        self._tasks: set[asyncio.Task[None]] = set()  # asyncio itself keeps none of them alive
        self._end: anyio.Event | None = None
        self.at_end: set[Callable[[], Pending[None]]] = set()
        """Functions to be called at the end of the loop, in the loop. It waits for the awaitables they return; not
        long."""
        self.elsewhere: set[Pending[Any]] = set()
        """Calls that run elsewhere and belong to the loop: when it ends those that have not begun are cancelled, and
        the others waited for; not long either."""

    def start(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Pending[Any]:
        """Have `function(*args, **kwargs)` run in the loop, in a copy of the calling context, after all that were given
        before. The coroutine that it gives, if any, becomes a task. RuntimeError when the loop has ended."""
        pending: Pending[Any] = Pending(self.thread)
        with self._lock:
            if not self.closed:
                self._open.add(pending)
        pending.add_done_callback(self._open.discard)
        context = carried_context()
        if self.closed or not self._portal.call(self._run, pending, context, function, args, kwargs):
            self._open.discard(pending)
            raise RuntimeError(f"The loop of the caller {self.name!r} has ended.")
        return pending

    async def serve(self, ready: Callable[[], object] = bool) -> None:
        """Take calls until the loop ends, or `end` was called. To be run once, in the loop; calls `ready()`."""
        import anyio

        self._portal = current_portal()  # of this task, which lasts
        self._end = anyio.Event()
        key = _running()
        with _lock:
            _loops.setdefault(key, self)
        ready()
        try:
            await self._end.wait()
        except GeneratorExit:  # the loop was left: nothing runs in it any more
            self._tasks.clear()
            self.at_end.clear()
            raise
        finally:
            with _lock:
                if _loops.get(key) is self:
                    del _loops[key]
            self._close()
            await self._end_all()

    def end(self) -> None:
        """Have `serve` return. From any thread."""
        if self._end is not None:
            self._portal.call(self._end.set)

    def _close(self) -> None:
        with self._lock:
            self.closed = True
            left = list(self._open)
        for pending in left:
            if not pending.running():  # the loop cancels the others, as it ends
                pending.cancel()

    # In the loop's thread

    async def _end_all(self) -> None:
        if self._tasks:
            import asyncio

            for task in self._tasks:
                if not task.cancelling():  # as those have been that were there when the loop began to end
                    task.cancel()
            await asyncio.wait(self._tasks)
        ending = [end() for end in list(self.at_end)]
        for pending in list(self.elsewhere):
            if not pending.cancel():
                ending.append(pending)
        if ending:
            import anyio

            with anyio.move_on_after(END_SECONDS, shield=True):
                for pending in ending:
                    await pending.settled()

    def _run(
        self,
        pending: Pending[Any],
        context: contextvars.Context,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> None:
        if pending.begin(can_end=iscoroutinefunction(function)):  # it may be cancelled before there is a task
            try:
                result = context.run(run, function, *args, **kwargs)
            except BaseException as error:
                context.run(pending.set_exception, error)
                return
            if isinstance(result, Coroutine):
                self._start_task(pending, context, result)
            else:
                context.run(pending.set_result, result)

    def _start_task(
        self, pending: Pending[Any], context: contextvars.Context, coroutine: Coroutine[Any, Any, Any]
    ) -> None:
        try:
            if library_here() == "trio":
                _start_in_trio(pending, context, coroutine, self._portal)
            else:
                task = _start_in_asyncio(pending, context, coroutine, self._portal)
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        except BaseException as error:  # the loop is about to end
            coroutine.close()
            context.run(pending.set_exception, error)


def _start_in_asyncio(
    pending: Pending[Any], context: contextvars.Context, coroutine: Coroutine[Any, Any, Any], portal: Portal
) -> asyncio.Task[None]:
    import asyncio

    async def work() -> None:
        try:
            result = await run_awaitable(coroutine)
        except asyncio.CancelledError:
            pending.end_cancelled()
        except GeneratorExit:
            pending.end_cancelled()
            raise
        except BaseException as error:  # SystemExit too: it would end the loop
            pending.set_exception(error)
        else:
            pending.set_result(result)

    def ended(_: asyncio.Task[None]) -> None:
        coroutine.close()
        pending.end_cancelled()  # before its first step, it would otherwise never be heard of again

    task = asyncio.get_running_loop().create_task(work(), context=context)
    task.add_done_callback(ended, context=context)

    def cancel() -> None:
        task.cancel()

    pending.ends_by(lambda: portal.call(cancel))
    return task


def _start_in_trio(
    pending: Pending[Any], context: contextvars.Context, coroutine: Coroutine[Any, Any, Any], portal: Portal
) -> None:
    import trio

    scope = trio.CancelScope()

    async def work() -> None:
        try:
            with scope:
                pending.set_result(await run_awaitable(coroutine))
        except (trio.Cancelled, GeneratorExit):  # the run ends
            pending.end_cancelled()
            raise
        except BaseException as error:
            pending.set_exception(error)
        pending.end_cancelled()  # by its scope, if it has not ended otherwise

    trio.lowlevel.spawn_system_task(work, context=context)
    pending.ends_by(lambda: portal.call(scope.cancel))


# Which loop there is


def carried_context() -> contextvars.Context:
    """A copy of the calling context, without the mark by which anyio and sniffio know which library runs here."""
    context = contextvars.copy_context()
    sniffio = sys.modules.get("sniffio")
    if sniffio is not None:
        context.run(sniffio.current_async_library_cvar.set, None)
    return context


def library_here() -> str | None:
    """The library whose loop runs in the calling thread: "asyncio", "trio", or None."""
    trio = sys.modules.get("trio")
    if trio is not None and hasattr(trio, "lowlevel") and trio.lowlevel.in_trio_run():
        return "trio"
    asyncio = sys.modules.get("asyncio")
    return "asyncio" if asyncio is not None and asyncio._get_running_loop() is not None else None


def _running() -> object | None:
    """The identity of the loop that runs in the calling thread: the loop itself, or trio's token."""
    library = library_here()
    if library is None:
        return None
    module: Any = sys.modules[library]
    running: object = module.lowlevel.current_trio_token() if library == "trio" else module.get_running_loop()
    return running


def loop_here() -> Loop | None:
    """The loop of the calling thread; None when none runs, or it is not known yet and this is no task."""
    global _main
    running = _running()
    if running is None:
        return None
    in_main = threading.current_thread() is threading.main_thread() and not has_set_aside()
    with _lock:
        loop = _loops.get(running)
        if loop is not None:
            return loop
        try:
            portal = current_portal()
        except RuntimeError:  # a callback
            return None
        loop = _loops[running] = Loop(portal, "main" if in_main else threading.current_thread().name)
        if in_main:
            _main = loop
    _spawn(loop)
    return loop


def main_loop() -> Loop:
    """The loop of the main thread, from any thread. RuntimeError when none is known."""
    global _main
    with _lock:
        if _main is not None and not _main.closed:
            return _main
        portal = main_portal()
        if portal is not None:
            loop = Loop(portal, "main")
            if portal.call(_spawn, loop):
                _main = loop
                return loop
    raise RuntimeError(
        "No event loop of the main thread is known.\n"
        "In a program without a kernel, create a Caller() in the main loop first."
    )


def known_main_loop() -> Loop | None:
    """The loop of the main thread, if one is known or runs here."""
    if threading.current_thread() is threading.main_thread():
        loop_here()  # makes it known
    try:
        return main_loop()
    except RuntimeError:
        return None


def _spawn(loop: Loop) -> None:
    # Not in the context of the first caller: the task keeps it as long as the loop runs.
    contextvars.Context().run(spawn_task, loop.serve)
