"""asyncio as the guest of another main loop: `start_guest_run`, with trio's function of that name as the model.

The loop's work is done on the host's thread, one iteration per callback; the wait between two iterations happens in a
worker thread. Nothing polls. An iteration is a plain `run_forever` that is stopped while it looks at its selector:
the selector is ours, so it also learns how long asyncio would have waited. No host, toolkit or kernel is known here.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
import time
from asyncio.base_events import _run_until_complete_cb  # type: ignore[attr-defined]  # private
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack
from contextvars import Context
from queue import SimpleQueue
from typing import Any

from async_kernel.errors import UsageError
from async_kernel.interrupts.wakeup import woken_by_signals
from async_kernel.stacks import runs_loops
from async_kernel.system.service_thread import ServiceThread

__all__ = ["start_guest_run"]

Callback = Callable[[], object]
Later = Callable[[Callback], object]


@runs_loops
def start_guest_run(
    main: Callable[[], Coroutine[Any, Any, Any]],
    *,
    run_sync_soon_threadsafe: Later,
    done_callback: Callable[[asyncio.Task[Any]], object],
    run_sync_soon_not_threadsafe: Later | None = None,
    host_uses_signal_set_wakeup_fd: bool = False,
    host_uses_sys_set_asyncgen_hooks: bool = False,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    task_factory: Callable[..., Any] | None = None,
    context: Context | None = None,
    debug: bool | None = None,
) -> asyncio.AbstractEventLoop:
    """Run `main()` on an asyncio loop whose every step is a callback of the host; return the loop, at once.

    Call it on the host's thread. `run_sync_soon_threadsafe(callback)` has the host call `callback` soon, from any
    thread; `run_sync_soon_not_threadsafe` the same from the host's own, possibly quicker. When `main` is done, its
    other tasks are cancelled, async generators and the default executor closed, the loop too; then
    `done_callback(task)` is called on the host with the finished main task.

    `host_uses_signal_set_wakeup_fd`: the host wakes for signals itself, so `signal.set_wakeup_fd` is left alone.
    `host_uses_sys_set_asyncgen_hooks` changes nothing: the loop's hooks are only in place during its own steps.
    `loop_factory` has to give one of asyncio's selector loops (`UsageError` otherwise: uvloop and the Proactor loop
    wait in compiled code that cannot be divided). `task_factory`, `context` (of the main task) and `debug` are as in
    asyncio. KeyboardInterrupt and SystemExit of a task or callback end neither the loop nor the host.

    Between the steps the loop counts as running, so host callbacks may use `asyncio.create_task` and
    `asyncio.get_running_loop`.
    """
    loop, selector = _make_loop(loop_factory)
    loop.set_task_factory(task_factory)
    if debug is not None:
        loop.set_debug(debug)
    guest = _Guest(loop, selector, run_sync_soon_threadsafe, run_sync_soon_not_threadsafe or run_sync_soon_threadsafe)
    guest.start(main, context, done_callback, wake_by_signals=not host_uses_signal_set_wakeup_fd)
    return loop


def _make_loop(
    factory: Callable[[], asyncio.AbstractEventLoop] | None,
) -> tuple[asyncio.AbstractEventLoop, _GuestSelector]:
    if factory is None:
        selector = _GuestSelector(selectors.DefaultSelector())
        return asyncio.SelectorEventLoop(selector), selector
    loop = factory()
    inner = getattr(loop, "_selector", None)
    if not isinstance(inner, selectors.BaseSelector):
        kind = f"{type(loop).__module__}.{type(loop).__qualname__}"
        loop.close()
        raise UsageError(
            f"A {kind} cannot be the guest of a host, since it has no selector that can wait in a thread.",
            "Let loop_factory give an asyncio.SelectorEventLoop, or start without a host.",
        )
    selector = _GuestSelector(inner)
    vars(loop)["_selector"] = selector
    return loop, selector


@runs_loops
class _GuestSelector(selectors.BaseSelector):
    """A selector that never waits. `wanted` is how long the last caller would have waited (None: for ever)."""

    def __init__(self, inner: selectors.BaseSelector) -> None:
        self.inner = inner
        self.wanted: float | None = 0
        self.looked: Callback = int  # called at each look
        self.touched: Callback = int  # called when a wait that is under way has to begin anew
        self.changed = False  # select() does not notice a descriptor registered while it waits; epoll and kqueue do
        self._notices = hasattr(inner, "fileno")

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.looked()
        events = self.inner.select(0)
        self.wanted = 0 if events else timeout
        return events

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        self._change()
        return self.inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        self._change()
        return self.inner.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        self._change()
        return self.inner.modify(fileobj, events, data)

    def _change(self) -> None:
        if not self._notices:
            self.changed = True
            self.touched()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self.inner.get_map() or {}

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self.inner.get_key(fileobj)

    def close(self) -> None:
        self.inner.close()


@runs_loops
class _Guest:
    """The loop between its steps. Every method runs on the host's thread, except `_watch_in_thread`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, selector: _GuestSelector, soon_threadsafe: Later, soon: Later
    ) -> None:
        self._loop = loop
        self._selector = selector
        self._soon_threadsafe = soon_threadsafe
        self._soon = soon
        self._orders: SimpleQueue[tuple[float | None] | None] = SimpleQueue()  # how long to watch; None: no more
        self._worker = ServiceThread("asyncio guest", self._watch_in_thread)
        self._watching_until: float | None = None  # None while the worker does not watch
        self._scheduled = False  # a step is on its way through the host
        self._stepping = False
        self._entering = False
        self._touched = False  # work was added that the selector's last look did not know of
        self._ended = False
        self._closing: asyncio.Task[None] | None = None  # runs after main: see `_close_all`
        self._done: Callback = int
        self._at_end = ExitStack()

    def start(
        self,
        main: Callable[[], Coroutine[Any, Any, Any]],
        context: Context | None,
        done_callback: Callable[[asyncio.Task[Any]], object],
        wake_by_signals: bool,
    ) -> None:
        loop = self._loop
        self._adapt()
        asyncio.set_event_loop(loop)
        if wake_by_signals and threading.current_thread() is threading.main_thread():
            self._at_end.enter_context(woken_by_signals(loop))
        task = loop.create_task(main(), context=context)
        task.add_done_callback(_run_until_complete_cb)  # by this mark anyio knows a root task
        task.add_done_callback(self._wind_up)
        self._done = lambda: done_callback(task)
        self._worker.start()
        asyncio._set_running_loop(loop)
        self._schedule()

    def _adapt(self) -> None:
        """Have the loop tell of work that is added between its steps, and count as running there."""
        loop, own = self._loop, vars(self._loop)
        call_soon, call_at = loop.call_soon, loop.call_at

        def noticed_soon(callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
            self._touch()
            return call_soon(callback, *args, context=context)

        def noticed_at(
            when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
        ) -> asyncio.TimerHandle:
            self._touch()
            return call_at(when, callback, *args, context=context)

        adapted = {"call_soon": noticed_soon, "call_at": noticed_at, "is_running": lambda: not self._entering}
        own.update(adapted)
        self._at_end.callback(lambda: [own.pop(name) for name in adapted])
        self._selector.looked = self._looked
        self._selector.touched = self._touch

    def _looked(self) -> None:
        self._entering = False
        self._touched = False
        self._loop.stop()  # after this iteration

    def _touch(self) -> None:
        self._touched = True
        if not self._stepping:
            self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._soon(self._scheduled_step)

    def _scheduled_step(self) -> None:
        self._scheduled = False
        self._step()

    def _woken(self) -> None:
        self._watching_until = None
        self._step()

    def _step(self) -> None:
        """One iteration of the loop, then arrange for the next."""
        if self._ended:
            return
        if self._stepping:  # a main loop nested in a task: a modal dialog, for one
            self._touched = True
            return
        self._stepping = self._entering = True
        asyncio._set_running_loop(None)
        try:
            self._loop.run_forever()
        except (KeyboardInterrupt, SystemExit):  # the task that raised keeps it
            self._touched = True
        finally:
            self._stepping = self._entering = False
            asyncio._set_running_loop(self._loop)
        if self._wound_up():
            self._end()
        elif self._touched or self._selector.wanted == 0:
            self._schedule()
        else:
            self._watch(self._selector.wanted)

    def _watch(self, timeout: float | None) -> None:
        until = float("inf") if timeout is None else time.monotonic() + timeout
        if self._watching_until is None:
            self._watching_until = until
            self._selector.changed = False
            self._orders.put((timeout,))
        elif until < self._watching_until or self._selector.changed:
            self._watching_until = until  # once: it comes back by itself
            self._selector.changed = False
            self._loop.call_soon_threadsafe(int)

    def _watch_in_thread(self) -> None:
        while (order := self._orders.get()) is not None:
            try:
                self._selector.inner.select(order[0])  # only to wait: the step looks for itself
            except OSError:  # select(): a descriptor was closed meanwhile
                time.sleep(0.001)
            self._soon_threadsafe(self._woken)

    def _wind_up(self, main: asyncio.Task[Any]) -> None:
        self._closing = self._loop.create_task(_close_all(self._loop))

    def _wound_up(self) -> bool:
        return self._closing is not None and self._closing.done()

    def _end(self) -> None:
        if self._watching_until is not None:  # let the worker come back first: it may be inside the host's call
            self._loop.call_soon_threadsafe(int)
            return
        self._ended = True
        self._orders.put(None)
        self._worker.join()
        self._at_end.close()
        asyncio._set_running_loop(None)
        asyncio.set_event_loop(None)
        self._loop.close()
        self._done()


@runs_loops
async def _close_all(loop: asyncio.AbstractEventLoop) -> None:
    """The clean-up that `asyncio.run` does at its end."""
    tasks = asyncio.all_tasks(loop) - {asyncio.current_task(loop)}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            loop.call_exception_handler(
                {"message": "unhandled exception while the loop was closed", "exception": error, "task": task}
            )
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()
