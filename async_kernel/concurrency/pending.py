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
    """The outcome of a call: its result or its exception, once there is one.

    It is a `concurrent.futures.Future` with all that those have (`result`, `exception`, `done`, `add_done_callback`,
    `concurrent.futures.wait` and `as_completed`), and it can be awaited, any number of times, in tasks of asyncio and
    of trio, whichever loop and thread it comes from. Exceptions come out as they are, the same object for everybody.

        pending = Caller.get("io").call_soon(fetch, url)
        page = await pending                # in a task; only this task waits
        page = pending.result(timeout=10)   # in a plain thread: blocks it; TimeoutError after 10 s

    **When the wait is cancelled, the work goes on** (by `cancel` of a task, a timeout, an interrupt of the cell):
    others may be waiting too. `await pending.or_cancel()` has it cancelled with the wait, and so has a `Group`.

    Callbacks (`add_done_callback`) run in the thread in which the call ends, or at once in the calling one when it has
    ended; when it is cancelled before it has begun, in the thread that cancels. Every method may be called from any
    thread, but `result` and `exception` block it: in the very loop that is to run the call they raise RuntimeError.
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
        """What a future of others comes to, to be awaited in any loop: that of an executor, ipyparallel's
        `AsyncResult`, ray's `ref.future()`, each a `concurrent.futures.Future`.

            number = await Pending.of(view.apply_async(work))

        From any thread, at once. Its exception is the future's own, and `cancel` cancels the future: False where that
        cannot be cancelled. TypeError for other futures, such as asyncio's, which belong to one loop.
        """
        if not isinstance(future, Future):
            raise TypeError(f"{future!r} is no concurrent.futures.Future: await it in the loop that it belongs to.")
        return _PendingElsewhere(future)

    # For who waits

    def __await__(self) -> Generator[Any, None, T]:
        """The result, in a task of asyncio or trio. Raises the call's exception; `concurrent.futures.CancelledError`
        when the call (not the awaiting task) was cancelled."""
        return self._wait().__await__()

    async def or_cancel(self) -> T:
        """The result, as `await pending` gives it; but when this wait is cancelled, so is the call.

        For tasks of asyncio and trio. The wait then ends when the call has, with its `finally` blocks. A call that
        cannot be cancelled, a function that runs already, is left to itself.
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
        """The result; blocks the calling thread until it is there, for `timeout` seconds at most (TimeoutError).

        For threads without a loop: one with a loop stands still meanwhile. Raises the call's exception,
        `concurrent.futures.CancelledError` when it was cancelled, RuntimeError when nothing could ever come, because
        the call is to run in the loop of this thread.
        """
        self.check_wait(timeout)
        return run(super().result, timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """The call's exception, or None; waits and raises as `result` does."""
        self.check_wait(timeout)
        return run(super().exception, timeout)

    def cancel(self) -> bool:
        """Cancel the call; from any thread, at once. False when it cannot be: it has ended, or is a function that runs.

        A call that has not begun never does. A coroutine is asked to end, by its own loop, as that cancels its tasks:
        what it awaits is ended, and it is `cancelled()` once its `finally` blocks have run, unless it catches the
        cancellation.
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
        """Whether the call has begun and not ended. From any thread."""
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
                "This would wait for ever: the call is to run in the loop of this very thread.\nAwait it instead."
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
