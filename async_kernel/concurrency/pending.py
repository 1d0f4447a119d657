"""The outcome of a call that runs elsewhere: a future of the standard library that can be awaited from any loop.

Knows neither which loop the call runs in nor whether one runs at all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from .portal import current_portal
from .runners_of_calls import run

__all__ = ["Pending"]

T = TypeVar("T")


class Pending(Future[T]):
    """The future result of a call.

        pending = Caller.get("io").call_soon(fetch, url)
        page = await pending               # in a task; only this task waits
        page = pending.result(timeout=10)  # in a plain thread, which it blocks

    A Pending is a `concurrent.futures.Future`, with `result`, `exception`, `done` and `add_done_callback`, and works
    with `concurrent.futures.wait` and `as_completed`. It can also be awaited, any number of times, in tasks of asyncio
    and of trio, whichever loop and thread the call runs in. Everybody who waits gets the same exception object.

    **If a wait is cancelled, the call continues**, since others may be waiting, too. This applies to the cancellation
    of a task, to a timeout, and to an interrupt of the cell. `await pending.or_cancel()` and a `Group` cancel the call
    together with the wait.

    Callbacks run in the thread in which the call ends. If the call has already ended, they run at once in the calling
    thread; if it is cancelled before it starts, in the thread that cancels it. Every method can be called from any
    thread, but `result` and `exception` block that thread. In the loop that has to run the call they raise
    RuntimeError.
    """

    def __init__(self, thread: int | None = None) -> None:
        """Made by who takes calls; `thread` is the ident of the one whose loop is to run it."""
        super().__init__()
        self._thread = thread
        self._lock = threading.Lock()  # over the four that follow
        self._begun = False
        self._can_end = False  # whether it can be cancelled although it has begun
        self._asked_to_end = False
        self._end: Callable[[], object] | None = None
        self._wakers: list[Callable[[], object]] = []
        self.add_done_callback(_wake)  # no method: that would be a cycle of references

    @classmethod
    def of(cls, future: Future[T]) -> Pending[T]:
        """Return a Pending for a `concurrent.futures.Future`, so that any loop can await it.

            number = await Pending.of(view.apply_async(work))

        The future may come from an executor, from ipyparallel (`AsyncResult`) or from ray (`ref.future()`). The Pending
        has the future's exception, and `cancel` cancels the future; it returns False if the future cannot be cancelled.
        Can be called from any thread. Raises TypeError for other futures, such as those of asyncio, which belong to one
        loop.
        """
        if not isinstance(future, Future):
            raise TypeError(f"{future!r} is not a concurrent.futures.Future.\nAwait it in the loop that it belongs to.")
        return _PendingElsewhere(future)

    # For who waits

    def __await__(self) -> Generator[Any, None, T]:
        """Return the result, in a task of asyncio or trio. Raises the call's exception, or
        `concurrent.futures.CancelledError` if the call (not the awaiting task) was cancelled."""
        return self._wait().__await__()

    async def or_cancel(self) -> T:
        """Return the result, as `await pending` does; but if this wait is cancelled, so is the call.

        For tasks of asyncio and trio. A cancelled wait ends when the call has ended and its `finally` blocks have run.
        A running function cannot be cancelled, and continues.
        """
        import anyio

        try:
            return await self
        except BaseException:
            if not self.done() and self.cancel():
                with anyio.CancelScope(shield=True):
                    await self.settled()
            raise

    def result(self, timeout: float | None = None) -> T:
        """Block the calling thread until the call has ended, and return its result.

        For threads without a loop, since a loop would stand still. Raises the call's exception, TimeoutError after
        `timeout` seconds, `concurrent.futures.CancelledError` if the call was cancelled, and RuntimeError if the wait
        would never end, because the call has to run in the loop of this thread.
        """
        self.check_wait(timeout)
        return run(super().result, timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the call's exception, or None. Waits and raises as `result` does."""
        self.check_wait(timeout)
        return run(super().exception, timeout)

    def cancel(self) -> bool:
        """Cancel the call, from any thread. Return False if it has ended, or is a running function.

        A call that has not started never runs. A running coroutine is cancelled by its own loop, as a task is. It is
        `cancelled()` once its `finally` blocks have run, unless it catches the cancellation.
        """
        with self._lock:
            fresh, self._begun = not self._begun, True
            if not fresh and (self.done() or not self._can_end):
                return self.cancelled()
            self._asked_to_end = True
            end = self._end
        if fresh:
            self.end_cancelled()
        elif end is not None:
            end()
        return True

    def running(self) -> bool:
        """Return whether the call has started and not ended."""
        return self._begun and not self.done()

    def __repr__(self) -> str:
        if self.done():
            state = "cancelled" if self.cancelled() else "finished"
        else:
            state = "running" if self.running() else "waiting"
        return f"<{type(self).__name__} {state} at {id(self):#x}>"

    def check_wait(self, timeout: float | None = None) -> None:
        """Raise RuntimeError if a wait in this thread could never end: the call is to run in the loop that it has."""
        if timeout is None and self._thread == threading.get_ident() and not self.done():
            raise RuntimeError(
                "This wait would never end, since the call runs in the loop of this thread.\nAwait the call instead."
            )

    # For who runs the call

    def begin(self, can_end: bool = False) -> bool:
        """Whether the call is to be run now, which is to be asked before: once, and False when it was cancelled.

        `can_end` says that `ends_by` will tell how it is cancelled from now on.
        """
        with self._lock:
            fresh, self._begun = not self._begun, True
            self._can_end = fresh and can_end
        return fresh

    def ends_by(self, end: Callable[[], object]) -> None:
        """Have `end()`, callable from any thread, called when the call is cancelled from now on, or was already."""
        with self._lock:
            self._can_end, self._end = True, end
            asked = self._asked_to_end
        if asked:
            end()

    def end_cancelled(self) -> None:
        """Say that the call has ended because it was cancelled; nothing when it has ended already."""
        if not self.done():
            super().cancel()
            self.set_running_or_notify_cancel()  # which tells `concurrent.futures.wait` and `as_completed`

    async def _wait(self) -> T:
        await self.settled()
        try:
            return super().result()
        finally:
            del self  # the exception's traceback holds this frame

    async def settled(self) -> None:
        """Wait, in a task of asyncio or trio, until the call has ended, however it does."""
        import anyio
        import anyio.lowlevel

        event = anyio.Event()
        waker = partial(current_portal().call, event.set)
        self._wakers.append(waker)
        try:
            if self.done():  # a look that comes after the waker is in its place
                await anyio.lowlevel.checkpoint()
            else:
                await event.wait()
        finally:
            with suppress(ValueError):
                self._wakers.remove(waker)


class _PendingElsewhere(Pending[T]):
    """A pending that follows a future of others; nobody else begins or ends it."""

    def __init__(self, future: Future[T]) -> None:
        super().__init__()
        self._future: Future[T] | None = future  # until it is done: each of the two holds the other
        future.add_done_callback(self._take_over)

    def cancel(self) -> bool:
        future = self._future
        if future is not None:
            future.cancel()  # and ends this one, if it can be
        return self.cancelled()

    def running(self) -> bool:
        future = self._future
        return future is not None and future.running()

    def _take_over(self, future: Future[T]) -> None:
        self._future = None
        if future.cancelled():
            self.end_cancelled()
        elif (error := future.exception()) is not None:
            self.set_exception(error)
        else:
            self.set_result(future.result())


def _wake(pending: Future[Any]) -> None:
    assert isinstance(pending, Pending)
    for waker in list(pending._wakers):
        waker()
