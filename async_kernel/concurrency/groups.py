"""Several calls as one: a task group whose tasks wait for calls that run elsewhere. anyio's does the work."""

from __future__ import annotations

from collections import deque
from concurrent.futures import CancelledError
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    import anyio
    import anyio.abc

    from .pending import Pending

__all__ = ["Group"]

T = TypeVar("T")


class Group:
    """Several of type `Pending` that are waited for, and end, together: a task group of asyncio or trio for calls.

        async with Group() as group:
            pages = [group.add(io.call_soon(fetch, url)) for url in urls]
            async for pending in group:  # as they are completed
                print(pending.result())

    Leaving the block waits for all. When one fails, the others are cancelled, the block is left, and an ExceptionGroup
    with what they raised comes out; when the block is left by an exception or is cancelled (by a timeout, an interrupt
    of the cell), all are. A call cancelled by `pending.cancel()` is no failure. Functions that run already cannot
    be cancelled: they go on, and are not waited for.

    For tasks of asyncio and trio; all of it is to be used in the loop of the task that entered the block. What is
    waited for runs wherever it runs.
    """

    def __init__(self) -> None:
        self._tasks: anyio.abc.TaskGroup | None = None
        self._expected = 0
        self._completed: deque[Pending[Any]] = deque()
        self._news: anyio.Event | None = None

    async def __aenter__(self) -> Self:
        import anyio

        if self._tasks is not None:
            raise RuntimeError("A group is entered once.")
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        assert self._tasks is not None
        return await self._tasks.__aexit__(kind, error, trace)

    def add(self, pending: Pending[T]) -> Pending[T]:
        """Have the group wait for `pending`, and return it. RuntimeError outside the block."""
        if self._tasks is None:
            raise RuntimeError("A group takes calls inside its `async with` block only.")
        self._tasks.start_soon(self._follow, pending)
        self._expected += 1
        return pending

    def cancel(self) -> None:
        """Cancel all of them, and leave the block without an error."""
        if self._tasks is not None:
            self._tasks.cancel_scope.cancel()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Pending[Any]:
        """The next that is completed; they are given out once each, until all that were added have been."""
        import anyio

        if not self._expected:
            raise StopAsyncIteration
        while not self._completed:
            self._news = anyio.Event()
            await self._news.wait()
        self._expected -= 1
        return self._completed.popleft()

    async def _follow(self, pending: Pending[Any]) -> None:
        try:
            await pending.or_cancel()
        except CancelledError:
            if not pending.cancelled():  # the called function raised it
                raise
        self._completed.append(pending)
        if self._news is not None:
            self._news.set()
