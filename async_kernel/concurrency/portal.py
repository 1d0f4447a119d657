"""A portal: the way into a running event loop from any thread.

One contract, two backends. Nothing here imports a backend before one runs.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from enum import Enum, auto
from math import inf
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from async_kernel.stacks import is_ours
from async_kernel.stacks.snapshot import called_by_trio

if TYPE_CHECKING:
    import asyncio

    import trio

__all__ = ["Arrival", "Portal", "Reach", "current_portal", "main_portal"]

T = TypeVar("T")

_main: Portal | None = None


class Reach(Enum):
    """Where an exception goes that is raised in a callback or task beside a task."""

    WORK = auto()
    """To the task, for certain."""
    CALLBACK = auto()
    """No further than the callback or task, where other code may ask for it."""
    LOOP = auto()
    """To the loop, which it would end."""


class Arrival(Protocol):
    """An event of a backend: `asyncio.Event` and `trio.Event` have this in common. To be used in its loop's thread."""

    def set(self) -> None:
        """Wake who waits, now and later."""

    async def wait(self) -> object:
        """Return once it is set."""


class Portal(Protocol):
    """The way into one event loop, bound to the task that asked for it."""

    thread: int
    """The ident of the thread that the loop runs in."""

    def call(self, function: Callable[..., None], *args: Any) -> bool:
        """Run `function(*args)` soon in the loop's thread. Callable from any thread and from signal handlers.

        False when the loop is gone and nothing will run. The function must not raise.
        """

    def end_wait(self) -> None:
        """End the wait that the task is in. Call it in the loop's thread.

        On asyncio the task is cancelled, as `asyncio.Runner` does at SIGINT; on trio KeyboardInterrupt is raised out
        of the wait, as trio itself does at SIGINT.
        """

    def reach(self, frame: FrameType) -> Reach:
        """Where an exception goes that is raised at `frame`, in another task or a callback of the loop.

        On trio it comes out of a task into its nursery and the parent's, or, out of a system task, ends all. `frame` is
        the outermost one of the callback or task. Callable from any thread.
        """

    def awaiting(self) -> object:
        """The task, of the backend's own type: its frames show its awaits. Callable from any thread."""

    def waiting(self) -> AbstractContextManager[object]:
        """The scope that `end_wait` ends. The task enters it around the waits that may be ended."""

    def event(self) -> Arrival:
        """A new event for a task of the loop to wait for."""

    async def shielded_wait(self, wait: Callable[[], Awaitable[T]]) -> T:
        """The result of `await wait()`: a wait of the task's owner, which must outlast the cancellations that user code
        has left behind in the task, such as a nursery or task group that is cancelled since a task of it failed.

        `wait` may be called more than once.
        """

    async def settle(self) -> None:
        """Take in a cancellation or interrupt that is still on its way to the task, so that it hits nothing later."""


def current_portal(main: bool = False, owned: bool = False) -> Portal:
    """The portal of the running loop and the calling task. RuntimeError outside any.

    `owned` says that the loop was started for this task, so that nobody but user code cancels it. `main` says so too,
    and that it is in the main thread, so that trio's own way of interrupting it can be used (until somebody takes
    SIGINT from trio, and after that by the handler remembered here). It has `main_portal` give this one.
    """
    global _main
    portal = _portal(main, owned or main)
    if main:
        _main = portal
    return portal


def main_portal() -> Portal | None:
    """The portal that was made for the main task of the process, from any thread; None when there is none. Its loop may
    have ended."""
    return _main


def _portal(main: bool, owned: bool) -> Portal:
    if "trio" in sys.modules:
        import trio

        if trio.lowlevel.in_trio_run():
            return _TrioPortal(trio.lowlevel.current_trio_token(), main, owned)
    import asyncio

    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("A portal is made inside a task.")
    return _AsyncioPortal(asyncio.get_running_loop(), task, owned)


_NOTHING = nullcontext()


class _AsyncioPortal:
    def __init__(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any], owned: bool) -> None:
        self.thread = threading.get_ident()
        self._loop = loop
        self._task = task
        self._owned = owned

    def call(self, function: Callable[..., None], *args: Any) -> bool:
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:  # the loop is closed
            return False
        return True

    def end_wait(self) -> None:
        self._task.cancel()

    def reach(self, frame: FrameType) -> Reach:
        return Reach.CALLBACK  # see `loops.resume`

    def awaiting(self) -> object:
        return self._task

    def waiting(self) -> AbstractContextManager[object]:
        return _NOTHING

    def event(self) -> Arrival:
        import asyncio

        return asyncio.Event()

    async def shielded_wait(self, wait: Callable[[], Awaitable[T]]) -> T:
        import asyncio

        while True:
            anyio = sys.modules.get("anyio")  # who has a scope of its has imported it, to the end
            scope = getattr(anyio, "CancelScope", None)
            try:
                if scope is None:
                    return await wait()
                with scope(shield=self._owned):
                    return await wait()
            except asyncio.CancelledError:
                # The owner cancels by scopes; who calls `Task.cancel` is user code, or a task group of its.
                if not self._owned and anyio is not None and anyio.current_effective_deadline() == -inf:
                    raise
                self._task.uncancel()

    async def settle(self) -> None:
        import asyncio

        if self._task.cancelling():
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
            while self._task.uncancel():
                pass


class _TrioPortal:
    def __init__(self, token: trio.lowlevel.TrioToken, main: bool, owned: bool) -> None:
        import signal

        import trio

        self.thread = threading.get_ident()
        self._token = token
        self._task = trio.lowlevel.current_task()
        # trio's own SIGINT handler is its public way to raise KeyboardInterrupt in the main task; it is there when
        # trio was started in the main thread with Python's default handler in place.
        handler = signal.getsignal(signal.SIGINT) if main else None
        self._handler: Any = handler if getattr(handler, "__module__", "").startswith("trio.") else None
        self._scope: trio.CancelScope | None = None
        self._owned = owned

    def call(self, function: Callable[..., None], *args: Any) -> bool:
        import trio

        try:
            self._token.run_sync_soon(function, *args)
        except trio.RunFinishedError:
            return False
        return True

    def end_wait(self) -> None:
        if self._scope is not None:
            self._scope.cancel()
            return
        import signal

        self._handler(signal.SIGINT, None)  # no frame to raise in: so it has the main task raise

    def reach(self, frame: FrameType) -> Reach:
        called, task = called_by_trio(frame)
        if task is None or is_ours(called):
            return Reach.CALLBACK  # of a toolkit that hosts trio, or a function of ours, which keeps the exception
        while task is not None and task is not self._task:
            nursery = task.parent_nursery
            task = None if nursery is None else nursery.parent_task
        return Reach.LOOP if task is None else Reach.WORK

    def awaiting(self) -> object:
        return self._task

    @contextmanager
    def waiting(self) -> Iterator[None]:
        # With trio's own handler the task may keep nurseries open beyond this block; a scope would not allow that.
        if self._handler is not None:
            yield
            return
        import trio

        try:
            with trio.CancelScope() as scope:
                self._scope = scope
                yield
        finally:
            self._scope = None
        if scope.cancelled_caught:  # nobody below took the cancellation in
            raise KeyboardInterrupt

    def event(self) -> Arrival:
        import trio

        return trio.Event()

    async def shielded_wait(self, wait: Callable[[], Awaitable[T]]) -> T:
        import trio

        with trio.CancelScope(shield=self._owned):
            result = await wait()
        return result  # noqa: RET504 - to the type checker, a scope may swallow the exceptions raised in it

    async def settle(self) -> None:
        import trio

        with suppress(KeyboardInterrupt):
            await self.shielded_wait(trio.lowlevel.checkpoint)
