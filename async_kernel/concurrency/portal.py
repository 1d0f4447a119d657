"""A portal: the way into a running event loop from any thread.

One contract, two backends. Nothing here imports a backend before one runs.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio

    import trio

__all__ = ["Portal", "current_portal", "main_portal"]

_main: Portal | None = None


class Portal(Protocol):
    """The way into one event loop, bound to the task that asked for it."""

    thread: int
    """The ident of the thread that the loop runs in."""

    def call(self, function: Callable[..., None], *args: Any) -> bool:
        """Run `function(*args)` soon in the loop's thread. Callable from any thread and from signal handlers.

        False when the loop is gone and nothing will run. The function must not raise.
        """

    def end_wait(self) -> None:
        """End what the task is waiting for. To be called in the loop's thread.

        On asyncio the task is cancelled, as `asyncio.Runner` does at SIGINT; on trio KeyboardInterrupt is raised out
        of the wait, as trio itself does at SIGINT.
        """

    def waiting(self) -> AbstractContextManager[object]:
        """What `end_wait` ends: to be entered by the task around the waits that may be ended."""

    def own_wait(self) -> AbstractContextManager[object]:
        """To be entered around waits of the task's owner, which what user code left behind in the task, such as a
        cancelled nursery, must not end."""

    async def settle(self) -> None:
        """Take in a cancellation or interrupt that is still on its way to the task, so that it hits nothing later."""


def current_portal(main: bool = False) -> Portal:
    """The portal of the running loop and the calling task. RuntimeError outside any.

    `main` says that the task is the one that trio was started with, in the main thread, so that trio's own way of
    interrupting it can be used (until somebody takes SIGINT from trio, and after that by what is remembered here). It
    has `main_portal` give this one.
    """
    global _main
    portal = _portal(main)
    if main:
        _main = portal
    return portal


def main_portal() -> Portal | None:
    """The portal that was made for the main task of the process, from any thread; None when there is none. Its loop may
    have ended."""
    return _main


def _portal(main: bool) -> Portal:
    if "trio" in sys.modules:
        import trio

        if trio.lowlevel.in_trio_run():
            return _TrioPortal(trio.lowlevel.current_trio_token(), main)
    import asyncio

    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("A portal is made inside a task.")
    return _AsyncioPortal(asyncio.get_running_loop(), task)


class _AsyncioPortal:
    def __init__(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
        self.thread = threading.get_ident()
        self._loop = loop
        self._task = task

    def call(self, function: Callable[..., None], *args: Any) -> bool:
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:  # the loop is closed
            return False
        return True

    def end_wait(self) -> None:
        self._task.cancel()

    def waiting(self) -> AbstractContextManager[object]:
        return nullcontext()

    def own_wait(self) -> AbstractContextManager[object]:
        return nullcontext()

    async def settle(self) -> None:
        import asyncio

        if self._task.cancelling():
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
            while self._task.uncancel():
                pass


class _TrioPortal:
    def __init__(self, token: trio.lowlevel.TrioToken, main: bool) -> None:
        import signal

        self.thread = threading.get_ident()
        self._token = token
        # trio's own SIGINT handler is its public way to raise KeyboardInterrupt in the main task; it is there when
        # trio was started in the main thread with Python's default handler in place.
        handler = signal.getsignal(signal.SIGINT) if main else None
        self._handler: Any = handler if getattr(handler, "__module__", "").startswith("trio.") else None
        self._scope: trio.CancelScope | None = None

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

        import trio

        @trio.lowlevel.enable_ki_protection
        def deliver() -> None:
            self._handler(signal.SIGINT, sys._getframe())

        deliver()

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

    def own_wait(self) -> AbstractContextManager[object]:
        import trio

        return trio.CancelScope(shield=self._handler is not None)

    async def settle(self) -> None:
        import trio

        with suppress(KeyboardInterrupt), self.own_wait():
            await trio.lowlevel.checkpoint()
