"""`get_ipython().kernel.io_loop`: the loop of the main shell, by the names of tornado's, on either backend.

Libraries use it to have a function called in the kernel's thread: `kernel.io_loop.add_callback(show, value)`.
"""

from __future__ import annotations

import contextvars
import inspect
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

from async_kernel.concurrency.portal import Portal, current_portal, main_portal

__all__ = ["LoopFacade"]


class _Timeout:
    cancelled = False


class LoopFacade:
    """Stands where ipykernel has a `tornado.ioloop.IOLoop`. A function that is given to it is called in the context of
    the giver, so that its output belongs to that cell; the traceback of its exception is shown there. Any thread."""

    def __init__(self) -> None:
        self._portal: Portal | None = None
        with suppress(RuntimeError):  # made outside any loop
            self._portal = current_portal()

    @property
    def asyncio_loop(self) -> Any:
        """The running loop of asyncio. RuntimeError in another thread, and on trio, which has none."""
        import asyncio

        return asyncio.get_running_loop()

    def time(self) -> float:
        """The time that `call_at` goes by."""
        return time.time()

    def add_callback(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call it soon, and await its result if that is awaitable. RuntimeError when the loop has ended."""
        self.call_later(0, callback, *args, **kwargs)

    spawn_callback = add_callback_from_signal = add_callback

    def call_soon_threadsafe(self, callback: Callable[..., Any], *args: Any) -> None:
        """As `add_callback`, by asyncio's name."""
        self.add_callback(callback, *args)

    def call_at(self, when: float, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> _Timeout:
        """Call it at a time of `time()`; returns a handle for `remove_timeout`."""
        return self.call_later(when - self.time(), callback, *args, **kwargs)

    def add_timeout(
        self, deadline: float | timedelta, callback: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> _Timeout:
        """Call it at a time of `time()`, or so long from now."""
        seconds = deadline.total_seconds() if isinstance(deadline, timedelta) else deadline - self.time()
        return self.call_later(seconds, callback, *args, **kwargs)

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> _Timeout:
        """Call it so many seconds from now; returns a handle for `remove_timeout`."""
        timeout = _Timeout()
        context = contextvars.copy_context()
        start = partial(context.run, self._start, max(0.0, delay), timeout, partial(callback, *args, **kwargs))
        for portal in (main_portal(), self._portal):  # the main one may be that of a loop that has ended
            if portal is not None and portal.call(start):
                return timeout
        raise RuntimeError("The loop of the kernel has ended.")

    def remove_timeout(self, timeout: _Timeout) -> None:
        """Cancel a call that has not begun."""
        timeout.cancelled = True

    def _start(self, delay: float, timeout: _Timeout, callback: Callable[[], Any]) -> None:
        from async_kernel.concurrency.spawn import spawn_task

        async def main() -> None:
            import anyio

            await anyio.sleep(delay)
            try:
                given = None if timeout.cancelled else callback()
                if inspect.isawaitable(given):
                    await given
            except Exception:
                traceback.print_exc()

        spawn_task(main)
