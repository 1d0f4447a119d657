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
    """A task group for calls, in a task of asyncio or trio.

        async with Group() as group:
            pages = [group.add(io.call_soon(fetch, url)) for url in urls]
            async for pending in group:  # in the order in which they finish
                print(pending.result())

    The end of the block waits for all calls. If one fails, the others are cancelled, and the block raises an
    ExceptionGroup. If the block itself raises an exception or is cancelled (by a timeout or an interrupt of the cell),
    all calls are cancelled. A call that `pending.cancel()` has cancelled is not a failure. A running function cannot be
    cancelled; it continues, and the group does not wait for it.

    Use the group in the loop of the task that entered the block. The calls may run in any loop or thread.
    """

    def __init__(self) -> None:
        self._tasks: anyio.abc.TaskGroup | None = None
        self._expected = 0
        self._completed: deque[Pending[Any]] = deque()
        self._news: anyio.Event | None = None

    async def __aenter__(self) -> Self:
        import anyio

        if self._tasks is not None:
            raise RuntimeError("A group can be entered only once.")
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        assert self._tasks is not None
        return await self._tasks.__aexit__(kind, error, trace)

    def add(self, pending: Pending[T]) -> Pending[T]:
        """Add `pending` to the group, and return it. Raises RuntimeError outside the block."""
        if self._tasks is None:
            raise RuntimeError("Calls can be added to a group only inside its `async with` block.")
        self._tasks.start_soon(self._follow, pending)
        self._expected += 1
        return pending

    def cancel(self) -> None:
        """Cancel all calls, and leave the block without an error."""
        if self._tasks is not None:
            self._tasks.cancel_scope.cancel()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Pending[Any]:
        """Return the next call that finishes. Each call is returned once, and the loop ends after the last."""
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
